//! PATCH on users, in every form that Entra has been seen to send (entra-client.md) and RFC 7644
//! §3.5.2 describes.

use serde_json::{Value, json};

use crate::support::{Agent, ENTERPRISE, Engine, USER, user};

on_every_database!(
    every_form_sets_what_it_says,
    every_form_clears_what_it_says,
    only_the_named_attribute_moves,
    kept_attributes_are_patched,
    a_not_null_column_takes_its_insert_value,
    clearing_active_is_refused_by_name,
    one_bad_operation_undoes_all,
    an_empty_list_of_operations_changes_nothing,
    absent_null_and_empty_differ,
);

#[expect(clippy::too_many_lines, reason = "one table of forms")]
async fn every_form_sets_what_it_says(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let department = format!("{ENTERPRISE}:department");
    let forms: Vec<(Value, &str, Value)> = vec![
        (json!({"op":"Replace","path":"active","value":"False"}), "/active", json!(false)),
        (json!({"op":"Add","path":"active","value":"True"}), "/active", json!(true)),
        (json!({"op":"replace","path":"active","value":false}), "/active", json!(false)),
        (json!({"op":"replace","value":{"active":true}}), "/active", json!(true)),
        (json!({"op":"replace","value":{"active":"false"}}), "/active", json!(false)),
        (json!({"op":"REPLACE","path":"ACTIVE","value":"True"}), "/active", json!(true)),
        (json!({"op":"Replace","path":"title","value":"Lead 1"}), "/title", json!("Lead 1")),
        (json!({"op":"Add","path":"title","value":"Lead 2"}), "/title", json!("Lead 2")),
        (
            json!({"op":"Replace","path":format!("{USER}:title"),"value":"Lead 3"}),
            "/title",
            json!("Lead 3"),
        ),
        (json!({"op":"add","value":{"title":"Lead 4"}}), "/title", json!("Lead 4")),
        (
            json!({"op":"Replace","path":"name.givenName","value":"Gi 1"}),
            "/name/givenName",
            json!("Gi 1"),
        ),
        (
            json!({"op":"replace","value":{"name.givenName":"Gi 2"}}),
            "/name/givenName",
            json!("Gi 2"),
        ),
        (
            json!({"op":"replace","value":{"name":{"givenName":"Gi 3"}}}),
            "/name/givenName",
            json!("Gi 3"),
        ),
        (
            json!({"op":"replace","path":"name","value":{"givenName":"Gi 4","familyName":"Fa 4"}}),
            "/name/familyName",
            json!("Fa 4"),
        ),
        (
            json!({"op":"Add","path":"phoneNumbers[type eq \"work\"].value","value":"1"}),
            "/phoneNumbers/0/value",
            json!("1"),
        ),
        (
            json!({"op":"Replace","path":"phoneNumbers[type eq \"work\"].value","value":"2"}),
            "/phoneNumbers/0/value",
            json!("2"),
        ),
        (
            json!({"op":"replace","path":"phoneNumbers","value":[{"type":"work","value":"3"}]}),
            "/phoneNumbers/0/value",
            json!("3"),
        ),
        (
            json!({"op":"replace","path":"phoneNumbers[type eq \"work\"]","value":{"type":"work","value":"4"}}),
            "/phoneNumbers/0/value",
            json!("4"),
        ),
        (
            json!({"op":"replace","value":{"phoneNumbers[type eq \"work\"].value":"5"}}),
            "/phoneNumbers/0/value",
            json!("5"),
        ),
        (json!({"op":"Replace","path":department,"value":"Finance"}), "/D", json!("Finance")),
        (json!({"op":"replace","value":{&department:"Quality"}}), "/D", json!("Quality")),
        (
            json!({"op":"replace","value":{ENTERPRISE:{"department":"Assembly"}}}),
            "/D",
            json!("Assembly"),
        ),
        (
            json!({"op":"add","path":ENTERPRISE,"value":{"department":"Operations"}}),
            "/D",
            json!("Operations"),
        ),
        (json!({"op":"Add","path":"manager","value":[{"$ref":"x","value":"9"}]}), "/M", json!("9")),
        (json!({"op":"Add","path":"manager","value":"8"}), "/M", json!("8")),
        (
            json!({"op":"Replace","path":format!("{ENTERPRISE}:manager"),"value":"7"}),
            "/M",
            json!("7"),
        ),
        (
            json!({"op":"Replace","path":format!("{ENTERPRISE}:manager.value"),"value":"6"}),
            "/M",
            json!("6"),
        ),
        (
            json!({"op":"Replace","path":"externalId","value":"obj-4"}),
            "/externalId",
            json!("obj-4"),
        ),
        (
            json!({"op":"Add","path":"roles[primary eq \"True\"].value","value":"planner"}),
            "/roles/0/value",
            json!("planner"),
        ),
        (
            json!({"op":"Replace","path":"roles[primary eq \"True\"].value","value":"lead"}),
            "/roles/0/value",
            json!("lead"),
        ),
        (
            json!({"op":"Add","path":"emails[type eq \"work\"].value","value":"m@plant.example"}),
            "/emails/0/value",
            json!("m@plant.example"),
        ),
        (
            json!({"op":"Replace","path":"userName","value":"Line.ONE@plant.example"}),
            "/userName",
            json!("Line.ONE@plant.example"),
        ),
    ];
    for (operation, pointer, expected) in forms {
        let answer = client.operations("/Users/4", json!([operation])).await.expect(200);
        assert_eq!(at(&answer.body, pointer), expected, "{operation} → {}", answer.text);
        let read = client.get("/Users/4").await.expect(200);
        assert_eq!(at(&read.body, pointer), expected, "{operation}, read back → {}", read.text);
        // A repeated PATCH is harmless.
        let again = client.operations("/Users/4", json!([operation])).await.expect(200);
        assert_eq!(at(&again.body, pointer), expected, "{operation}, repeated");
    }
    assert_eq!(
        agent
            .database()
            .count("users WHERE user_id = 4 AND email = 'Line.ONE@plant.example'")
            .await,
        1
    );
}

async fn every_form_clears_what_it_says(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let phone = "phoneNumbers[type eq \"work\"].value";
    for (set, clear, pointer) in [
        (json!({"title":"x"}), json!({"op":"Remove","path":"title"}), "/title"),
        (json!({"title":"x"}), json!({"op":"remove","path":"title","value":"x"}), "/title"),
        (json!({"title":"x"}), json!({"op":"Replace","path":"title","value":""}), "/title"),
        (json!({"title":"x"}), json!({"op":"Replace","path":"title","value":null}), "/title"),
        (json!({"title":"x"}), json!({"op":"replace","value":{"title":null}}), "/title"),
        (json!({(phone):"1"}), json!({"op":"Remove","path":phone}), "/phoneNumbers/0/value"),
        (
            json!({(phone):"1"}),
            json!({"op":"remove","path":"phoneNumbers"}),
            "/phoneNumbers/0/value",
        ),
        (
            json!({(phone):"1"}),
            json!({"op":"remove","path":"phoneNumbers[type eq \"work\"]"}),
            "/phoneNumbers/0/value",
        ),
        (
            json!({(phone):"1"}),
            json!({"op":"Replace","path":phone,"value":""}),
            "/phoneNumbers/0/value",
        ),
        (json!({"nickName":"n"}), json!({"op":"remove","path":"nickName"}), "/nickName"),
        (
            json!({"nickName":"n"}),
            json!({"op":"Replace","path":"nickName","value":""}),
            "/nickName",
        ),
        (json!({"externalId":"e"}), json!({"op":"remove","path":"externalId"}), "/externalId"),
        (
            json!({"name.givenName":"g"}),
            json!({"op":"remove","path":"name.givenName"}),
            "/name/givenName",
        ),
        (
            json!({"manager":"3"}),
            json!({"op":"remove","path":format!("{ENTERPRISE}:manager")}),
            "/M",
        ),
        (json!({"manager":"3"}), json!({"op":"Remove","path":"manager"}), "/M"),
    ] {
        let answer = client.operations("/Users/4", json!([{ "op": "add", "value": set }])).await;
        assert!(!at(&answer.expect(200).body, pointer).is_null(), "{set}");
        let answer = client.operations("/Users/4", json!([clear])).await.expect(200);
        assert!(at(&answer.body, pointer).is_null(), "{clear} → {}", answer.text);
        // Removing what isn't there is no error: Entra repeats itself.
        client.operations("/Users/4", json!([clear])).await.expect(200);
        let read = client.get("/Users/4").await.expect(200);
        assert!(at(&read.body, pointer).is_null(), "{clear}, read back → {}", read.text);
    }
    let cleared =
        "users WHERE user_id = 4 AND title IS NULL AND phone_number IS NULL AND first_name = ''";
    assert_eq!(agent.database().count(cleared).await, 1);
}

async fn only_the_named_attribute_moves(engine: Engine) {
    let agent = Agent::start(engine).await;
    let columns = "SELECT email, first_name, last_name, phone_number, department_id, license_type, status, \
                   password_hash, created_at FROM users WHERE user_id = 3";
    let before = agent.database().rows(columns).await;
    let operations = json!([{ "op": "replace", "path": "title", "value": "Head of Quality" }]);
    agent.client().operations("/Users/3", operations).await.expect(200);
    assert_eq!(agent.database().rows(columns).await, before);
    let touched = "users WHERE user_id = 3 AND title = 'Head of Quality' AND modified_by = 'kpifire-scim' \
                   AND updated_at > '2026-01-01'";
    assert_eq!(agent.database().count(touched).await, 1);
    // The baseline has what Entra asserted, and only that.
    let sql = "SELECT baseline FROM scim_links WHERE resource_type = 'User' AND legacy_key = '3'";
    let baseline = agent.database().value(sql).await.expect("a baseline");
    assert!(baseline.contains("Head of Quality"), "{baseline}");
    assert!(!baseline.contains("quality.lead@plant.example"), "{baseline}");
}

async fn kept_attributes_are_patched(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut body = user("kept@plant.example");
    body["emails"] = json!([
        { "type": "work", "value": "w@plant.example", "primary": true },
        { "type": "home", "value": "h@home.example" },
    ]);
    let path = format!("/Users/{}", client.post("/Users", &body).await.expect(201).id());
    let operations = json!([
        { "op": "replace", "path": "emails[type eq \"home\"].value", "value": "h2@home.example" },
        { "op": "add", "path": "emails", "value": [{ "type": "other", "value": "o@plant.example" }] },
        { "op": "remove", "path": "emails[value eq \"w@plant.example\"]" },
    ]);
    let emails = client.operations(&path, operations).await.expect(200).body["emails"].clone();
    let values: Vec<_> =
        emails.as_array().unwrap().iter().map(|e| e["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["h2@home.example", "o@plant.example"]);
    assert_eq!(client.get(&path).await.expect(200).body["emails"], emails);
}

async fn a_not_null_column_takes_its_insert_value(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let department = json!([{ "op": "Remove", "path": format!("{ENTERPRISE}:department") }]);
    client.operations("/Users/3", department).await.expect(200);
    let user_type = json!([{ "op": "remove", "path": "userType" }]);
    client.operations("/Users/3", user_type).await.expect(200);
    let row = "users WHERE user_id = 3 AND department_id = 1 AND license_type = 'No Access'";
    assert_eq!(agent.database().count(row).await, 1);
    for operation in [
        json!({"op":"remove","path":"userName"}),
        json!({"op":"Replace","path":"userName","value":""}),
        json!({"op":"replace","path":"userName","value":null}),
        json!({"op":"replace","path":"userName","value":"  "}),
    ] {
        let answer = client.operations("/Users/3", json!([operation])).await.expect(400);
        assert!(answer.body["detail"].as_str().unwrap().contains("userName"), "{}", answer.text);
    }
    let answer =
        client.operations("/Groups/g-1", json!([{ "op": "remove", "path": "displayName" }])).await;
    assert!(answer.expect(400).body["detail"].as_str().unwrap().contains("displayName"));
}

/// A user is active or not: a column that takes nothing else is not cleared, and the answer says
/// which attribute it is about.
async fn clearing_active_is_refused_by_name(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for operation in [
        json!({ "op": "remove", "path": "active" }),
        json!({ "op": "replace", "path": "active", "value": null }),
    ] {
        let answer = client.operations("/Users/3", json!([operation])).await;
        answer.refused(400, "invalidValue").naming("active");
    }
    assert_eq!(agent.database().count("users WHERE user_id = 3 AND status = 'Active'").await, 1);
}

async fn one_bad_operation_undoes_all(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let operations = json!([
        { "op": "replace", "path": "title", "value": "Never" },
        { "op": "replace", "path": "userType", "value": "No such licence" },
    ]);
    client.operations("/Users/3", operations).await.refused(400, "invalidValue").naming("userType");
    assert_eq!(agent.database().count("users WHERE title = 'Never'").await, 0);
    assert_eq!(agent.link("User", "3").await, None);
}

async fn an_empty_list_of_operations_changes_nothing(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let row = "SELECT * FROM users WHERE user_id = 3";
    let before = agent.database().rows(row).await;
    let first = client.operations("/Users/3", json!([])).await.expect(200);
    assert_eq!(agent.database().rows(row).await, before);
    // Nor does saying what is so already.
    let same = json!([{ "op": "replace", "path": "title", "value": "Quality Lead" }]);
    client.operations("/Users/3", same.clone()).await.expect(200);
    assert_eq!(agent.database().rows(row).await, before);
    let known = client.get("/Users/3").await.expect(200);
    assert_eq!(known.body["userName"], first.body["userName"]);
    let audited = agent.audit(&[]).len();
    client.operations("/Users/3", json!([])).await.expect(200);
    client.operations("/Users/3", same).await.expect(200);
    assert_eq!(client.get("/Users/3").await.expect(200).etag(), known.etag());
    assert_eq!(agent.audit(&[]).len(), audited);
    client.operations("/Groups/g-1", json!([])).await.expect(204);
}

async fn absent_null_and_empty_differ(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    // Absent: the row keeps what it has. Null and empty: cleared.
    client
        .operations("/Users/3", json!([{ "op": "replace", "value": { "nickName": "q" } }]))
        .await
        .expect(200);
    assert_eq!(
        agent.database().count("users WHERE user_id = 3 AND title = 'Quality Lead'").await,
        1
    );
    client
        .operations("/Users/3", json!([{ "op": "replace", "value": { "title": null } }]))
        .await
        .expect(200);
    assert_eq!(agent.database().count("users WHERE user_id = 3 AND title IS NULL").await, 1);
    client
        .operations("/Users/3", json!([{ "op": "replace", "value": { "phoneNumbers": [] } }]))
        .await
        .expect(200);
    assert_eq!(agent.database().count("users WHERE user_id = 3 AND phone_number IS NULL").await, 1);
}

/// A JSON pointer with two short names: `/D` the department, `/M` the manager's id.
fn at(user: &Value, pointer: &str) -> Value {
    let found = match pointer {
        "/D" => user.get(ENTERPRISE).and_then(|extension| extension.get("department")),
        "/M" => user.get(ENTERPRISE).and_then(|extension| extension.pointer("/manager/value")),
        pointer => user.pointer(pointer),
    };
    found.cloned().unwrap_or_default()
}
