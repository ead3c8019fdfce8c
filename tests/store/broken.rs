//! Rows of the sidecar tables that can't be read are told of, by table, column and row; they are never
//! passed over.

use crate::admin::Watched;
use crate::support::{Agent, Engine, Install, user};

on_every_database!(a_finding_that_cannot_be_read_is_told, a_run_that_cannot_be_read_is_told);
// The others' columns take no time that isn't one.
on_these_databases!([sqlite Sqlite] a_time_that_cannot_be_read_is_told);

/// What a command says that must fail.
fn failing(install: &Install, arguments: &[&str]) -> String {
    let output = install.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    said
}

async fn a_finding_that_cannot_be_read_is_told(engine: Engine) {
    let watched = Watched::start(engine).await;
    let agent = &watched.agent;
    agent.client().post("/Users", &user("ana@plant.example")).await.expect(201);
    let database = agent.database();
    let renamed = "UPDATE users SET first_name = 'Anna' WHERE email = 'ana@plant.example'";
    database.execute(renamed).await;
    agent.install.run(&["reconcile"]);
    let id = database.value("SELECT fingerprint FROM scim_findings WHERE kind = 'attribute'").await;
    agent.install.stdout(&["drift", "list"]);
    watched.page("/drift").await;
    for (column, broken) in [("kind", "nonsense"), ("detail", "{}"), ("resource_type", "Robot")] {
        let kept = format!("SELECT {column} FROM scim_findings WHERE kind = 'attribute'");
        let kept = database.value(&kept).await.unwrap();
        let set = |value: &str| {
            let value = value.replace('\'', "''");
            let id = id.as_ref().unwrap();
            format!("UPDATE scim_findings SET {column} = '{value}' WHERE fingerprint = '{id}'")
        };
        database.execute(&set(broken)).await;
        let said = failing(&agent.install, &["drift", "list"]);
        let where_ =
            format!("scim_findings: the column `{column}` of the row `{}`", id.as_ref().unwrap());
        assert!(said.contains(&where_), "{said}");
        assert!(watched.get("/drift?kind=attribute").await.status >= 500, "{column}");
        database.execute(&set(&kept)).await;
    }
    agent.install.stdout(&["drift", "list"]);
    watched.page("/drift?kind=attribute").await;
}

async fn a_run_that_cannot_be_read_is_told(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.install.run(&["reconcile"]);
    agent.install.stdout(&["report", "list"]);
    agent.database().execute("UPDATE scim_runs SET summary = 'no JSON'").await;
    let id = agent.database().value("SELECT id FROM scim_runs").await.unwrap();
    let said = failing(&agent.install, &["report", "list"]);
    let expected = format!("scim_runs: the column `summary` of the row `{id}` doesn't hold JSON");
    assert!(said.contains(&expected), "{said}");
}

async fn a_time_that_cannot_be_read_is_told(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.install.stdout(&["status"]);
    let database = agent.database();
    let row = "INSERT INTO scim_agents (agent, version, started, seen) \
               VALUES ('plant7/1/0001', '0.1.0', '2026-01-01 00:00:00', 'lately')";
    database.execute(row).await;
    let said = failing(&agent.install, &["status"]);
    let expected = "scim_agents: the column `seen` of the row `plant7/1/0001` doesn't hold a time";
    assert!(said.contains(expected), "{said}");
    database.execute("DELETE FROM scim_agents WHERE agent = 'plant7/1/0001'").await;
    agent.install.stdout(&["status"]);
    database.execute("UPDATE scim_tokens SET expires = 'never'").await;
    let said = failing(&agent.install, &["token", "list"]);
    let expected = "scim_tokens: the column `expires` of the row `entra` doesn't hold a time";
    assert!(said.contains(expected), "{said}");
}
