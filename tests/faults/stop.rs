//! SIGTERM: what runs is finished, then the daemon ends with 0.

use std::time::Duration;

use crate::support::{Agent, Client, Engine, user};

on_every_database!(it_drains_and_ends, what_was_written_is_there_after_a_restart);

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
