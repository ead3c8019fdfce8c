//! The database is cut off, through a proxy between it and the agent: 503 with Retry-After, nothing
//! half-written, and all is well again by itself when it is back.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::proxy::{Proxy, Weather};
use crate::support::{Agent, Client, Database, Engine, Install, user};

on_servers!(
    a_cut_database_is_503_and_comes_back,
    the_first_request_after_a_restart_is_answered,
    cut_in_the_middle_of_writes,
    a_hung_database_is_503_in_time,
    a_database_that_is_down_at_start,
);

/// An agent whose connections run through a proxy; the test's own statements don't.
async fn proxied(engine: Engine) -> (Agent, Proxy) {
    let (install, proxy) = proxied_install(engine).await;
    (Agent::on(install).await, proxy)
}

async fn proxied_install(engine: Engine) -> (Install, Proxy) {
    let mut install = Install::new(Database::ready(engine).await);
    let proxy = Proxy::to(install.database.server_address()).await;
    install.configure(&format!(
        "[database]\nurl = {:?}\n",
        install.database.url_through(proxy.address)
    ));
    (install, proxy)
}

async fn unavailable(client: &Client) {
    for (method, path, body) in [
        (hyper::Method::GET, "/Users/3", None),
        (hyper::Method::GET, "/Users?filter=userName+eq+%22x%22", None),
        (hyper::Method::POST, "/Users", Some(user("cut@plant.example").to_string())),
        (hyper::Method::DELETE, "/Users/4", None),
    ] {
        let answer = client.send(method, path, &[], body).await.refused(503, "");
        let after = answer.header("retry-after").expect("Retry-After");
        assert!(after.parse::<u64>().is_ok_and(|seconds| seconds > 0), "{after}");
    }
}

async fn well_again(agent: &Agent) {
    let started = Instant::now();
    while agent.client().get("/Users/3").await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(30), "not back after 30 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    agent.client().post("/Users", &user("after@plant.example")).await.expect(201);
    assert_eq!(agent.server.status("/readyz").await, Some(200));
}

async fn a_cut_database_is_503_and_comes_back(engine: Engine) {
    let (agent, proxy) = proxied(engine).await;
    let client = agent.client();
    client.get("/Users/3").await.expect(200);
    proxy.set(Weather::Cut);
    unavailable(&client).await;
    assert_eq!(agent.server.status("/readyz").await, Some(503));
    assert_eq!(agent.server.status("/healthz").await, Some(200), "the process itself is well");
    // Discovery needs no database; the token check may.
    let discovery = client.get("/Schemas").await;
    assert!(matches!(discovery.status, 200 | 503), "{}", discovery.text);
    proxy.set(Weather::Fair);
    well_again(&agent).await;
    assert_eq!(agent.database().count("users WHERE email = 'cut@plant.example'").await, 0);
    assert_eq!(agent.database().count("users WHERE user_id = 4 AND status = 'Active'").await, 1);
}

/// A server that was restarted took every pooled connection along; none of them may cost a try.
async fn the_first_request_after_a_restart_is_answered(engine: Engine) {
    let (agent, proxy) = proxied(engine).await;
    let patched = async |title: &str| {
        let operations = json!([{ "op": "replace", "path": "title", "value": title }]);
        agent.client().operations("/Users/3", operations).await
    };
    for round in 0..3 {
        // As many connections as the pool holds.
        let reads = (0..32).map(|_| {
            let client = agent.client();
            tokio::spawn(async move { client.get("/Users").await.expect(200) })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await.unwrap();
        }
        proxy.set(Weather::Cut);
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.set(Weather::Fair);
        patched(&format!("Round {round}")).await.expect(200);
    }
}

async fn cut_in_the_middle_of_writes(engine: Engine) {
    let (agent, proxy) = proxied(engine).await;
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let client = agent.client();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..40 {
                    let name = format!("cut-{writer}-{n}@plant.example");
                    let answer = client.post("/Users", &user(&name)).await;
                    match answer.status {
                        // 409: what the cut left undecided was committed, and the retry finds it.
                        201 | 409 => acknowledged.push(name),
                        503 => {}
                        other => panic!("{other}: {}", answer.text),
                    }
                }
                acknowledged
            })
        })
        .collect();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(120)).await;
        proxy.set(Weather::Cut);
        tokio::time::sleep(Duration::from_millis(60)).await;
        proxy.set(Weather::Fair);
    }
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    well_again(&agent).await;
    assert!(!acknowledged.is_empty());
    for name in &acknowledged {
        let row = format!("users WHERE email = '{name}'");
        assert_eq!(agent.database().count(&row).await, 1, "{name} is lost or twice");
    }
    let key = if engine.speaks_mysql() { "CHAR" } else { "VARCHAR(20)" };
    let linked = format!(
        "users u JOIN scim_links l ON l.resource_type = 'User' AND l.legacy_key = CAST(u.user_id AS {key}) \
         WHERE u.email LIKE 'cut-%'"
    );
    let rows = agent.database().count("users WHERE email LIKE 'cut-%'").await;
    assert_eq!(agent.database().count(&linked).await, rows);
    // One audit row per creation, none for what never was.
    let created = "scim_audit a WHERE a.after_values LIKE '%cut-%'";
    assert_eq!(agent.database().count(created).await, rows);
}

async fn a_hung_database_is_503_in_time(engine: Engine) {
    let (agent, proxy) = proxied(engine).await;
    let client = agent.client();
    client.get("/Users/3").await.expect(200);
    proxy.set(Weather::Deaf);
    let started = Instant::now();
    let body =
        crate::support::patch(&json!([{ "op": "replace", "path": "title", "value": "Hung" }]));
    let (read, write) = tokio::join!(client.get("/Users/3"), client.patch("/Users/3", &body));
    read.refused(503, "");
    write.refused(503, "");
    assert!(started.elapsed() < Duration::from_secs(60), "Entra hangs up after 60 s");
    proxy.set(Weather::Cut);
    proxy.set(Weather::Fair);
    well_again(&agent).await;
}

async fn a_database_that_is_down_at_start(engine: Engine) {
    let (install, proxy) = proxied_install(engine).await;
    let token = install.prepare();
    proxy.set(Weather::Cut);
    // It may wait for the database or give up with a reason (systemd starts it again): never hang.
    let mut child = install
        .command(&["serve"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let given_up = child.try_wait().unwrap();
    child.kill().ok();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    if let Some(status) = given_up {
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("database"), "{said}");
    }
    proxy.set(Weather::Fair);
    let server = install.serve().await;
    Client::new(&server.base(), Some(&token)).get("/Users/3").await.expect(200);
}
