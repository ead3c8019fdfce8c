//! ETags (RFC 7644 §3.14): weak, and they change whenever the representation does, by whoever's hand.

use hyper::Method;
use serde_json::json;

use crate::support::{Agent, Dialect, Engine, user};

on_every_database!(
    they_follow_the_representation,
    a_users_etag_follows_their_groups,
    reads_are_conditional,
    if_match_comes_first,
    the_address_is_no_part_of_it,
    writes_are_conditional,
    a_lost_update_is_refused,
);

async fn they_follow_the_representation(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut seen = vec![client.get("/Users/4").await.expect(200).etag()];
    assert!(seen[0].starts_with("W/\"") && seen[0].ends_with('"'), "{}", seen[0]);
    assert_eq!(client.get("/Users/4").await.body["meta"]["version"], seen[0].as_str());
    // kpifire's own edits, without a new timestamp: a column, a department that is renamed.
    for change in [
        "UPDATE users SET title = 'By hand' WHERE user_id = 4",
        "UPDATE departments SET name = 'Assembly Hall' WHERE department_id = 4",
    ] {
        agent.database().execute(change).await;
        let etag = client.get("/Users/4").await.expect(200).etag();
        assert!(!seen.contains(&etag), "{change} left the ETag {etag}");
        assert_eq!(client.get("/Users/4").await.etag(), etag, "reading changed it");
        seen.push(etag);
    }
    for operation in [
        json!({ "op": "replace", "path": "title", "value": "By Entra" }),
        json!({ "op": "replace", "path": "nickName", "value": "kept" }),
        json!({ "op": "replace", "path": "externalId", "value": "ext" }),
        json!({ "op": "replace", "path": "active", "value": false }),
    ] {
        let written = client.operations("/Users/4", json!([operation])).await.expect(200);
        assert!(!seen.contains(&written.etag()), "{operation} left the ETag");
        assert_eq!(client.get("/Users/4").await.etag(), written.etag(), "{operation}");
        seen.push(written.etag());
    }
    // A column that SCIM doesn't show is none of its business.
    let before = client.get("/Users/3").await.etag();
    agent.database().execute("UPDATE users SET locale = 'pt_PT' WHERE user_id = 3").await;
    assert_eq!(client.get("/Users/3").await.etag(), before);

    let before = client.get("/Groups/g-1").await.expect(200).etag();
    agent.database().execute("DELETE FROM team_members WHERE team_id = 1 AND user_id = 4").await;
    let after = client.get("/Groups/g-1").await.expect(200).etag();
    assert_ne!(before, after, "a member left");
    agent.entra(Dialect::Rfc).add_members("g-1", &["5"]).await.expect(204);
    assert_ne!(client.get("/Groups/g-1").await.expect(200).etag(), after, "a member came");
}

/// The groups that a user shows are part of what the ETag stands for.
async fn a_users_etag_follows_their_groups(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let before = client.get("/Users/4").await.expect(200).etag();
    agent.database().execute("DELETE FROM team_members WHERE team_id = 2 AND user_id = 4").await;
    assert_ne!(client.get("/Users/4").await.expect(200).etag(), before);
}

async fn reads_are_conditional(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let etag = client.get("/Users/3").await.expect(200).etag();
    for value in [etag.clone(), "*".to_owned(), format!("\"other\", {etag}")] {
        let answer = client.send(Method::GET, "/Users/3", &[("if-none-match", &value)], None).await;
        assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{value}");
        assert_eq!(answer.etag(), etag);
    }
    let answer =
        client.send(Method::GET, "/Users/3", &[("if-none-match", "W/\"other\"")], None).await;
    answer.expect(200);
    agent.database().execute("UPDATE users SET title = 'By hand' WHERE user_id = 3").await;
    let answer = client.send(Method::GET, "/Users/3", &[("if-none-match", &etag)], None).await;
    assert_eq!(answer.expect(200).body["title"], "By hand");
}

/// RFC 9110 §13.2.2: a read that names another version is refused before it is called unchanged.
async fn if_match_comes_first(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let etag = client.get("/Users/3").await.expect(200).etag();
    for (if_match, status) in [("\"other\"", 412), ("\"a, b\", \"c\"", 412), (etag.as_str(), 304)] {
        let headers = [("if-match", if_match), ("if-none-match", etag.as_str())];
        let answer = client.send(Method::GET, "/Users/3", &headers, None).await;
        assert_eq!(answer.status, status, "{if_match}");
    }
    let commas = format!("\"a, b\", {etag}");
    let headers = [("if-none-match", commas.as_str())];
    assert_eq!(client.send(Method::GET, "/Users/3", &headers, None).await.status, 304);
}

/// Behind a balancer with two names, a version read under one is known under the other.
async fn the_address_is_no_part_of_it(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let path = format!("{}:manager", crate::support::ENTERPRISE);
    let operations = json!([{ "op": "add", "path": path, "value": "3" }]);
    let etag = client.operations("/Users/4", operations).await.expect(200).etag();
    let headers = [("host", "scim.plant.example")];
    let answer = client.send(Method::GET, "/Users/4", &headers, None).await.expect(200);
    assert!(answer.text.contains("scim.plant.example/scim/v2/Users/3"), "{}", answer.text);
    assert_eq!(answer.etag(), etag);
}

async fn writes_are_conditional(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let stale = client.get("/Users/3").await.expect(200).etag();
    agent.database().execute("UPDATE users SET title = 'By hand' WHERE user_id = 3").await;
    let patch =
        crate::support::patch(&json!([{ "op": "replace", "path": "title", "value": "Lost" }]));
    let put = user("quality.lead@plant.example");
    for (method, body) in [
        (Method::PATCH, Some(patch.to_string())),
        (Method::PUT, Some(put.to_string())),
        (Method::DELETE, None),
    ] {
        for value in [stale.as_str(), "W/\"never\"", "\"never\""] {
            let answer =
                client.send(method.clone(), "/Users/3", &[("if-match", value)], body.clone()).await;
            answer.refused(412, "");
        }
    }
    assert_eq!(
        agent.database().count("users WHERE title = 'By hand' AND status = 'Active'").await,
        1
    );
    let fresh = client.get("/Users/3").await.etag();
    let written = client
        .send(Method::PATCH, "/Users/3", &[("if-match", &fresh)], Some(patch.to_string()))
        .await;
    let next = written.expect(200).etag();
    client
        .send(Method::PUT, "/Users/3", &[("if-match", &next)], Some(put.to_string()))
        .await
        .expect(200);
    client.send(Method::DELETE, "/Users/3", &[("if-match", "*")], None).await.expect(204);
    client.send(Method::DELETE, "/Users/3", &[("if-match", "*")], None).await.expect(404);
    // Groups, where the answer has no body.
    let stale = client.get("/Groups/g-1").await.expect(200).etag();
    agent.entra(Dialect::Classic).add_members("g-1", &["5"]).await.expect(204);
    let rename = crate::support::patch(
        &json!([{ "op": "replace", "path": "displayName", "value": "Lost" }]),
    );
    let answer = client
        .send(Method::PATCH, "/Groups/g-1", &[("if-match", &stale)], Some(rename.to_string()))
        .await;
    answer.refused(412, "");
}

/// Of writers that all read the same version, one wins.
async fn a_lost_update_is_refused(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let etag = client.get("/Users/3").await.expect(200).etag();
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let (client, etag) = (client.clone(), etag.clone());
            tokio::spawn(async move {
                let operation =
                    json!([{ "op": "replace", "path": "title", "value": format!("Writer {n}") }]);
                let body = crate::support::patch(&operation).to_string();
                client
                    .send(Method::PATCH, "/Users/3", &[("if-match", &etag)], Some(body))
                    .await
                    .status
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for writer in writers {
        statuses.push(writer.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}
