//! A finding's life: first seen, persisting, ignored, ended, seen again; and the runs that saw it.

use super::plant::Plant;
use crate::support::Engine;

on_every_database!(
    a_finding_lives_from_its_first_run_to_its_end,
    an_ignored_finding_is_counted_and_not_listed,
    a_kind_is_ignored_at_once,
    tolerated_attributes_are_counted,
    reports_can_be_read_again,
    only_one_runs_at_a_time,
);

async fn a_finding_lives_from_its_first_run_to_its_end(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    let title = |title: &str| format!("UPDATE users SET title = '{title}' WHERE user_id = {ana}");
    plant.natively(&title("Boss")).await;
    let first = plant.reconcile();
    assert_eq!(first.counts("attribute"), [1, 0, 1, 0, 0]);
    let (id, seen) = (first.id("attribute"), first.one("attribute")["firstSeen"].clone());
    // Another value, the same finding.
    plant.natively(&title("Big Boss")).await;
    let second = plant.reconcile();
    assert_eq!(second.counts("attribute"), [1, 1, 0, 1, 0]);
    assert_eq!(second.id("attribute"), id);
    assert_eq!(second.one("attribute")["firstSeen"], seen);
    assert_eq!(second.one("attribute")["actual"], "Big Boss");
    assert_eq!(second.one("attribute")["new"], false);
    plant.natively(&format!("UPDATE users SET title = NULL WHERE user_id = {ana}")).await;
    let third = plant.reconcile();
    third.assert_clean();
    assert_eq!(third.counts("attribute"), [0, 1, 0, 0, 1]);
    assert_eq!(plant.reconcile().counts("attribute"), [0; 5]);
    // Seen again it is the same finding, with a new life.
    plant.natively(&title("Boss")).await;
    let again = plant.reconcile();
    assert_eq!(again.id("attribute"), id);
    assert_ne!(again.one("attribute")["firstSeen"], seen);
    assert_eq!(again.counts("attribute"), [1, 0, 1, 0, 0]);
}

async fn an_ignored_finding_is_counted_and_not_listed(engine: Engine) {
    let plant = Plant::new(engine).await;
    plant.insert_user("robot@plant.example").await;
    let id = plant.reconcile().id("unmanaged");
    plant.agent.install.stdout(&["drift", "ignore", &id, "--reason", "a robot"]);
    let run = plant.reconcile();
    run.assert_clean();
    assert_eq!(run.report["scope"]["ignored"], 1);
    let list = plant.agent.install.stdout(&["drift", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["ignored"], true, "{list:#}");
    assert_eq!(list[0]["ignoredReason"], "a robot");
    plant.natively("DELETE FROM users WHERE email = 'robot@plant.example'").await;
    assert_eq!(plant.reconcile().report["scope"]["ignored"], 0);
    // Ignoring ended with it.
    plant.insert_user("robot@plant.example").await;
    assert_eq!(plant.reconcile().findings().len(), 1);
}

async fn a_kind_is_ignored_at_once(engine: Engine) {
    let plant = Plant::new(engine).await;
    for number in 0..7 {
        plant.insert_user(&format!("robot{number}@plant.example")).await;
    }
    let ana = plant.hire("ana").await;
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {ana}")).await;
    assert_eq!(plant.reconcile().findings().len(), 8);
    let install = &plant.agent.install;
    let ignore = ["drift", "ignore", "--kind", "unmanaged", "--reason", "a pilot"];
    assert!(install.stdout(&ignore).starts_with("7 findings of the kind unmanaged ignored"));
    // A second time there is nothing left, and each is in the trail once.
    assert!(install.stdout(&ignore).starts_with("no findings"));
    assert_eq!(plant.agent.database().count("scim_audit WHERE operation = 'ignore'").await, 7);
    let run = plant.reconcile();
    assert_eq!(run.report["scope"]["ignored"], 7);
    assert_eq!(run.findings(), [format!("attribute User/{ana} title")]);
    for wrong in [&["drift", "ignore"][..], &["drift", "ignore", "--kind", "nothing"]] {
        assert_eq!(install.run(wrong).status.code(), Some(64), "{wrong:?}");
    }
    let both = ["drift", "ignore", "x", "--kind", "unmanaged"];
    assert_eq!(install.run(&both).status.code(), Some(64));
}

async fn tolerated_attributes_are_counted(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    plant.agent.install.configure("[reconcile]\ntolerate = [\"title\"]\n");
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {ana}")).await;
    let run = plant.reconcile();
    run.assert_clean();
    assert_eq!(run.report["scope"]["tolerated"]["title"], 1, "{:#}", run.report);
}

async fn reports_can_be_read_again(engine: Engine) {
    let plant = Plant::new(engine).await;
    let install = &plant.agent.install;
    let none = install.run(&["report"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no run yet"));
    let ana = plant.hire("ana").await;
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {ana}")).await;
    let first = plant.reconcile();
    let again = |run: &str| -> serde_json::Value {
        serde_json::from_str(&install.stdout(&["report", run, "--format", "json"])).unwrap()
    };
    let id = first.report["run"]["id"].as_str().unwrap();
    assert_eq!(again("latest"), first.report);
    assert_eq!(again(id), first.report);
    plant.natively(&format!("UPDATE users SET title = NULL WHERE user_id = {ana}")).await;
    let clean = plant.reconcile();
    clean.assert_clean();
    // The day's last run stands for it.
    assert_eq!(again("latest"), clean.report);
    let days = clean.report["trend"].as_array().unwrap();
    assert!(days.len() == 1 || !same_day(&first.report, &clean.report), "{days:?}");
    // Its findings are still those.
    assert_eq!(again(id)["findings"], first.report["findings"]);
    assert_eq!(again(id)["counts"], first.report["counts"]);
    assert_eq!(again("latest")["verdict"], "CLEAN");
    let unknown = install.run(&["report", "0000"]);
    assert_eq!(unknown.status.code(), Some(1));
    for format in ["text", "ndjson", "csv", "html"] {
        let file = plant.agent.database().folder().join(format!("report.{format}"));
        let out = file.to_str().unwrap();
        assert_eq!(install.stdout(&["report", id, "--format", format, "--out", out]), "");
        let text = std::fs::read_to_string(&file).unwrap();
        // The page lets an address break.
        let plain = text.replace("<wbr>", "");
        assert!(plain.contains("Boss") && plain.contains("ana@plant.example"), "{format}: {text}");
        assert_eq!(install.stdout(&["report", id, "--format", format]), text);
    }
}

/// Whether two runs began on one day.
fn same_day(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    let day = |run: &serde_json::Value| run["run"]["started"].as_str().unwrap()[..10].to_owned();
    day(one) == day(other)
}

/// Whoever comes second is told who is at it; nothing is counted twice.
async fn only_one_runs_at_a_time(engine: Engine) {
    let plant = Plant::new(engine).await;
    plant.insert_user("robot@plant.example").await;
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = plant.agent.install.command(&["reconcile", "--format", "json"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut ran = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => ran += 1,
            Some(1) => assert!(stderr.contains("a run is under way already"), "{stderr}"),
            other => panic!("{other:?}: {stderr}"),
        }
    }
    assert!(ran >= 1);
    assert_eq!(plant.agent.database().count("scim_runs").await, ran);
    assert_eq!(plant.agent.database().count("scim_findings").await, 1);
}
