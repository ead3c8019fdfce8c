//! PUT: the representation becomes what was sent; what the server owns stays.

use serde_json::json;

use crate::support::{Agent, ENTERPRISE, Engine, GROUP, USER, user};

on_every_database!(put_replaces_a_user, put_replaces_a_groups_members, put_of_what_is_not_there);

async fn put_replaces_a_user(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let body = json!({
        "schemas": [USER, ENTERPRISE],
        "id": "999",
        "userName": "quality.lead@plant.example",
        "externalId": "object-3",
        "name": { "givenName": "Q", "familyName": "L" },
        "nickName": "cue",
        "active": true,
        ENTERPRISE: { "department": "Finance" },
    });
    let replaced = client.put("/Users/3", &body).await.expect(200);
    assert_eq!(replaced.id(), "3");
    assert_eq!(replaced.body["name"]["givenName"], "Q");
    assert_eq!(replaced.body["nickName"], "cue");
    assert!(replaced.body.get("title").is_none(), "{}", replaced.text);
    assert!(replaced.body.get("phoneNumbers").is_none(), "{}", replaced.text);
    let row = "users WHERE user_id = 3 AND title IS NULL AND phone_number IS NULL \
               AND department_id = 5 AND password_hash = '$2y$10$local'";
    assert_eq!(agent.database().count(row).await, 1);
    assert_eq!(agent.link("User", "3").await.as_deref(), Some("managed"));
    // What was kept and isn't sent again is gone.
    let mut second = body.clone();
    second.as_object_mut().unwrap().remove("nickName");
    let replaced = client.put("/Users/3", &second).await.expect(200);
    assert!(replaced.body.get("nickName").is_none(), "{}", replaced.text);
    // Repeating it is harmless.
    let again = client.put("/Users/3", &second).await.expect(200);
    assert_eq!(again.body["userName"], replaced.body["userName"]);
    client
        .put("/Users/3", &json!({ "schemas": [USER], "active": true }))
        .await
        .refused(400, "invalidValue");
}

async fn put_replaces_a_groups_members(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let body = json!({
        "schemas": [GROUP],
        "displayName": "Kaizen Core",
        "members": [{ "value": "3" }, { "value": "5" }],
    });
    let replaced = client.put("/Groups/g-1", &body).await;
    assert!(matches!(replaced.status, 200 | 204), "{}", replaced.text);
    let edges = "SELECT user_id, member_role FROM team_members WHERE team_id = 1 ORDER BY user_id";
    let edges = agent.database().rows(edges).await;
    let edges: Vec<_> =
        edges.iter().map(|row| (row[0].as_deref().unwrap(), row[1].as_deref().unwrap())).collect();
    // kpifire's own column on an edge that stays is kept.
    assert_eq!(edges, [("3", "Leader"), ("5", "Member")]);
}

async fn put_of_what_is_not_there(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.put("/Users/4711", &user("x@plant.example")).await.refused(404, "");
    client.put("/Users/03", &user("quality.lead@plant.example")).await.refused(404, "");
    assert_eq!(agent.database().count("users").await, 5);
}
