//! Whatever is wrong with a request, the answer says so in SCIM's words, and nothing is written.
//! (That no answer is a 500 and none shows SQL, the client checks on every answer.)

use hyper::Method;
use serde_json::{Value, json};

use crate::support::{Agent, ENTERPRISE, Engine, PATCH_OP, USER, group, user};

on_every_database!(
    a_body_that_is_not_json,
    a_value_of_the_wrong_type_names_its_attribute,
    a_value_too_long_names_its_attribute,
    a_value_outside_the_list_names_its_attribute,
    a_bad_patch,
    what_cannot_be_text,
    a_path_or_method_that_is_not_there,
    far_too_much,
);

async fn a_body_that_is_not_json(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for body in [
        "{",
        "",
        "null",
        "[]",
        "\"text\"",
        "{\"userName\": }",
        "{\"a\":1}{\"b\":2}",
        "<xml/>",
        "{'a':1}",
    ] {
        for (method, path) in [
            (Method::POST, "/Users"),
            (Method::PUT, "/Users/3"),
            (Method::PATCH, "/Users/3"),
            (Method::POST, "/Groups"),
        ] {
            let answer = client.send(method, path, &[], Some(body.to_owned())).await;
            answer.refused(400, "invalidSyntax");
        }
    }
    let headers = [("content-type", "text/plain")];
    let body = Some(user("t@plant.example").to_string());
    let answer = client.send(Method::POST, "/Users", &headers, body).await;
    assert!(matches!(answer.status, 201 | 400 | 415), "{}", answer.text);
    assert_eq!(agent.database().count("users").await, if answer.status == 201 { 6 } else { 5 });
}

async fn a_value_of_the_wrong_type_names_its_attribute(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (attribute, value) in [
        ("userName", json!(7)),
        ("userName", json!(["a"])),
        ("userName", json!({ "value": "a" })),
        ("active", json!("perhaps")),
        ("active", json!(1)),
        ("title", json!(true)),
        ("title", json!({})),
        ("name", json!("Ana Silva")),
        ("phoneNumbers", json!("555")),
        ("phoneNumbers", json!([555])),
        ("emails", json!([{ "value": 5 }])),
        ("externalId", json!(5)),
        (ENTERPRISE, json!("Ops")),
    ] {
        let mut body = user("typed@plant.example");
        body[attribute] = value.clone();
        let answer = client.post("/Users", &body).await.refused(400, "invalidValue");
        answer.naming(attribute);
        if attribute == ENTERPRISE {
            continue;
        }
        let operations = json!([{ "op": "replace", "path": attribute, "value": value }]);
        let answer = client.operations("/Users/3", operations).await.refused(400, "invalidValue");
        answer.naming(attribute);
    }
    let mut body = user("typed@plant.example");
    body["name"]["givenName"] = json!(7);
    client.post("/Users", &body).await.refused(400, "invalidValue").naming("name.givenName");
    let nameless = json!({ "schemas": [USER], "active": true });
    client.post("/Users", &nameless).await.refused(400, "invalidValue").naming("userName");
    client.post("/Users", &user("")).await.refused(400, "invalidValue").naming("userName");
    client.post("/Users", &user("   ")).await.refused(400, "invalidValue").naming("userName");
    let nameless = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"] });
    client.post("/Groups", &nameless).await.refused(400, "invalidValue").naming("displayName");
    let mut body = group("typed");
    body["members"] = json!("3");
    let answer = client.post("/Groups", &body).await;
    assert!(matches!(answer.status, 201 | 400), "{}", answer.text);
    assert_eq!(agent.database().count("users").await, 5);
}

async fn a_value_too_long_names_its_attribute(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    // Characters, not bytes: what fits is stored.
    let mut fits = user("fits@plant.example");
    fits["title"] = json!("é".repeat(100));
    client.post("/Users", &fits).await.expect(201);
    for (attribute, path, length) in [
        ("userName", "userName", 192),
        ("title", "title", 101),
        ("name.givenName", "name.givenName", 101),
        ("phoneNumbers", "phoneNumbers[type eq \"work\"].value", 41),
        ("department", &format!("{ENTERPRISE}:department") as &str, 151),
    ] {
        let operations = json!([{ "op": "add", "path": path, "value": "é".repeat(length) }]);
        let answer = client.operations("/Users/3", operations).await.refused(400, "invalidValue");
        answer.naming(attribute);
    }
    let mut long = user(&format!("{}@plant.example", "x".repeat(200)));
    client.post("/Users", &long).await.refused(400, "invalidValue").naming("userName");
    long["userName"] = json!("long@plant.example");
    long["externalId"] = json!("x".repeat(10_000));
    let answer = client.post("/Users", &long).await;
    assert!(matches!(answer.status, 201 | 400), "{}", answer.text);
    client
        .post("/Groups", &group(&"g".repeat(151)))
        .await
        .refused(400, "invalidValue")
        .naming("displayName");
}

async fn a_value_outside_the_list_names_its_attribute(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for wrong in ["Gold", "Team Member License", "", " "] {
        let mut body = user("licensed@plant.example");
        body["userType"] = json!(wrong);
        let answer = client.post("/Users", &body).await;
        if wrong.trim().is_empty() && answer.status == 201 {
            // Empty is cleared: the insert value.
            let path = format!("/Users/{}", answer.id());
            client.delete(&path).await.expect(204);
            continue;
        }
        answer.refused(400, "invalidValue").naming("userType");
    }
    let operations = json!([{ "op": "replace", "path": "userType", "value": "Gold" }]);
    let answer = client.operations("/Users/3", operations).await.refused(400, "invalidValue");
    answer.naming("userType").naming("Gold").naming("Team Member");
}

async fn a_bad_patch(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (operations, scim_type) in [
        (json!([{ "op": "move", "path": "title", "value": "x" }]), "invalidSyntax"),
        (json!([{ "path": "title", "value": "x" }]), "invalidSyntax"),
        (json!(["replace"]), "invalidSyntax"),
        (json!({ "op": "replace" }), "invalidSyntax"),
        (json!([{ "op": "replace", "path": "title[", "value": "x" }]), "invalidPath"),
        (json!([{ "op": "replace", "path": "noSuch]", "value": "x" }]), "invalidPath"),
        (json!([{ "op": "replace", "path": "title.sub", "value": "x" }]), "invalidPath"),
        (json!([{ "op": "replace", "path": 7, "value": "x" }]), "invalidSyntax"),
        (json!([{ "op": "remove" }]), "noTarget"),
        (json!([{ "op": "replace", "path": "id", "value": "9" }]), "mutability"),
        (json!([{ "op": "replace", "path": "groups", "value": [] }]), "mutability"),
    ] {
        let answer = client.operations("/Users/3", operations.clone()).await;
        let answer = answer.expect(400);
        let said = answer.body["scimType"].as_str().unwrap_or_default();
        // The RFC leaves some of these open between two of its words.
        let also = match scim_type {
            "invalidSyntax" if said == "invalidPath" => "invalidPath",
            "invalidSyntax" => "invalidValue",
            "noTarget" => "invalidPath",
            other => other,
        };
        assert!(said == scim_type || said == also, "{operations}: {}", answer.text);
    }
    client.patch("/Users/3", &json!({ "schemas": [PATCH_OP] })).await.refused(400, "invalidSyntax");
    let before = agent.database().count("scim_links").await;
    client.operations("/Users/4711", json!([])).await.refused(404, "");
    assert_eq!(agent.database().count("scim_links").await, before);
}

async fn what_cannot_be_text(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for text in [r#""a\u0000b""#, r#""a\ud800b""#, r#""\udc00""#] {
        for body in [
            format!(r#"{{"schemas":["{USER}"],"userName":{text}}}"#),
            format!(r#"{{"schemas":["{USER}"],"userName":"n@plant.example","title":{text}}}"#),
            format!(r#"{{"schemas":["{USER}"],"userName":"n@plant.example","nickName":{text}}}"#),
            format!(r#"{{"schemas":["{USER}"],"userName":"n@plant.example","externalId":{text}}}"#),
        ] {
            client.send(Method::POST, "/Users", &[], Some(body)).await.expect(400);
        }
        let body =
            format!(r#"{{"Operations":[{{"op":"replace","path":"title","value":{text}}}]}}"#);
        client.send(Method::PATCH, "/Users/3", &[], Some(body)).await.expect(400);
    }
    for path in [
        "/Users?filter=userName+eq+%22%00%22",
        "/Users?filter=userName+eq+%22%FF%22",
        "/Users?filter=%",
    ] {
        client.get(path).await.expect(400);
    }
    let name = "\\u0000";
    client.query("/Users", &[("filter", &format!("userName eq \"{name}\""))]).await.expect(400);
    assert_eq!(agent.database().count("users").await, 5);
}

async fn a_path_or_method_that_is_not_there(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for path in
        ["/Nothing", "/Users/3/name", "/Users/3/4/5", "/Schemas/urn:none", "/ResourceTypes/x"]
    {
        client.get(path).await.refused(404, "");
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/Users", "GET"),
        (Method::PUT, "/Groups", "POST"),
        (Method::POST, "/Users/3", "PATCH"),
        (Method::POST, "/ServiceProviderConfig", "GET"),
        (Method::PUT, "/Schemas", "GET"),
        (Method::GET, "/Bulk", "POST"),
    ] {
        let answer = client.send(method, path, &[], None).await.refused(405, "");
        let allow = answer.header("allow").unwrap_or_default();
        assert!(allow.contains(allowed), "{path}: Allow: {allow}");
    }
    for method in [Method::GET, Method::POST, Method::PATCH, Method::DELETE] {
        client.send(method, "/Me", &[], Some("{}".to_owned())).await.refused(501, "");
    }
}

async fn far_too_much(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    // A mebibyte of nesting, in every place that parses.
    let deep = format!("{}{}", "[".repeat(1 << 19), "]".repeat(1 << 19));
    let nested =
        format!(r#"{{"schemas":["{USER}"],"userName":"deep@plant.example","emails":{deep}}}"#);
    for (method, path) in
        [(Method::POST, "/Users"), (Method::PUT, "/Users/3"), (Method::PATCH, "/Users/3")]
    {
        for body in [&nested, &deep] {
            let answer = client.try_send(method.clone(), path, &[], Some(body.clone())).await;
            if let Ok(answer) = answer {
                assert!(matches!(answer.status, 400 | 413), "{} {}", answer.status, answer.text);
            }
        }
    }
    let large: Value = json!({ "schemas": [USER], "userName": "x".repeat(40 << 20) });
    // The agent may close before it has read it all.
    if let Ok(answer) = client.try_send(Method::POST, "/Users", &[], Some(large.to_string())).await
    {
        answer.expect(413);
    }
    let path = format!("{}[type eq \"work\"].value", "phoneNumbers".repeat(10_000));
    client
        .operations("/Users/3", json!([{ "op": "add", "path": path, "value": "1" }]))
        .await
        .expect(400);
    let path = format!("emails[{}value eq \"x\"{}]", "(".repeat(20_000), ")".repeat(20_000));
    client.operations("/Users/3", json!([{ "op": "remove", "path": path }])).await.expect(400);
    client.get("/Users/3").await.expect(200);
    assert_eq!(agent.database().count("users").await, 5);
}
