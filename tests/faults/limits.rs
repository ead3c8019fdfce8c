//! Statements that take too long, wait for a lock, or are wanted no more: they end, on the server as
//! well, and what is said names the table.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;

use crate::support::{Agent, Database, Engine, Install, patch};

on_servers!(a_locked_table_is_told, nothing_outlives_an_agent_that_was_killed);
on_every_database!(no_statement_outlives_its_request, a_stop_ends_what_the_database_is_at);

/// How long the statements of these tests would take if nobody ended them.
const SLOW: Duration = Duration::from_secs(120);

async fn install(engine: Engine, settings: &str) -> Install {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure(settings);
    install
}

/// From now on whoever changes a user of this title waits for the database.
async fn slow_down(database: &Database) {
    let seconds = SLOW.as_secs();
    let sql = match database.engine {
        // Five users joined with themselves so often: some hundred billion rows.
        Engine::Sqlite => {
            let joined: Vec<String> = (0..16).map(|n| format!("users u{n}")).collect();
            format!(
                "CREATE TRIGGER slow BEFORE UPDATE ON users WHEN NEW.title = 'slow' BEGIN \
                 SELECT RAISE(IGNORE) WHERE (SELECT count(*) FROM {}) = 0; END",
                joined.join(", ")
            )
        }
        Engine::Postgres => format!(
            "CREATE FUNCTION slow() RETURNS trigger AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; \
             END $$ LANGUAGE plpgsql; CREATE TRIGGER slow BEFORE UPDATE ON users FOR EACH ROW \
             WHEN (NEW.title = 'slow') EXECUTE FUNCTION slow()"
        ),
        Engine::Mariadb | Engine::Mysql => format!(
            "CREATE TRIGGER slow BEFORE UPDATE ON users FOR EACH ROW BEGIN \
             IF NEW.title = 'slow' THEN DO SLEEP({seconds}); END IF; END"
        ),
    };
    database.execute(&sql).await;
}

/// Waits until the database is at nothing slow any more.
async fn is_idle(database: &Database, within: Duration) {
    let started = Instant::now();
    loop {
        let idle = match database.engine {
            Engine::Sqlite => database.is_free_to_write().await,
            Engine::Postgres => {
                let busy = "pg_stat_activity WHERE datname = current_database() \
                            AND pid <> pg_backend_pid() AND state = 'active'";
                database.count(busy).await == 0
            }
            Engine::Mariadb | Engine::Mysql => {
                let busy = "information_schema.processlist WHERE db = database() \
                            AND id <> connection_id() AND command <> 'Sleep'";
                database.count(busy).await == 0
            }
        };
        if idle {
            return;
        }
        assert!(started.elapsed() < within, "still at it after {within:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn slow_write() -> serde_json::Value {
    patch(&json!([{ "op": "replace", "path": "title", "value": "slow" }]))
}

async fn a_locked_table_is_told(engine: Engine) {
    let settings = "[limits]\nrequest_time = \"3s\"\n[reconcile]\nstatement_time = \"3s\"\n";
    let agent = Agent::on(install(engine, settings).await).await;
    let client = agent.client();
    client.get("/Users/3").await.expect(200);
    let lock = agent.database().lock_users().await;
    let started = Instant::now();
    client.get("/Users/3").await.refused(503, "");
    // A run begins with the tables' shape, which one of the databases tells in spite of the lock.
    let mut first = agent.install.command(&["reconcile"]);
    let first = tokio::task::spawn_blocking(move || first.output().unwrap());
    let check = agent.install.run(&["check"]);
    let first = first.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(45), "{:?}", started.elapsed());
    let said = |output: &std::process::Output| {
        let (out, err) = (&output.stdout, &output.stderr);
        String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
    };
    assert_eq!(first.status.code(), Some(3), "{}", said(&first));
    assert!(said(&first).contains("INCOMPLETE"), "{}", said(&first));
    assert_eq!(check.status.code(), Some(1), "{}", said(&check));
    for said in [said(&first), said(&check)] {
        assert!(said.contains("users"), "{said}");
    }
    let log = agent.server.logged(0, |line| line.contains("nobody waits")).await;
    assert!(log.contains("users"), "{log}");
    if engine == Engine::Postgres {
        assert!(log.contains("users is locked by session"), "{log}");
    }
    drop(lock);
    client.get("/Users/3").await.expect(200);
    assert_eq!(agent.server.status("/readyz").await, Some(200));
    assert!(matches!(agent.install.run(&["reconcile"]).status.code(), Some(0 | 2)));
}

async fn no_statement_outlives_its_request(engine: Engine) {
    let agent = Agent::on(install(engine, "[limits]\nrequest_time = \"2s\"\n").await).await;
    slow_down(agent.database()).await;
    let client = agent.client();
    // In time: the client is told.
    client.patch("/Users/4", &slow_write()).await.refused(503, "");
    is_idle(agent.database(), Duration::from_secs(5)).await;
    // Before that: the client is gone.
    let impatient = client.try_send(Method::PATCH, "/Users/4", &[], Some(slow_write().to_string()));
    let _ = tokio::time::timeout(Duration::from_millis(500), impatient).await;
    is_idle(agent.database(), Duration::from_secs(5)).await;
    let title = agent.database().value("SELECT title FROM users WHERE user_id = 4").await;
    assert_ne!(title.as_deref(), Some("slow"));
    client.get("/Users/4").await.expect(200);
    client.post("/Users", &crate::support::user("after@plant.example")).await.expect(201);
}

async fn a_stop_ends_what_the_database_is_at(engine: Engine) {
    let mut agent = Agent::on(install(engine, "[limits]\ndrain = \"1s\"\n").await).await;
    slow_down(agent.database()).await;
    let client = agent.client();
    let request = tokio::spawn(async move {
        client.try_send(Method::PATCH, "/Users/4", &[], Some(slow_write().to_string())).await
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    agent.server.terminate();
    assert_eq!(agent.server.exit_code(Duration::from_secs(15)).await, Some(0));
    let _ = request.await.unwrap();
    is_idle(agent.database(), Duration::from_secs(5)).await;
}

async fn nothing_outlives_an_agent_that_was_killed(engine: Engine) {
    let mut agent = Agent::on(install(engine, "[limits]\nrequest_time = \"1s\"\n").await).await;
    slow_down(agent.database()).await;
    let client = agent.client();
    let request = tokio::spawn(async move {
        client.try_send(Method::PATCH, "/Users/4", &[], Some(slow_write().to_string())).await
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    agent.server.kill();
    let _ = request.await.unwrap();
    // The session's own limit: five seconds more than a request's.
    is_idle(agent.database(), Duration::from_secs(20)).await;
}
