//! Memberships: PATCH touches the edges it names and no other, whatever the group's size.

use serde_json::{Value, json};

use crate::support::{Agent, Dialect, Engine, group, key};

on_every_database!(
    every_form_adds_and_removes,
    present_and_absent_members_are_no_ops,
    an_unknown_member_is_named_and_nothing_written,
    a_deleted_user_is_no_member,
    operations_apply_in_order,
    replace_and_remove_all,
    memberships_survive_disabling,
    thousands_of_members,
);

/// The members as kpifire's own table has them.
async fn edges(agent: &Agent, group: &str) -> Vec<String> {
    let sql = format!("SELECT user_id FROM team_members WHERE team_id = {group} ORDER BY user_id");
    agent.database().rows(&sql).await.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

/// The members as SCIM shows them.
async fn shown(agent: &Agent, group: &str) -> Vec<String> {
    let read = agent.client().get(&format!("/Groups/g-{group}")).await.expect(200).body;
    let members = read["members"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<_> = members.iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

async fn every_form_adds_and_removes(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for add in [
        json!({"op":"Add","path":"members","value":[{"value":"2"}]}),
        json!({"op":"add","path":"members","value":[{"value":"2","type":"User","$ref":"x","display":"y"}]}),
        json!({"op":"add","path":"members","value":{"value":"2"}}),
        json!({"op":"add","value":{"members":[{"value":"2"}]}}),
        json!({"op":"Add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members","value":[{"value":"2"}]}),
    ] {
        for remove in [
            json!({"op":"Remove","path":"members","value":[{"value":"2"}]}),
            json!({"op":"remove","path":"members[value eq \"2\"]"}),
            json!({"op":"remove","path":"members","value":{"value":"2"}}),
        ] {
            client.operations("/Groups/g-2", json!([add])).await.expect(204);
            assert_eq!(edges(&agent, "2").await, ["2", "4"], "{add}");
            client.operations("/Groups/g-2", json!([remove])).await.expect(204);
            assert_eq!(edges(&agent, "2").await, ["4"], "{remove}");
        }
    }
    let desired = "scim_desired_members WHERE group_key = '2'";
    assert_eq!(agent.database().count(desired).await, 0);
}

async fn present_and_absent_members_are_no_ops(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = agent.entra(Dialect::Classic);
    // User 3 leads team 1: adding them again keeps kpifire's own columns on the edge.
    entra.add_members("g-1", &["3", "4", "3"]).await.expect(204);
    let leader = "team_members WHERE team_id = 1 AND user_id = 3 AND member_role = 'Leader' \
                  AND joined_at < '2021-01-01'";
    assert_eq!(agent.database().count(leader).await, 1);
    entra.remove_members("g-1", &["5", "2"]).await.expect(204);
    assert_eq!(edges(&agent, "1").await, ["3", "4"]);
    // Someone who doesn't exist is no member either: there is nothing to remove.
    entra.remove_members("g-1", &["4711"]).await.expect(204);
}

async fn an_unknown_member_is_named_and_nothing_written(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for stranger in ["4711", "03", "abc", "-1", "99999999999999999999", "", "4 "] {
        let operations = json!([
            { "op": "replace", "path": "displayName", "value": "Never" },
            { "op": "Add", "path": "members", "value": [{ "value": "5" }, { "value": stranger }] },
        ]);
        let answer =
            client.operations("/Groups/g-2", operations).await.refused(400, "invalidValue");
        answer.naming(stranger);
        assert_eq!(edges(&agent, "2").await, ["4"], "{stranger}");
    }
    assert_eq!(agent.database().count("teams WHERE name = 'Never'").await, 0);
    for malformed in [json!([{ "display": "no value" }]), json!([7]), json!("2"), json!([null])] {
        let operations = json!([{ "op": "add", "path": "members", "value": malformed }]);
        let answer = client.operations("/Groups/g-2", operations).await;
        assert!(matches!(answer.status, 204 | 400), "{malformed}: {}", answer.text);
    }
}

async fn a_deleted_user_is_no_member(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.delete("/Users/4").await.expect(204);
    assert_eq!(shown(&agent, "1").await, ["3"]);
    assert_eq!(client.ids("/Groups", "members eq \"4\"").await, [""; 0]);
    let operations = json!([{ "op": "add", "path": "members", "value": [{ "value": "4" }] }]);
    client.operations("/Groups/g-1", operations).await.expect(204);
    assert_eq!(shown(&agent, "1").await, ["3"]);
}

async fn operations_apply_in_order(engine: Engine) {
    let agent = Agent::start(engine).await;
    let operations = json!([
        { "op": "add", "path": "members", "value": [{ "value": "1" }, { "value": "2" }] },
        { "op": "remove", "path": "members", "value": [{ "value": "2" }] },
        { "op": "remove", "path": "members[value eq \"4\"]" },
        { "op": "add", "path": "members", "value": [{ "value": "4" }, { "value": "5" }] },
        { "op": "remove", "path": "members[value eq \"1\"]" },
        { "op": "replace", "path": "displayName", "value": "Safer Circle" },
    ]);
    agent.client().operations("/Groups/g-2", operations).await.expect(204);
    assert_eq!(edges(&agent, "2").await, ["4", "5"]);
    assert_eq!(agent.database().count("teams WHERE name = 'Safer Circle'").await, 1);
}

async fn replace_and_remove_all(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let replace = json!([{ "op": "replace", "path": "members", "value": [{ "value": "3" }, { "value": "5" }] }]);
    client.operations("/Groups/g-1", replace).await.expect(204);
    assert_eq!(edges(&agent, "1").await, ["3", "5"]);
    let leader = "team_members WHERE team_id = 1 AND user_id = 3 AND member_role = 'Leader'";
    assert_eq!(agent.database().count(leader).await, 1);
    let pathless = json!([{ "op": "replace", "value": { "members": [{ "value": "4" }] } }]);
    client.operations("/Groups/g-1", pathless).await.expect(204);
    assert_eq!(edges(&agent, "1").await, ["4"]);
    client
        .operations("/Groups/g-1", json!([{ "op": "remove", "path": "members" }]))
        .await
        .expect(204);
    assert_eq!(edges(&agent, "1").await, [""; 0]);
    assert_eq!(shown(&agent, "1").await, [""; 0]);
}

async fn memberships_survive_disabling(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = agent.entra(Dialect::Rfc);
    entra.add_members("g-2", &["5", "2"]).await.expect(204);
    entra.enable("5").await;
    entra.disable("5").await;
    assert_eq!(
        edges(&agent, "2").await,
        ["2", "4", "5"],
        "cleanup strips edges, disabling doesn't"
    );
    // The edge goes while they are disabled; Entra still wants it.
    agent.database().execute("DELETE FROM team_members WHERE team_id = 2 AND user_id = 5").await;
    entra.enable("5").await;
    assert!(entra.is_member("g-2", "5").await);
    assert_eq!(shown(&agent, "2").await, ["2", "4", "5"]);
    assert_eq!(edges(&agent, "2").await, ["2", "4", "5"], "enabling puts every desired edge back");
    // What Entra removed meanwhile doesn't come back.
    entra.disable("5").await;
    agent.database().execute("DELETE FROM team_members WHERE team_id = 2 AND user_id = 5").await;
    entra.remove_members("g-2", &["5"]).await.expect(204);
    entra.enable("5").await;
    assert_eq!(edges(&agent, "2").await, ["2", "4"]);
}

async fn thousands_of_members(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let rows: Vec<_> = (1000..4000)
        .map(|id| {
            format!(
                "({id},'bulk-{id}@plant.example','B','K',1,'Active','x','2020-01-01 00:00:00','2020-01-01 00:00:00')"
            )
        })
        .collect();
    agent
        .database()
        .execute(&format!(
            "INSERT INTO users (user_id, email, first_name, last_name, department_id, status, password_hash, \
             created_at, updated_at) VALUES {}",
            rows.join(",")
        ))
        .await;
    let big = client.post("/Groups", &group("Everyone")).await.expect(201).id();
    let path = format!("/Groups/{big}");
    let big = key(&big);
    let values = |from: u32, to: u32| -> Vec<Value> {
        (from..to).map(|id| json!({ "value": id.to_string() })).collect()
    };
    let add = json!([{ "op": "Add", "path": "members", "value": values(1000, 4000) }]);
    client.operations(&path, add).await.expect(204);
    let all = format!("team_members WHERE team_id = {big}");
    assert_eq!(agent.database().count(&all).await, 3000);
    let remove = json!([{ "op": "Remove", "path": "members", "value": values(1500, 3999) }]);
    client.operations(&path, remove).await.expect(204);
    assert_eq!(agent.database().count(&all).await, 501);
    assert_eq!(shown(&agent, big).await.len(), 501);
    client.delete(&path).await.expect(204);
    assert_eq!(agent.database().count(&all).await, 0);
}
