//! What is left behind: the audit trail has every refusal that matters and is no place to fill, and what
//! a stranger wrote is never echoed whole, nor sent to a terminal as it came.

use hyper::Method;
use serde_json::json;

use crate::support::{Agent, Database, Engine, Install, user};

on_every_database!(
    a_refusal_of_nul_leaves_its_trace,
    long_ids_are_not_echoed,
    control_characters_are_no_names,
    a_read_tokens_refusals_are_few,
);

async fn a_refusal_of_nul_leaves_its_trace(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let refused = || agent.audit(&[]).iter().filter(|row| row["outcome"] == "refused 400").count();
    let mut body = user("nul@plant.example");
    body["title"] = json!("a\u{0}b");
    client.post("/Users", &body).await.refused(400, "invalidValue");
    assert_eq!(refused(), 1);
    let operations =
        json!([{ "op": "replace", "path": "emails[type eq \"a\u{0}\"].value", "value": "x" }]);
    client.operations("/Users/3", operations).await.expect(400);
    let operations = json!([{ "op": "a\u{0}b", "path": "title", "value": "x" }]);
    client.operations("/Users/3", operations).await.expect(400);
    let operations = json!([{ "op": "add", "path": "members", "value": [{ "value": "7\u{0}" }] }]);
    client.operations("/Groups/g-1", operations).await.expect(400);
    assert_eq!(refused(), 4);
}

async fn long_ids_are_not_echoed(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let long = "9".repeat(30_000);
    for path in [format!("/Users/{long}"), format!("/Groups/g-{long}"), format!("/Schemas/{long}")]
    {
        let answer = client.get(&path).await.expect(404);
        assert!(answer.text.len() < 1000, "{} bytes", answer.text.len());
    }
    let answer = client.delete(&format!("/Users/{long}")).await.expect(404);
    assert!(answer.text.len() < 1000, "{} bytes", answer.text.len());
    let operations = json!([{ "op": "add", "path": "userType", "value": long }]);
    let answer = client.operations("/Users/3", operations).await.refused(400, "invalidValue");
    assert!(answer.text.len() < 4000, "{} bytes", answer.text.len());
    let members: Vec<_> = (0..20).map(|n| json!({ "value": format!("{n}{long}") })).collect();
    let operations = json!([{ "op": "add", "path": "members", "value": members }]);
    let answer = client.operations("/Groups/g-1", operations).await.refused(400, "invalidValue");
    assert!(answer.text.len() < 3000, "{} bytes", answer.text.len());
    let refused = agent.audit(&[]);
    assert_eq!(refused.iter().filter(|row| row["outcome"] == "refused 404").count(), 1);
}

async fn control_characters_are_no_names(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (path, value) in [
        ("userName", "a\u{8}b@plant.example"),
        ("name.familyName", "a\u{7}"),
        ("name.givenName", "a\u{1b}[31m"),
        ("name.givenName", "a\u{9b}31m"),
    ] {
        let operations = json!([{ "op": "replace", "path": path, "value": value }]);
        let answer = client.operations("/Users/3", operations).await.refused(400, "invalidValue");
        assert!(answer.text.contains("control character"), "{path}: {}", answer.text);
    }
    let group = json!({ "schemas": [crate::support::GROUP], "displayName": "a\u{1b}b" });
    client.post("/Groups", &group).await.refused(400, "invalidValue");
}

async fn a_read_tokens_refusals_are_few(engine: Engine) {
    let agent = Agent::start(engine).await;
    let token = agent.install.token("reader", &["--scope", "read"]);
    let reader = agent.client_with(Some(&token));
    for _ in 0..30 {
        reader.delete("/Users/3").await.refused(403, "");
    }
    let rows = agent.audit(&[]).iter().filter(|row| row["token"] == "reader").count();
    assert_eq!(rows, 10);
    // Who may write is told of each.
    for _ in 0..12 {
        agent.client().send(Method::PATCH, "/Users/3", &[], Some("{".to_owned())).await.expect(400);
    }
    let rows = agent.audit(&[]).iter().filter(|row| row["token"] == "entra").count();
    assert_eq!(rows, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_named_like_a_client() {
    let install = Install::new(Database::ready(Engine::Sqlite).await);
    install.prepare();
    let output = install.run(&["token", "create", "--name", "client:entra"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("can't begin with `client:`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_told_nothing_by_a_file() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.prepare();
    let import = install.database.folder().join("import\u{1b}[2J.json");
    std::fs::write(&import, "\u{1b}]0;title\u{7}\u{9b}2J").unwrap();
    let export = install.run(&["import", &import.display().to_string()]);
    install.configure("listen = \"\\u001b[31mred\\u009b2J\"\n\"\\u001b[2J\" = 1\n");
    let check = install.run(&["check"]);
    for output in [export, check] {
        assert!(!output.status.success());
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).unwrap();
            let odd = |c: &char| c.is_control() && *c != '\n' && *c != '\t';
            assert_eq!(text.chars().find(odd), None, "{text:?}");
        }
    }
}
