//! The guard against mass disabling: a wrong scope in Entra can't lock out a plant.

use serde_json::json;

use crate::support::{Agent, Database, Dialect, Engine, Install, user};

on_every_database!(over_the_limit_nobody_is_disabled, parallel_requests_count_one_by_one);

async fn guarded(engine: Engine, most: u32) -> Agent {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure(&format!("[guard]\nmax_disables = {most}\n"));
    Agent::on(install).await
}

async fn hire(agent: &Agent, name: &str) -> String {
    let body = user(&format!("{name}@plant.example"));
    agent.client().post("/Users", &body).await.expect(201).id()
}

fn off() -> serde_json::Value {
    json!([{ "op": "Replace", "path": "active", "value": "False" }])
}

async fn over_the_limit_nobody_is_disabled(engine: Engine) {
    let agent = guarded(engine, 2).await;
    let entra = agent.entra(Dialect::Classic);
    let mut ids = Vec::new();
    for name in ["ana", "ben", "cleo", "dan"] {
        ids.push(hire(&agent, name).await);
    }
    entra.disable(&ids[0]).await;
    agent.client().delete(&format!("/Users/{}", ids[1])).await.expect(204);
    let path = format!("/Users/{}", ids[2]);
    let refused = agent.client().operations(&path, off()).await.refused(503, "");
    assert_eq!(refused.header("retry-after"), Some("900"));
    assert!(refused.text.contains("guard.max_disables is 2"), "{}", refused.text);
    agent.client().delete(&path).await.refused(503, "");
    assert_eq!(agent.database().count("users WHERE status = 'Inactive'").await, 3);
    let audited = agent.audit(&["--user", &ids[2]]);
    assert_eq!(audited.last().unwrap()["outcome"], "refused 503", "{audited:#?}");
    // What disables nobody goes on, and so does who is disabled already.
    entra.disable(&ids[0]).await;
    let title = json!([{ "op": "Replace", "path": "title", "value": "Boss" }]);
    agent.client().operations(&path, title).await.expect(200);
    agent.client().delete(&format!("/Users/{}", ids[0])).await.expect(204);
    let status = agent.install.stdout(&["guard", "status"]);
    assert!(status.contains("2 of 2 managed users"), "{status}");
    let allowed = agent.install.stdout(&["guard", "allow", "--for", "5m"]);
    assert!(allowed.contains("until"), "{allowed}");
    entra.disable(&ids[2]).await;
    // The allowance ends by itself.
    agent.database().execute("UPDATE scim_guard SET allowed_until = '2024-01-01 00:00:00'").await;
    agent.client().operations(&format!("/Users/{}", ids[3]), off()).await.refused(503, "");
    // And so does the hour.
    agent
        .database()
        .execute(
            "UPDATE scim_links SET disabled_at = '2024-01-01 00:00:00' WHERE disabled_at IS NOT NULL; \
             UPDATE scim_links SET deleted_at = '2024-01-01 00:00:00' WHERE deleted_at IS NOT NULL",
        )
        .await;
    entra.disable(&ids[3]).await;
}

async fn parallel_requests_count_one_by_one(engine: Engine) {
    let agent = guarded(engine, 3).await;
    let mut ids = Vec::new();
    for at in 0..12 {
        ids.push(hire(&agent, &format!("user{at}")).await);
    }
    let requests = ids.iter().map(|id| {
        let (client, path) = (agent.client(), format!("/Users/{id}"));
        tokio::spawn(async move { client.operations(&path, off()).await.status })
    });
    let mut disabled = 0;
    for request in requests.collect::<Vec<_>>() {
        match request.await.unwrap() {
            200 => disabled += 1,
            503 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(disabled, 3);
    let inactive = "users WHERE status = 'Inactive' AND email LIKE 'user%'";
    assert_eq!(agent.database().count(inactive).await, 3);
}
