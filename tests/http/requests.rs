//! What holds of every request, whatever it asks for: its id, its token's last use, its turn.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::tls::{exchange, status};
use crate::support::{Agent, Database, Engine, Install, user};

on_every_database!(
    a_request_has_one_id_everywhere,
    a_tokens_last_use_moves_on,
    the_log_says_who_asked_for_what_and_why_not,
);

async fn a_request_has_one_id_everywhere(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let body = user("traced@plant.example").to_string();
    let named = [("x-request-id", "entra-42.a:b_c")];
    let answer = client.send(Method::POST, "/Users", &named, Some(body)).await.expect(201);
    assert_eq!(answer.header("x-request-id"), Some("entra-42.a:b_c"));
    assert_eq!(agent.audit(&[])[0]["requestId"], "entra-42.a:b_c");
    agent
        .server
        .logged(0, |line| line.contains("entra-42.a:b_c") && line.contains("answered"))
        .await;
    // Every answer has one of its own, a refusal too.
    let mut ids = Vec::new();
    for (method, path, token, expected) in [
        (Method::GET, "/Users/3", Some(agent.token.as_str()), 200),
        (Method::GET, "/Users/4711", Some(&agent.token), 404),
        (Method::GET, "/Nothing", Some(&agent.token), 404),
        (Method::PUT, "/Users", Some(&agent.token), 405),
        (Method::DELETE, "/Groups/g-2", Some(&agent.token), 204),
        (Method::GET, "/Users", None, 401),
        (Method::GET, "/Users", Some("kps_wrong"), 401),
    ] {
        let answer = agent.client_with(token).send(method, path, &[], None).await.expect(expected);
        let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{path}: none")).to_owned();
        agent.server.logged(0, |line| line.contains(&id) && line.contains("answered")).await;
        ids.push(id);
    }
    let audited = agent.audit(&[]);
    assert_eq!(audited.last().unwrap()["requestId"], ids[4]);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7);
    // What could break a log line is replaced.
    let answer = client.send(Method::GET, "/Users/3", &[("x-request-id", "a b")], None).await;
    assert!(!answer.header("x-request-id").unwrap().contains(' '));
}

async fn the_log_says_who_asked_for_what_and_why_not(engine: Engine) {
    let agent = Agent::start(engine).await;
    let token = Some(agent.token.as_str());
    let someone = user("line.one@plant.example").to_string();
    let no_json = "{".to_owned();
    for (method, path, token, body, said) in [
        (Method::GET, "/Users/3", token, None, r#"route="/Users/{id}" status=200"#),
        (Method::GET, "/Users/4711", token, None, "status=404"),
        (Method::GET, "/Users/4711", token, None, "reason=Not Found"),
        (Method::GET, "/Users?filter=x", token, None, "reason=invalidFilter"),
        (Method::POST, "/Users", token, Some(someone), "reason=uniqueness"),
        (Method::POST, "/Users", token, Some(no_json), "reason=invalidSyntax"),
        (Method::GET, "/Users", None, None, r#"token="none" reason=no token"#),
        (Method::GET, "/Users", Some("kps_x"), None, "reason=token unknown, expired or revoked"),
    ] {
        let by = agent.client_with(token);
        let id = by.send(method, path, &[], body).await.header("x-request-id").unwrap().to_owned();
        let line = |line: &str| line.contains(&id) && line.contains("answered");
        let line = agent.server.logged(0, line).await;
        assert!(line.contains(said), "{said} in {line}");
        assert!(!line.contains("plant.example") && !line.contains("4711"), "{line}");
        assert_eq!(line.contains("reason="), !line.contains("status=200"), "{line}");
    }
}

async fn a_tokens_last_use_moves_on(engine: Engine) {
    let agent = Agent::start(engine).await;
    let used = || agent.database().value("SELECT last_used FROM scim_tokens WHERE name = 'entra'");
    let used_again = async |before: Option<String>| {
        let started = Instant::now();
        loop {
            agent.client().get("/Users/3").await.expect(200);
            let now = used().await;
            if now != before {
                return now;
            }
            // A token is remembered for five seconds.
            assert!(started.elapsed() < Duration::from_secs(15), "{before:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    assert!(used_again(None).await.is_some());
    agent.database().execute("UPDATE scim_tokens SET last_used = '2024-01-01 00:00:00'").await;
    let old = used().await;
    let now = used_again(old).await.unwrap();
    assert!(!now.starts_with("2024-01-01"), "{now}");
}

/// One too many is told to come back; the process is alive all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_can_be_worked_on_is_503() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.configure("[limits]\nconcurrent_requests = 1\n");
    let agent = Agent::on(install).await;
    let client = agent.client();
    client.get("/Users/3").await.expect(200);
    // A body that doesn't come holds the only place, once the agent has asked for it.
    let body = json!({ "userName": "slow@plant.example", "name": { "givenName": "S", "familyName": "L" } });
    let body = body.to_string();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n",
        agent.server.address,
        agent.token,
        body.len()
    );
    let mut slow = TcpStream::connect(&agent.server.address).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = vec![0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    slow.read_exact(&mut go_on).await.unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&go_on)), 100);
    let refused = client.get("/Users/3").await.refused(503, "");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("x-request-id").is_some());
    assert_eq!(agent.server.status("/healthz").await, Some(200));
    assert_eq!(agent.server.status("/readyz").await, Some(200));
    let answer = exchange(&mut slow, &body).await.unwrap();
    assert_eq!(status(&answer), 201, "{answer}");
    client.get("/Users/3").await.expect(200);
}
