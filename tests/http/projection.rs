//! `attributes` and `excludedAttributes` (RFC 7644 §3.9), on everything that answers a resource.

use serde_json::{Value, json};

use crate::support::{Agent, ENTERPRISE, Engine, user};

on_every_database!(reads_are_projected, writes_are_projected, both_at_once_is_400);

fn keys(resource: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = resource.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

async fn reads_are_projected(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let department = format!("{ENTERPRISE}:department");
    for (attributes, expected) in [
        ("userName", vec!["id", "schemas", "userName"]),
        ("USERNAME,title", vec!["id", "schemas", "title", "userName"]),
        ("name.givenName", vec!["id", "name", "schemas"]),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", vec!["id", "schemas", "title"]),
        (department.as_str(), vec!["id", "schemas", ENTERPRISE]),
        ("groups", vec!["groups", "id", "schemas"]),
        ("id", vec!["id", "schemas"]),
        ("noSuch", vec!["id", "schemas"]),
        ("phoneNumbers.value", vec!["id", "phoneNumbers", "schemas"]),
    ] {
        let read = client.query("/Users/3", &[("attributes", attributes)]).await.expect(200);
        assert_eq!(keys(&read.body), expected, "{attributes}");
        let listed =
            client.query("/Users", &[("attributes", attributes), ("filter", "id eq \"3\"")]).await;
        assert_eq!(listed.expect(200).resources(), [read.body], "{attributes}");
    }
    let read = client.query("/Users/3", &[("attributes", "name.givenName")]).await.expect(200);
    assert_eq!(read.body["name"], json!({ "givenName": "Quality" }));
    let full = client.get("/Users/3").await.expect(200).body;
    for excluded in ["title", "name", "phoneNumbers,groups", "name.givenName", "meta", ENTERPRISE] {
        let read =
            client.query("/Users/3", &[("excludedAttributes", excluded)]).await.expect(200).body;
        for key in keys(&full) {
            let gone = excluded.split(',').any(|name| name == key);
            assert_eq!(read.get(key).is_none(), gone, "{key} without {excluded}: {read}");
        }
    }
    let read = client.query("/Users/3", &[("excludedAttributes", "name.givenName")]).await.body;
    assert_eq!(read["name"]["familyName"], "Lead");
    assert!(read["name"].get("givenName").is_none());
    // What is always returned can't be excluded.
    let read =
        client.query("/Users/3", &[("excludedAttributes", "id,schemas")]).await.expect(200).body;
    assert_eq!(read["id"], "3");
    assert!(read["schemas"].is_array());
}

async fn writes_are_projected(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let created =
        client.post("/Users?attributes=userName", &user("p@plant.example")).await.expect(201);
    assert_eq!(keys(&created.body), ["id", "schemas", "userName"]);
    let path = format!("/Users/{}?excludedAttributes=name,groups", created.id());
    let operations = json!([{ "op": "replace", "path": "title", "value": "P" }]);
    let patched = client.operations(&path, operations).await.expect(200);
    assert!(patched.body.get("name").is_none());
    assert_eq!(patched.body["title"], "P");
    let replaced = client.put(&path, &user("p@plant.example")).await.expect(200);
    assert!(replaced.body.get("name").is_none());
}

async fn both_at_once_is_400(engine: Engine) {
    let agent = Agent::start(engine).await;
    let pairs = [("attributes", "userName"), ("excludedAttributes", "name")];
    agent.client().query("/Users/3", &pairs).await.refused(400, "invalidValue");
}
