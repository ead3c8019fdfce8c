//! What this version doesn't offer: discovery says so, and asking for it answers 501.

use serde_json::json;

use crate::support::{Agent, Engine, SEARCH, user};

on_every_database!(bulk_is_not_offered, searching_all_types_is_not_offered);

async fn bulk_is_not_offered(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let config = client.get("/ServiceProviderConfig").await.expect(200).body;
    assert_eq!(config["bulk"]["supported"], false);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": user("bulk@plant.example") },
        ],
    });
    client.post("/Bulk", &body).await.refused(501, "");
    assert_eq!(agent.database().count("users").await, 5);
}

async fn searching_all_types_is_not_offered(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.client().post("/.search", &json!({ "schemas": [SEARCH] })).await.refused(501, "");
}
