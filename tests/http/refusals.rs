//! What the database itself refuses names the attribute, not the column, and shows no SQL.

use serde_json::json;

use crate::support::{Agent, Database, Engine, Install, user};

on_every_database!(a_check_of_kpifires_names_the_attribute);

/// The reference install whose `title` is declared so.
async fn titled(engine: Engine, declared: &str) -> Agent {
    let title = "title         VARCHAR(100) NULL";
    let database = Database::reference_but(engine, title, &format!("title {declared}")).await;
    Agent::on(Install::new(database)).await
}

async fn refuses_the_title(agent: &Agent, value: &str) {
    let client = agent.client();
    let operations = json!([{ "op": "replace", "path": "title", "value": value }]);
    client.operations("/Users/3", operations).await.refused(400, "invalidValue").naming("title: ");
    let mut body = user("refused@plant.example");
    body["title"] = json!(value);
    client.post("/Users", &body).await.refused(400, "invalidValue").naming("title: ");
    let rows = agent.audit(&[]);
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert!(
        rows.iter().all(|row| row["detail"].as_str().unwrap().starts_with("title: ")),
        "{rows:#?}"
    );
    assert_eq!(agent.database().count("users").await, 5);
}

async fn a_check_of_kpifires_names_the_attribute(engine: Engine) {
    let agent = titled(engine, "VARCHAR(100) NULL CHECK (title <> 'Forbidden')").await;
    refuses_the_title(&agent, "Forbidden").await;
    let agent = titled(engine, "VARCHAR(100) NULL CONSTRAINT ck_users_title CHECK (title <> 'No')");
    if engine != Engine::Mysql {
        refuses_the_title(&agent.await, "No").await;
    }
}

/// MariaDB gives the column with database and table before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_character_that_mariadb_has_no_place_for() {
    let agent = titled(Engine::Mysql, "VARCHAR(100) CHARACTER SET latin1 NULL").await;
    refuses_the_title(&agent, "Lead 💥").await;
}

/// A type without a length of its own: the catalogue has none to check before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_too_long_for_mariadb() {
    let agent = titled(Engine::Mysql, "TINYTEXT NULL").await;
    refuses_the_title(&agent, &"x".repeat(300)).await;
}
