//! `kill -9` in the middle of a write storm: what was acknowledged is there, and nothing is half.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Agent, Client, Engine, user};

on_every_database!(every_acknowledged_write_is_there);

async fn every_acknowledged_write_is_there(engine: Engine) {
    let mut agent = Agent::start(engine).await;
    let done = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (client, done) = (agent.client(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    let name = format!("storm-{writer}-{n}@plant.example");
                    let body = user(&name).to_string();
                    let posted =
                        client.try_send(hyper::Method::POST, "/Users", &[], Some(body)).await;
                    let Ok(posted) = posted else { break };
                    let id = posted.expect(201).id();
                    let add =
                        json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
                    let body = crate::support::patch(&add).to_string();
                    let added =
                        client.try_send(hyper::Method::PATCH, "/Groups/g-2", &[], Some(body)).await;
                    let member = added.is_ok_and(|answer| answer.expect(204).status == 204);
                    acknowledged.push((name, id, member));
                    done.fetch_add(1, Ordering::Relaxed);
                    if !member {
                        break;
                    }
                }
                acknowledged
            })
        })
        .collect();
    let started = Instant::now();
    while done.load(Ordering::Relaxed) < 60 && started.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    agent.server.kill();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(acknowledged.len() >= 60, "the storm never rose: {}", acknowledged.len());

    let server = agent.install.serve().await;
    let client = Client::new(&server.base(), Some(&agent.token));
    for (name, id, member) in &acknowledged {
        assert_eq!(
            client.ids("/Users", &format!("userName eq \"{name}\"")).await,
            [id.as_str()],
            "{name} is lost"
        );
        if *member {
            let edge = format!("team_members WHERE team_id = 2 AND user_id = {id}");
            assert_eq!(agent.database().count(&edge).await, 1, "{name}'s membership is lost");
        }
    }
    // No half transactions: a row has its link and its audit row, or none of them is there.
    let database = agent.database();
    let users = database.count("users WHERE email LIKE 'storm-%'").await;
    let key = if engine.speaks_mysql() {
        "CAST(u.user_id AS CHAR)"
    } else {
        "CAST(u.user_id AS VARCHAR(20))"
    };
    let linked = format!(
        "users u JOIN scim_links l ON l.resource_type = 'User' AND l.legacy_key = {key} WHERE u.email LIKE 'storm-%'"
    );
    assert_eq!(database.count(&linked).await, users);
    let edges = database.count("team_members WHERE team_id = 2 AND user_id > 5").await;
    assert_eq!(database.count("scim_desired_members WHERE group_key = '2'").await, edges);
}
