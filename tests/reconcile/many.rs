//! Differences by the thousand: more than one page of rows and many chunks of findings.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::plant::Plant;
use crate::support::Engine;

on_every_database!(each_difference_is_found_once);

const ROWS: usize = 5000;
/// Findings of a kind in a report.
const LISTED: usize = 100;

async fn each_difference_is_found_once(engine: Engine) {
    let plant = Plant::new(engine).await;
    plant.crowd(ROWS, "Asserted", "Native").await;
    let run = plant.reconcile();
    assert_eq!(run.counts("attribute"), [5000, 0, 5000, 0, 0]);
    // A report lists a hundred of them and says how many more there are.
    assert_eq!(run.list().len(), LISTED);
    let count = &run.report["counts"][0];
    assert_eq!((&count["shown"], &count["more"]), (&json!(LISTED), &json!(ROWS - LISTED)));
    assert_eq!(count["command"], "kpifire-scim drift list --kind attribute --format csv");
    // Rows have them all, each once; a file those of the report.
    let install = &plant.agent.install;
    let all = install.stdout(&["report", "--format", "ndjson"]);
    let lines: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["counts"][0]["more"], 0);
    let told = |key: &str| -> BTreeSet<&str> {
        lines[1..].iter().map(|it| it[key].as_str().expect("a text")).collect()
    };
    assert_eq!((lines.len() - 1, told("id").len(), told("scimId").len()), (ROWS, ROWS, ROWS));
    assert_eq!(install.stdout(&["report", "--format", "csv"]).lines().count(), 1 + ROWS);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.csv");
    install.stdout(&["report", "--out", file.to_str().unwrap()]);
    let file = std::fs::read_to_string(file).unwrap();
    assert_eq!(file.lines().count(), 1 + LISTED + 1);
    assert!(file.contains("\"4,900 more of this kind are not listed here\""), "{file}");
    assert!(file.contains("drift list --kind attribute --format csv"), "{file}");
    assert_eq!(run.report["coverage"]["equal"], 0);
    let database = plant.agent.database();
    assert_eq!(database.count("scim_findings WHERE resolved IS NULL").await, 5000);
    // All but a few end; those that stay are the same findings.
    plant
        .natively(
            "UPDATE users SET title = 'Asserted' \
             WHERE email LIKE 'crowd%' AND email NOT LIKE 'crowd7%'",
        )
        .await;
    let left = database.count("users WHERE email LIKE 'crowd7%'").await;
    let second = plant.reconcile();
    assert_eq!(second.counts("attribute"), [left, 5000, 0, left, 5000 - left]);
    assert!(second.list().iter().all(|it| it["new"] == false));
    assert_eq!(second.report["coverage"]["equal"], 5000 - left);
    assert_eq!(database.count("scim_findings WHERE resolved IS NOT NULL").await, 5000 - left);
    plant.natively("UPDATE users SET title = 'Asserted' WHERE email LIKE 'crowd7%'").await;
    let third = plant.reconcile();
    third.assert_clean();
    assert_eq!(third.counts("attribute"), [0, left, 0, 0, left]);
}
