//! What no schema knows is left out with a trace, and what only the service changes is left as it is,
//! in POST, PUT and PATCH alike; the rest of the request is applied.

use serde_json::{Value, json};

use crate::admin::Watched;
use crate::support::{Agent, Dialect, ENTERPRISE, Engine, user};

on_every_database!(
    an_unknown_attribute_is_left_out_and_named,
    a_request_of_unknown_attributes_alone_leaves_its_trace,
    read_only_attributes_beside_others_change_nothing,
    metrics_and_status_name_what_was_left_out,
    a_path_that_cannot_be_read_stays_refused,
);

const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:plant:2.0:User";

/// The names that the newest audit row of a user says were left out.
fn ignored(agent: &Agent, id: &str) -> Vec<String> {
    let trail = agent.audit(&["--user", id]);
    let names = trail.last().unwrap()["after"]["ignored"].as_array().cloned().unwrap_or_default();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

async fn an_unknown_attribute_is_left_out_and_named(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let with_unknown = |mut body: Value| {
        body[CUSTOM] = json!({ "badge": "7" });
        body["favouriteColour"] = json!("red");
        body["name"]["nobody"] = json!("x");
        body[ENTERPRISE] = json!({ "shoeSize": 43, "department": "Quality" });
        body
    };
    let all = [
        "favouriteColour".to_owned(),
        "name.nobody".to_owned(),
        format!("{ENTERPRISE}:shoeSize"),
        CUSTOM.to_owned(),
    ];
    let body = with_unknown(user("unknown@plant.example"));
    let created = client.post("/Users", &body).await.expect(201);
    let (id, path) = (created.id(), format!("/Users/{}", created.id()));
    assert_eq!(ignored(&agent, &id), all);
    assert_eq!(created.body[ENTERPRISE]["department"], "Quality");
    assert!(!created.text.contains("favouriteColour") && !created.text.contains(CUSTOM));

    let mut body = with_unknown(user("unknown@plant.example"));
    body["title"] = json!("Lead");
    assert_eq!(client.put(&path, &body).await.expect(200).body["title"], "Lead");
    assert_eq!(ignored(&agent, &id), all);

    for (operation, name) in [
        (
            json!({ "op": "Add", "path": format!("{CUSTOM}:badge"), "value": "7" }),
            format!("{CUSTOM}:badge"),
        ),
        (json!({ "op": "replace", "value": { CUSTOM: { "badge": "7" } } }), CUSTOM.to_owned()),
        (
            json!({ "op": "replace", "value": { format!("{CUSTOM}:badge"): "7" } }),
            format!("{CUSTOM}:badge"),
        ),
        (json!({ "op": "Remove", "path": "favouriteColour" }), "favouriteColour".to_owned()),
        (json!({ "op": "Replace", "path": "name.nobody", "value": "x" }), "name.nobody".to_owned()),
    ] {
        agent.entra(Dialect::Rfc).enable(&id).await;
        let operations =
            json!([operation, { "op": "Replace", "path": "active", "value": "False" }]);
        let patched = client.operations(&path, operations).await.expect(200);
        assert_eq!(patched.body["active"], false, "{operation}: {}", patched.text);
        assert_eq!(ignored(&agent, &id), [name], "{operation}");
    }
}

async fn a_request_of_unknown_attributes_alone_leaves_its_trace(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let before = client.get("/Users/3").await.expect(200);
    let operations = json!([{ "op": "add", "path": "favouriteColour", "value": "red" }]);
    client.operations("/Users/3", operations).await.expect(200);
    assert_eq!(client.get("/Users/3").await.expect(200).etag(), before.etag());
    // It says nothing of the user: they aren't managed by it.
    assert_eq!(agent.link("User", "3").await, None);
    assert_eq!(ignored(&agent, "3"), ["favouriteColour"]);
}

async fn read_only_attributes_beside_others_change_nothing(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let operations = json!([{ "op": "replace", "value": {
        "id": "7", "schemas": ["urn:x"], "meta": { "resourceType": "Group" }, "displayName": "Renamed",
    } }]);
    let group = client.get("/Groups").await.expect(200).ids().remove(0);
    client.operations(&format!("/Groups/{group}"), operations).await.expect(204);
    let read = client.get(&format!("/Groups/{group}")).await.expect(200);
    assert_eq!((read.id(), &read.body["displayName"]), (group, &json!("Renamed")));
    let operations = json!([{ "op": "replace", "value": {
        "id": "7", "groups": [{ "value": "9" }], "active": false,
    } }]);
    let patched = client.operations("/Users/3", operations).await.expect(200);
    assert_eq!((patched.id().as_str(), &patched.body["active"]), ("3", &json!(false)));
    assert_eq!(ignored(&agent, "3"), [""; 0]);
}

async fn metrics_and_status_name_what_was_left_out(engine: Engine) {
    let watched = Watched::start(engine).await;
    let agent = &watched.agent;
    let mut body = user("unknown@plant.example");
    body["favouriteColour"] = json!("red");
    let client = agent.client();
    client.post("/Users", &body).await.expect(201);
    let operations = json!([{ "op": "add", "path": "favouriteColour", "value": "red" }]);
    client.operations("/Users/3", operations).await.expect(200);
    let status = agent.install.stdout(&["status"]);
    assert!(status.contains("favouriteColour 2"), "{status}");
    let metrics = watched.get("/metrics").await.body;
    let line =
        "kpifire_scim_ignored_attributes_total{type=\"User\",attribute=\"favouriteColour\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}

async fn a_path_that_cannot_be_read_stays_refused(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for path in
        ["favouriteColour[", "a b", "emails[type eq", "name.a.b", "emails[kind eq \"x\"].value"]
    {
        let operations = json!([
            { "op": "replace", "path": "title", "value": "Never" },
            { "op": "add", "path": path, "value": "x" },
        ]);
        client.operations("/Users/3", operations).await.refused(400, "invalidPath");
    }
    assert_eq!(agent.database().count("users WHERE title = 'Never'").await, 0);
}
