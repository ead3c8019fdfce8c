//! Protected accounts: no client disables or deletes them, in whatever words; all else is allowed.

use serde_json::json;

use crate::support::{Agent, Dialect, Engine, user};

on_every_database!(they_stay_active, they_may_be_updated);

async fn they_stay_active(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (id, name) in [("1", "admin@plant.example"), ("2", "svc-reports@plant.example")] {
        let path = format!("/Users/{id}");
        for operation in [
            json!({ "op": "Replace", "path": "active", "value": "False" }),
            json!({ "op": "replace", "value": { "active": false } }),
            json!({ "op": "add", "path": "active", "value": false }),
        ] {
            client.operations(&path, json!([operation])).await.refused(403, "");
        }
        let mut body = user(name);
        body["active"] = json!(false);
        client.put(&path, &body).await.refused(403, "");
        client.delete(&path).await.refused(403, "");
        // Renaming in the same request is no way around.
        let operations = json!([
            { "op": "replace", "path": "userName", "value": format!("renamed-{id}@plant.example") },
            { "op": "replace", "path": "active", "value": false },
        ]);
        client.operations(&path, operations).await.refused(403, "");
    }
    assert_eq!(
        agent.database().count("users WHERE user_id IN (1, 2) AND status = 'Active'").await,
        2
    );
    assert_eq!(agent.database().count("users WHERE email LIKE 'renamed%'").await, 0);
    assert_eq!(
        agent.database().count("api_tokens WHERE user_id = 2 AND revoked_at IS NULL").await,
        1
    );
    // Patterns compare without case.
    let id = client.post("/Users", &user("SVC-Backup@plant.example")).await.expect(201).id();
    client.delete(&format!("/Users/{id}")).await.refused(403, "");
}

async fn they_may_be_updated(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let operations = json!([
        { "op": "replace", "path": "title", "value": "Chief" },
        { "op": "replace", "path": "active", "value": true },
    ]);
    client.operations("/Users/1", operations).await.expect(200);
    agent.entra(Dialect::Rfc).add_members("g-2", &["1"]).await.expect(204);
    assert_eq!(agent.database().count("users WHERE user_id = 1 AND title = 'Chief'").await, 1);
}
