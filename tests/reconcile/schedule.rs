//! Runs that the schedule begins: one agent of several, missed ones caught up once, reports kept as
//! files, old records removed.

use std::time::{Duration, Instant};

use super::plant::Plant;
use crate::support::Engine;

on_every_database!(
    of_two_agents_one_runs_each_slot,
    a_missed_slot_is_caught_up_once,
    a_killed_agents_run_is_taken_over_in_half_a_minute,
    a_stop_in_mid_run_is_orderly,
    old_records_and_reports_go,
    a_folder_that_cannot_be_written_stops_nothing,
);

/// Waits until a count is reached.
pub async fn until(plant: &Plant, from_where: &str, at_least: u64) {
    let started = Instant::now();
    while plant.agent.database().count(from_where).await < at_least {
        assert!(started.elapsed() < Duration::from_secs(30), "{from_where}: not {at_least}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub const EVERY_SECOND: &str = "[schedule]\nreconcile = \"* * * * * *\"\ncleanup = \"\"\n";
pub const SCHEDULED: &str = "scim_runs WHERE job = 'reconcile'";

fn reports(plant: &Plant) -> std::path::PathBuf {
    plant.agent.database().folder().join("kept")
}

pub async fn scheduled(engine: Engine, schedule: &str) -> Plant {
    let mut plant = Plant::new(engine).await;
    plant.agent.server.kill();
    let folder = reports(&plant).display().to_string();
    plant.agent.install.configure(&format!("{schedule}[reports]\ndir = {folder:?}\n"));
    plant
}

async fn of_two_agents_one_runs_each_slot(engine: Engine) {
    let plant = scheduled(engine, EVERY_SECOND).await;
    plant.insert_user("robot@plant.example").await;
    let one = plant.agent.install.serve().await;
    let mut two = plant.agent.install.serve().await;
    until(&plant, SCHEDULED, 4).await;
    // The second goes on alone; what the first was writing stays in pieces.
    let pieces = format!(".{}.part", one.pid());
    drop(one);
    plant.agent.database().execute("UPDATE scim_lease SET holder = ''").await;
    let before = plant.agent.database().count(SCHEDULED).await;
    until(&plant, SCHEDULED, before + 2).await;
    two.terminate();
    assert_eq!(two.exit_code(Duration::from_secs(20)).await, Some(0), "{}", two.log());
    let database = plant.agent.database();
    let doubled = "(SELECT slot FROM scim_runs GROUP BY slot HAVING COUNT(*) > 1) AS doubled";
    assert_eq!(database.count(doubled).await, 0);
    let at_once = "scim_runs a JOIN scim_runs b ON a.id < b.id AND a.started < b.finished \
                   AND b.started < a.finished";
    assert_eq!(database.count(at_once).await, 0);
    assert_eq!(database.count("scim_findings").await, 1);
    let text = std::fs::read_to_string(reports(&plant).join("latest.html")).unwrap();
    assert!(text.replace("<wbr>", "").contains("robot@plant.example"));
    let kept: Vec<_> = std::fs::read_dir(reports(&plant))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let json = kept.iter().filter(|name| name.contains(".json")).count();
    let whole = |name: &String| !name.contains(".part") || name.ends_with(&pieces);
    assert!(json >= 4 && kept.iter().all(whole), "{kept:?}");
    let status = plant.agent.install.stdout(&["status"]);
    assert!(status.contains("last run") && status.contains("CLEAN"), "{status}");
    let next = status.lines().find(|line| line.starts_with("next runs")).unwrap();
    assert_eq!(next.matches(" UTC").count(), 3, "{next}");
    let times = next.trim_start_matches("next runs").split(',').map(str::trim);
    assert_eq!(times.collect::<std::collections::BTreeSet<_>>().len(), 3, "{next}");
}

/// What runs at SIGTERM is finished, or leaves nothing; either way the daemon ends in time and the
/// next run is right.
async fn a_stop_in_mid_run_is_orderly(engine: Engine) {
    let mut plant = scheduled(engine, EVERY_SECOND).await;
    // Longer than a run takes on the busiest machine: it ends by itself.
    plant.agent.install.configure("[limits]\ndrain = \"90s\"\n");
    plant.crowd(4000, "Asserted", "Native").await;
    let mut server = plant.agent.install.serve().await;
    until(&plant, "scim_lease WHERE name = 'reconcile' AND holder <> ''", 1).await;
    server.terminate();
    assert_eq!(server.exit_code(Duration::from_secs(120)).await, Some(0), "{}", server.log());
    let database = plant.agent.database();
    let (runs, found) = (database.count(SCHEDULED).await, database.count("scim_findings").await);
    assert!(found == if runs == 0 { 0 } else { 4000 }, "{runs} runs, {found} findings");
    assert_eq!(database.count("scim_runs WHERE verdict IS NULL").await, 0);
    // A run that was finished gave its lease back: nobody waits for it.
    assert_eq!(database.count("scim_lease WHERE holder <> ''").await, 0, "{}", server.log());
    assert_eq!(plant.reconcile().counts("attribute")[0], 4000);
}

/// Its lease is in the way of the other until it expires.
async fn a_killed_agents_run_is_taken_over_in_half_a_minute(engine: Engine) {
    let plant = scheduled(engine, EVERY_SECOND).await;
    plant.crowd(8000, "Asserted", "Native").await;
    let mut agents = [plant.agent.install.serve().await, plant.agent.install.serve().await];
    let holder = "SELECT holder FROM scim_lease WHERE name = 'reconcile' AND holder <> ''";
    let database = plant.agent.database();
    let started = Instant::now();
    let killed = loop {
        assert!(started.elapsed() < Duration::from_secs(60), "no run was caught in the middle");
        let Some(name) = database.value(holder).await else { continue };
        let runs_it = |agent: &&mut crate::support::agent::Server| {
            name.contains(&format!("/{}/", agent.pid()))
        };
        agents.iter_mut().find(runs_it).expect("an agent holds the lease").kill();
        break name;
    };
    let killed_at = Instant::now();
    let left = database.value(holder).await;
    assert_eq!(left.as_ref(), Some(&killed), "it was killed in the middle of a run");
    let taken = format!("scim_lease WHERE name = 'reconcile' AND holder <> '{killed}'");
    until(&plant, &taken, 1).await;
    assert!(killed_at.elapsed() < Duration::from_secs(30));
    until(&plant, SCHEDULED, 1).await;
}

async fn a_missed_slot_is_caught_up_once(engine: Engine) {
    // Midnight of New Year's Day: not due while this runs, unless it runs then.
    let plant = scheduled(engine, "[schedule]\nreconcile = \"0 0 1 1 *\"\ncleanup = \"\"\n").await;
    let mut server = plant.agent.install.serve().await;
    server.kill();
    assert_eq!(plant.agent.database().count("scim_runs").await, 0, "what never ran missed nothing");
    plant.reconcile();
    plant.natively("UPDATE scim_runs SET job = 'reconcile', slot = '2020-01-01 00:00:00'").await;
    let mut server = plant.agent.install.serve().await;
    until(&plant, SCHEDULED, 2).await;
    server.kill();
    let mut server = plant.agent.install.serve().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(plant.agent.database().count(SCHEDULED).await, 2);
    server.terminate();
    assert_eq!(server.exit_code(Duration::from_secs(10)).await, Some(0));
}

async fn old_records_and_reports_go(engine: Engine) {
    let mut plant = scheduled(engine, EVERY_SECOND).await;
    plant
        .agent
        .install
        .configure("[retention]\naudit = \"30d\"\nruns = \"30d\"\nfindings = \"30d\"\n");
    plant.insert_user("robot@plant.example").await;
    plant.reconcile();
    plant
        .natively(
            "UPDATE scim_audit SET at = '2020-01-01 00:00:00'; \
             UPDATE scim_runs SET started = '2020-01-01 00:00:00'; \
             UPDATE scim_findings SET resolved = '2020-01-01 00:00:00', resolution = 'gone'",
        )
        .await;
    plant.natively("DELETE FROM users WHERE email = 'robot@plant.example'").await;
    plant
        .natively(
            "INSERT INTO scim_access_tokens (hash, client, created, expires) \
             VALUES ('old', 'x', '2020-01-01 00:00:00', '2020-01-01 01:00:00'), \
             ('new', 'x', '2020-01-01 00:00:00', '2120-01-01 01:00:00')",
        )
        .await;
    std::fs::create_dir_all(reports(&plant)).unwrap();
    for name in ["drift-20200101T000000Z.html", "notes.txt"] {
        std::fs::write(reports(&plant).join(name), "x").unwrap();
    }
    let server = plant.agent.install.serve().await;
    until(&plant, SCHEDULED, 2).await;
    drop(server);
    let database = plant.agent.database();
    assert_eq!(database.count("scim_audit WHERE at < '2021-01-01 00:00:00'").await, 0);
    assert_eq!(database.count("scim_runs WHERE started < '2021-01-01 00:00:00'").await, 0);
    assert_eq!(database.count("scim_findings").await, 0);
    assert_eq!(database.count("scim_access_tokens").await, 1, "the expired one goes");
    assert!(!reports(&plant).join("drift-20200101T000000Z.html").exists());
    assert!(reports(&plant).join("notes.txt").exists());
}

async fn a_folder_that_cannot_be_written_stops_nothing(engine: Engine) {
    let plant = scheduled(engine, EVERY_SECOND).await;
    // A file where the folder should be.
    std::fs::write(reports(&plant), "x").unwrap();
    let server = plant.agent.install.serve().await;
    until(&plant, SCHEDULED, 2).await;
    assert_eq!(server.status("/readyz").await, Some(200));
    assert!(server.log().contains("reports.dir"), "{}", server.log());
}
