//! A clock that was ahead and was set back: what it recorded for a time that hasn't come hides nothing.

use serde_json::Value;

use super::plant::Plant;
use super::schedule::{EVERY_SECOND, SCHEDULED, scheduled, until};
use crate::support::Engine;

on_every_database!(
    a_run_of_the_future_is_not_the_last,
    a_slot_of_the_future_hides_none,
    a_finding_that_ended_in_the_future_is_open,
);

/// A run decades ahead, which could not read the tables.
const AHEAD: &str = "INSERT INTO scim_runs (id, started, finished, verdict, config_hash, summary, job, \
                     slot) VALUES ('ffffffff-0000-7000-8000-000000000000', '2099-01-01 00:00:00', \
                     '2099-01-01 00:00:01', 'INCOMPLETE', 'x', \
                     '{\"reasons\": [\"nothing there\"]}', 'reconcile', '2099-01-01 00:00:00')";

fn latest(plant: &Plant) -> Value {
    let text = plant.agent.install.stdout(&["report", "--format", "json"]);
    serde_json::from_str(&text).expect(&text)
}

async fn a_run_of_the_future_is_not_the_last(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    plant.agent.install.configure("[cleanup]\nstrip_after = \"0s\"\n[schedule]\ncleanup = \"\"\n");
    plant.insert_user("robot@plant.example").await;
    let ana = plant.hire("ana").await;
    let team = plant.entra.create_group("Line 7").await;
    plant.entra.add_members(&team, &[&ana]).await.expect(204);
    plant.entra.disable(&ana).await;
    let first = plant.reconcile();
    plant.natively(AHEAD).await;
    assert_eq!(latest(&plant), first.report);
    let status = plant.agent.install.stdout(&["status"]);
    let last = status.lines().find(|line| line.starts_with("last run")).expect(&status);
    assert!(last.contains("DRIFT"), "{last}");
    let plan = plant.agent.install.stdout(&["cleanup", "plan"]);
    assert!(plan.starts_with("READY"), "{plan}");
    let next = plant.reconcile();
    assert_eq!(next.counts("unmanaged"), [1, 1, 0, 1, 0]);
    assert_eq!(latest(&plant), next.report);
    let listed = plant.agent.install.stdout(&["report", "list"]);
    assert!(listed.lines().nth(1).is_some_and(|line| line.contains("2099-01-01")), "{listed}");
}

async fn a_slot_of_the_future_hides_none(engine: Engine) {
    let plant = scheduled(engine, EVERY_SECOND).await;
    plant.natively(AHEAD).await;
    let server = plant.agent.install.serve().await;
    until(&plant, SCHEDULED, 3).await;
    drop(server);
}

async fn a_finding_that_ended_in_the_future_is_open(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    plant.agent.install.configure("[reconcile]\nfloor = 0\n");
    let robot = plant.insert_user("robot@plant.example").await;
    plant.reconcile();
    let ended = "UPDATE scim_findings SET first_seen = '2098-01-01 00:00:00', \
                 last_seen = '2098-01-02 00:00:00', resolved = '2099-01-01 00:00:00', \
                 resolution = 'gone', last_run = 'x'";
    plant.natively(ended).await;
    let run = plant.reconcile();
    run.assert_findings(&[format!("unmanaged User/{robot} -")]);
    assert_eq!(run.counts("unmanaged"), [1, 1, 1, 0, 0]);
    assert_eq!(latest(&plant), run.report);
    // First seen in the future, and open: it is as old as what is known of it.
    plant.natively("UPDATE scim_findings SET first_seen = '2098-01-01 00:00:00'").await;
    let run = plant.reconcile();
    assert_eq!(latest(&plant), run.report);
    assert!(run.one("unmanaged")["firstSeen"].as_str().unwrap() < "2098");
    // What is gone is gone as of now.
    plant.natively(ended).await;
    plant.natively("UPDATE scim_findings SET first_seen = '2020-01-01 00:00:00'").await;
    plant.natively(&format!("DELETE FROM users WHERE user_id = {robot}")).await;
    let run = plant.reconcile();
    run.assert_clean();
    assert_eq!(latest(&plant), run.report);
    let open = "scim_findings WHERE resolved IS NULL OR resolved > '2098-01-01 00:00:00'";
    assert_eq!(plant.agent.database().count(open).await, 0);
}
