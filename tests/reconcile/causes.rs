//! One cause gives one finding, and a plan says what stands in its way now.

use serde_json::{Value, json};

use super::plant::Plant;
use crate::support::Engine;

on_every_database!(
    a_lost_row_is_one_finding,
    a_disabled_users_cause_is_told_once,
    an_undeletable_row_is_overdue,
    names_that_only_unicode_holds_alike_are_duplicates,
    an_incomplete_runs_plan_is_blocked,
    a_cleanup_is_listed_among_the_runs,
);

/// A plant whose cleanup a person begins.
async fn plant(engine: Engine, cleanup: &str) -> Plant {
    let mut plant = Plant::new(engine).await;
    plant.agent.install.configure(&format!(
        "[cleanup]\n{cleanup}\n[schedule]\ncleanup = \"\"\n[reconcile]\nfloor = 50\n"
    ));
    plant
}

/// Somebody whom Entra put into a team and disabled.
async fn leaver(plant: &Plant, name: &str) -> String {
    let id = plant.hire(name).await;
    let team = plant.entra.create_group(&format!("Team of {name}")).await;
    plant.entra.add_members(&team, &[&id]).await.expect(204);
    plant.entra.disable(&id).await;
    id
}

/// The export has the two whose rows are gone, one under a new object id.
async fn a_lost_row_is_one_finding(engine: Engine) {
    let plant = plant(engine, "").await;
    let (ana, ben) = (plant.hire("ana").await, plant.hire("ben").await);
    plant.natively(&format!("DELETE FROM users WHERE user_id IN ({ana}, {ben})")).await;
    plant.insert_user("ben@plant.example").await;
    plant.insert_user(" ben@plant.example").await;
    let users = ["quality.lead", "line.one", "line.two", "ana", "ben", "new"];
    let users =
        users.map(|name| json!({"id": name, "userPrincipalName": format!("{name}@plant.example")}));
    let path = plant.agent.database().folder().join("users.json");
    std::fs::write(&path, json!({ "value": users }).to_string()).unwrap();
    plant.reconcile_with(&["--source", path.to_str().unwrap()]).assert_findings(&[
        format!("missing User/{ana} -"),
        format!("ambiguous User/{ben} userName"),
        "source_missing User/- userName".to_owned(),
    ]);
}

async fn a_disabled_users_cause_is_told_once(engine: Engine) {
    let plant = plant(engine, "strip_after = \"0s\"\nanonymise_after = \"0s\"").await;
    let mut ids = Vec::new();
    for name in ["ana", "ben", "cy"] {
        ids.push(leaver(&plant, name).await);
    }
    let [ana, ben, cy] = &ids[..] else { panic!("three") };
    plant
        .natively(&format!(
            "UPDATE users SET status = 'Active' WHERE user_id = {ana}; \
             DELETE FROM team_members WHERE user_id = {ben}; \
             DELETE FROM users WHERE user_id = {ben}"
        ))
        .await;
    plant.reconcile().assert_findings(&[
        format!("reactivated User/{ana} active"),
        format!("missing User/{ben} -"),
        format!("overdue_cleanup User/{cy} strip"),
        format!("overdue_cleanup User/{cy} anonymise"),
    ]);
}

async fn an_undeletable_row_is_overdue(engine: Engine) {
    let cleanup = "strip_after = \"0s\"\nanonymise_after = \"0s\"\ndelete_after = \"0s\"\n\
                   transfer_to = \"3\"";
    let plant = plant(engine, cleanup).await;
    let (ana, ben) = (leaver(&plant, "ana").await, leaver(&plant, "ben").await);
    plant
        .natively(&format!(
            "INSERT INTO api_tokens (user_id, token_hash, created_at, revoked_at) \
             VALUES ({ben}, 'h', '2024-01-01 08:00:00', '2024-01-01 08:00:00')"
        ))
        .await;
    // Memberships are in the way of a row as the plan is made; then they are gone.
    apply(&plant);
    apply(&plant);
    let run = plant.reconcile();
    run.assert_findings(&[format!("overdue_cleanup User/{ben} delete")]);
    let why = run.one("overdue_cleanup")["why"].as_str().unwrap();
    assert!(why.contains("the row still there: referenced") && why.contains("api_tokens"), "{why}");
    let sql = format!("SELECT email FROM users WHERE user_id = {ana}");
    assert_eq!(plant.agent.database().value(&sql).await, None);
}

/// Applies what is due; what it said.
fn apply(plant: &Plant) -> String {
    let install = &plant.agent.install;
    let plan = install.stdout(&["cleanup", "plan", "--format", "json"]);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    install.stdout(&["cleanup", "apply", "--yes", "--plan", plan["hash"].as_str().unwrap()])
}

/// No database folds a mathematical letter, and none trims a tab.
async fn names_that_only_unicode_holds_alike_are_duplicates(engine: Engine) {
    let plant = Plant::new(engine).await;
    let bold = plant.insert_user("\u{1d41f}in@plant.example").await;
    let tab = plant.insert_user("\tfin@plant.example").await;
    let plain = plant.insert_user("FIN@plant.example").await;
    let run = plant.reconcile();
    run.assert_findings(&[format!("duplicate User/{bold} userName")]);
    assert_eq!(run.one("duplicate")["actual"], json!([bold, tab, plain]));
}

async fn an_incomplete_runs_plan_is_blocked(engine: Engine) {
    let mut plant = plant(engine, "strip_after = \"0s\"").await;
    let ana = leaver(&plant, "ana").await;
    let before = plant.reconcile();
    assert_eq!(before.report["cleanup"]["verdict"], "READY", "{:#}", before.report);
    plant.natively(&format!("DELETE FROM team_members WHERE user_id <> {ana}")).await;
    let fallen = plant.reconcile();
    assert_eq!(fallen.code, 3, "{:#}", fallen.report);
    assert_eq!(fallen.report["cleanup"]["verdict"], "BLOCKED");
    assert_eq!(fallen.report["cleanup"]["reasons"], json!(["this run is incomplete"]));
    let plan = plant.agent.install.run(&["cleanup", "plan"]);
    assert_eq!(plan.status.code(), Some(4));
    // The first complete run is what cleanup waited for.
    plant.agent.install.environment("KPIFIRE_SCIM__RECONCILE__FLOOR", "0");
    let run = plant.reconcile();
    assert_eq!(run.code, 2, "{:#}", run.report);
    assert_eq!(run.report["cleanup"]["verdict"], "READY", "{:#}", run.report);
    assert_eq!(run.report["cleanup"]["reasons"], json!([]));
    assert!(!run.one("overdue_cleanup")["why"].as_str().unwrap().contains("incomplete"));
}

async fn a_cleanup_is_listed_among_the_runs(engine: Engine) {
    let plant = plant(engine, "strip_after = \"0s\"").await;
    leaver(&plant, "ana").await;
    plant.reconcile();
    let said = apply(&plant);
    let run = said.trim_end().rsplit(' ').next().expect("the run");
    let list = plant.agent.install.stdout(&["report", "list"]);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = list.lines().skip(1).map(words).collect();
    assert_eq!((lines[0][0].as_str(), lines[0][1].as_str()), (run, "cleanup"), "{list}");
    assert!(list.contains("1 of 1 steps done") && list.contains("1 findings"), "{list}");
    assert_eq!(lines[1][1], "reconcile", "{list}");
    // A report is the reconciler's alone.
    assert_eq!(plant.agent.install.run(&["report", run]).status.code(), Some(1));
}
