//! SIGHUP: new settings for what comes, the old ones for what is under way; all of them or none.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::tls::{Authority, exchange, status};
use crate::support::{Agent, Client, Database, Engine, Install, user};

on_every_database!(settings_are_taken_up, the_schedule_is_taken_up);

/// What was bound for TLS isn't served in the clear because a file says another address now.
#[tokio::test(flavor = "multi_thread")]
async fn no_reload_uncovers_what_others_can_reach() {
    let authority = Authority::new();
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    let files = authority.issue().install(&install.database.folder());
    install.configure(&format!("listen = \"0.0.0.0:0\"\n[tls]\n{files}"));
    let server = install.serve_unready().await;
    std::fs::write(install.last_config(), "").unwrap();
    let line = server.reload().await;
    assert!(line.contains("refused") && line.contains("others can reach"), "{line}");
    let address = server.address.replace("0.0.0.0", "127.0.0.1");
    let answer = authority.client(None).get(&address, "/healthz", "").await.unwrap();
    assert_eq!(status(&answer), 200);
}

/// Another file in place of the last one.
fn write(agent: &Agent, toml: &str) {
    std::fs::write(agent.install.last_config(), toml).unwrap();
}

async fn agent(engine: Engine) -> Agent {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure("");
    Agent::on(install).await
}

async fn settings_are_taken_up(engine: Engine) {
    let agent = agent(engine).await;
    let client = agent.client();
    client.get("/Users/3").await.expect(200);
    // Under way: half of its body is there.
    let body = user("slow@plant.example").to_string();
    let (half, rest) = body.split_at(body.len() / 2);
    let mut slow = TcpStream::connect(&agent.server.address).await.unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{half}",
        agent.token,
        body.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    client.get("/Users/3").await.expect(200);

    write(
        &agent,
        "base_path = \"/elsewhere\"\n[limits]\npage_max = 2\npage_default = 2\n[guard]\nmax_disables = 1\n",
    );
    assert!(agent.server.reload().await.ends_with("reloaded"), "{}", agent.server.log());
    client.get("/Users/3").await.refused(404, "");
    let moved =
        Client::new(&format!("http://{}/elsewhere", agent.server.address), Some(&agent.token));
    assert_eq!(moved.get("/Users").await.expect(200).resources().len(), 2);
    let disable = json!([{ "op": "replace", "path": "active", "value": false }]);
    moved.operations("/Users/3", disable.clone()).await.expect(200);
    moved.operations("/Users/4", disable).await.refused(503, "");
    let answer = exchange(&mut slow, rest).await.unwrap();
    assert_eq!(status(&answer), 201, "{answer}");

    // Wrong in one place, and nothing of it is taken.
    write(&agent, "base_path = \"/third\"\n[limits]\npage_mx = 3\n");
    let line = agent.server.reload().await;
    assert!(line.contains("refused") && line.contains("limits.page_mx"), "{line}");
    write(&agent, "base_path = \"/third\"\nprofile = \"no/such.toml\"\n");
    let line = agent.server.reload().await;
    assert!(line.contains("refused") && line.contains("no/such.toml"), "{line}");
    moved.get("/Users/3").await.expect(200);

    // What can't change is named, the rest is taken up.
    write(&agent, "base_path = \"/fourth\"\nlisten = \"127.0.0.1:9\"\n[database]\npool_size = 3\n");
    let line = agent.server.reload().await;
    assert!(line.contains("restart") && line.contains("database.pool_size, listen"), "{line}");
    moved.get("/Users/3").await.refused(404, "");
    let moved = Client::new(&format!("http://{}/fourth", agent.server.address), Some(&agent.token));
    moved.get("/Users/3").await.expect(200);
}

async fn the_schedule_is_taken_up(engine: Engine) {
    let agent = agent(engine).await;
    assert_eq!(agent.database().count("scim_runs").await, 0);
    let reports = agent.database().folder().join("reports").display().to_string();
    let reports = format!("[reports]\ndir = {reports:?}\n");
    write(&agent, &format!("{reports}[schedule]\nreconcile = \"* * * * * *\"\n"));
    assert!(agent.server.reload().await.ends_with("reloaded"));
    let started = Instant::now();
    while agent.database().count("scim_runs").await == 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "no run\n{}", agent.server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    write(&agent, &format!("{reports}[schedule]\nreconcile = \"\"\n"));
    assert!(agent.server.reload().await.ends_with("reloaded"));
}
