//! Cleanup by itself: the first time with a configuration it only plans, then it does what fits the
//! thresholds, and says why when it doesn't.

use std::time::{Duration, Instant};

use super::yard::Yard;
use crate::support::Engine;

on_every_database!(
    the_first_scheduled_run_only_plans,
    a_blocked_plan_is_not_applied_by_the_schedule
);

/// The verdicts of scheduled runs, oldest first, once there are so many.
async fn verdicts(yard: &Yard, wanted: usize) -> Vec<String> {
    let started = Instant::now();
    loop {
        let rows = yard
            .plant
            .agent
            .database()
            .rows("SELECT verdict FROM scim_runs WHERE job = 'cleanup' ORDER BY started")
            .await;
        if rows.len() >= wanted {
            return rows.into_iter().filter_map(|mut row| row.swap_remove(0)).collect();
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{rows:?} of {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const EVERY_SECOND: &str = "[schedule]\nreconcile = \"\"\ncleanup = \"* * * * * *\"\n";

async fn the_first_scheduled_run_only_plans(engine: Engine) {
    let mut yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    yard.plant.agent.server.kill();
    yard.plant.agent.install.configure(EVERY_SECOND);
    let server = yard.plant.agent.install.serve().await;
    let found = verdicts(&yard, 3).await;
    assert_eq!(found[..3], ["PLANNED", "DONE", "EMPTY"], "{}", server.log());
    assert_eq!(yard.memberships(&ana).await, 0);
    drop(server);
    // Another configuration: once more it only plans.
    yard.plant.agent.install.configure("[cleanup]\nmax_count = 24\n");
    let client_side = yard.plant.agent.install.serve().await;
    let entra = crate::support::Entra::new(
        crate::support::Client::new(&client_side.base(), Some(&yard.plant.agent.token)),
        crate::support::Dialect::Classic,
    );
    entra.enable(&ana).await;
    entra.disable(&ana).await;
    let before = found.len();
    let found = verdicts(&yard, before + 4).await;
    let ready: Vec<&str> = found[before..]
        .iter()
        .map(String::as_str)
        .filter(|verdict| *verdict == "PLANNED" || *verdict == "DONE")
        .collect();
    assert!(ready == ["PLANNED", "DONE"] || ready == ["DONE"], "{found:?}");
    // A run is of one slot, whoever asks how often.
    let doubled = "(SELECT slot FROM scim_runs WHERE job = 'cleanup' GROUP BY slot \
                   HAVING COUNT(*) > 1) AS doubled";
    assert_eq!(yard.plant.agent.database().count(doubled).await, 0);
    // Reports are of the reconciler's runs alone.
    assert_eq!(yard.plant.agent.install.run(&["report"]).status.code(), Some(1));
}

async fn a_blocked_plan_is_not_applied_by_the_schedule(engine: Engine) {
    let mut yard = Yard::new(engine, "max_count = 1").await;
    let (ana, ben) = (yard.leaver("ana").await, yard.leaver("ben").await);
    yard.plant.agent.server.kill();
    yard.plant.agent.install.configure(EVERY_SECOND);
    let server = yard.plant.agent.install.serve().await;
    let found = verdicts(&yard, 3).await;
    assert!(found.iter().all(|verdict| verdict == "BLOCKED"), "{found:?}");
    assert_eq!((yard.memberships(&ana).await, yard.memberships(&ben).await), (1, 1));
    assert!(server.log().contains("2 of 1"), "{}", server.log());
}
