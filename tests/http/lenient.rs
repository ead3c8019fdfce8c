//! What clients get slightly wrong on the wire and administrators paste slightly wrong: answered as one
//! would hope, or with an error that says what to do.

use hyper::Method;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::tls::{exchange, status};
use crate::support::{Agent, Engine, SEARCH, USER, user};

on_every_database!(
    a_base_url_with_a_slash_and_endpoints_in_any_case,
    the_base_url_lists_everything,
    a_value_path_by_primary_makes_what_is_absent,
    members_may_be_named_with_their_type,
    a_byte_order_mark_is_skipped,
    bearer_twice_is_told,
    a_raw_quote_is_told,
    discovery_lists_the_services_own_schemas,
    active_is_required_as_it_cant_be_taken_away,
);

async fn a_base_url_with_a_slash_and_endpoints_in_any_case(engine: Engine) {
    let agent = Agent::start(engine).await;
    let mut client = agent.client();
    let base = client.base.clone();
    for (base, users) in [
        (base.clone(), "/users"),
        (base.clone(), "//Users"),
        (base.clone(), "/USERS/"),
        (format!("{base}/"), "/Users"),
        (base.replace("/scim", "//scim"), "/Users"),
    ] {
        client.base.clone_from(&base);
        assert_eq!(
            client.ids(users, "userName eq \"admin@plant.example\"").await,
            ["1"],
            "{base}{users}"
        );
        let one = client.get(&format!("{users}/3")).await.expect(200);
        let location = one.body["meta"]["location"].as_str().unwrap();
        assert!(
            location.ends_with("/scim/v2/Users/3") && !location.contains("//scim"),
            "{location}"
        );
        client.get(&format!("{users}/4711")).await.refused(404, "");
    }
    client.base = base;
    let search = json!({ "schemas": [SEARCH], "filter": "userName eq \"admin@plant.example\"" });
    assert_eq!(client.post("/users/.search", &search).await.expect(200).ids(), ["1"]);
    client.get("/groups/g-1").await.expect(200);
    client.get("/schemas").await.expect(200);
    client.get("/serviceproviderconfig").await.expect(200);
    client.get(&format!("/schemas/{}", USER.to_lowercase())).await.expect(200);
    client.get("/Nothing").await.refused(404, "");
}

async fn the_base_url_lists_everything(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for path in ["", "/"] {
        let all = client.get(path).await.expect(200);
        assert_eq!(all.body["totalResults"], 7, "{}", all.text);
        assert_eq!(all.ids(), ["1", "2", "3", "4", "5", "g-1", "g-2"]);
    }
    let page = client.query("/", &[("startIndex", "5"), ("count", "2")]).await.expect(200);
    assert_eq!(
        (page.ids(), &page.body["totalResults"]),
        (vec!["5".into(), "g-1".into()], &json!(7))
    );
    let filter = [("filter", "displayName eq \"Kaizen Core\""), ("attributes", "displayName")];
    assert_eq!(client.query("/", &filter).await.expect(200).ids(), ["g-1"]);
    client.query("/", &[("filter", "noSuch eq 1")]).await.refused(400, "invalidFilter");
    agent.client_with(None).get("/").await.refused(401, "");
    let refused = client.post("", &json!({})).await.refused(405, "");
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    // Nobody is taken over by it.
    assert_eq!(agent.link("Group", "g-1").await, None);
}

async fn a_value_path_by_primary_makes_what_is_absent(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let path = format!("/Users/{}", client.post("/Users", &user("roles@plant.example")).await.id());
    let role = |op: &str, value: &str| json!([{ "op": op, "path": "roles[primary eq \"True\"].value", "value": value }]);
    let patched = client.operations(&path, role("Replace", "Planner")).await.expect(200);
    assert_eq!(patched.body["roles"], json!([{ "primary": true, "value": "Planner" }]));
    let patched = client.operations(&path, role("Replace", "Lead")).await.expect(200);
    assert_eq!(patched.body["roles"], json!([{ "primary": true, "value": "Lead" }]));
    let patched = client.operations(&path, role("Add", "Boss")).await.expect(200);
    assert_eq!(patched.body["roles"], json!([{ "primary": true, "value": "Boss" }]));
    let both = json!([{
        "op": "replace", "path": "emails[type eq \"work\" and primary eq true].value", "value": "a@b.example"
    }]);
    let patched = client.operations(&path, both).await.expect(200);
    let expected = json!([{ "type": "work", "primary": true, "value": "a@b.example" }]);
    assert_eq!(patched.body["emails"], expected);
    // What a value picks is a target that must be there (RFC 7644 §3.5.2.3).
    let absent =
        json!([{ "op": "replace", "path": "emails[value eq \"x\"].display", "value": "y" }]);
    client.operations(&path, absent).await.refused(400, "noTarget");
}

async fn members_may_be_named_with_their_type(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let filter = "members[value eq \"3\" and type eq \"User\"]";
    assert_eq!(client.ids("/Groups", filter).await, ["g-1"]);
    client.operations("/Groups/g-1", json!([{ "op": "remove", "path": filter }])).await.expect(204);
    assert_eq!(client.ids("/Groups", filter).await, [""; 0]);
    assert_eq!(
        client.ids("/Groups", "members[type eq \"User\" and value eq \"4\"]").await,
        ["g-1", "g-2"]
    );
    for bad in [
        "members[value eq \"3\" and value eq \"4\"]",
        "members[value eq \"3\" and type eq \"Group\"]",
    ] {
        client.query("/Groups", &[("filter", bad)]).await.refused(400, "invalidFilter");
        client
            .operations("/Groups/g-1", json!([{ "op": "remove", "path": bad }]))
            .await
            .refused(400, "invalidPath");
    }
}

async fn a_byte_order_mark_is_skipped(engine: Engine) {
    let agent = Agent::start(engine).await;
    let body = format!("\u{feff}{}", user("bom@plant.example"));
    agent.client().send(Method::POST, "/Users", &[], Some(body)).await.expect(201);
}

async fn bearer_twice_is_told(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client_with(Some(&format!("Bearer {}", agent.token)));
    client.get("/Users").await.refused(401, "").naming("Bearer Bearer").naming("Secret Token");
    // Nobody guesses: the address isn't slowed down for it.
    for _ in 0..40 {
        client.get("/Users").await.refused(401, "");
    }
}

async fn a_raw_quote_is_told(engine: Engine) {
    let agent = Agent::start(engine).await;
    for (target, says) in [
        ("/scim/v2/Users?filter=userName+eq+\"ana\"", "%22"),
        ("/scim/v2/Users?filter=userName+eq+<ana>", "%3C"),
    ] {
        let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
            agent.token
        );
        let answer = exchange(&mut stream, &request).await.unwrap();
        assert_eq!(status(&answer), 400, "{answer}");
        assert!(answer.contains("content-type: application/scim+json"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], "400");
        assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
        agent.server.logged(0, |line| line.contains(says) && line.contains("answered 400")).await;
    }
    let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
    let answer = exchange(&mut stream, "GET / HTTP/1.1\r\nno colon\r\n\r\n").await.unwrap();
    assert_eq!(status(&answer), 400, "{answer}");
    assert!(answer.contains("malformed"), "{answer}");
}

async fn discovery_lists_the_services_own_schemas(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let ids = client.get("/Schemas").await.expect(200).ids();
    for (name, endpoint) in [
        ("ServiceProviderConfig", "/ServiceProviderConfig"),
        ("ResourceType", "/ResourceTypes/User"),
        ("Schema", ""),
    ] {
        let urn = format!("urn:ietf:params:scim:schemas:core:2.0:{name}");
        assert!(ids.contains(&urn), "{ids:?}");
        let schema = client.get(&format!("/Schemas/{urn}")).await.expect(200).body;
        let endpoint =
            if endpoint.is_empty() { format!("/Schemas/{urn}") } else { endpoint.to_owned() };
        // Each says of itself what its schema describes, and nothing else.
        let shown = client.get(&endpoint).await.expect(200).body;
        assert_eq!(shown["schemas"], json!([urn]));
        let described: Vec<&str> = schema["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|attribute| attribute["name"].as_str().unwrap())
            .collect();
        for attribute in shown.as_object().unwrap().keys() {
            let common = ["schemas", "id", "meta"].contains(&attribute.as_str());
            assert!(common || described.contains(&attribute.as_str()), "{attribute}: {schema}");
        }
    }
}

/// A client that may leave it out may not remove it: only false disables.
async fn active_is_required_as_it_cant_be_taken_away(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let schema = client.get(&format!("/Schemas/{USER}")).await.expect(200).body;
    let attributes = schema["attributes"].as_array().unwrap();
    let required: Vec<&str> = attributes
        .iter()
        .filter(|attribute| attribute["required"] == true)
        .map(|attribute| attribute["name"].as_str().unwrap())
        .collect();
    assert_eq!(required, ["userName", "active"]);
    let removed = json!([{ "op": "remove", "path": "active" }]);
    client.operations("/Users/3", removed).await.refused(400, "invalidValue");
    let body = json!({ "schemas": [USER], "userName": "bare@plant.example" });
    assert_eq!(client.post("/Users", &body).await.expect(201).body["active"], true);
}
