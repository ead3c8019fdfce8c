//! The edges of the kinds: rows that Entra only matched, protected rows, what Entra deleted, a
//! baseline of one attribute, labels that change their spelling, silence and grace to the hour.

use serde_json::json;

use super::plant::Plant;
use crate::support::{Engine, installs};

on_every_database!(
    matched_rows_may_change,
    protected_rows_are_counted,
    what_entra_deleted_stays_off,
    a_deleted_users_key_is_recycled,
    one_asserted_attribute_is_all_that_is_compared,
    labels_may_change_their_case,
    silence_is_stale_after_its_limit,
    personal_data_is_overdue_after_its_grace,
);

/// Entra looked them up and asserted nothing: whatever kpifire does with them is its own affair.
async fn matched_rows_may_change(engine: Engine) {
    let plant = Plant::new(engine).await;
    let one = "email = 'mat@plant.example'";
    let id = plant.insert_user("mat@plant.example").await;
    plant.entra.match_user("mat@plant.example").await.expect("the row");
    plant
        .natively(&format!(
            "UPDATE users SET title = 'Boss', status = 'Inactive', first_name = 'X' WHERE {one}"
        ))
        .await;
    let run = plant.reconcile();
    run.assert_clean();
    assert_eq!(run.report["coverage"]["equal"], 0);
    plant.natively(&format!("UPDATE users SET status = 'Odd' WHERE {one}")).await;
    plant.reconcile().assert_findings(&[format!("invalid_value User/{id} active")]);
    plant.natively(&format!("UPDATE users SET status = 'Active' WHERE {one}")).await;
    plant.reconcile().assert_clean();
    plant.natively(&format!("DELETE FROM users WHERE {one}")).await;
    let lenient = ["--config", &config(&plant, "[reconcile]\nfloor = 0\n")];
    plant.reconcile_with(&lenient).assert_findings(&[format!("missing User/{id} -")]);
}

/// A configuration file for one command.
fn config(plant: &Plant, toml: &str) -> String {
    let path = plant.agent.database().folder().join("once.toml");
    std::fs::write(&path, toml).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn protected_rows_are_counted(engine: Engine) {
    let plant = Plant::new(engine).await;
    let before = plant.reconcile();
    before.assert_clean();
    let protected = before.report["scope"]["protected"].as_u64().unwrap();
    plant.insert_user("svc-robot@plant.example").await;
    plant.insert_user("SVC-Printer@plant.example").await;
    let run = plant.reconcile();
    run.assert_clean();
    assert_eq!(run.report["scope"]["protected"], protected + 2);
    let mine = plant.insert_user("not-svc-me@plant.example").await;
    plant.reconcile().assert_findings(&[format!("unmanaged User/{mine} -")]);
}

async fn what_entra_deleted_stays_off(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    plant.entra.hard_delete(&ana).await;
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {ana}")).await;
    plant.reconcile().assert_clean();
    plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {ana}")).await;
    let run = plant.reconcile();
    run.assert_findings(&[format!("reactivated User/{ana} active")]);
    plant.agent.install.stdout(&["drift", "restore", &run.id("reactivated")]);
    let status = format!("SELECT status FROM users WHERE user_id = {ana}");
    assert_eq!(plant.agent.database().value(&status).await.as_deref(), Some("Inactive"));
    plant.reconcile().assert_clean();
    // Gone altogether is no loss.
    plant.natively(&format!("DELETE FROM users WHERE user_id = {ana}")).await;
    let lenient = ["--config", &config(&plant, "[reconcile]\nfloor = 0\n")];
    plant.reconcile_with(&lenient).assert_clean();
}

async fn a_deleted_users_key_is_recycled(engine: Engine) {
    let tables = installs::tables(engine, "textkeys");
    let plant = Plant::on(installs::lay(engine, "textkeys", &tables).await).await;
    let client = &plant.entra.client;
    plant.entra.match_user("old.hand@plant.example").await.expect("the old hand");
    let body = json!({ "userName": "ana@plant.example", "active": true });
    let ana = client.post("/Users", &body).await.expect(201).id();
    client.delete(&format!("/Users/{ana}")).await.expect(204);
    plant.reconcile().assert_clean();
    let insert = format!(
        "INSERT INTO people (code, login, kind, unit) VALUES ('{ana}', 'eve@plant.example', 'EMP', 'U1')"
    );
    plant.agent.database().execute(&insert).await;
    let run = plant.reconcile();
    run.assert_findings(&[format!("recycled User/{ana} -")]);
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert_eq!(client.operations(&format!("/Users/{ana}"), off).await.status, 404);
    let on = format!("people WHERE code = '{ana}' AND enabled = 1");
    assert_eq!(plant.agent.database().count(&on).await, 1);
    plant.agent.install.stdout(&["drift", "adopt", &run.id("recycled")]);
    plant.reconcile().assert_findings(&[format!("unmanaged User/{ana} -")]);
    let found = plant.entra.match_user("eve@plant.example").await.expect("the row");
    assert_eq!(found["id"], ana.as_str());
    plant.reconcile().assert_clean();
}

async fn one_asserted_attribute_is_all_that_is_compared(engine: Engine) {
    let plant = Plant::new(engine).await;
    let found = plant.entra.match_user("line.one@plant.example").await.unwrap();
    let id = found["id"].as_str().unwrap();
    let title = json!([{ "op": "Replace", "path": "title", "value": "Turner" }]);
    plant.entra.patch_user(id, &title).await.expect(200);
    let other = format!(
        "UPDATE users SET first_name = 'Other', status = 'Inactive', phone_number = '1', \
         department_id = 5 WHERE user_id = {id}"
    );
    plant.natively(&other).await;
    let run = plant.reconcile();
    run.assert_clean();
    assert_eq!(run.report["coverage"]["equal"], 1);
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {id}")).await;
    let run = plant.reconcile();
    run.assert_findings(&[format!("attribute User/{id} title")]);
    plant.agent.install.stdout(&["drift", "restore", &run.id("attribute")]);
    plant.reconcile().assert_clean();
    let row = format!("users WHERE user_id = {id} AND title = 'Turner' AND first_name = 'Other'");
    assert_eq!(plant.agent.database().count(&row).await, 1);
}

async fn labels_may_change_their_case(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    let rename = |name: &str| format!("UPDATE departments SET name = '{name}' WHERE name = ");
    plant.natively(&(rename("qUALITY") + "'Quality'")).await;
    plant.reconcile().assert_clean();
    plant.natively(&(rename("Assurance") + "'qUALITY'")).await;
    let run = plant.reconcile();
    let department = format!("{}:department", crate::support::ENTERPRISE);
    run.assert_findings(&[format!("attribute User/{ana} {department}")]);
    assert_eq!(run.one("attribute")["expected"], "Quality");
    assert_eq!(run.one("attribute")["actual"], "Assurance");
    plant.agent.install.stdout(&["drift", "restore", &run.id("attribute")]);
    plant.reconcile().assert_clean();
}

async fn silence_is_stale_after_its_limit(engine: Engine) {
    let plant = Plant::new(engine).await;
    let heard = async |hours: i64| {
        let at = chrono::Utc::now() - chrono::TimeDelta::hours(hours);
        let at = at.format("%Y-%m-%d %H:%M:%S");
        plant
            .natively(&format!(
                "UPDATE scim_tokens SET last_used = '{at}'; UPDATE scim_audit SET at = '{at}'"
            ))
            .await;
    };
    heard(47).await;
    plant.reconcile().assert_clean();
    heard(49).await;
    let run = plant.reconcile();
    run.assert_findings(&["stale_source -/- -".to_owned()]);
    assert_eq!(run.one("stale_source")["severity"], "error");
    let longer = ["--config", &config(&plant, "[reconcile]\nstale_after = \"50h\"\n")];
    plant.reconcile_with(&longer).assert_clean();
    assert_eq!(plant.reconcile().list().len(), 1);
}

async fn personal_data_is_overdue_after_its_grace(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    plant.agent.install.configure("[schedule]\ncleanup = \"\"\n");
    let ana = plant.hire("ana").await;
    plant.entra.disable(&ana).await;
    let disabled = async |days: i64| {
        let at = chrono::Utc::now() - chrono::TimeDelta::days(days);
        let at = at.format("%Y-%m-%d %H:%M:%S");
        plant
            .natively(&format!(
                "UPDATE scim_links SET disabled_at = '{at}' WHERE legacy_key = '{ana}' \
                 AND resource_type = 'User'"
            ))
            .await;
    };
    disabled(179).await;
    plant.reconcile().assert_clean();
    disabled(181).await;
    let run = plant.reconcile();
    run.assert_findings(&[format!("overdue_cleanup User/{ana} anonymise")]);
    let why = run.one("overdue_cleanup")["why"].as_str().unwrap();
    assert!(why.contains("personal data"), "{why}");
    // Back in the plant, nobody waits for anything.
    plant.entra.enable(&ana).await;
    plant.reconcile().assert_clean();
}
