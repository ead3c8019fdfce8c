//! Random resources over the wire: what was sent is what is read, whether columns carry it or the agent keeps
//! it; and both of Entra's dialects come to the same.

use serde_json::{Map, Value, json};

use super::captures::lacks;
use crate::support::random::Random;
use crate::support::{Agent, ENTERPRISE, Engine, USER, patch};

on_every_database!(what_is_sent_is_read, both_dialects_come_to_the_same);

const TYPES: [&str; 3] = ["work", "home", "other"];

fn text(random: &mut Random) -> Value {
    json!(*random.pick(&["a", "Zoë", "50%_off", "O'Brien \"x\"", "日本", "two  words", "İ", "\\"]))
}

/// Elements of different types, at most one of them primary.
fn elements(random: &mut Random) -> Value {
    let primary = random.below(4);
    let mut items = Vec::new();
    for (at, of_type) in TYPES.into_iter().enumerate() {
        if random.flip() {
            continue;
        }
        let mut item =
            json!({ "type": of_type, "value": format!("{of_type}@{}.example", random.below(99)) });
        if at == primary {
            item["primary"] = json!(true);
        }
        if random.flip() {
            item["display"] = text(random);
        }
        items.push(item);
    }
    Value::Array(items)
}

fn resource(random: &mut Random, name: &str) -> Value {
    let mut body =
        json!({ "schemas": [USER, ENTERPRISE], "userName": name, "active": random.flip() });
    body["name"] = json!({ "givenName": text(random), "familyName": text(random) });
    for part in ["formatted", "middleName", "honorificPrefix"] {
        if random.flip() {
            body["name"][part] = text(random);
        }
    }
    for attribute in ["title", "nickName", "displayName", "externalId", "locale"] {
        if random.flip() {
            body[attribute] = text(random);
        }
    }
    for list in ["emails", "phoneNumbers", "ims"] {
        if random.flip() {
            body[list] = elements(random);
        }
    }
    if random.flip() {
        let (street, country) = (text(random), json!("PT"));
        body["addresses"] =
            json!([{ "type": "work", "streetAddress": street, "country": country }]);
    }
    let mut enterprise = Map::new();
    if random.flip() {
        enterprise.insert("department".to_owned(), json!("Quality"));
    }
    if random.flip() {
        enterprise.insert("employeeNumber".to_owned(), text(random));
    }
    if random.flip() {
        enterprise.insert("manager".to_owned(), json!({ "value": "3" }));
    }
    if !enterprise.is_empty() {
        body[ENTERPRISE] = Value::Object(enterprise);
    }
    body
}

/// What was sent, without what isn't read so: `schemas` follow from the rest, an empty list is none.
fn as_read(mut body: Value) -> Value {
    let parts = body.as_object_mut().unwrap();
    parts.remove("schemas");
    parts.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
    body
}

/// Attributes that nobody sent; the department is never absent in the reference install.
fn too_many(sent: &Value, read: &Value) -> Vec<String> {
    let own = ["id", "schemas", "meta", "groups", "userType", ENTERPRISE];
    let names = read.as_object().unwrap().keys();
    names
        .filter(|name| sent.get(name).is_none() && !own.contains(&name.as_str()))
        .cloned()
        .collect()
}

fn assert_read(sent: &Value, read: &Value) {
    assert_eq!(lacks(sent, read), None, "{sent:#}\n{read:#}");
    assert_eq!(too_many(sent, read), [""; 0], "{sent:#}\n{read:#}");
}

async fn what_is_sent_is_read(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut random = Random::new(2);
    for number in 0..40 {
        let name = format!("random{number}@plant.example");
        let body = resource(&mut random, &name);
        let created = client.post("/Users", &body).await.expect(201);
        let (path, sent) = (format!("/Users/{}", created.id()), as_read(body));
        assert_read(&sent, &created.body);
        let read = client.get(&path).await.expect(200);
        assert_read(&sent, &read.body);
        assert_eq!(read.etag(), created.etag());
        // A whole one in its place; sent again it changes nothing.
        let other = resource(&mut random, &name);
        let put = client.put(&path, &other).await.expect(200);
        let again = client.put(&path, &other).await.expect(200);
        assert_eq!(again.etag(), put.etag(), "{other:#}");
        assert_read(&as_read(other), &put.body);
    }
}

async fn both_dialects_come_to_the_same(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut random = Random::new(3);
    for number in 0..20 {
        let name = |dialect: &str| format!("{dialect}{number}@plant.example");
        let mut body = resource(&mut random, &name("classic"));
        let classic = client.post("/Users", &body).await.expect(201).id();
        body["userName"] = json!(name("rfc"));
        let rfc = client.post("/Users", &body).await.expect(201).id();
        let mut told = Vec::new();
        for _ in 0..=random.below(4) {
            let path = *random.pick(&[
                "title",
                "nickName",
                "name.givenName",
                "emails[type eq \"work\"].value",
                "phoneNumbers[type eq \"work\"].value",
                "phoneNumbers[type eq \"home\"].display",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
            ]);
            told.push((path, text(&mut random)));
        }
        let one = told
            .iter()
            .map(|(path, value)| json!({ "op": "Replace", "path": path, "value": value }));
        let other =
            told.iter().map(|(path, value)| json!({ "op": "replace", "value": { *path: value } }));
        let mut read = Vec::new();
        for (id, operations) in [(classic, one.collect::<Value>()), (rfc, other.collect::<Value>())]
        {
            let path = format!("/Users/{id}");
            let patched = client.patch(&path, &patch(&operations)).await.expect(200).body;
            let mut shown = client.get(&path).await.expect(200).body;
            assert_eq!(shown, patched, "{operations}");
            for own in ["id", "userName", "meta"] {
                shown.as_object_mut().unwrap().remove(own);
            }
            read.push(shown);
        }
        assert_eq!(read[0], read[1], "{told:?} on {body:#}");
    }
}
