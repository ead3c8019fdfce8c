//! Links: what the agent remembers of who Entra knows, writes, and has deleted.

use serde_json::json;

use crate::support::{Agent, Dialect, Engine, installs, user};

on_every_database!(
    reading_links_nobody,
    an_eq_hit_is_matched_and_a_write_managed,
    the_baseline_holds_what_was_asserted,
    a_lookup_by_mail_matches_too,
    external_ids_may_repeat,
    kpifires_own_rows_are_addressable_at_once,
);

async fn reading_links_nobody(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.get("/Users/3").await.expect(200);
    client.get("/Users").await.expect(200);
    client.ids("/Users", "userName sw \"line\"").await;
    client.ids("/Users", "userName eq \"nobody@plant.example\"").await;
    client.ids("/Users", "active eq true").await;
    assert_eq!(agent.database().count("scim_links").await, 0);
}

async fn an_eq_hit_is_matched_and_a_write_managed(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    assert_eq!(client.ids("/Users", "userName eq \"line.one@plant.example\"").await, ["4"]);
    assert_eq!(agent.link("User", "4").await.as_deref(), Some("matched"));
    let baseline = "scim_links WHERE legacy_key = '4' AND baseline IS NOT NULL AND baseline NOT IN ('{}', 'null')";
    assert_eq!(agent.database().count(baseline).await, 0, "a matched row has no baseline");
    let pairs = [("filter", "displayName eq \"kaizen core\""), ("excludedAttributes", "members")];
    client.query("/Groups", &pairs).await.expect(200);
    assert_eq!(agent.link("Group", "1").await.as_deref(), Some("matched"));

    let operations = json!([{ "op": "replace", "path": "title", "value": "Op" }]);
    client.operations("/Users/4", operations).await.expect(200);
    assert_eq!(agent.link("User", "4").await.as_deref(), Some("managed"));
    // Found again, it stays managed.
    client.ids("/Users", "userName eq \"line.one@plant.example\"").await;
    assert_eq!(agent.link("User", "4").await.as_deref(), Some("managed"));
    let id = client.post("/Users", &user("linked@plant.example")).await.expect(201).id();
    assert_eq!(agent.link("User", &id).await.as_deref(), Some("managed"));
    agent.entra(Dialect::Classic).add_members("g-2", &["3"]).await.expect(204);
    assert_eq!(agent.link("Group", "2").await.as_deref(), Some("managed"));
    assert_eq!(agent.link("User", "3").await, None, "being a member is no write to the user");
}

async fn the_baseline_holds_what_was_asserted(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let baseline = || async {
        let sql =
            "SELECT baseline FROM scim_links WHERE resource_type = 'User' AND legacy_key = '4'";
        agent.database().value(sql).await.unwrap_or_default()
    };
    let operations = json!([{ "op": "replace", "path": "title", "value": "First" }]);
    client.operations("/Users/4", operations).await.expect(200);
    assert!(baseline().await.contains("First"));
    agent
        .database()
        .execute("UPDATE users SET title = 'By hand', last_name = 'By hand' WHERE user_id = 4")
        .await;
    let operations = json!([{ "op": "replace", "path": "name.givenName", "value": "Second" }]);
    client.operations("/Users/4", operations).await.expect(200);
    let now = baseline().await;
    assert!(now.contains("First") && now.contains("Second"), "{now}");
    assert!(!now.contains("By hand"), "what Entra didn't assert is no baseline: {now}");
}

/// Entra may match by an address that lies in a column of its own.
async fn a_lookup_by_mail_matches_too(engine: Engine) {
    let tables = installs::tables(engine, "reserved");
    let agent = Agent::on(installs::lay(engine, "reserved", &tables).await).await;
    let client = agent.client();
    let contact = if engine.speaks_mysql() { "`Contact`" } else { "\"Contact\"" };
    let user = if engine.speaks_mysql() { "`User`" } else { "\"User\"" };
    let sql = format!("UPDATE {user} SET {contact} = 'Hand@plant.example'");
    agent.database().execute(&sql).await;
    for (filter, matched) in [
        ("emails[type eq \"work\"].value sw \"hand\"", None),
        ("not (emails[type eq \"work\"].value eq \"x\")", None),
        ("emails[type eq \"work\"].value eq \"hand@PLANT.example\"", Some("matched")),
    ] {
        assert_eq!(client.ids("/Users", filter).await, ["7"], "{filter}");
        assert_eq!(agent.link("User", "7").await.as_deref(), matched, "{filter}");
    }
    assert_eq!(agent.audit(&["--user", "7"]).len(), 1);
}

async fn external_ids_may_repeat(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut ids = Vec::new();
    for name in ["one@plant.example", "two@plant.example"] {
        let mut body = user(name);
        body["externalId"] = json!("same");
        ids.push(client.post("/Users", &body).await.expect(201).id());
    }
    assert_eq!(client.ids("/Users", "externalId eq \"same\"").await, ids);
    assert_eq!(agent.database().count("scim_links WHERE external_id = 'same'").await, 2);
}

async fn kpifires_own_rows_are_addressable_at_once(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    client.get("/Users/77").await.refused(404, "");
    agent
        .database()
        .execute(
            "INSERT INTO users (user_id, email, first_name, last_name, department_id, password_hash, created_at, \
             updated_at) VALUES (77,'by.kpifire@plant.example','B','K',1,'x','2024-05-06 07:08:09.000','2024-05-06 07:08:09')",
        )
        .await;
    let read = client.get("/Users/77").await.expect(200).body;
    assert_eq!(read["userName"], "by.kpifire@plant.example");
    assert_eq!(read["meta"]["created"].as_str().unwrap()[..19], *"2024-05-06T07:08:09");
    assert!(
        read["meta"]["created"].as_str().unwrap().ends_with('Z')
            || read["meta"]["created"].as_str().unwrap().ends_with("+00:00")
    );
    agent.database().execute("DELETE FROM users WHERE user_id = 77").await;
    client.get("/Users/77").await.refused(404, "");
}
