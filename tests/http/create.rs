//! POST: what is kept, what is refused, what kpifire's columns hold afterwards.

use serde_json::json;

use crate::support::{Agent, ENTERPRISE, Engine, USER, group, key, user};

on_every_database!(
    a_user_lands_in_kpifires_columns,
    absent_attributes_take_the_profiles_insert_values,
    unmapped_attributes_are_kept_and_read_back,
    odd_shapes_of_entra_are_accepted,
    attribute_names_are_case_insensitive,
    a_user_name_exists_once_whatever_its_case,
    a_missing_department_is_created_once,
    a_group_with_members_is_one_transaction,
    text_is_stored_verbatim,
);

async fn a_user_lands_in_kpifires_columns(engine: Engine) {
    let agent = Agent::start(engine).await;
    let body = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "New.Person@Plant.example",
        "externalId": "object-1",
        "name": { "givenName": "New", "familyName": "Person" },
        "title": "Planner",
        "phoneNumbers": [{ "type": "work", "value": "+1 555 7" }],
        "active": false,
        "userType": "Team Member",
        ENTERPRISE: { "department": "Assembly" },
    });
    let created = agent.client().post("/Users", &body).await.expect(201);
    let id = created.id();
    assert_eq!(created.body["meta"]["resourceType"], "User");
    assert_eq!(created.body["meta"]["version"], created.etag());
    assert!(created.body["schemas"].as_array().unwrap().contains(&json!(USER)));
    assert!(created.body["schemas"].as_array().unwrap().contains(&json!(ENTERPRISE)));
    assert_eq!(created.header("location"), created.body["meta"]["location"].as_str());
    let row = agent
        .database()
        .rows(&format!(
            "SELECT email, first_name, last_name, title, phone_number, department_id, license_type, \
             status, password_hash, modified_by FROM users WHERE user_id = {id}"
        ))
        .await;
    let row: Vec<_> = row[0].iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(
        row,
        [
            "New.Person@Plant.example",
            "New",
            "Person",
            "Planner",
            "+1 555 7",
            "4",
            "Team Member License",
            "Inactive",
            "!sso",
            "kpifire-scim"
        ]
    );
    let stamped = "users WHERE email = 'New.Person@Plant.example' AND created_at = updated_at";
    assert_eq!(
        agent.database().count(&format!("{stamped} AND created_at > '2026-01-01'")).await,
        1
    );
    let read = agent.client().get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body, created.body);
    assert_eq!(read.etag(), created.etag());
}

async fn absent_attributes_take_the_profiles_insert_values(engine: Engine) {
    let agent = Agent::start(engine).await;
    let body = json!({ "schemas": [USER], "userName": "bare@plant.example" });
    let created = agent.client().post("/Users", &body).await.expect(201);
    let row = agent
        .database()
        .rows(
            "SELECT first_name, last_name, title, department_id, license_type, status \
             FROM users WHERE email = 'bare@plant.example'",
        )
        .await;
    let row: Vec<_> = row[0].iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(row, ["", "", "NULL", "1", "No Access", "Active"]);
    // An empty NOT NULL text reads as absent, not as "".
    assert!(created.body["name"].get("givenName").is_none(), "{}", created.text);
    assert!(created.body.get("title").is_none(), "{}", created.text);
}

async fn unmapped_attributes_are_kept_and_read_back(engine: Engine) {
    let agent = Agent::start(engine).await;
    let mut body = user("kept@plant.example");
    body["externalId"] = json!("Object-7");
    body["displayName"] = json!("Ana S.");
    body["nickName"] = json!("ana");
    body["emails"] = json!([{ "type": "work", "value": "kept@plant.example", "primary": true }]);
    body["roles"] = json!([{ "value": "planner", "primary": "True" }]);
    body["addresses"] = json!([{ "type": "work", "locality": "Porto", "country": "PT" }]);
    body[ENTERPRISE] = json!({ "employeeNumber": "007", "manager": { "value": "3" } });
    let id = agent.client().post("/Users", &body).await.expect(201).id();
    let read = agent.client().get(&format!("/Users/{id}")).await.expect(200).body;
    assert_eq!(read["externalId"], "Object-7");
    assert_eq!(read["displayName"], "Ana S.");
    assert_eq!(read["nickName"], "ana");
    assert_eq!(read["emails"], body["emails"]);
    assert_eq!(read["roles"], json!([{ "value": "planner", "primary": true }]));
    assert_eq!(read["addresses"], body["addresses"]);
    assert_eq!(read[ENTERPRISE]["employeeNumber"], "007");
    assert_eq!(read[ENTERPRISE]["manager"]["value"], "3");
}

async fn odd_shapes_of_entra_are_accepted(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (name, manager) in
        [("a", json!("3")), ("b", json!({ "value": "3" })), ("c", json!([{ "value": "3" }]))]
    {
        let mut body = user(&format!("{name}@plant.example"));
        body["roles"] = json!([]);
        body["title"] = json!(null);
        body["active"] = json!("True");
        body["meta"] = json!({ "resourceType": "User", "created": "1999-01-01T00:00:00Z" });
        body["id"] = json!("999999");
        body["groups"] = json!([{ "value": "1" }]);
        body["unheardOf"] = json!({ "x": 1 });
        body["password"] = json!("secret-never-stored");
        body[ENTERPRISE] = json!({ "department": "Quality", "manager": manager });
        let created = client.post("/Users", &body).await.expect(201);
        assert_ne!(created.id(), "999999");
        assert_eq!(created.body["active"], true, "{}", created.text);
        assert_eq!(created.body[ENTERPRISE]["department"], "Quality", "{}", created.text);
        assert_eq!(created.body[ENTERPRISE]["manager"]["value"], "3", "{}", created.text);
        assert!(created.body.get("groups").is_none_or(|groups| groups == &json!([])));
        assert!(!created.text.contains("secret-never-stored"));
        assert!(!created.body["meta"]["created"].as_str().unwrap().starts_with("1999"));
    }
    let links = agent.database().rows("SELECT * FROM scim_links").await;
    let audit = agent.database().rows("SELECT * FROM scim_audit").await;
    assert!(!format!("{links:?}{audit:?}").contains("secret-never-stored"));
}

async fn attribute_names_are_case_insensitive(engine: Engine) {
    let agent = Agent::start(engine).await;
    let body = json!({
        "SCHEMAS": [USER],
        "USERNAME": "upper@plant.example",
        "Name": { "GIVENNAME": "Up", "familyname": "Per" },
        format!("{USER}:title"): "Lead",
        format!("{ENTERPRISE}:department"): "Finance",
    });
    let created = agent.client().post("/Users", &body).await.expect(201).body;
    assert_eq!(created["userName"], "upper@plant.example");
    assert_eq!(created["name"]["givenName"], "Up");
    assert_eq!(created["name"]["familyName"], "Per");
    assert_eq!(created["title"], "Lead");
    assert_eq!(created[ENTERPRISE]["department"], "Finance");
}

async fn a_user_name_exists_once_whatever_its_case(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.post("/Users", &user("ADMIN@Plant.Example")).await.refused(409, "uniqueness");
    client.post("/Users", &user("Zoë@plant.example")).await.expect(201);
    client.post("/Users", &user("ZOË@plant.example")).await.refused(409, "uniqueness");
    client.post("/Groups", &group("KAIZEN core")).await.refused(409, "uniqueness");
    let operations =
        json!([{ "op": "replace", "path": "userName", "value": "Admin@plant.example" }]);
    client.operations("/Users/3", operations).await.refused(409, "uniqueness");
    // One's own name in another case is no duplicate.
    let operations =
        json!([{ "op": "replace", "path": "userName", "value": "Quality.LEAD@plant.example" }]);
    let renamed = client.operations("/Users/3", operations).await.expect(200);
    assert_eq!(renamed.body["userName"], "Quality.LEAD@plant.example");
    assert_eq!(agent.database().count("users").await, 6);
}

async fn a_missing_department_is_created_once(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for name in ["one", "two", "three"] {
        let mut body = user(&format!("{name}@plant.example"));
        body[ENTERPRISE] = json!({ "department": "Werk Süd" });
        let created = client.post("/Users", &body).await.expect(201);
        assert_eq!(created.body[ENTERPRISE]["department"], "Werk Süd");
    }
    assert_eq!(
        agent.database().count("departments WHERE name = 'Werk Süd' AND is_active = 1").await,
        1
    );
}

async fn a_group_with_members_is_one_transaction(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut body = group("With members");
    body["members"] = json!([{ "value": "3" }, { "value": "4" }, { "value": "3" }]);
    let id = client.post("/Groups", &body).await.expect(201).id();
    let key = key(&id);
    let edges = format!("team_members WHERE team_id = {key} AND member_role = 'Member'");
    assert_eq!(agent.database().count(&edges).await, 2);

    body["displayName"] = json!("With a stranger");
    body["members"] = json!([{ "value": "3" }, { "value": "4711" }]);
    client.post("/Groups", &body).await.refused(400, "invalidValue").naming("4711");
    assert_eq!(agent.database().count("teams WHERE name = 'With a stranger'").await, 0);
    assert_eq!(agent.database().count("team_members").await, 5);
}

async fn text_is_stored_verbatim(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (index, text) in NASTY.iter().enumerate() {
        let name = format!("nasty-{index}@plant.example");
        let mut body = user(&name);
        body["title"] = json!(text);
        body["nickName"] = json!(text);
        body["name"]["familyName"] = json!(text);
        body["externalId"] = json!(text);
        let created = client.post("/Users", &body).await.expect(201);
        assert_eq!(created.body["title"], *text);
        assert_eq!(created.body["nickName"], *text);
        assert_eq!(created.body["name"]["familyName"], *text);
        let sql = format!("SELECT title FROM users WHERE email = '{name}'");
        assert_eq!(agent.database().value(&sql).await.as_deref(), Some(*text));
        let quoted = serde_json::Value::from(*text).to_string();
        for attribute in ["title", "externalId"] {
            let found = client.ids("/Users", &format!("{attribute} eq {quoted}")).await;
            assert_eq!(found, [created.id()], "{attribute} eq {quoted}");
        }
        let group = client.post("/Groups", &group(text)).await.expect(201);
        let found = client.ids("/Groups", &format!("displayName eq {quoted}")).await;
        assert_eq!(found, [group.id()], "displayName eq {quoted}");
    }
}

const NASTY: [&str; 12] = [
    "Robert'); DROP TABLE users;--",
    "\"quoted\" and 'quoted' and `quoted`",
    "100 % _off_ [a-z] ^x",
    "back\\slash \\' \\\" \\n",
    "line\nbreak\ttab",
    "👩🏽‍🏭 🏭 emoji",
    "\u{202e}right to left\u{202c} עברית العربية",
    "Ünïcødé ﬃ ½ ①",
    "日本語の名前",
    "null",
    "$1 ? :name %s {0} ${x}",
    "<script>alert(1)</script>&amp;",
];
