//! Cleanup by itself: the first time with a configuration it only plans, then it does what fits the
//! thresholds, and says why when it doesn't.

use std::time::{Duration, Instant};

use super::yard::Yard;
use crate::support::Engine;

on_every_database!(
    the_first_scheduled_run_only_plans,
    agents_that_differ_in_addresses_take_turns,
    agents_that_differ_in_what_decides_are_named,
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

async fn agents_that_differ_in_addresses_take_turns(engine: Engine) {
    let mut yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    yard.plant.agent.server.kill();
    yard.plant.agent.install.configure(EVERY_SECOND);
    let mut server = yard.plant.agent.install.serve().await;
    verdicts(&yard, 2).await;
    server.kill();
    assert_eq!(yard.memberships(&ana).await, 0);
    // Another address, other folders and limits: nothing to plan anew.
    yard.plant.agent.install.configure(
        "listen = \"127.0.0.2:0\"\n[reports]\ndir = \"elsewhere\"\n[limits]\ndrain = \"7s\"\n",
    );
    let before = verdicts(&yard, 2).await.len();
    let other = yard.plant.agent.install.serve().await;
    let entra = crate::support::Entra::new(
        crate::support::Client::new(&other.base(), Some(&yard.plant.agent.token)),
        crate::support::Dialect::Classic,
    );
    entra.enable(&ana).await;
    entra.disable(&ana).await;
    let started = Instant::now();
    while yard.memberships(&ana).await > 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "{}", other.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let found = verdicts(&yard, before + 1).await;
    assert!(!found[before..].contains(&"PLANNED".to_owned()), "{found:?}");
}

async fn agents_that_differ_in_what_decides_are_named(engine: Engine) {
    let mut yard = Yard::new(engine, "").await;
    let install = &mut yard.plant.agent.install;
    let row = |name: &str| {
        format!(
            "INSERT INTO scim_agents (agent, version, started, seen) \
             VALUES ('plant7/{name}/0001', '0.1.0', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
        )
    };
    for name in 0..5 {
        install.database.execute(&row(&name.to_string())).await;
    }
    let status = install.stdout(&["status"]);
    assert!(!status.contains("WARNING"), "the dead disagree with nobody: {status}");
    assert!(status.contains("and 4 more that ended without a word"), "{status}");
    assert_eq!(status.matches("plant7/").count(), 1, "{status}");

    install.configure("[cleanup]\nmax_count = 24\n");
    let other = install.serve().await;
    let warns =
        |line: &str| line.contains("agents differ in [cleanup], [reconcile] or the profile");
    let line = other.logged(0, warns).await;
    let names = line.matches(&format!("/{}/", other.pid())).count();
    assert_eq!(names, 1, "{line}");
    assert!(line.contains(&format!("/{}/", yard.plant.agent.server.pid())), "{line}");
    let status = yard.plant.agent.install.stdout(&["status"]);
    let warning = status.lines().find(|line| line.starts_with("WARNING")).expect(&status);
    assert!(warning.contains(&format!("/{}/", other.pid())), "{warning}");
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
