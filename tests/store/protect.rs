//! Protected accounts: no client disables or deletes them, in whatever words; all else is allowed.

use serde_json::json;

use crate::support::{Agent, Database, Dialect, Engine, Install, user};

on_every_database!(
    they_stay_active,
    they_may_be_updated,
    they_keep_their_names_and_licences,
    a_put_clears_nothing,
    nobody_comes_under_protection_by_a_rename,
    what_the_profile_keeps_is_kept,
);

async fn they_stay_active(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for (id, name) in [("1", "admin@plant.example"), ("2", "svc-reports@plant.example")] {
        let path = format!("/Users/{id}");
        for operation in [
            json!({ "op": "Replace", "path": "active", "value": "False" }),
            json!({ "op": "replace", "value": { "active": false } }),
            json!({ "op": "add", "path": "active", "value": false }),
        ] {
            client.operations(&path, json!([operation])).await.refused(403, "");
        }
        let mut body = user(name);
        body["active"] = json!(false);
        client.put(&path, &body).await.refused(403, "");
        client.delete(&path).await.refused(403, "");
        // Renaming in the same request is no way around.
        let operations = json!([
            { "op": "replace", "path": "userName", "value": format!("renamed-{id}@plant.example") },
            { "op": "replace", "path": "active", "value": false },
        ]);
        client.operations(&path, operations).await.refused(403, "");
    }
    assert_eq!(
        agent.database().count("users WHERE user_id IN (1, 2) AND status = 'Active'").await,
        2
    );
    assert_eq!(agent.database().count("users WHERE email LIKE 'renamed%'").await, 0);
    assert_eq!(
        agent.database().count("api_tokens WHERE user_id = 2 AND revoked_at IS NULL").await,
        1
    );
    // Patterns compare without case.
    let id = client.post("/Users", &user("SVC-Backup@plant.example")).await.expect(201).id();
    client.delete(&format!("/Users/{id}")).await.refused(403, "");
}

async fn they_may_be_updated(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let operations = json!([
        { "op": "replace", "path": "title", "value": "Chief" },
        { "op": "replace", "path": "active", "value": true },
    ]);
    client.operations("/Users/1", operations).await.expect(200);
    agent.entra(Dialect::Rfc).add_members("g-2", &["1"]).await.expect(204);
    assert_eq!(agent.database().count("users WHERE user_id = 1 AND title = 'Chief'").await, 1);
}

async fn they_keep_their_names_and_licences(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let row = "SELECT email || '/' || license_type || '/' || status FROM users WHERE user_id = 2";
    let row = if engine == Engine::Mariadb {
        "SELECT CONCAT(email, '/', license_type, '/', status) FROM users WHERE user_id = 2"
    } else {
        row
    };
    let before = agent.database().value(row).await;
    for operation in [
        json!({ "op": "replace", "path": "userName", "value": "free@plant.example" }),
        json!({ "op": "replace", "path": "userName", "value": "svc-other@plant.example" }),
        json!({ "op": "replace", "path": "userType", "value": "Team Member" }),
        json!({ "op": "remove", "path": "userType" }),
        json!({ "op": "add", "value": { "userType": "" } }),
    ] {
        client
            .operations("/Users/2", json!([operation]))
            .await
            .refused(403, "")
            .naming("protected");
        // The next request finds the account as protected as before.
        client.delete("/Users/2").await.refused(403, "");
    }
    client.put("/Users/2", &user("renamed@plant.example")).await.refused(403, "");
    assert_eq!(agent.database().value(row).await, before);
    // The same name in another case is the same.
    let operations =
        json!([{ "op": "replace", "path": "userName", "value": "SVC-Reports@plant.example" }]);
    client.operations("/Users/2", operations).await.expect(200);
}

async fn a_put_clears_nothing(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let before = client.get("/Users/1").await.expect(200).body;
    let three = json!({
        "schemas": [crate::support::USER],
        "userName": before["userName"],
        "nickName": "Root",
        "name": { "givenName": "" },
    });
    let after = client.put("/Users/1", &three).await.expect(200).body;
    assert_eq!(after["nickName"], "Root");
    for attribute in ["userName", "name", "userType", "title", "active", "phoneNumbers", "emails"] {
        assert_eq!(after[attribute], before[attribute], "{attribute}");
    }
    let extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!(after[extension], before[extension]);
    // What it says is done.
    let mut body = user(before["userName"].as_str().unwrap());
    body["title"] = json!("Chief");
    client.put("/Users/1", &body).await.expect(200);
    assert_eq!(agent.database().count("users WHERE user_id = 1 AND title = 'Chief'").await, 1);
}

async fn nobody_comes_under_protection_by_a_rename(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let rename = json!({ "op": "replace", "path": "userName", "value": "Svc-me@plant.example" });
    let disable = json!({ "op": "replace", "path": "active", "value": false });
    for operations in [json!([rename]), json!([rename, disable])] {
        client.operations("/Users/3", operations).await.refused(403, "").naming("Svc-me");
    }
    client.put("/Users/3", &user("svc-me@plant.example")).await.refused(403, "");
    client.operations("/Users/3", json!([disable])).await.expect(200);
    assert_eq!(
        agent.audit(&["--user", "3"]).iter().filter(|row| row["outcome"] == "refused 403").count(),
        3
    );
}

async fn what_the_profile_keeps_is_kept(engine: Engine) {
    let builtin = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/config/profiles/kpifire.toml"
    ))
    .unwrap();
    let kept = builtin.replace("[protect]", "[protect]\nkeep = [\"title\", \"name.familyName\"]");
    let agent = Agent::on(Install::with_profile(Database::ready(engine).await, &kept)).await;
    let client = agent.client();
    for (path, value) in [("title", "Other"), ("name.familyName", "Other")] {
        let operations = json!([{ "op": "replace", "path": path, "value": value }]);
        client.operations("/Users/2", operations.clone()).await.refused(403, "").naming(path);
        client.operations("/Users/3", operations).await.expect(200);
    }
    let operations = json!([{ "op": "replace", "path": "name.givenName", "value": "Other" }]);
    client.operations("/Users/2", operations).await.expect(200);
}
