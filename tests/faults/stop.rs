//! SIGTERM: what runs is finished, then the daemon ends with 0.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::proxy::{Proxy, Weather};
use crate::support::{Agent, Client, Database, Engine, Install, user};

on_every_database!(it_drains_and_ends, what_was_written_is_there_after_a_restart);
on_servers!(
    a_hung_database_is_left,
    a_stop_during_the_start_is_heeded,
    a_reload_while_the_database_is_away_is_kept,
);

async fn proxied(engine: Engine) -> (Install, Proxy) {
    let mut install = Install::new(Database::ready(engine).await);
    let proxy = Proxy::to(install.database.server_address()).await;
    let url = install.database.url_through(proxy.address);
    install.configure(&format!("[database]\nurl = {url:?}\n[limits]\ndrain = \"2s\"\n"));
    install.configure("");
    (install, proxy)
}

async fn a_hung_database_is_left(engine: Engine) {
    let (install, proxy) = proxied(engine).await;
    let mut agent = Agent::on(install).await;
    agent.client().get("/Users/3").await.expect(200);
    proxy.set(Weather::Deaf);
    // Whatever it says of itself every ten seconds may be under way.
    agent.server.terminate();
    // Well before systemd would kill it, also on a machine that is busy with other things.
    let code = agent.server.exit_code(Duration::from_secs(60)).await;
    assert_eq!(code, Some(0), "{}", agent.server.log());
}

async fn a_stop_during_the_start_is_heeded(engine: Engine) {
    let (install, proxy) = proxied(engine).await;
    install.prepare();
    proxy.set(Weather::Deaf);
    let mut command = install.command(&["serve"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let killed =
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let asked = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(asked.elapsed() < Duration::from_secs(8), "it goes on waiting for the database");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

async fn a_reload_while_the_database_is_away_is_kept(engine: Engine) {
    let (install, proxy) = proxied(engine).await;
    let agent = Agent::on(install).await;
    agent.client().get("/Users/3").await.expect(200);
    proxy.set(Weather::Cut);
    std::fs::write(agent.install.last_config(), "base_path = \"/elsewhere\"\n").unwrap();
    let line = agent.server.reload().await;
    assert!(line.contains("but for the profile"), "{line}");
    let lines = agent.server.log().lines().count();
    proxy.set(Weather::Fair);
    agent.server.logged(lines, |line| line.ends_with("reloaded")).await;
    let base = format!("http://{}/elsewhere", agent.server.address);
    Client::new(&base, Some(&agent.token)).get("/Users/3").await.expect(200);
}

async fn it_drains_and_ends(engine: Engine) {
    let mut agent = Agent::start(engine).await;
    let requests: Vec<_> = (0..8)
        .map(|n| {
            let client = agent.client();
            tokio::spawn(async move {
                let body = user(&format!("drain-{n}@plant.example")).to_string();
                client.try_send(hyper::Method::POST, "/Users", &[], Some(body)).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(15)).await;
    agent.server.terminate();
    let mut created = 0;
    for request in requests {
        // A connection that came too late is refused; one that was taken is answered.
        if let Ok(answer) = request.await.unwrap() {
            answer.expect(201);
            created += 1;
        }
    }
    assert_eq!(
        agent.server.exit_code(Duration::from_secs(20)).await,
        Some(0),
        "{}",
        agent.server.log()
    );
    let rows = agent.database().count("users WHERE email LIKE 'drain-%'").await;
    assert_eq!(rows, created, "a request was carried out and not answered, or the other way round");
}

async fn what_was_written_is_there_after_a_restart(engine: Engine) {
    let mut agent = Agent::start(engine).await;
    let id = agent.client().post("/Users", &user("restart@plant.example")).await.expect(201).id();
    let etag = agent.client().get(&format!("/Users/{id}")).await.etag();
    // An idle connection that is kept alive doesn't hold the daemon up.
    agent.server.terminate();
    assert_eq!(
        agent.server.exit_code(Duration::from_secs(20)).await,
        Some(0),
        "{}",
        agent.server.log()
    );
    let server = agent.install.serve().await;
    let client = Client::new(&server.base(), Some(&agent.token));
    assert_eq!(client.get(&format!("/Users/{id}")).await.expect(200).etag(), etag);
}
