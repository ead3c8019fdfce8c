//! The database changes under a running agent: tables are altered, writes are refused, the disk is full,
//! the file is another.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Agent, Client, Database, Engine, Install, user};

on_every_database!(tables_may_be_altered_under_load);

fn titled(title: &str) -> serde_json::Value {
    json!([{ "op": "replace", "path": "title", "value": title }])
}

async fn tables_may_be_altered_under_load(engine: Engine) {
    let agent = Agent::start(engine).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|n: usize| {
            let (client, stop) = (agent.client(), std::sync::Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut done, path) = (0, format!("/Users/{}", 2 + n % 2));
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    client.get(&path).await.expect(200);
                    client.get("/Users").await.expect(200);
                    client.operations(&path, titled(&format!("T{done}"))).await.expect(200);
                    done += 1;
                }
                done
            })
        })
        .collect();
    let altered: &[&str] = match engine {
        Engine::Sqlite => &["ALTER TABLE users ADD COLUMN shoe_size INTEGER"],
        Engine::Postgres => &[
            "ALTER TABLE users ALTER COLUMN title TYPE varchar(300)",
            "ALTER TABLE users ALTER COLUMN phone_number TYPE text",
            "ALTER TABLE users ADD COLUMN shoe_size integer",
        ],
        Engine::Mariadb | Engine::Mysql => &[
            "ALTER TABLE users MODIFY title VARCHAR(300) NULL",
            "ALTER TABLE users MODIFY phone_number TEXT NULL",
            "ALTER TABLE users ADD COLUMN shoe_size INTEGER",
        ],
    };
    for sql in altered {
        tokio::time::sleep(Duration::from_millis(300)).await;
        agent.database().execute(sql).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for load in load {
        assert!(load.await.unwrap() > 0);
    }
    let run = agent.install.run(&["reconcile"]);
    assert!(matches!(run.status.code(), Some(0 | 2)), "{run:?}");
    assert_eq!(agent.server.status("/readyz").await, Some(200));
}

/// What a client is told while nothing can be written; readiness says why.
async fn refuses_writes(agent: &Agent) {
    let answer = agent.client().post("/Users", &user("refused@plant.example")).await;
    let after = answer.refused(503, "").header("retry-after").map(str::to_owned);
    assert!(after.is_some_and(|it| it.parse::<u64>().is_ok_and(|seconds| seconds > 0)));
    agent.client().get("/Users/3").await.expect(200);
    let (status, body) = agent.server.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("takes no writes"), "{body}");
}

async fn takes_writes_again(agent: &Agent) {
    let started = Instant::now();
    while agent.server.status("/readyz").await != Some(200) {
        assert!(started.elapsed() < Duration::from_secs(20), "not ready\n{}", agent.server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    agent.client().post("/Users", &user("taken@plant.example")).await.expect(201);
}

/// As behind a balancer after a switchover, the other way about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_that_becomes_read_only_and_back() {
    let agent = Agent::start(Engine::Postgres).await;
    let database = agent.database();
    let name = &database.name;
    let again = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    );
    database
        .execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"))
        .await;
    database.execute(&again).await;
    refuses_writes(&agent).await;
    let reset = format!("ALTER DATABASE {name} RESET default_transaction_read_only");
    database.execute(&format!("BEGIN READ WRITE; {reset}; COMMIT")).await;
    takes_writes_again(&agent).await;
}

/// A file system of its own, so small that it fills up; gone when dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn new(folder: &std::path::Path) -> Self {
        std::fs::create_dir(folder).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(folder)
            .status();
        assert!(mounted.unwrap().success(), "this test mounts a small file system: run it as root");
        Self(folder.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_on_a_full_disk() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    let disk = SmallDisk::new(&install.database.folder().join("disk"));
    let path = disk.0.join("kpifire.db");
    std::fs::copy(install.database.path(), &path).unwrap();
    install.configure(&format!("[database]\nurl = \"sqlite:{}\"\n", path.display()));
    let agent = Agent::on(install).await;
    agent.client().post("/Users", &user("before@plant.example")).await.expect(201);
    let filler = disk.0.join("filler");
    // Until nothing more fits.
    let _ = std::fs::write(&filler, vec![0; 8 << 20]);
    let mut refused = None;
    // What the log has room for is still written.
    for n in 0..200 {
        let answer = agent.client().post("/Users", &user(&format!("full-{n}@plant.example"))).await;
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
    }
    refused.expect("the disk never filled up").refused(503, "");
    refuses_writes(&agent).await;
    std::fs::remove_file(&filler).unwrap();
    takes_writes_again(&agent).await;
}

/// A copy in its place, as a restored backup is; another program's `-wal` may lie beside it or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_file_is_noticed() {
    let agent = Agent::start(Engine::Sqlite).await;
    let path = std::path::PathBuf::from(agent.database().path());
    let client = agent.client();
    client.operations("/Users/4", titled("Before")).await.expect(200);
    let beside = |end: &str| path.with_file_name(format!("kpifire.db{end}"));
    let copied = |from: &std::path::Path| {
        let copy = beside(".new");
        std::fs::copy(from, &copy).unwrap();
        std::fs::rename(&copy, &path).unwrap();
    };
    agent.database().execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    client.operations("/Users/4", titled("In the log")).await.expect(200);
    copied(&path);
    // The old one's log would be read into it.
    client.operations("/Users/4", titled("Into the void")).await.refused(503, "");
    client.get("/Users/4").await.refused(503, "");
    let (status, body) = agent.server.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("replaced"), "{body}");
    for end in ["-wal", "-shm"] {
        std::fs::remove_file(beside(end)).unwrap();
    }
    // Nothing is acknowledged that isn't in the file under the name.
    client.operations("/Users/4", titled("After")).await.expect(200);
    let title = agent.database().value("SELECT title FROM users WHERE user_id = 4").await;
    assert_eq!(title.as_deref(), Some("After"));
    assert_eq!(agent.server.status("/readyz").await, Some(200));

    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(beside(end)).unwrap();
    }
    client.operations("/Users/4", titled("Nowhere")).await.refused(503, "");
    assert!(!path.exists(), "a database was made where kpifire's was");
    let (status, body) = agent.server.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("no such file"), "{body}");
}

/// Looking has no side effects; only the demo makes a database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_there_stays_away() {
    let install = Install::new(Database::reference(Engine::Sqlite).await);
    let path = std::path::PathBuf::from(install.database.path());
    let digest = || std::fs::read(&path).unwrap();
    let before = digest();
    let check = install.run(&["check"]);
    assert_eq!(check.status.code(), Some(1), "the sidecar is missing: {check:?}");
    assert!(install.run(&["migrate", "--print"]).status.success());
    assert!(digest() == before, "looking changed the file");
    std::fs::remove_file(&path).unwrap();
    for arguments in [
        &["check"][..],
        &["migrate"],
        &["status"],
        &["serve"],
        &["token", "create", "--name", "x"],
        &["reconcile"],
        &["export", "--out", "backup"],
    ] {
        let output = install.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
        assert!(said.contains("no such file"), "{arguments:?}: {said}");
        assert!(!path.exists(), "{arguments:?} made it");
    }
}

/// A column goes, and comes back: readiness says what doesn't fit, and all is well by itself.
async fn a_column_that_goes_is_told(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.get("/Users/3").await.expect(200);
    let database = agent.database();
    database.execute("ALTER TABLE users RENAME COLUMN title TO job_title").await;
    client.get("/Users/3").await.refused(503, "");
    let (status, body) = agent.server.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("title") && body.contains("profile"), "{body}");
    let said = agent.install.stdout(&["status"]);
    assert!(said.contains("title"), "{said}");
    database.execute("ALTER TABLE users RENAME COLUMN job_title TO title").await;
    well_again(&agent, &client).await;

    database.execute("ALTER TABLE teams RENAME TO squads").await;
    client.get("/Groups").await.refused(503, "");
    let (status, body) = agent.server.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("teams"), "{body}");
    database.execute("ALTER TABLE squads RENAME TO teams").await;
    well_again(&agent, &client).await;
}

async fn well_again(agent: &Agent, client: &Client) {
    let started = Instant::now();
    while agent.server.status("/readyz").await != Some(200) {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", agent.server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client.get("/Users/3").await.expect(200);
    client.operations("/Users/3", titled("Again")).await.expect(200);
    client.get("/Groups").await.expect(200);
}

on_every_database!(a_column_that_goes_is_told);

/// The server lets the account have fewer connections than the pool would hold.
async fn fewer_connections_than_the_pool_holds(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    let account = crate::support::account::Account::new(&install.database).await;
    account.grant(&install.database, "SELECT, INSERT, UPDATE, DELETE").await;
    let limited = match engine {
        Engine::Postgres => format!(
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {0}; ALTER ROLE {0} CONNECTION LIMIT 2",
            account.grantee
        ),
        _ => format!("ALTER USER {} WITH MAX_USER_CONNECTIONS 2", account.grantee),
    };
    install.database.execute(&limited).await;
    install.configure(&format!("[database]\nurl = {:?}\n", account.url));
    let agent = Agent::on(install).await;
    let requests = (0..40).map(|n| {
        let client = agent.client();
        tokio::spawn(async move {
            if n % 4 == 0 {
                client.operations("/Users/4", titled(&format!("T{n}"))).await.expect(200);
            }
            client.get("/Users").await.expect(200);
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
    let Agent { server, install, .. } = agent;
    drop(server);
    tokio::time::sleep(Duration::from_millis(200)).await;
    account.leave(&install.database).await;
}

on_servers!(fewer_connections_than_the_pool_holds);
