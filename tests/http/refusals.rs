//! What the database itself refuses names the attribute, not the column, and shows no SQL.

use serde_json::json;

use crate::support::{Agent, Database, ENTERPRISE, Engine, Install, user};

on_every_database!(
    a_check_of_kpifires_names_the_attribute,
    a_number_in_the_words_of_a_failure,
    a_uuid_in_the_words_of_a_failure,
    names_in_the_words_of_a_failure,
);

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
    if !engine.speaks_mysql() {
        refuses_the_title(&agent.await, "No").await;
    }
}

/// What the databases and their drivers say of other troubles.
const FAILURES: [&str; 8] = [
    "Broken pipe",
    "Deadlock found when trying to get lock; try restarting transaction",
    "deadlock detected",
    "terminating connection due to administrator command",
    "Input/output error: Connection reset by peer (os error 104)",
    "canceling statement due to statement timeout",
    "database is locked",
    "connection closed",
];

/// The reference install with a column of this type, which employeeNumber is mapped to.
async fn numbered(engine: Engine, column: &str, declared: &str) -> Agent {
    let title = "title         VARCHAR(100) NULL";
    let quoted =
        if engine.speaks_mysql() { format!("`{column}`") } else { format!("\"{column}\"") };
    let and = format!("{title}, {quoted} {declared}");
    let database = Database::reference_but(engine, title, &and).await;
    let built_in = include_str!("../../config/profiles/kpifire.toml");
    let mapped = format!("\ntitle = \"title\"\n\"{ENTERPRISE}:employeeNumber\" = \"{column}\"\n");
    let profile = built_in.replacen("\ntitle = \"title\"\n", &mapped, 1);
    assert_ne!(profile, built_in);
    Agent::on(Install::with_profile(database, &profile)).await
}

/// Each is the client's mistake, once: not tried again, and no connection is thrown away for it.
async fn refuses_the_number(agent: &Agent, value: &str) {
    let client = agent.client();
    let path = format!("{ENTERPRISE}:employeeNumber");
    let operations = json!([{ "op": "replace", "path": path, "value": value }]);
    client.operations("/Users/3", operations).await.refused(400, "invalidValue");
    let mut body = user("refused@plant.example");
    body[ENTERPRISE] = json!({ "employeeNumber": value });
    client.post("/Users", &body).await.refused(400, "invalidValue");
    assert_eq!(agent.database().count("users").await, 5);
}

async fn a_number_in_the_words_of_a_failure(engine: Engine) {
    // SQLite takes any text into a column that is declared INT.
    let declared = match engine {
        Engine::Sqlite => "INT NULL CHECK (typeof(employee_number) <> 'text')",
        Engine::Postgres | Engine::Mariadb | Engine::Mysql => "INT NULL",
    };
    let agent = numbered(engine, "employee_number", declared).await;
    for value in FAILURES {
        refuses_the_number(&agent, value).await;
    }
    refuses_the_number(&agent, "99999999999999999999 Broken pipe").await;
    if engine != Engine::Sqlite {
        refuses_the_number(&agent, "99999999999999999999").await;
    }
}

async fn a_uuid_in_the_words_of_a_failure(engine: Engine) {
    let declared = match engine {
        Engine::Sqlite => "UUID NULL CHECK (length(employee_number) = 36)",
        Engine::Postgres | Engine::Mariadb => "UUID NULL",
        // It has no such type.
        Engine::Mysql => "CHAR(36) NULL CHECK (is_uuid(employee_number))",
    };
    let agent = numbered(engine, "employee_number", declared).await;
    for value in FAILURES {
        refuses_the_number(&agent, value).await;
    }
}

/// An administrator may call a column and a constraint what they like.
async fn names_in_the_words_of_a_failure(engine: Engine) {
    for column in ["deadlock detected", "Connection was killed", "database is locked"] {
        let name = match engine {
            // It names a column's CHECK after the column.
            Engine::Mariadb | Engine::Mysql => "",
            Engine::Sqlite | Engine::Postgres => {
                "CONSTRAINT \"terminating connection due to administrator command\""
            }
        };
        let quote = if engine.speaks_mysql() { '`' } else { '"' };
        let check = format!("CHECK ({quote}{column}{quote} <> 'Forbidden')");
        let agent = numbered(engine, column, &format!("VARCHAR(60) NULL {name} {check}")).await;
        refuses_the_number(&agent, "Forbidden").await;
    }
}

/// MariaDB gives the column with database and table before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_character_that_mariadb_has_no_place_for() {
    let agent = titled(Engine::Mariadb, "VARCHAR(100) CHARACTER SET latin1 NULL").await;
    refuses_the_title(&agent, "Lead 💥").await;
}

/// A type without a length of its own: the catalogue has none to check before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_too_long_for_mariadb() {
    let agent = titled(Engine::Mariadb, "TINYTEXT NULL").await;
    refuses_the_title(&agent, &"x".repeat(300)).await;
}
