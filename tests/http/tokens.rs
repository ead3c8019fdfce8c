//! Tokens: who may do what, until when; changes take hold in a running daemon.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;

use crate::support::{Agent, Client, Engine, patch, user};

on_every_database!(
    nobody_gets_in_without_one,
    a_read_token_changes_nothing,
    an_expired_token_ends,
    a_revoked_token_ends,
    a_rotated_token_ends_and_its_successor_works,
    only_its_hash_is_stored,
);

/// Checks may be cached for five seconds.
async fn refused_within_the_cache(client: &Client) {
    let started = Instant::now();
    while client.get("/Users/3").await.status != 401 {
        assert!(started.elapsed() < Duration::from_secs(12), "still let in");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn nobody_gets_in_without_one(engine: Engine) {
    let agent = Agent::start(engine).await;
    let wrong = "x".repeat(43);
    for token in [None, Some(""), Some(wrong.as_str()), Some("null"), Some(&agent.token[1..])] {
        let client = agent.client_with(token);
        for (method, path) in [
            (Method::GET, "/Users"),
            (Method::POST, "/Users"),
            (Method::DELETE, "/Users/3"),
            (Method::GET, "/Nothing"),
        ] {
            let answer = client.send(method, path, &[], None).await.refused(401, "");
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
        }
    }
    let client = agent.client_with(None);
    for value in ["Basic dXNlcjpwYXNz", "Bearer", &agent.token] {
        let answer = client.send(Method::GET, "/Users", &[("authorization", value)], None).await;
        answer.refused(401, "");
    }
    let value = format!("bearer {}", agent.token);
    client.send(Method::GET, "/Users", &[("authorization", &value)], None).await.expect(200);
    assert_eq!(agent.database().count("users WHERE status = 'Active'").await, 4);
}

async fn a_read_token_changes_nothing(engine: Engine) {
    let agent = Agent::start(engine).await;
    let token = agent.install.token("reader", &["--scope", "read"]);
    let reader = agent.client_with(Some(&token));
    reader.get("/Users/3").await.expect(200);
    assert_eq!(reader.ids("/Users", "userName eq \"quality.lead@plant.example\"").await, ["3"]);
    reader
        .post("/Users/.search", &json!({ "filter": "userName eq \"line.one@plant.example\"" }))
        .await
        .expect(200);
    assert_eq!(agent.link("User", "3").await, None, "a read token adopts nobody");
    assert_eq!(agent.link("User", "4").await, None);
    let body = patch(&json!([{ "op": "replace", "path": "title", "value": "Never" }]));
    reader.post("/Users", &user("never@plant.example")).await.refused(403, "");
    reader.patch("/Users/3", &body).await.refused(403, "");
    reader.put("/Users/3", &user("never@plant.example")).await.refused(403, "");
    reader.delete("/Users/3").await.refused(403, "");
    reader.post("/Groups", &crate::support::group("Never")).await.refused(403, "");
    assert_eq!(agent.database().count("users WHERE title = 'Never'").await, 0);
    assert_eq!(agent.database().count("users").await, 5);
    assert_eq!(agent.database().count("scim_links").await, 0);
    // What it tried is in the trail, and nothing of what the bodies said.
    let trail = agent.audit(&[]);
    let tried: Vec<_> = trail
        .iter()
        .map(|row| {
            assert_eq!((&row["token"], &row["outcome"]), (&json!("reader"), &json!("refused 403")));
            (&row["operation"], &row["resourceType"], &row["resource"])
        })
        .collect();
    let (user, group, three, none) = (json!("User"), json!("Group"), json!("3"), json!(null));
    let (create, update, delete) = (json!("create"), json!("update"), json!("delete"));
    let expected = [
        (&create, &user, &none),
        (&update, &user, &three),
        (&update, &user, &three),
        (&delete, &user, &three),
        (&create, &group, &none),
    ];
    assert_eq!(tried, expected, "{trail:#?}");
    assert!(!json!(trail).to_string().contains("ever"), "{trail:#?}");
}

async fn an_expired_token_ends(engine: Engine) {
    let agent = Agent::start(engine).await;
    let token = agent.install.token("short", &["--expires", "2s"]);
    let client = agent.client_with(Some(&token));
    client.get("/Users/3").await.expect(200);
    refused_within_the_cache(&client).await;
    agent.client().get("/Users/3").await.expect(200);
}

async fn a_revoked_token_ends(engine: Engine) {
    let agent = Agent::start(engine).await;
    let token = agent.install.token("leaked", &[]);
    let client = agent.client_with(Some(&token));
    client.get("/Users/3").await.expect(200);
    agent.install.stdout(&["token", "revoke", "leaked"]);
    refused_within_the_cache(&client).await;
    agent.client().get("/Users/3").await.expect(200);
    assert!(!agent.install.run(&["token", "revoke", "nobody"]).status.success());
}

async fn a_rotated_token_ends_and_its_successor_works(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.client().get("/Users/3").await.expect(200);
    let rotated = agent.install.stdout(&["token", "rotate", "entra"]).trim_end().to_owned();
    assert_ne!(rotated, agent.token);
    agent.client_with(Some(&rotated)).get("/Users/3").await.expect(200);
    refused_within_the_cache(&agent.client()).await;
    let output = agent.install.run(&["token", "create", "--name", "entra"]);
    assert!(!output.status.success(), "a name is taken once");
}

async fn only_its_hash_is_stored(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.client().get("/Users/3").await.expect(200);
    let rows = format!("{:?}", agent.database().rows("SELECT * FROM scim_tokens").await);
    assert!(rows.contains("entra") && !rows.contains(&agent.token), "{rows}");
    let list = agent.install.stdout(&["token", "list"]);
    assert!(list.contains("entra") && !list.contains(&agent.token), "{list}");
    assert!(!agent.server.log().contains(&agent.token));
}
