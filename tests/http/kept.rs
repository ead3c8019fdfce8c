//! What a client says beside a mapped value, and of attributes that no column carries, is read back as
//! it was said: by POST, PUT and PATCH alike.

use serde_json::{Value, json};

use crate::support::{Agent, Database, ENTERPRISE, Engine, Install, user};

on_every_database!(
    what_is_said_beside_a_mapped_value_is_kept,
    primary_moves_and_stays,
    a_primary_mail_that_a_column_carries_is_replaced,
    two_elements_of_one_value_and_type_are_one,
    empty_text_clears_what_is_kept,
    kpifires_own_change_keeps_what_is_said_beside,
);

/// The elements of an attribute, in the order of their JSON: what order they come in is anyone's.
fn elements(body: &Value, name: &str) -> Vec<String> {
    let items = body[name].as_array().cloned().unwrap_or_default();
    let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
    items.sort();
    items
}

async fn what_is_said_beside_a_mapped_value_is_kept(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let phones = [
        json!([{ "type": "work", "value": "1", "primary": true }]),
        json!([{ "type": "work", "value": "1", "primary": true, "display": "desk" }]),
        json!([{ "type": "Work", "value": "1" }]),
        json!([{ "type": "mobile", "value": "2" }, { "type": "work", "value": "1", "primary": true }]),
        json!([{ "type": "work", "value": "1" }, { "type": "work", "value": "2", "primary": true }]),
        json!([{ "type": "work", "value": "1" }, { "type": "work", "value": "2" }, { "value": "3" }]),
        json!([{ "type": "work", "display": "desk" }, { "type": "work", "value": "1" }]),
    ];
    for (at, phones) in phones.into_iter().enumerate() {
        let mut body = user(&format!("kept-{at}@plant.example"));
        body["phoneNumbers"] = phones.clone();
        let sent = elements(&body, "phoneNumbers");
        let created = client.post("/Users", &body).await.expect(201);
        assert_eq!(elements(&created.body, "phoneNumbers"), sent, "POST {phones}");
        let path = format!("/Users/{}", created.id());
        let read = client.get(&path).await.expect(200);
        assert_eq!(elements(&read.body, "phoneNumbers"), sent, "GET {phones}");
        assert_eq!(read.etag(), created.etag());
        let column = format!("SELECT phone_number FROM users WHERE user_id = {}", created.id());
        assert_eq!(agent.database().value(&column).await.as_deref(), Some("1"), "{phones}");

        body["phoneNumbers"] = json!([]);
        client.put(&path, &body).await.expect(200);
        body["phoneNumbers"] = phones.clone();
        let replaced = client.put(&path, &body).await.expect(200);
        assert_eq!(elements(&replaced.body, "phoneNumbers"), sent, "PUT {phones}");

        client
            .operations(&path, json!([{ "op": "remove", "path": "phoneNumbers" }]))
            .await
            .expect(200);
        let add = json!([{ "op": "add", "path": "phoneNumbers", "value": phones }]);
        let patched = client.operations(&path, add).await.expect(200);
        assert_eq!(elements(&patched.body, "phoneNumbers"), sent, "PATCH {phones}");
        // Another attribute's PATCH leaves it alone.
        let title = json!([{ "op": "replace", "path": "title", "value": "Lead" }]);
        let patched = client.operations(&path, title).await.expect(200);
        assert_eq!(elements(&patched.body, "phoneNumbers"), sent, "PATCH title {phones}");
        assert_eq!(agent.database().value(&column).await.as_deref(), Some("1"), "{phones}");
    }
}

async fn primary_moves_and_stays(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut body = user("primary@plant.example");
    body["phoneNumbers"] = json!([{ "type": "work", "value": "1" }, { "type": "mobile", "value": "2", "primary": true }]);
    let path = format!("/Users/{}", client.post("/Users", &body).await.expect(201).id());
    let primaries = |body: &Value| -> Vec<String> {
        let phones = body["phoneNumbers"].as_array().unwrap().iter();
        phones.filter(|it| it["primary"] == true).map(|it| it["value"].to_string()).collect()
    };
    for (element, value) in [("work", "\"1\""), ("mobile", "\"2\""), ("work", "\"1\"")] {
        let path_of = format!("phoneNumbers[type eq \"{element}\"].primary");
        let operations = json!([{ "op": "add", "path": path_of, "value": true }]);
        client.operations(&path, operations).await.expect(200);
        let read = client.get(&path).await.expect(200);
        assert_eq!(primaries(&read.body), [value], "{}", read.text);
    }
    // The value is replaced and stays primary.
    let operations =
        json!([{ "op": "Replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "9" }]);
    let patched = client.operations(&path, operations).await.expect(200);
    assert_eq!(primaries(&patched.body), ["\"9\""], "{}", patched.text);
    // It goes with its value.
    let operations = json!([{ "op": "Remove", "path": "phoneNumbers[type eq \"work\"].value" }]);
    let patched = client.operations(&path, operations).await.expect(200);
    assert_eq!(elements(&patched.body, "phoneNumbers").len(), 1, "{}", patched.text);
    assert_eq!(primaries(&patched.body), [""; 0], "{}", patched.text);
}

async fn a_primary_mail_that_a_column_carries_is_replaced(engine: Engine) {
    let profile = include_str!("../../config/profiles/kpifire.toml")
        .replace("\ntitle = \"title\"", "\n'emails[type eq \"work\"].value' = \"title\"");
    let install = Install::with_profile(Database::ready(engine).await, &profile);
    let agent = Agent::on(install).await;
    let client = agent.client();
    let mut body = user("mail@plant.example");
    body["emails"] = json!([{ "type": "work", "value": "old@plant.example", "primary": true }]);
    let path = format!("/Users/{}", client.post("/Users", &body).await.expect(201).id());
    for (op, mail) in [("Replace", "new@plant.example"), ("Add", "newer@plant.example")] {
        let operations =
            json!([{ "op": op, "path": "emails[primary eq true].value", "value": mail }]);
        let patched = client.operations(&path, operations).await.expect(200);
        let expected = json!([{ "type": "work", "value": mail, "primary": true }]);
        assert_eq!(patched.body["emails"], expected, "{}", patched.text);
        assert_eq!(agent.database().count(&format!("users WHERE title = '{mail}'")).await, 1);
    }
}

async fn two_elements_of_one_value_and_type_are_one(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut body = user("twice@plant.example");
    body["emails"] = json!([
        { "type": "work", "value": "a@plant.example" },
        { "type": "WORK", "value": "a@plant.example", "primary": true },
        { "type": "home", "value": "a@plant.example" },
    ]);
    let created = client.post("/Users", &body).await.expect(201);
    let expected = json!([
        { "type": "work", "value": "a@plant.example", "primary": true },
        { "type": "home", "value": "a@plant.example" },
    ]);
    assert_eq!(created.body["emails"], expected, "{}", created.text);
    let path = format!("/Users/{}", created.id());
    assert_eq!(client.put(&path, &body).await.expect(200).body["emails"], expected);
    for operation in [
        json!({ "op": "replace", "path": "emails", "value": body["emails"] }),
        json!({ "op": "add", "path": "emails", "value": body["emails"] }),
        json!({ "op": "add", "value": { "emails": body["emails"] } }),
    ] {
        let patched = client.operations(&path, json!([operation])).await.expect(200);
        assert_eq!(patched.body["emails"], expected, "{operation}: {}", patched.text);
    }
    // They become one by what a PATCH makes of them.
    let apart = json!([{ "type": "work", "value": "a" }, { "type": "work", "value": "b" }]);
    let operations = json!([
        { "op": "replace", "path": "emails", "value": apart },
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "c" },
    ]);
    let patched = client.operations(&path, operations).await.expect(200);
    assert_eq!(patched.body["emails"], json!([{ "type": "work", "value": "c" }]));
}

async fn empty_text_clears_what_is_kept(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut body = user("empty@plant.example");
    body["nickName"] = json!("");
    body["emails"] = json!([{ "type": "work", "value": "" }]);
    body["name"]["middleName"] = json!("");
    body[ENTERPRISE] = json!({ "costCenter": "", "manager": { "value": "" } });
    let created = client.post("/Users", &body).await.expect(201);
    let path = format!("/Users/{}", created.id());
    let cleared = |body: &Value, said: &str| {
        for pointer in ["/nickName", "/emails", "/name/middleName"] {
            assert_eq!(body.pointer(pointer), None, "{pointer} after {said}: {body}");
        }
        assert_eq!(body.get(ENTERPRISE).and_then(|it| it.get("costCenter")), None, "{body}");
        assert_eq!(body.get(ENTERPRISE).and_then(|it| it.get("manager")), None, "{body}");
    };
    cleared(&created.body, "POST");
    let mut full = user("empty@plant.example");
    full["nickName"] = json!("ana");
    full["emails"] = json!([{ "type": "work", "value": "a@plant.example" }]);
    full["name"]["middleName"] = json!("M");
    full[ENTERPRISE] = json!({ "costCenter": "7", "manager": { "value": "3" } });
    let replaced = client.put(&path, &full).await.expect(200);
    assert_eq!(replaced.body["nickName"], "ana");
    cleared(&client.put(&path, &body).await.expect(200).body, "PUT");
}

async fn kpifires_own_change_keeps_what_is_said_beside(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut body = user("own@plant.example");
    body["phoneNumbers"] = json!([
        { "type": "work", "value": "1", "primary": true },
        { "type": "work", "value": "2" },
    ]);
    let id = client.post("/Users", &body).await.expect(201).id();
    let path = format!("/Users/{id}");
    for (held, expected) in [
        (
            "'5'",
            json!([{ "type": "work", "value": "5", "primary": true }, { "type": "work", "value": "2" }]),
        ),
        ("NULL", json!([{ "type": "work", "value": "2" }])),
        ("'2'", json!([{ "type": "work", "value": "2", "primary": true }])),
    ] {
        let sql = format!("UPDATE users SET phone_number = {held} WHERE user_id = {id}");
        agent.database().execute(&sql).await;
        let read = client.get(&path).await.expect(200);
        assert_eq!(read.body["phoneNumbers"], expected, "{held}: {}", read.text);
    }
}
