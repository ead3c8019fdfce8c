//! Bulk (RFC 7644 §3.7) is not served, and discovery says so.

use serde_json::json;

use crate::support::{Agent, Engine};

on_every_database!(it_is_not_served_and_discovery_says_so);

async fn it_is_not_served_and_discovery_says_so(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let config = client.get("/ServiceProviderConfig").await.expect(200).body;
    assert_eq!(config["bulk"]["supported"], json!(false));
    let operation = json!({ "method": "POST", "path": "/Users", "bulkId": "a", "data": {} });
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [operation],
    });
    client.post("/Bulk", &body).await.refused(501, "");
}
