//! Leaving: after `migrate --down` the database is as if the agent had never been there.

use crate::support::{Agent, Database, Engine, Install, sql, user};

on_every_database!(
    nothing_of_ours_remains_and_nothing_of_theirs_changes,
    rows_that_scim_wrote_stay,
    it_says_what_is_lost_and_asks,
    leaving_twice_is_no_error,
);

/// Everything a database dump would show, kpifire's rows included.
async fn dump(database: &Database) -> Vec<String> {
    let mut text = Vec::new();
    for query in sql::schema(database.engine) {
        let rows = database.rows(query).await;
        text.extend(rows.iter().map(|row| format!("{row:?}")));
    }
    let mut tables: Vec<String> = database
        .rows(sql::tables(database.engine))
        .await
        .into_iter()
        .map(|mut row| row.remove(0).unwrap())
        .collect();
    tables.sort();
    for table in tables {
        if database.engine.speaks_mysql() {
            let rows = database.rows(&format!("SHOW CREATE TABLE \"{table}\"")).await;
            text.extend(rows.iter().map(|row| format!("{row:?}")));
        }
        let mut rows: Vec<_> = database
            .rows(&format!("SELECT * FROM \"{table}\""))
            .await
            .iter()
            .map(|row| format!("{table}: {row:?}"))
            .collect();
        rows.sort();
        text.extend(rows);
    }
    text
}

async fn nothing_of_ours_remains_and_nothing_of_theirs_changes(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    let before = dump(&install.database).await;
    assert!(before.len() > 30, "too little to compare: {before:#?}");
    install.migrate();
    install.token("entra", &[]);
    install.run(&["reconcile"]);
    assert_ne!(dump(&install.database).await, before);
    install.stdout(&["migrate", "--down", "--yes"]);
    assert_eq!(dump(&install.database).await, before);
}

async fn rows_that_scim_wrote_stay(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.client().post("/Users", &user("stays@plant.example")).await.expect(201);
    agent.client().post("/Users", &user("too@plant.example")).await.expect(201);
    agent.install.run(&["reconcile"]);
    let theirs = |dump: Vec<String>| {
        dump.into_iter().filter(|line| !line.contains("scim_")).collect::<Vec<_>>()
    };
    let before = theirs(dump(agent.database()).await);
    agent.install.stdout(&["migrate", "--down", "--yes"]);
    let after = dump(agent.database()).await;
    assert_eq!(after, before);
    assert_eq!(agent.database().count("users WHERE email = 'stays@plant.example'").await, 1);
}

async fn it_says_what_is_lost_and_asks(engine: Engine) {
    let agent = Agent::start(engine).await;
    let id = agent.client().post("/Users", &user("u@plant.example")).await.expect(201).id();
    let output = agent.install.run(&["migrate", "--down"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("scim_links") && said.contains("add --yes"), "{said}");
    assert_eq!(agent.link("User", &id).await.as_deref(), Some("managed"));
    let output = agent.install.run(&["migrate", "--yes"]);
    assert_eq!(output.status.code(), Some(64), "--yes alone means nothing");
}

async fn leaving_twice_is_no_error(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    install.migrate();
    for _ in 0..2 {
        install.stdout(&["migrate", "--down", "--yes"]);
    }
    install.migrate();
    Agent::on(install).await.client().post("/Users", &user("m@plant.example")).await.expect(201);
}

/// MariaDB commits each statement of DDL: whatever was dropped before the cut stays dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_leave_goes_on() {
    let install = Install::new(Database::reference(Engine::Mariadb).await);
    let before = dump(&install.database).await;
    install.migrate();
    install.database.execute("DROP TABLE scim_guard").await;
    install.database.execute("DROP INDEX scim_cleanup_journal_at ON scim_cleanup_journal").await;
    install.stdout(&["migrate", "--down", "--yes"]);
    assert_eq!(dump(&install.database).await, before);
}
