//! A userName that comes back after a DELETE, perhaps another person's: what comes along, what is told,
//! and what the profile may refuse.

use serde_json::{Value, json};

use super::plant::{Plant, Run};
use crate::support::{Database, Engine, Install, user};

on_every_database!(
    another_person_gets_the_row_and_nothing_else,
    the_same_person_is_no_finding,
    what_was_reused_stays_reused_until_somebody_says_whose_it_is,
    a_profile_may_refuse_it,
    a_login_that_is_the_key_comes_back,
    a_name_that_a_deleted_row_holds_is_refused_and_said,
);

/// The user with this name and externalId, and what no column of the reference install carries.
fn person(name: &str, external_id: Option<&str>) -> Value {
    let mut body = user(&format!("{name}@plant.example"));
    if let Some(id) = external_id {
        body["externalId"] = json!(id);
    }
    body
}

async fn hired(plant: &Plant, external_id: Option<&str>) -> String {
    plant.entra.client.post("/Users", &person("rehired", external_id)).await.expect(201).id()
}

fn built_in(rehire: &str) -> String {
    let text = include_str!("../../config/profiles/kpifire.toml");
    text.replacen("key = \"user_id\"", &format!("key = \"user_id\"\nrehire = \"{rehire}\""), 1)
}

fn explained(run: &Run) -> String {
    run.one("reused")["why"].as_str().unwrap().to_owned()
}

async fn another_person_gets_the_row_and_nothing_else(engine: Engine) {
    let plant = Plant::new(engine).await;
    let client = &plant.entra.client;
    let mut body = person("rehired", Some("object-a"));
    body["nickName"] = json!("the old one");
    let id = client.post("/Users", &body).await.expect(201).id();
    let team = plant.entra.create_group("Line 7").await;
    plant.entra.add_members(&team, &[&id]).await.expect(204);
    plant
        .natively(&format!(
            "INSERT INTO projects (owner_id, title) VALUES ({id}, 'Old'), ({id}, 'Older')"
        ))
        .await;
    client.delete(&format!("/Users/{id}")).await.expect(204);
    // What is said of the membership of who is gone is remembered: of that person.
    plant.entra.add_members(&team, &[&id]).await.expect(204);
    let key = crate::support::key(&team).to_owned();
    plant
        .natively(&format!(
            "INSERT INTO team_members (team_id, user_id, member_role, joined_at) \
             VALUES (1, {id}, 'Member', '2024-01-01 08:00:00')"
        ))
        .await;

    let created = client.post("/Users", &person("Rehired", Some("object-b"))).await.expect(201);
    assert_eq!((created.id(), &created.body["externalId"]), (id.clone(), &json!("object-b")));
    assert!(created.body.get("nickName").is_none(), "{}", created.text);
    let desired = format!("scim_desired_members WHERE user_key = '{id}'");
    assert_eq!(plant.agent.database().count(&desired).await, 0);
    let held = format!("team_members WHERE user_id = {id} AND team_id = {key}");
    assert_eq!(plant.agent.database().count(&held).await, 0);
    let audited = plant.agent.audit(&["--user", &id]);
    let revived = audited.iter().find(|it| it["operation"] == "revive").expect("a revival");
    assert_eq!(revived["before"]["externalId"], "object-a", "{revived}");
    assert_eq!(revived["after"]["externalId"], "object-b", "{revived}");

    let run = plant.reconcile();
    let found = run.one("reused");
    assert_eq!((&found["severity"], &found["scimId"]), (&json!("warning"), &json!(id)));
    assert_eq!((&found["expected"], &found["actual"]), (&json!("object-a"), &json!("object-b")));
    assert_eq!(found["externalId"], "object-b");
    let why = explained(&run);
    assert!(why.contains("projects: 2") && why.contains("memberships: 1"), "{why}");
    let command = found["command"].as_str().unwrap();
    assert!(command.starts_with("kpifire-scim drift adopt"), "{command}");
    for format in ["text", "csv", "html"] {
        let shown = plant.agent.install.stdout(&["report", "latest", "--format", format]);
        assert!(shown.contains("reused") && shown.contains("object-a"), "{format}: {shown}");
    }
    let listed = plant.agent.install.stdout(&["drift", "list"]);
    assert!(listed.contains("object-a") && listed.contains("object-b"), "{listed}");
    // A machine can't say who it is.
    let finding = run.id("reused");
    let refused = plant.agent.install.run(&["drift", "restore", &finding]);
    assert!(!refused.status.success());
    plant.agent.install.stdout(&["drift", "adopt", &finding]);
    let after = plant.reconcile();
    assert!(after.list().iter().all(|it| it["kind"] != "reused"), "{:#}", after.report);
    assert_eq!(after.counts("reused"), [0, 1, 0, 0, 1]);
    client.get(&format!("/Users/{id}")).await.expect(200);
}

async fn the_same_person_is_no_finding(engine: Engine) {
    let plant = Plant::new(engine).await;
    for external_id in [Some("object-a"), None] {
        let id = hired(&plant, external_id).await;
        plant.entra.client.delete(&format!("/Users/{id}")).await.expect(204);
        assert_eq!(hired(&plant, external_id).await, id);
        plant.reconcile().assert_clean();
        plant.entra.client.delete(&format!("/Users/{id}")).await.expect(204);
        plant.natively(&format!("UPDATE users SET email = 'gone{id}' WHERE user_id = {id}")).await;
    }
    // Who was never said to be anybody may be anybody.
    let id = hired(&plant, None).await;
    plant.entra.client.delete(&format!("/Users/{id}")).await.expect(204);
    assert_eq!(hired(&plant, Some("object-c")).await, id);
    plant.reconcile().assert_clean();
}

async fn what_was_reused_stays_reused_until_somebody_says_whose_it_is(engine: Engine) {
    let plant = Plant::new(engine).await;
    let client = &plant.entra.client;
    let id = hired(&plant, Some("object-a")).await;
    let path = format!("/Users/{id}");
    client.delete(&path).await.expect(204);
    hired(&plant, Some("object-b")).await;
    // Neither writes nor cleanup's stages make the row somebody's.
    let operations = json!([{ "op": "replace", "path": "title", "value": "Lead" }]);
    client.operations(&path, operations).await.expect(200);
    plant.entra.disable(&id).await;
    plant.entra.enable(&id).await;
    let finding = plant.reconcile().id("reused");
    // Gone: there is nobody to take for another. Back under the same externalId: as before.
    client.delete(&path).await.expect(204);
    assert!(plant.reconcile().list().iter().all(|it| it["kind"] != "reused"));
    hired(&plant, Some("object-b")).await;
    let again = plant.reconcile();
    assert_eq!(again.id("reused"), finding);
    assert_eq!(again.one("reused")["expected"], "object-a");
    // A file of the agent's tables carries it.
    let folder = plant.agent.database().folder();
    let file = folder.join("all.ndjson");
    let file = file.to_str().unwrap();
    plant.agent.install.stdout(&["export", "--out", file]);
    let exported = std::fs::read_to_string(file).unwrap();
    assert!(exported.contains("\"reused_from\":\"object-a\""), "{exported}");
    plant.agent.install.stdout(&["drift", "ignore", &finding, "--reason", "known"]);
    plant.reconcile().assert_clean();
}

async fn a_profile_may_refuse_it(engine: Engine) {
    let database = Database::ready(engine).await;
    let install = Install::with_profile(database, &built_in("refuse"));
    let shown = install.stdout(&["profile", "show"]);
    assert!(shown.contains("rehire = \"refuse\""), "{shown}");
    let plant = Plant::on(install).await;
    let id = hired(&plant, Some("object-a")).await;
    plant.entra.client.delete(&format!("/Users/{id}")).await.expect(204);
    let before = plant.agent.database().count("users").await;
    for other in [Some("object-b"), None] {
        let refused = plant.entra.client.post("/Users", &person("REHIRED", other)).await;
        let refused = refused.refused(409, "uniqueness").naming("userName").naming(&id);
        refused.naming("deleted user").naming("externalId");
    }
    assert_eq!(plant.agent.database().count("users").await, before);
    assert_eq!(plant.agent.link("User", &id).await.as_deref(), Some("deleted"));
    // The same person is welcome.
    assert_eq!(hired(&plant, Some("object-a")).await, id);
}

/// The row is made anew, and what points at the login by its name points at it again.
async fn a_login_that_is_the_key_comes_back(engine: Engine) {
    const TABLES: &str = "CREATE TABLE logins (login VARCHAR(100) NOT NULL PRIMARY KEY, \
        locked INTEGER NOT NULL DEFAULT 0); \
        CREATE TABLE sheets (name VARCHAR(40), login VARCHAR(100) NOT NULL)";
    const PROFILE: &str = "[users]\ntable = \"logins\"\nREHIRE\
        key = { column = \"login\", is = \"userName\" }\n\
        [users.attributes]\nuserName = \"login\"\n\
        active = { column = \"locked\", values = { true = 0, false = 1 } }\n\
        [users.delete]\nmode = \"delete\"\n\
        [ownership]\nsheets = { owner = \"login\" }\n";
    for rehire in ["", "rehire = \"refuse\"\n"] {
        let database = Database::empty(engine).await;
        database.execute(TABLES).await;
        let profile = PROFILE.replace("REHIRE", rehire);
        let plant = Plant::on(Install::with_profile(database, &profile)).await;
        let id = hired(&plant, Some("object-a")).await;
        let database = plant.agent.database();
        database.execute(&format!("INSERT INTO sheets VALUES ('Q1', '{id}')")).await;
        plant.entra.client.delete(&format!("/Users/{id}")).await.expect(204);
        assert_eq!(database.count("logins").await, 0);
        let answer = plant.entra.client.post("/Users", &person("rehired", Some("object-b"))).await;
        if rehire.is_empty() {
            assert_eq!(answer.expect(201).id(), id);
            let why = explained(&plant.reconcile());
            assert!(why.contains("sheets: 1"), "{why}");
        } else {
            answer.refused(409, "uniqueness").naming("userName");
            assert_eq!(database.count("logins").await, 0);
        }
    }
}

/// SQLite gives the key of a removed last row again: to whom nothing of the old one belongs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_given_again_brings_nothing_along() {
    const TABLES: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, login VARCHAR(100) NOT NULL UNIQUE, \
        live INTEGER NOT NULL DEFAULT 1); \
        CREATE TABLE crews (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL); \
        CREATE TABLE seats (crew INTEGER NOT NULL, person INTEGER NOT NULL, PRIMARY KEY (crew, person))";
    const PROFILE: &str = "[users]\ntable = \"people\"\nkey = \"id\"\n\
        [users.attributes]\nuserName = \"login\"\nactive = \"live\"\n\
        [groups]\ntable = \"crews\"\nkey = \"id\"\nattributes = { displayName = \"name\" }\n\
        delete = { mode = \"delete\", cascade = [\"seats\"] }\n\
        [members]\ntable = \"seats\"\ngroup = \"crew\"\nuser = \"person\"\n";
    let database = Database::empty(Engine::Sqlite).await;
    database.execute(TABLES).await;
    let plant = Plant::on(Install::with_profile(database, PROFILE)).await;
    let (client, database) = (&plant.entra.client, plant.agent.database());
    let mut body = person("first", Some("object-a"));
    body["nickName"] = json!("the first");
    let id = client.post("/Users", &body).await.expect(201).id();
    let crew = plant.entra.create_group("Line 7").await;
    plant.entra.add_members(&crew, &[&id]).await.expect(204);
    database.execute("DELETE FROM seats; DELETE FROM people").await;
    let second = client.post("/Users", &person("second", Some("object-b"))).await.expect(201);
    assert_eq!(second.id(), id, "SQLite gave another key");
    assert!(second.body.get("nickName").is_none(), "{}", second.text);
    assert_eq!(client.ids("/Users", "nickName eq \"the first\"").await, [""; 0]);
    assert_eq!(database.count("scim_desired_members").await, 0);
    plant.entra.disable(&id).await;
    plant.entra.enable(&id).await;
    assert_eq!(database.count("seats").await, 0);
    // Another name is another person: there is nobody to take them for.
    assert!(plant.reconcile().list().iter().all(|it| it["severity"] == "info"));
}

async fn a_name_that_a_deleted_row_holds_is_refused_and_said(engine: Engine) {
    let plant = Plant::new(engine).await;
    let (gone, other) = (hired(&plant, Some("object-a")).await, plant.hire("other").await);
    plant.entra.client.delete(&format!("/Users/{gone}")).await.expect(204);
    let name = json!([{ "op": "replace", "path": "userName", "value": "REHIRED@plant.example" }]);
    let refused = plant.entra.client.operations(&format!("/Users/{other}"), name).await;
    refused.refused(409, "uniqueness").naming("userName").naming("deleted User").naming(&gone);
    // A live one is said to be one.
    let name = json!([{ "op": "replace", "path": "userName", "value": "line.one@plant.example" }]);
    let refused = plant.entra.client.operations(&format!("/Users/{other}"), name).await;
    let refused = refused.refused(409, "uniqueness").naming("another User");
    assert!(!refused.text.contains("deleted"), "{}", refused.text);
}
