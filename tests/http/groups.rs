//! Groups as resources: what they show, what a write touches.

use serde_json::json;

use crate::support::{Agent, Dialect, Engine, group};

on_every_database!(
    a_group_shows_its_members,
    a_user_shows_its_groups,
    members_are_left_out_when_asked,
    writes_echo_no_members,
    renaming_touches_kpifires_stamps,
    a_deleted_groups_name_is_free,
    a_group_that_something_points_at_stays,
);

async fn a_group_shows_its_members(engine: Engine) {
    let agent = Agent::start(engine).await;
    let read = agent.client().get("/Groups/g-1").await.expect(200).body;
    assert_eq!(read["displayName"], "Kaizen Core");
    let mut members = read["members"].as_array().unwrap().clone();
    members.sort_by_key(|member| member["value"].as_str().unwrap().to_owned());
    assert_eq!(members.len(), 2);
    for (member, id) in members.iter().zip(["3", "4"]) {
        assert_eq!(member["value"], id);
        assert_eq!(member["type"], "User");
        let reference = member["$ref"].as_str().unwrap();
        assert_eq!(reference, format!("{}/Users/{id}", agent.server.base()));
    }
}

async fn a_user_shows_its_groups(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let read = client.get("/Users/4").await.expect(200).body;
    let mut groups: Vec<_> = read["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["value"].as_str().unwrap().to_owned())
        .collect();
    groups.sort();
    assert_eq!(groups, ["g-1", "g-2"]);
    // Read-only on users (RFC 7643 §4.1.2).
    let before = agent.database().rows("SELECT * FROM team_members").await;
    let operations = json!([{ "op": "replace", "value": { "groups": [], "title": "Op" } }]);
    client.operations("/Users/4", operations).await;
    assert_eq!(agent.database().rows("SELECT * FROM team_members").await, before);
}

async fn members_are_left_out_when_asked(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let read = client.get("/Groups/g-1?excludedAttributes=members").await.expect(200).body;
    assert!(read.get("members").is_none(), "{read}");
    assert_eq!(read["displayName"], "Kaizen Core");
    let pairs = [("excludedAttributes", "members"), ("filter", "displayName eq \"kaizen core\"")];
    let found = client.query("/Groups", &pairs).await.expect(200);
    assert_eq!(found.ids(), ["g-1"]);
    assert!(found.resources()[0].get("members").is_none());
    let read = client.get("/Groups/g-1?attributes=displayName").await.expect(200).body;
    assert!(read.get("members").is_none() && read["id"] == "g-1", "{read}");
}

async fn writes_echo_no_members(engine: Engine) {
    let agent = Agent::start(engine).await;
    for dialect in [Dialect::Classic, Dialect::Rfc] {
        let entra = agent.entra(dialect);
        let added = entra.add_members("g-1", &["2", "5"]).await.expect(204);
        assert_eq!(added.text, "");
        let removed = entra.remove_members("g-1", &["2", "5"]).await.expect(204);
        assert_eq!(removed.text, "");
    }
}

async fn renaming_touches_kpifires_stamps(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.entra(Dialect::Classic).rename_group("g-1", "Kaizen Kern").await;
    let row = "teams WHERE team_id = 1 AND name = 'Kaizen Kern' AND leader_id = 3 \
               AND description = 'Continuous improvement core team' AND updated_at > '2026-01-01' \
               AND created_at < '2021-01-01'";
    assert_eq!(agent.database().count(row).await, 1);
    assert_eq!(agent.link("Group", "1").await.as_deref(), Some("managed"));
}

async fn a_deleted_groups_name_is_free(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.delete("/Groups/g-2").await.expect(204);
    client.get("/Groups/g-2").await.refused(404, "");
    client.delete("/Groups/g-2").await.refused(404, "");
    assert_eq!(agent.database().count("teams WHERE team_id = 2").await, 0);
    assert_eq!(agent.database().count("team_members WHERE team_id = 2").await, 0);
    assert_eq!(client.ids("/Groups", "displayName eq \"Safety Circle\"").await, [""; 0]);
    let created = client.post("/Groups", &group("Safety Circle")).await.expect(201);
    assert_eq!(client.ids("/Groups", "displayName eq \"Safety Circle\"").await, [created.id()]);
}

async fn a_group_that_something_points_at_stays(engine: Engine) {
    let agent = Agent::start(engine).await;
    // Project 1 belongs to team 1.
    let answer = agent.client().delete("/Groups/g-1").await.expect(409);
    assert!(answer.body["detail"].is_string());
    assert_eq!(agent.database().count("teams WHERE team_id = 1").await, 1);
    assert_eq!(agent.database().count("team_members WHERE team_id = 1").await, 2);
    assert_ne!(agent.link("Group", "1").await.as_deref(), Some("deleted"));
}
