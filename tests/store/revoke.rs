//! Disabling ends a user's access at once, in the same transaction.

use serde_json::json;

use crate::support::{Agent, Database, Dialect, Engine, Install, user};

on_every_database!(
    disabling_revokes_in_every_dialect,
    disabling_who_is_inactive_already_revokes,
    a_user_let_in_again_is_disabled_anew,
    deleting_revokes,
    clearing_active_disables_nobody_in_silence,
    only_the_disabled_user_is_touched
);

async fn disabling_revokes_in_every_dialect(engine: Engine) {
    let agent = Agent::start(engine).await;
    for (round, dialect) in [Dialect::Classic, Dialect::Rfc].into_iter().enumerate() {
        let entra = agent.entra(dialect);
        agent
            .database()
            .execute(&format!(
                "INSERT INTO user_sessions (session_id, user_id, expires_at) VALUES ('s{round}',4,'2099-01-01 00:00:00'); \
                 INSERT INTO api_tokens (user_id, token_hash, created_at) VALUES (4,'h{round}','2024-01-01 00:00:00')"
            ))
            .await;
        entra.disable("4").await;
        assert_eq!(agent.database().count("user_sessions WHERE user_id = 4").await, 0);
        assert_eq!(
            agent.database().count("api_tokens WHERE user_id = 4 AND revoked_at IS NULL").await,
            0
        );
        assert_eq!(
            agent
                .database()
                .count("scim_links WHERE legacy_key = '4' AND disabled_at IS NOT NULL")
                .await,
            1
        );
        // What was revoked keeps its time, what is disabled may be disabled again.
        let times =
            "SELECT token_id, revoked_at FROM api_tokens WHERE user_id = 4 ORDER BY token_id";
        let first = agent.database().rows(times).await;
        entra.disable("4").await;
        assert_eq!(agent.database().rows(times).await, first);
        entra.enable("4").await;
        assert_eq!(
            agent
                .database()
                .count("scim_links WHERE legacy_key = '4' AND disabled_at IS NULL")
                .await,
            1
        );
        assert_eq!(agent.database().rows(times).await, first, "enabling brings no token back");
    }
}

/// kpifire locked the person out before Entra heard of it: what signs in without a password stays
/// until it is revoked.
async fn disabling_who_is_inactive_already_revokes(engine: Engine) {
    let agent = Agent::start(engine).await;
    let database = agent.database();
    let entra = agent.entra(Dialect::Classic);
    entra.match_user("line.two@plant.example").await.expect("a kpifire user");
    database
        .execute(
            "UPDATE users SET status = 'Inactive' WHERE user_id = 4; \
             INSERT INTO user_sessions (session_id, user_id, expires_at) VALUES ('s',4,'2099-01-01 00:00:00'); \
             INSERT INTO api_tokens (user_id, token_hash, created_at) VALUES (4,'h','2024-01-01 00:00:00')",
        )
        .await;
    entra.disable("4").await;
    assert_eq!(database.count("user_sessions WHERE user_id = 4").await, 0);
    let alive = "api_tokens WHERE user_id = 4 AND revoked_at IS NULL";
    assert_eq!(database.count(alive).await, 0);
    let disabled = "scim_links WHERE legacy_key = '4' AND disabled_at IS NOT NULL";
    assert_eq!(database.count(disabled).await, 1);
}

/// The grace of somebody whom kpifire let in again begins with Entra's next word.
async fn a_user_let_in_again_is_disabled_anew(engine: Engine) {
    let agent = Agent::start(engine).await;
    let database = agent.database();
    let entra = agent.entra(Dialect::Classic);
    entra.disable("4").await;
    let long_ago =
        "UPDATE scim_links SET disabled_at = '2024-01-01 00:00:00' WHERE legacy_key = '4'";
    database.execute(long_ago).await;
    let since_long_ago =
        "scim_links WHERE legacy_key = '4' AND disabled_at < '2024-01-02 00:00:00'";
    entra.disable("4").await;
    assert_eq!(database.count(since_long_ago).await, 1, "nothing has changed");
    database.execute("UPDATE users SET status = 'Active' WHERE user_id = 4").await;
    entra.disable("4").await;
    assert_eq!(database.count(since_long_ago).await, 0);
    assert_eq!(database.count("users WHERE user_id = 4 AND status = 'Inactive'").await, 1);
}

async fn deleting_revokes(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.client().delete("/Users/4").await.expect(204);
    assert_eq!(agent.database().count("user_sessions").await, 0);
    assert_eq!(
        agent.database().count("api_tokens WHERE user_id = 4 AND revoked_at IS NULL").await,
        0
    );
}

/// A column that takes NULL, or an `[insert]` that says inactive, is no second way to disable.
async fn clearing_active_disables_nobody_in_silence(engine: Engine) {
    let builtin = include_str!("../../config/profiles/kpifire.toml");
    let mapped =
        "active = { column = \"status\", values = { true = \"Active\", false = \"Inactive\" } }";
    let insert = "[users.insert]\n";
    assert!(builtin.contains(mapped) && builtin.contains(insert));
    let nullable = builtin.replacen(mapped, "active = \"enabled\"", 1);
    let inserted = builtin.replacen(insert, "[users.insert]\nstatus = \"Inactive\"\n", 1);
    for (profile, enabled) in [(nullable, "enabled = 1"), (inserted, "status = 'Active'")] {
        let database = Database::ready(engine).await;
        database.execute("ALTER TABLE users ADD COLUMN enabled SMALLINT NULL").await;
        database.execute("UPDATE users SET enabled = 1").await;
        let agent = Agent::on(Install::with_profile(database, &profile)).await;
        let client = agent.client();
        for operations in [
            json!([{ "op": "replace", "path": "active", "value": null }]),
            json!([{ "op": "Replace", "path": "active", "value": "" }]),
            json!([{ "op": "remove", "path": "active" }]),
            json!([{ "op": "replace", "value": { "active": null, "title": "Cleared" } }]),
        ] {
            client.operations("/Users/4", operations).await.expect(400).naming("active");
        }
        let mut body = user("line.one@plant.example");
        body["active"] = json!(null);
        client.put("/Users/4", &body).await;
        let still = format!("users WHERE user_id = 4 AND {enabled}");
        assert_eq!(agent.database().count(&still).await, 1);
        assert_eq!(agent.database().count("user_sessions WHERE user_id = 4").await, 1);
        let disabled = "scim_links WHERE disabled_at IS NOT NULL";
        assert_eq!(agent.database().count(disabled).await, 0);
        agent.entra(Dialect::Classic).disable("4").await;
        assert_eq!(agent.database().count("user_sessions WHERE user_id = 4").await, 0);
        assert_eq!(agent.database().count(disabled).await, 1);
    }
}

async fn only_the_disabled_user_is_touched(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    agent.entra(Dialect::Classic).disable("3").await;
    let operations = json!([{ "op": "replace", "path": "title", "value": "Still here" }]);
    client.operations("/Users/4", operations).await.expect(200);
    let mut body = user("line.two@plant.example");
    body["active"] = json!(false);
    client.put("/Users/5", &body).await.expect(200);
    assert_eq!(agent.database().count("user_sessions WHERE user_id = 4").await, 1);
    assert_eq!(agent.database().count("api_tokens WHERE revoked_at IS NULL").await, 2);
}
