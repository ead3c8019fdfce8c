//! What `drift restore` and `drift adopt` do, each to one row, read again under lock, and audited.

use serde_json::Value;

use super::plant::{Plant, Run};
use crate::support::{Engine, key};

on_every_database!(
    restore_writes_what_entra_asserted,
    adopt_takes_what_kpifire_has,
    a_lost_user_is_made_again_or_forgotten,
    memberships_are_mended_both_ways,
    what_is_no_longer_so_is_left_alone,
    a_recycled_key_is_frozen_until_it_is_let_go,
    a_protected_user_is_not_locked,
    chosen_kinds_are_restored_by_the_run,
);

fn restore(plant: &Plant, run: &Run, kind: &str) -> String {
    plant.agent.install.stdout(&["drift", "restore", &run.id(kind)])
}

fn adopt(plant: &Plant, run: &Run, kind: &str) -> String {
    plant.agent.install.stdout(&["drift", "adopt", &run.id(kind)])
}

async fn column(plant: &Plant, column: &str, id: &str) -> Option<String> {
    let sql = format!("SELECT {column} FROM users WHERE user_id = {id}");
    plant.agent.database().value(&sql).await
}

async fn restore_writes_what_entra_asserted(engine: Engine) {
    let plant = Plant::new(engine).await;
    let (ana, ben, cy) = (plant.hire("ana").await, plant.hire("ben").await, plant.hire("cy").await);
    plant.entra.disable(&ben).await;
    plant
        .natively(&format!(
            "UPDATE users SET first_name = 'Typed Over', department_id = 5 WHERE user_id = {ana}; \
             UPDATE users SET status = 'Active' WHERE user_id = {ben}; \
             INSERT INTO user_sessions (session_id, user_id, expires_at) \
             VALUES ('again', {ben}, '2099-01-01 00:00:00'); \
             UPDATE users SET status = 'Inactive' WHERE user_id = {cy}"
        ))
        .await;
    let run = plant.reconcile();
    let ids: Vec<&str> = run.list().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4, "{:#}", run.report);
    let done = plant.agent.install.stdout(&[&["drift", "restore"], &ids[..]].concat());
    assert_eq!(done.matches("done:").count(), 4, "{done}");
    assert_eq!(column(&plant, "first_name", &ana).await.as_deref(), Some("Ana"));
    assert_eq!(column(&plant, "department_id", &ana).await.as_deref(), Some("3"));
    assert_eq!(column(&plant, "modified_by", &ana).await.as_deref(), Some("kpifire-scim"));
    assert_eq!(column(&plant, "status", &ben).await.as_deref(), Some("Inactive"));
    assert_eq!(plant.agent.database().count("user_sessions WHERE session_id = 'again'").await, 0);
    assert_eq!(column(&plant, "status", &cy).await.as_deref(), Some("Active"));
    let audited = plant.agent.audit(&["--user", &ben]);
    let last = audited.last().unwrap();
    assert_eq!(last["operation"], "restore", "{last}");
    assert_eq!(last["before"]["active"], true);
    assert_eq!(last["after"]["active"], false);
    assert!(last["detail"].as_str().unwrap().starts_with("drift restore: reactivated"), "{last}");
    let after = plant.reconcile();
    after.assert_clean();
    assert_eq!(after.counts("attribute"), [0, 2, 0, 0, 2]);
}

async fn adopt_takes_what_kpifire_has(engine: Engine) {
    let plant = Plant::new(engine).await;
    let (ana, ben) = (plant.hire("ana").await, plant.hire("ben").await);
    let team = plant.entra.create_group("Line 7").await;
    let team_key = key(&team);
    plant.entra.disable(&ben).await;
    plant
        .natively(&format!(
            "UPDATE users SET title = 'Boss' WHERE user_id = {ana}; \
             UPDATE users SET status = 'Active' WHERE user_id = {ben}; \
             UPDATE teams SET name = 'Line 8' WHERE team_id = {team_key}"
        ))
        .await;
    let run = plant.reconcile();
    adopt(&plant, &run, "attribute");
    adopt(&plant, &run, "reactivated");
    adopt(&plant, &run, "team_attribute");
    plant.reconcile().assert_clean();
    assert_eq!(column(&plant, "title", &ana).await.as_deref(), Some("Boss"));
    assert_eq!(column(&plant, "status", &ben).await.as_deref(), Some("Active"));
    // From then on that is what drift is measured by.
    plant.natively(&format!("UPDATE users SET title = NULL WHERE user_id = {ana}")).await;
    assert_eq!(plant.reconcile().one("attribute")["expected"], "Boss");
    // Entra disables him again: from then on, he is disabled.
    plant.entra.disable(&ben).await;
    assert_eq!(column(&plant, "status", &ben).await.as_deref(), Some("Inactive"));
}

async fn a_lost_user_is_made_again_or_forgotten(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    plant.agent.install.configure("[reconcile]\nfloor = 0\n");
    let (ana, ben) = (plant.hire("ana").await, plant.hire("ben").await);
    let team = plant.entra.create_group("Line 7").await;
    let team_key = key(&team);
    plant.entra.add_members(&team, &[&ana]).await.expect(204);
    plant
        .natively(&format!(
            "DELETE FROM team_members WHERE user_id = {ana}; \
             DELETE FROM users WHERE user_id IN ({ana}, {ben}); \
             DELETE FROM teams WHERE team_id = {team_key}"
        ))
        .await;
    let run = plant.reconcile();
    run.assert_findings(&[
        format!("missing User/{ana} -"),
        format!("missing User/{ben} -"),
        format!("team_missing Group/{team} -"),
    ]);
    let id = |user: &str| {
        let found = run.list().iter().find(|it| it["scimId"] == user && it["resource"] == "User");
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    plant.agent.install.stdout(&["drift", "restore", &id(&ana)]);
    assert_eq!(column(&plant, "email", &ana).await.as_deref(), Some("ana@plant.example"));
    assert_eq!(column(&plant, "department_id", &ana).await.as_deref(), Some("3"));
    restore(&plant, &run, "team_missing");
    let edges = format!("team_members WHERE team_id = {team_key} AND user_id = {ana}");
    assert_eq!(plant.agent.database().count(&edges).await, 1);
    plant.agent.install.stdout(&["drift", "adopt", &id(&ben)]);
    plant.entra.client.get(&format!("/Users/{ben}")).await.expect(404);
    plant.reconcile().assert_clean();
    // Entra creates him anew when it next looks.
    assert!(plant.entra.match_user("ben@plant.example").await.is_none());
    assert_ne!(plant.hire("ben").await, ana);
    plant.reconcile().assert_clean();
}

async fn memberships_are_mended_both_ways(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    // Of six memberships one is many percent.
    plant.agent.install.configure("[reconcile]\nfloor = 0\n");
    let (ana, ben, cy) = (plant.hire("ana").await, plant.hire("ben").await, plant.hire("cy").await);
    let team = plant.entra.create_group("Line 7").await;
    let team_key = key(&team);
    plant.entra.add_members(&team, &[&ana, &cy]).await.expect(204);
    let edit = format!(
        "DELETE FROM team_members WHERE user_id = {ana}; \
         INSERT INTO team_members (team_id, user_id, member_role, joined_at) \
         VALUES ({team_key}, {ben}, 'Member', '2024-01-01 08:00:00')"
    );
    let edge = |user: &str| format!("team_members WHERE team_id = {team_key} AND user_id = {user}");
    let database = plant.agent.database();
    plant.natively(&edit).await;
    let run = plant.reconcile();
    assert_eq!(run.one("member_extra")["actual"], "ben@plant.example");
    restore(&plant, &run, "member_extra");
    restore(&plant, &run, "member_missing");
    assert_eq!((database.count(&edge(&ana)).await, database.count(&edge(&ben)).await), (1, 0));
    plant.reconcile().assert_clean();
    plant.natively(&edit).await;
    let run = plant.reconcile();
    adopt(&plant, &run, "member_extra");
    adopt(&plant, &run, "member_missing");
    assert_eq!((database.count(&edge(&ana)).await, database.count(&edge(&ben)).await), (0, 1));
    plant.reconcile().assert_clean();
    plant
        .natively(
            "INSERT INTO team_members (team_id, user_id, member_role, joined_at) \
             VALUES (2, 99999, 'Member', '2024-01-01 08:00:00')",
        )
        .await;
    let run = plant.reconcile();
    let refused = plant.agent.install.run(&["drift", "adopt", &run.id("orphan_member")]);
    assert_eq!(refused.status.code(), Some(1));
    restore(&plant, &run, "orphan_member");
    plant.reconcile().assert_clean();
}

async fn what_is_no_longer_so_is_left_alone(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {ana}")).await;
    let id = plant.reconcile().id("attribute");
    plant.natively(&format!("UPDATE users SET title = NULL WHERE user_id = {ana}")).await;
    let audited = plant.agent.audit(&[]).len();
    let said = plant.agent.install.stdout(&["drift", "restore", &id]);
    assert!(said.contains("nothing to do"), "{said}");
    assert_eq!(plant.agent.audit(&[]).len(), audited);
    let said = plant.agent.install.stdout(&["drift", "restore", &id]);
    assert!(said.contains("it ended at"), "{said}");
    let unknown = plant.agent.install.run(&["drift", "restore", "0123456789abcdef"]);
    assert_eq!(unknown.status.code(), Some(1));
    let said = String::from_utf8_lossy(&unknown.stdout).into_owned();
    assert!(said.contains("no finding of this id"), "{said}");
}

/// A wrong disable locks out a plant: Entra's write to a key that is somebody else's now is refused.
async fn a_recycled_key_is_frozen_until_it_is_let_go(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    plant
        .natively(&format!(
            "UPDATE users SET email = 'new.person@plant.example', \
             created_at = '2099-01-01 00:00:00' WHERE user_id = {ana}"
        ))
        .await;
    let run = plant.reconcile();
    run.assert_findings(&[format!("recycled User/{ana} userName")]);
    let off = serde_json::json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    plant.entra.client.operations(&format!("/Users/{ana}"), off).await.refused(409, "");
    assert_eq!(column(&plant, "status", &ana).await.as_deref(), Some("Active"));
    let refused = plant.agent.install.run(&["drift", "restore", &run.id("recycled")]);
    assert_eq!(refused.status.code(), Some(1));
    adopt(&plant, &run, "recycled");
    plant.reconcile().assert_findings(&[format!("unmanaged User/{ana} -")]);
    let found: Value = plant.entra.match_user("new.person@plant.example").await.expect("the row");
    assert_eq!(found["id"], ana.as_str());
    plant.entra.disable(&ana).await;
    plant.reconcile().assert_clean();
}

async fn a_protected_user_is_not_locked(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    plant.entra.disable(&ana).await;
    plant
        .natively(&format!(
            "UPDATE users SET status = 'Active', email = 'svc-ana@plant.example' WHERE user_id = {ana}"
        ))
        .await;
    let run = plant.reconcile();
    let refused = plant.agent.install.run(&["drift", "restore", &run.id("reactivated")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("protects"));
    assert_eq!(column(&plant, "status", &ana).await.as_deref(), Some("Active"));
}

async fn chosen_kinds_are_restored_by_the_run(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    plant.agent.install.configure(
        "[reconcile]\nauto = [\"reactivated\", \"member_extra\"]\n[cleanup]\nmax_count = 2\n",
    );
    let mut ids = Vec::new();
    for name in ["ana", "ben", "cy"] {
        let id = plant.hire(name).await;
        plant.entra.disable(&id).await;
        ids.push(id);
    }
    let title = |id: &str| format!("UPDATE users SET title = 'Boss' WHERE user_id = {id}");
    plant.natively("UPDATE users SET status = 'Active' WHERE email LIKE '%@plant.example'").await;
    plant.natively(&title(&ids[0])).await;
    let blocked = plant.reconcile();
    assert_eq!((blocked.code, blocked.report["verdict"].as_str()), (4, Some("BLOCKED")));
    let reason = blocked.report["reasons"][0].as_str().unwrap();
    assert!(reason.contains("3 to restore now") && reason.contains("of 2"), "{reason}");
    assert_eq!(blocked.counts("reactivated")[0], 3);
    for id in &ids {
        assert_eq!(column(&plant, "status", id).await.as_deref(), Some("Active"));
    }
    plant.entra.enable(&ids[0]).await;
    let run = plant.reconcile();
    run.assert_findings(&[format!("attribute User/{} title", ids[0])]);
    assert_eq!(run.report["scope"]["restored"], 2, "{:#}", run.report);
    assert_eq!(column(&plant, "status", &ids[1]).await.as_deref(), Some("Inactive"));
    // The week's count is full.
    plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {}", ids[2])).await;
    let full = plant.reconcile();
    assert_eq!(full.code, 4);
    assert!(full.report["reasons"][0].as_str().unwrap().contains("2 in the last 7 days"));
    // One that no run saw before begins and ends with the run that mends it.
    plant
        .natively("DELETE FROM scim_findings; DELETE FROM scim_audit WHERE operation = 'restore'")
        .await;
    let run = plant.reconcile();
    assert_eq!(run.report["scope"]["restored"], 1, "{:#}", run.report);
    assert_eq!(run.counts("reactivated")[4], 1, "{:#}", run.report);
    let restored = "scim_findings WHERE kind = 'reactivated' AND resolution = 'restored'";
    assert_eq!(plant.agent.database().count(restored).await, 1);
    let latest = plant.agent.install.stdout(&["report", "--format", "json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&latest).unwrap(), run.report);
    let audited = plant.agent.audit(&["--user", &ids[2]]);
    assert!(audited.last().unwrap()["detail"].as_str().unwrap().starts_with("reconcile.auto:"));
}
