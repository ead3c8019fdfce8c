//! Differences by the thousand: more than one page of rows and many chunks of findings.

use std::collections::BTreeSet;

use super::plant::Plant;
use crate::support::Engine;

on_every_database!(each_difference_is_found_once);

const ROWS: usize = 5000;

async fn each_difference_is_found_once(engine: Engine) {
    let plant = Plant::new(engine).await;
    plant.crowd(ROWS, "Asserted", "Native").await;
    let run = plant.reconcile();
    assert_eq!(run.counts("attribute"), [5000, 0, 5000, 0, 0]);
    let told = |key: &str| -> BTreeSet<&str> {
        run.list().iter().map(|it| it[key].as_str().expect("a text")).collect()
    };
    assert_eq!((run.list().len(), told("id").len(), told("scimId").len()), (ROWS, ROWS, ROWS));
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
