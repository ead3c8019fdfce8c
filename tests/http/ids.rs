//! An id is one resource's, whatever its type: a group's begins with `g-`. Members that can't be are left
//! out with a trace, and what was never anyone's is refused.

use serde_json::{Value, json};

use crate::admin::Watched;
use crate::support::{Agent, Database, Dialect, Engine, Install, group};

on_every_database!(
    a_groups_id_is_never_a_users,
    a_nested_group_is_left_out_with_a_trace,
    a_deleted_user_is_remembered_and_left_out,
    a_user_whose_row_is_gone_is_remembered,
    an_id_that_was_never_known_undoes_all,
    groups_are_found_sorted_and_filtered_by_their_ids,
    reports_name_groups_by_their_ids,
    text_keys_have_ids_of_their_own_too,
);

async fn edges(agent: &Agent, team: &str) -> Vec<String> {
    let sql = format!("SELECT user_id FROM team_members WHERE team_id = {team} ORDER BY user_id");
    agent.database().rows(&sql).await.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

async fn desired(agent: &Agent, team: &str) -> Vec<String> {
    let sql = format!(
        "SELECT user_key FROM scim_desired_members WHERE group_key = '{team}' ORDER BY user_key"
    );
    agent.database().rows(&sql).await.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

/// Who the newest audit row of a group says was left out.
fn left_out(agent: &Agent, group: &str) -> Value {
    let trail = agent.audit(&[]);
    let row = trail.iter().rfind(|row| row["resource"] == group);
    row.unwrap_or_else(|| panic!("no row of {group}: {trail:?}"))["after"]["membersLeftOut"].clone()
}

async fn add(agent: &Agent, group: &str, ids: &[&str]) {
    let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    let operations = json!([{ "op": "Add", "path": "members", "value": members }]);
    agent.client().operations(&format!("/Groups/{group}"), operations).await.expect(204);
}

async fn a_groups_id_is_never_a_users(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    // User 1 and team 1 both exist.
    let read = client.get("/Groups/g-1").await.expect(200);
    assert_eq!(read.id(), "g-1");
    let location = read.body["meta"]["location"].as_str().unwrap();
    assert!(location.ends_with("/Groups/g-1"), "{location}");
    assert_eq!(client.get("/Users/1").await.expect(200).id(), "1");
    for path in ["/Groups/1", "/Users/g-1", "/Groups/g-01", "/Groups/g-", "/Groups/G-1"] {
        client.get(path).await.refused(404, "");
    }
    let created = client.post("/Groups", &group("Line 9")).await.expect(201);
    assert!(created.id().starts_with("g-"), "{}", created.text);
    add(&agent, &created.id(), &["3"]).await;
    let person = client.get("/Users/3").await.expect(200);
    let groups = person.body["groups"].as_array().unwrap();
    let shown = groups.iter().find(|it| it["value"] == created.id()).expect("the new group");
    assert!(shown["$ref"].as_str().unwrap().ends_with(&format!("/Groups/{}", created.id())));
    // The sidecar tables go by kpifire's own keys.
    assert_eq!(agent.link("Group", &created.id()).await.as_deref(), Some("managed"));
    let trail = agent.audit(&[]);
    let row = trail.iter().find(|row| row["operation"] == "create").unwrap();
    assert_eq!(row["resource"], created.id());
    client.delete(&format!("/Groups/{}", created.id())).await.expect(204);
    client.get(&format!("/Groups/{}", created.id())).await.refused(404, "");
}

async fn a_nested_group_is_left_out_with_a_trace(engine: Engine) {
    let watched = Watched::start(engine).await;
    let agent = &watched.agent;
    let client = agent.client();
    // Team 2 and user 2 both exist: adding the group lets nobody in, removing it puts nobody out.
    add(agent, "g-1", &["g-2", "5"]).await;
    assert_eq!(edges(agent, "1").await, ["3", "4", "5"]);
    assert_eq!(left_out(agent, "g-1"), json!(["g-2"]));
    add(agent, "g-1", &["2"]).await;
    for remove in [
        json!({ "op": "Remove", "path": "members", "value": [{ "value": "g-2" }] }),
        json!({ "op": "remove", "path": "members[value eq \"g-2\"]" }),
    ] {
        client.operations("/Groups/g-1", json!([remove])).await.expect(204);
        assert_eq!(edges(agent, "1").await, ["2", "3", "4", "5"]);
    }
    let members = json!([{ "value": "g-2", "type": "Group" }, { "value": "3" }]);
    let replace = json!([{ "op": "replace", "path": "members", "value": members }]);
    client.operations("/Groups/g-1", replace).await.expect(204);
    assert_eq!(edges(agent, "1").await, ["3"]);
    assert_eq!(left_out(agent, "g-1"), json!(["g-2"]));
    // Nothing else is asked for: the trace is left all the same.
    add(agent, "g-2", &["g-1"]).await;
    assert_eq!(left_out(agent, "g-2"), json!(["g-1"]));
    let mut body = group("Of groups");
    body["members"] = json!([{ "value": "g-1" }, { "value": "4" }]);
    let created = client.post("/Groups", &body).await.expect(201);
    assert_eq!(created.body["members"].as_array().map(Vec::len), Some(1), "{}", created.text);
    assert_eq!(left_out(agent, &created.id()), json!(["g-1"]));
    // A deleted group was one.
    client.delete("/Groups/g-2").await.expect(204);
    add(agent, &created.id(), &["g-2"]).await;
    let metrics = watched.get("/metrics").await.body;
    assert!(metrics.contains("kpifire_scim_members_left_out_total{why=\"group\"} 5"), "{metrics}");
}

async fn a_deleted_user_is_remembered_and_left_out(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.client().delete("/Users/4").await.expect(204);
    add(&agent, "g-1", &["4", "5"]).await;
    assert_eq!(edges(&agent, "1").await, ["3", "5"]);
    assert_eq!(desired(&agent, "1").await, ["4", "5"]);
    assert_eq!(left_out(&agent, "g-1"), json!(["4"]));
    let read = agent.client().get("/Groups/g-1").await.expect(200);
    assert_eq!(read.body["members"].as_array().map(Vec::len), Some(2), "{}", read.text);
    agent.entra(Dialect::Classic).remove_members("g-1", &["4"]).await.expect(204);
    assert_eq!(desired(&agent, "1").await, ["5"]);
}

async fn a_user_whose_row_is_gone_is_remembered(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let body = crate::support::user("gone@plant.example");
    let id = client.post("/Users", &body).await.expect(201).id();
    agent.database().execute(&format!("DELETE FROM users WHERE user_id = {id}")).await;
    add(&agent, "g-1", &[&id]).await;
    assert_eq!(edges(&agent, "1").await, ["3", "4"]);
    assert_eq!(desired(&agent, "1").await, [id.as_str()]);
    assert_eq!(left_out(&agent, "g-1"), json!([id]));
}

async fn an_id_that_was_never_known_undoes_all(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let long = "9".repeat(400);
    for stranger in ["4711", "g-4711", "g-01", "g-", "G-1", "g-abc", long.as_str()] {
        let operations = json!([
            { "op": "replace", "path": "displayName", "value": "Never" },
            { "op": "Add", "path": "members", "value": [{ "value": "5" }, { "value": stranger }] },
        ]);
        client.operations("/Groups/g-1", operations).await.refused(400, "invalidValue");
    }
    let typed =
        json!([{ "op": "add", "path": "members", "value": [{ "value": "5", "type": "Group" }] }]);
    client.operations("/Groups/g-1", typed).await.refused(400, "invalidValue").naming("5");
    assert_eq!(edges(&agent, "1").await, ["3", "4"]);
    assert_eq!(agent.database().count("teams WHERE name = 'Never'").await, 0);
}

async fn groups_are_found_sorted_and_filtered_by_their_ids(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (filter, expected) in [
        ("id eq \"g-1\"", vec!["g-1"]),
        ("id eq \"1\"", vec![]),
        ("id ne \"g-1\"", vec!["g-2"]),
        ("id sw \"g-\"", vec!["g-1", "g-2"]),
        ("id ew \"1\"", vec!["g-1"]),
        ("id eq \"g-1\" and members eq \"3\"", vec!["g-1"]),
        ("members eq \"g-3\"", vec![]),
    ] {
        assert_eq!(client.ids("/Groups", filter).await, expected, "{filter}");
    }
    assert_eq!(client.ids("/Users", "groups.value eq \"g-1\"").await, ["3", "4"]);
    assert_eq!(client.ids("/Users", "groups eq \"1\"").await, [""; 0]);
    assert_eq!(client.ids("/Users", "id sw \"g-\"").await, [""; 0]);
}

async fn reports_name_groups_by_their_ids(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure("[reconcile]\nfloor = 0\n");
    let agent = Agent::on(install).await;
    let id = agent.client().post("/Groups", &group("Line 9")).await.expect(201).id();
    add(&agent, &id, &["3"]).await;
    let key = crate::support::key(&id);
    agent.database().execute(&format!("DELETE FROM team_members WHERE team_id = {key}")).await;
    agent.database().execute(&format!("UPDATE teams SET name = 'X' WHERE team_id = {key}")).await;
    let output = agent.install.run(&["reconcile", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let of_groups: Vec<_> = findings.iter().filter(|it| it["resource"] == "Group").collect();
    assert_eq!(of_groups.len(), 2, "{report}");
    for finding in &of_groups {
        assert_eq!(finding["scimId"], id.as_str(), "{finding}");
        agent.install.stdout(&["drift", "restore", finding["id"].as_str().unwrap()]);
    }
    assert_eq!(edges(&agent, key).await, ["3"]);
    let name = format!("teams WHERE team_id = {key} AND name = 'Line 9'");
    assert_eq!(agent.database().count(&name).await, 1);
    let row = agent.audit(&[]).into_iter().rfind(|row| row["operation"] == "restore").unwrap();
    assert_eq!(row["resource"], id.as_str());
    // The finding's row goes by kpifire's key.
    let rows = format!("scim_findings WHERE resource_type = 'Group' AND legacy_key = '{key}'");
    assert_eq!(agent.database().count(&rows).await, 2);
}

async fn text_keys_have_ids_of_their_own_too(engine: Engine) {
    let tables = crate::support::installs::tables(engine, "textkeys");
    let agent = Agent::on(crate::support::installs::lay(engine, "textkeys", &tables).await).await;
    let client = agent.client();
    let list = client.get("/Groups").await.expect(200);
    for id in list.ids() {
        assert!(id.starts_with("g-"), "{id}");
        assert_eq!(client.get(&format!("/Groups/{id}")).await.expect(200).id(), id);
        client.get(&format!("/Groups/{}", crate::support::key(&id))).await.refused(404, "");
    }
}
