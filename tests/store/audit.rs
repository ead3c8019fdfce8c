//! The audit trail: who changed what, from what to what; in the change's own transaction.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::{Agent, Database, Dialect, ENTERPRISE, Engine, Install, user};

on_every_database!(
    a_change_shows_before_and_after,
    adoption_is_audited_once,
    it_is_found_by_user_and_time,
    a_name_of_before_is_found_without_case,
    a_refused_change_leaves_no_success,
    a_write_that_cannot_be_read_is_audited,
    memberships_are_audited,
);

/// The rows that speak of a change to this resource's attribute.
fn about<'a>(rows: &'a [Value], id: &str, attribute: &str) -> Vec<&'a Value> {
    rows.iter()
        .filter(|row| row["resource"].as_str().is_some_and(|resource| resource.ends_with(id)))
        .filter(|row| {
            row["after"].get(attribute).is_some() || row["before"].get(attribute).is_some()
        })
        .collect()
}

async fn a_change_shows_before_and_after(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let operations = json!([
        { "op": "replace", "path": "title", "value": "Head of Quality" },
        { "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Finance" },
        { "op": "replace", "path": "name.givenName", "value": "Quality" },
    ]);
    client.operations("/Users/3", operations).await.expect(200);
    let rows = agent.audit(&[]);
    let found = about(&rows, "3", "title");
    assert_eq!(found.len(), 1, "{rows:#?}");
    let row = found[0];
    assert_eq!(row["before"]["title"], "Quality Lead");
    assert_eq!(row["after"]["title"], "Head of Quality");
    let text = row.to_string();
    assert!(text.contains("Finance") && text.contains("\"Quality\""), "the department too: {text}");
    // What didn't change isn't there.
    assert!(!text.contains("givenName"), "{text}");
    assert!(text.contains("entra"), "the token's name: {text}");
    assert!(row["id"].is_string());
    let id = client.post("/Users", &user("audited@plant.example")).await.expect(201).id();
    client.delete(&format!("/Users/{id}")).await.expect(204);
    let rows = agent.audit(&["--user", &id]);
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert!(rows[0]["after"].to_string().contains("audited@plant.example"));
}

async fn adoption_is_audited_once(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = agent.entra(Dialect::Classic);
    for _ in 0..3 {
        entra.match_user("line.one@plant.example").await.expect("a kpifire user");
    }
    let rows = agent.audit(&["--user", "4"]);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert!(rows[0].to_string().contains("matched"), "{rows:#?}");
}

async fn it_is_found_by_user_and_time(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = agent.entra(Dialect::Classic);
    entra.disable("4").await;
    entra.disable("3").await;
    let by_id = agent.audit(&["--user", "4"]);
    assert!(!by_id.is_empty());
    assert!(by_id.iter().all(|row| row["resource"].as_str().unwrap().ends_with('4')), "{by_id:#?}");
    let by_name = agent.audit(&["--user", "LINE.ONE@plant.example"]);
    assert_eq!(by_name, by_id);
    assert_eq!(agent.audit(&["--since", "2099-01-01T00:00:00Z"]), Vec::<Value>::new());
    assert_eq!(agent.audit(&["--since", "2026-01-01T00:00:00Z"]), agent.audit(&[]));
    assert_eq!(agent.audit(&["--user", "nobody@plant.example"]), Vec::<Value>::new());
}

/// By the database's rule for names, which knows more letters than ASCII's.
async fn a_name_of_before_is_found_without_case(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let id = client.post("/Users", &user("ÄNNE.Œ@plant.example")).await.expect(201).id();
    let other = client.post("/Users", &user("anne@plant.example")).await.expect(201).id();
    let renamed =
        json!([{ "op": "replace", "path": "userName", "value": "renée \"r\"@plant.example" }]);
    client.operations(&format!("/Users/{id}"), renamed).await.expect(200);
    let again = json!([{ "op": "replace", "path": "userName", "value": "r@plant.example" }]);
    client.operations(&format!("/Users/{id}"), again).await.expect(200);
    let by_id = agent.audit(&["--user", &id]);
    assert_eq!(by_id.len(), 3, "{by_id:#?}");
    for name in ["ÄNNE.Œ@plant.example", "Änne.œ@PLANT.example", "RENÉE \"R\"@plant.example"] {
        assert_eq!(agent.audit(&["--user", name]), by_id, "{name}");
    }
    // An accent is not case, and a name is whole.
    assert_eq!(agent.audit(&["--user", "anne@plant.example"]), agent.audit(&["--user", &other]));
    for name in ["plant.example", "%", "änne._@plant.example"] {
        assert_eq!(agent.audit(&["--user", name]), Vec::<Value>::new(), "{name}");
    }
}

async fn a_refused_change_leaves_no_success(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.post("/Users", &user("admin@plant.example")).await.refused(409, "uniqueness");
    let operations = json!([{ "op": "replace", "path": "userType", "value": "Gold" }]);
    client.operations("/Users/3", operations).await.refused(400, "invalidValue");
    let rows = agent.audit(&[]);
    let left: Vec<_> = rows.iter().map(|row| (&row["outcome"], &row["resource"])).collect();
    let expected = [(json!("refused 409"), json!(null)), (json!("refused 400"), json!("3"))];
    assert_eq!(left, expected.iter().map(|(one, two)| (one, two)).collect::<Vec<_>>(), "{rows:#?}");
    for row in rows {
        assert_eq!((&row["before"], &row["after"]), (&json!({}), &json!({})), "{row}");
    }
}

/// A write whose body is never understood is refused as well.
async fn a_write_that_cannot_be_read_is_audited(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure("[limits]\nbody = \"2KiB\"\n");
    let agent = Agent::on(install).await;
    let client = agent.client();
    let secret = "do-not-keep-this";
    let typed = |media_type: &'static str| [("content-type", media_type)];
    let scim = typed("application/scim+json");
    for (method, path, headers, body, status) in [
        (Method::POST, "/Users", scim, format!("{{\"userName\": {secret}"), 400),
        (Method::PATCH, "/Users/3", scim, secret.to_owned(), 400),
        (Method::PUT, "/Groups/g-2", typed("text/plain"), secret.to_owned(), 415),
        (Method::POST, "/Groups", scim, format!("\"{}\"", secret.repeat(200)), 413),
        (Method::PATCH, "/Users/4?attributes=id&excludedAttributes=id", scim, "{}".to_owned(), 400),
        (Method::POST, "/Bulk", scim, "{}".to_owned(), 501),
    ] {
        client.send(method, path, &headers, Some(body)).await.expect(status);
    }
    // What only reads leaves nothing.
    client.send(Method::POST, "/Users/.search", &scim, Some(secret.to_owned())).await.expect(400);
    let rows = agent.audit(&[]);
    let left: Vec<String> = rows
        .iter()
        .map(|row| {
            assert_eq!(row["token"], "entra");
            assert!(row["detail"].as_str().is_some_and(|why| !why.is_empty()), "{row}");
            let word = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            ["operation", "resourceType", "resource", "outcome"].map(word).join(" ")
        })
        .collect();
    let expected = [
        "create User - refused 400",
        "update User 3 refused 400",
        "update Group g-2 refused 415",
        "create Group - refused 413",
        "update User 4 refused 400",
        "bulk - - refused 501",
    ];
    assert_eq!(left, expected, "{rows:#?}");
    assert!(!json!(rows).to_string().contains(secret), "{rows:#?}");
}

async fn memberships_are_audited(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = agent.entra(Dialect::Rfc);
    entra.add_members("g-2", &["3", "5"]).await.expect(204);
    entra.remove_members("g-2", &["3"]).await.expect(204);
    let rows = agent.audit(&[]);
    let members: Vec<_> = rows.iter().filter(|row| row.to_string().contains("members")).collect();
    assert_eq!(members.len(), 2, "{rows:#?}");
    // Nothing changes, nothing is audited.
    entra.remove_members("g-2", &["3"]).await.expect(204);
    assert_eq!(agent.audit(&[]).len(), rows.len());
}
