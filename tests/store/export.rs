//! The sidecar tables as a file, and back: on the same database, on another, and when the file is
//! not what it should be.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Agent, Client, Database, Engine, Install, group, sql, user};

on_every_database!(
    what_is_exported_comes_back_the_same,
    an_export_goes_into_any_other_database,
    every_sidecar_table_is_in_it_or_left_out_by_name,
    a_file_that_is_not_whole_changes_nothing,
    tables_that_hold_something_are_left_alone,
    links_that_lead_nowhere_are_counted,
);

/// Tables that an export leaves out on purpose; `store::export::LEFT_OUT` says why.
const LEFT_OUT: [&str; 4] = ["scim_agents", "scim_lease", "scim_migrations", "scim_name_locks"];

/// An install in which something of everything happened.
async fn lived(engine: Engine) -> (Agent, String) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut ana = user("ana@plant.example");
    ana["externalId"] = "e-\u{1f41d}".into();
    ana["displayName"] = "Ana \"Zoë\" \\ Łódź\n".into();
    let ana = client.post("/Users", &ana).await.expect(201).id();
    let bob = client.post("/Users", &user("bob@plant.example")).await.expect(201).id();
    let team = client.post("/Groups", &group("Line 9")).await.expect(201).id();
    let members = json!([{ "op": "add", "path": "members",
                           "value": [{ "value": ana }, { "value": bob }] }]);
    client.operations(&format!("/Groups/{team}"), members).await.expect(204);
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    client.operations(&format!("/Users/{bob}"), off).await.expect(200);
    client.delete(&format!("/Users/{bob}")).await.expect(204);
    agent.install.token("reader", &["--scope", "read", "--expires", "30d"]);
    agent.install.run(&["reconcile"]);
    agent.install.stdout(&["cleanup", "hold", &ana, "--reason", "lawsuit"]);
    (agent, ana)
}

fn export(install: &Install) -> PathBuf {
    let file = install.database.folder().join("export.ndjson");
    install.stdout(&["export", "--out", file.to_str().unwrap()]);
    file
}

/// The lines without the header's time.
fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines[0]["exported"] = Value::Null;
    lines
}

async fn what_is_exported_comes_back_the_same(engine: Engine) {
    let (mut agent, ana) = lived(engine).await;
    let file = export(&agent.install);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let exported = lines(&file);
    assert_eq!(exported[0]["kpifire-scim-export"], 1);
    assert_eq!(exported[0]["rows"]["scim_desired_members"], 1, "{}", exported[0]);
    assert_eq!(exported[0]["rows"]["scim_tokens"], 2);
    agent.server.kill();
    agent.install.stdout(&["migrate", "--down", "--yes"]);
    agent.install.migrate();
    let said = agent.install.stdout(&["import", file.to_str().unwrap(), "--yes"]);
    assert!(said.contains("scim_links: 3"), "{said}");
    assert_eq!(lines(&export(&agent.install)), exported);
    // And life goes on under the same ids and tokens.
    let server = agent.install.serve().await;
    let client = Client::new(&server.base(), Some(&agent.token));
    let read = client.get(&format!("/Users/{ana}")).await.expect(200);
    assert_eq!(read.body["externalId"], "e-\u{1f41d}");
    assert_eq!(read.body["displayName"], "Ana \"Zoë\" \\ Łódź\n");
    client.get("/Users/5").await.expect(200);
}

async fn an_export_goes_into_any_other_database(engine: Engine) {
    let (agent, _) = lived(engine).await;
    let exported = lines(&export(&agent.install));
    for other in [Engine::Sqlite, Engine::Postgres, Engine::Mariadb] {
        let there = Install::new(Database::reference(other).await);
        there.migrate();
        let file = agent.database().folder().join("export.ndjson");
        there.stdout(&["import", file.to_str().unwrap(), "--yes"]);
        assert_eq!(lines(&export(&there)), exported, "{engine:?} to {other:?}");
    }
}

async fn every_sidecar_table_is_in_it_or_left_out_by_name(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    install.migrate();
    let tables = install.database.rows(sql::tables(engine)).await;
    let mut ours: Vec<String> = tables
        .into_iter()
        .map(|mut row| row.remove(0).unwrap())
        .filter(|name| name.starts_with("scim_") && !LEFT_OUT.contains(&name.as_str()))
        .collect();
    ours.sort();
    let header = lines(&export(&install)).remove(0);
    let exported: Vec<&String> = header["rows"].as_object().unwrap().keys().collect();
    assert_eq!(exported, ours.iter().collect::<Vec<_>>(), "a new table belongs in SIDECAR");
}

async fn a_file_that_is_not_whole_changes_nothing(engine: Engine) {
    let (agent, _) = lived(engine).await;
    let text = std::fs::read_to_string(export(&agent.install)).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    let there = Install::new(Database::reference(engine).await);
    there.migrate();
    let empty = lines(&export(&there));
    let without_last = rows[..rows.len() - 1].join("\n") + "\n";
    let newer = text.replacen("\"kpifire-scim-export\":1", "\"kpifire-scim-export\":9", 1);
    let schema = text.replacen("\"schema\":\"20", "\"schema\":\"19", 1);
    let garbled = text.replacen("\"state\":\"managed\"", "\"state\":7", 1);
    let refused = text.replacen("\"state\":\"managed\"", "\"state\":\"nonsense\"", 1);
    let column = text.replacen("\"state\":\"managed\"", "\"estate\":\"managed\"", 1);
    let table = text.replacen("\"table\":\"scim_links\"", "\"table\":\"users\"", 1);
    for (content, expected) in [
        (&text[..text.len() - 9], "the file is cut off"),
        (&without_last, "it is not whole"),
        (&newer, "format 9"),
        (&schema, "is an export of schema 19"),
        (&garbled, "line 2: the column `state`"),
        (&refused, "line 2: the database refuses a row"),
        (&column, "line 2: scim_links has no column `estate`"),
        (&table, "line 2: there is no table `users`"),
        (&text.replacen("\n{", "\n{{", 1), "line 2: not a row of an export"),
        ("", "line 1: not an export of kpifire-scim"),
        ("{}\n", "line 1: not an export of kpifire-scim"),
    ] {
        let file = there.database.folder().join("bad.ndjson");
        std::fs::write(&file, content).unwrap();
        let output = there.run(&["import", file.to_str().unwrap(), "--yes"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{expected}: {said}");
        assert!(said.contains(expected) && said.contains("nothing was imported"), "{said}");
        assert_eq!(lines(&export(&there)), empty, "{expected}");
    }
    let output = there.run(&["import", "no-such-file", "--yes"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no-such-file can't be read: No such file"), "{said}");
}

async fn tables_that_hold_something_are_left_alone(engine: Engine) {
    let (agent, _) = lived(engine).await;
    let file = export(&agent.install);
    let before = lines(&file);
    let output = agent.install.run(&["import", file.to_str().unwrap(), "--yes"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("aren't empty") && said.contains("migrate --down"), "{said}");
    assert_eq!(lines(&export(&agent.install)), before);
    let output = agent.install.run(&["import", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(64), "asked without a terminal");
}

async fn links_that_lead_nowhere_are_counted(engine: Engine) {
    let (agent, ana) = lived(engine).await;
    let file = export(&agent.install);
    let there = Install::new(Database::reference(engine).await);
    there.migrate();
    let output = there.run(&["import", file.to_str().unwrap(), "--yes"]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // The seed rows alone are there: Ana's isn't, nor her team's; Bob's is a tombstone.
    assert!(said.contains("1 of type Group, 1 of type User"), "{ana}: {said}");
}
