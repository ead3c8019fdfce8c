//! Bulk (RFC 7644 §3.7): each operation is carried out or refused by itself, in the request's order.

use serde_json::{Value, json};

use crate::support::{Agent, Engine, group, patch, user};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

on_every_database!(operations_refer_to_each_other, errors_stop_it_when_asked, limits_are_kept);

fn statuses(answer: &Value) -> Vec<&str> {
    answer["Operations"].as_array().unwrap().iter().map(|done| done["status"].as_str().unwrap()).collect()
}

async fn operations_refer_to_each_other(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let config = client.get("/ServiceProviderConfig").await.expect(200).body;
    assert_eq!(config["bulk"]["supported"], true);
    let mut team = group("Bulk team");
    team["members"] = json!([{ "type": "User", "value": "bulkId:ana" }]);
    let body = json!({ "schemas": [BULK], "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "ana", "data": user("bulk@plant.example") },
        { "method": "POST", "path": "/Groups", "bulkId": "team", "data": team },
        { "method": "PATCH", "path": "/Users/3", "data": patch(&json!([{ "op": "replace", "path": "title", "value": "Bulk" }])) },
        { "method": "POST", "path": "/Users", "bulkId": "again", "data": user("BULK@plant.example") },
        { "method": "DELETE", "path": "/Users/5" },
        { "method": "DELETE", "path": "/Users/4711" },
    ]});
    let answer = client.post("/Bulk", &body).await.expect(200).body;
    assert_eq!(statuses(&answer), ["201", "201", "200", "409", "204", "404"], "{answer}");
    assert_eq!(answer["Operations"][0]["bulkId"], "ana");
    let location = answer["Operations"][0]["location"].as_str().unwrap();
    let id = location.rsplit('/').next().unwrap();
    let member = format!("team_members m JOIN teams t ON t.team_id = m.team_id WHERE t.name = 'Bulk team' AND m.user_id = {id}");
    assert_eq!(agent.database().count(&member).await, 1);
    assert_eq!(answer["Operations"][3]["response"]["scimType"], "uniqueness");
}

async fn errors_stop_it_when_asked(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let body = json!({ "schemas": [BULK], "failOnErrors": 1, "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "a", "data": user("admin@plant.example") },
        { "method": "POST", "path": "/Users", "bulkId": "b", "data": user("never@plant.example") },
    ]});
    let answer = client.post("/Bulk", &body).await.expect(200).body;
    assert_eq!(statuses(&answer), ["409"], "{answer}");
    assert_eq!(agent.database().count("users").await, 5);
}

async fn limits_are_kept(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let config = client.get("/ServiceProviderConfig").await.expect(200).body;
    let most = config["bulk"]["maxOperations"].as_u64().unwrap();
    let operations: Vec<_> = (0..=most).map(|_| json!({ "method": "DELETE", "path": "/Users/4711" })).collect();
    client.post("/Bulk", &json!({ "schemas": [BULK], "Operations": operations })).await.expect(413);
    client.post("/Bulk", &json!({ "schemas": [BULK] })).await.expect(400);
}
