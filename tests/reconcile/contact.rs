//! When Entra was last heard of: whatever it authenticates with, and nothing that others do.

use std::time::{Duration, Instant};

use super::plant::Plant;
use crate::support::jwt::{self, KeyServer, claims};
use crate::support::{Agent, Database, Engine, Install};

on_every_database!(
    an_oauth_client_is_contact,
    entras_own_token_is_contact,
    what_others_do_is_no_contact,
    a_rotated_token_was_used,
);

/// Nothing was heard of Entra since long before the agent was there.
const SILENCE: &str = "UPDATE scim_tokens SET last_used = '2024-01-01 00:00:00'; \
                       UPDATE scim_audit SET token = NULL; \
                       UPDATE scim_migrations SET applied = '2024-01-01 00:00:00'";

/// A line of `status`.
fn line(install: &Install, name: &str) -> String {
    let status = install.stdout(&["status"]);
    status.lines().find(|line| line.starts_with(name)).expect(&status).to_owned()
}

async fn an_oauth_client_is_contact(engine: Engine) {
    let plant = Plant::new(engine).await;
    plant.natively(SILENCE).await;
    plant.reconcile().one("stale_source");
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S");
    plant
        .natively(&format!(
            "INSERT INTO scim_clients (name, client_id, hash, scope, created, last_used) VALUES \
             ('reader', 'r', 'x', 'read', '2024-01-01 00:00:00', '{now}'), \
             ('entra', 'e', 'y', 'provision', '2024-01-01 00:00:00', NULL)"
        ))
        .await;
    plant.reconcile().one("stale_source");
    let used = format!("UPDATE scim_clients SET last_used = '{now}' WHERE name = 'entra'");
    plant.natively(&used).await;
    plant.reconcile().assert_clean();
}

/// Lookups write nothing, and a token of Entra's own has no row: it is heard all the same.
async fn entras_own_token_is_contact(engine: Engine) {
    let keys = KeyServer::with(&["one"]).await;
    let mut install = Install::new(Database::ready(engine).await);
    install.configure(&jwt::configuration(&keys.url()));
    let mut agent = Agent::on(install).await;
    agent.database().execute("UPDATE scim_migrations SET applied = '2024-01-01 00:00:00'").await;
    assert!(line(&agent.install, "last contact").ends_with("never"));
    let client = agent.client_with(Some(&jwt::token("one", &claims())));
    let started = Instant::now();
    while line(&agent.install, "last contact").ends_with("never") {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", agent.server.log());
        client.get("/Users?filter=userName+eq+%22nobody%22").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(line(&agent.install, "last write").ends_with("never"));
    let report = agent.install.run(&["reconcile", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert!(report["scope"]["lastContact"].is_string());
    assert!(!report["findings"].to_string().contains("stale_source"), "{report:#}");
    // It is none of the daemons, and outlives them.
    agent.server.terminate();
    assert_eq!(agent.server.exit_code(Duration::from_secs(20)).await, Some(0));
    assert!(line(&agent.install, "agents").ends_with("none is running"));
    assert!(!line(&agent.install, "last contact").ends_with("never"));
}

async fn what_others_do_is_no_contact(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {ana}")).await;
    let drift = plant.reconcile().id("attribute");
    plant
        .natively(
            "UPDATE scim_tokens SET last_used = '2024-01-01 00:00:00'; \
             UPDATE scim_audit SET at = '2024-01-01 00:00:00'",
        )
        .await;
    plant.agent.install.stdout(&["drift", "restore", &drift]);
    for name in ["last write", "last contact"] {
        let line = line(&plant.agent.install, name);
        assert!(line.contains("2024-01-01"), "{line}");
    }
}

async fn a_rotated_token_was_used(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.database().execute("UPDATE scim_tokens SET last_used = '2024-01-01 00:00:00'").await;
    agent.install.stdout(&["token", "rotate", "entra"]);
    let used = agent.database().value("SELECT last_used FROM scim_tokens").await;
    assert!(used.is_some_and(|used| used.starts_with("2024-01-01")));
}
