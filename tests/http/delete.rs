//! DELETE and what comes after it: tombstones, and the return of the same person.

use serde_json::json;

use crate::support::{Agent, Dialect, Engine, user};

on_every_database!(
    a_deleted_user_is_gone_from_scim,
    a_returning_user_gets_the_same_row,
    a_tombstones_name_is_not_taken_by_renaming,
    a_group_returns_under_its_old_name,
    what_never_was_is_404,
);

async fn a_deleted_user_is_gone_from_scim(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let answer = client.delete("/Users/4").await.expect(204);
    assert_eq!(answer.text, "");
    client.get("/Users/4").await.refused(404, "");
    client.delete("/Users/4").await.refused(404, "");
    let operations = json!([{ "op": "replace", "path": "active", "value": true }]);
    client.operations("/Users/4", operations).await.refused(404, "");
    client.put("/Users/4", &user("line.one@plant.example")).await.refused(404, "");
    assert_eq!(client.ids("/Users", "userName eq \"line.one@plant.example\"").await, [""; 0]);
    assert_eq!(client.ids("/Users", "id eq \"4\"").await, [""; 0]);
    assert_eq!(client.get("/Users").await.expect(200).body["totalResults"], 4);
    // The row stays, switched off, as the profile says; so does what points at it.
    assert_eq!(agent.database().count("users WHERE user_id = 4 AND status = 'Inactive'").await, 1);
    assert_eq!(agent.database().count("user_sessions WHERE user_id = 4").await, 0);
    assert_eq!(agent.database().count("projects WHERE owner_id = 4").await, 1);
    assert_eq!(agent.link("User", "4").await.as_deref(), Some("deleted"));
    assert_eq!(
        agent
            .database()
            .count("scim_links WHERE legacy_key = '4' AND deleted_at IS NOT NULL")
            .await,
        1
    );
}

async fn a_returning_user_gets_the_same_row(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.delete("/Users/4").await.expect(204);
    let mut body = user("LINE.One@plant.example");
    body["externalId"] = json!("object-back");
    let created = client.post("/Users", &body).await.expect(201);
    assert_eq!(created.id(), "4");
    assert_eq!(created.body["userName"], "LINE.One@plant.example");
    assert_eq!(created.body["active"], true);
    assert_eq!(created.body["externalId"], "object-back");
    assert_eq!(created.body["name"]["givenName"], "Ana");
    client.get("/Users/4").await.expect(200);
    assert_eq!(client.ids("/Users", "userName eq \"line.one@plant.example\"").await, ["4"]);
    assert_eq!(agent.link("User", "4").await.as_deref(), Some("managed"));
    let row = "users WHERE user_id = 4 AND email = 'LINE.One@plant.example' AND status = 'Active' \
               AND password_hash = '$2y$10$local'";
    assert_eq!(agent.database().count(row).await, 1);
    assert_eq!(agent.database().count("users").await, 5);
    client.post("/Users", &body).await.refused(409, "uniqueness");
    // And may be a member again.
    agent.entra(Dialect::Classic).add_members("g-2", &["4"]).await.expect(204);
}

async fn a_tombstones_name_is_not_taken_by_renaming(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.delete("/Users/4").await.expect(204);
    let operations =
        json!([{ "op": "replace", "path": "userName", "value": "line.one@plant.example" }]);
    client.operations("/Users/5", operations).await.refused(409, "uniqueness");
}

async fn a_group_returns_under_its_old_name(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let entra = agent.entra(Dialect::Classic);
    let first = entra.create_group("Comes back").await;
    entra.add_members(&first, &["3"]).await.expect(204);
    client.delete(&format!("/Groups/{first}")).await.expect(204);
    let second = entra.create_group("Comes back").await;
    let read = client.get(&format!("/Groups/{second}")).await.expect(200).body;
    assert!(read["members"].as_array().is_none_or(Vec::is_empty), "{read}");
    let desired = format!("scim_desired_members WHERE group_key = '{second}'");
    assert_eq!(agent.database().count(&desired).await, 0);
}

async fn what_never_was_is_404(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let ids = [
        "4711",
        "03",
        "3.0",
        "+3",
        "%203",
        "abc",
        "-1",
        "0",
        "99999999999999999999",
        "3%00",
        "%27%20OR%201=1",
        "٣",
    ];
    for id in ids {
        for kind in ["Users", "Groups"] {
            let path = format!("/{kind}/{}", if id == "٣" { "%D9%A3" } else { id });
            let read = client.get(&path).await;
            assert!(matches!(read.status, 404 | 400), "{path}: {} {}", read.status, read.text);
            if !id.contains("%00") {
                assert_eq!(read.status, 404, "{path}");
            }
            let deleted = client.delete(&path).await;
            assert_eq!(deleted.status, read.status, "{path}: {}", deleted.text);
        }
    }
    assert_eq!(agent.database().count("users WHERE status = 'Active'").await, 4);
}
