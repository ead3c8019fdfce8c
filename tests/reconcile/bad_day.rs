//! A run on a bad day: the database goes away in the middle, the process is killed, rows change
//! while it reads. What it says is right or `INCOMPLETE`, and nothing is half-written.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::plant::Plant;
use crate::support::Engine;
use crate::support::proxy::{Proxy, Weather};

on_servers!(a_database_lost_in_mid_run_is_incomplete);
on_every_database!(a_killed_run_leaves_nothing, rows_edited_during_a_run_are_no_drift);

/// Unmanaged rows by the thousand, so that a run takes its time.
async fn crowd(plant: &Plant, rows: usize) {
    let values: Vec<String> = (0..rows)
        .map(|at| {
            format!(
                "('crowd{at}@plant.example', 'Na', 'Tive', 1, 'No Access', 'Active', 'x', \
                 '2024-01-01 08:00:00', '2024-01-01 08:00:00')"
            )
        })
        .collect();
    for chunk in values.chunks(500) {
        plant
            .agent
            .database()
            .execute(&format!(
                "INSERT INTO users (email, first_name, last_name, department_id, license_type, \
                 status, password_hash, created_at, updated_at) VALUES {}",
                chunk.join(", ")
            ))
            .await;
    }
}

async fn a_database_lost_in_mid_run_is_incomplete(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    crowd(&plant, 9000).await;
    let ana = plant.hire("ana").await;
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {ana}")).await;
    let proxy = Proxy::to(plant.agent.database().server_address()).await;
    let url = plant.agent.database().url_through(proxy.address);
    plant.agent.install.configure(&format!("[database]\nurl = {url:?}\n"));
    let first = plant.reconcile();
    assert_eq!((first.counts("unmanaged")[0], first.counts("attribute")[0]), (9000, 1));
    let whole = proxy.answered();
    plant.natively(&format!("UPDATE users SET title = NULL WHERE user_id = {ana}")).await;
    let runs = plant.agent.database().count("scim_runs").await;
    let database = plant.agent.database();
    for percent in [10, 30, 50, 70, 90] {
        proxy.set(Weather::Fair);
        proxy.cut_after(whole * percent / 100);
        let cut = plant.reconcile();
        assert_eq!(cut.code, 3, "{percent} %: {:#}", cut.report);
        assert_eq!(cut.report["verdict"], "INCOMPLETE");
        assert_eq!(cut.list().len(), 0);
        assert!(cut.report["reasons"][0].as_str().unwrap().contains("could not be read"));
        assert_eq!(database.count("scim_findings WHERE resolved IS NOT NULL").await, 0);
        assert_eq!(database.count("scim_runs").await, runs);
        // Its lease would last for half a minute.
        plant.agent.database().execute("UPDATE scim_lease SET holder = ''").await;
    }
    proxy.cut_after(u64::MAX / 2);
    proxy.set(Weather::Cut);
    let output = plant.agent.install.run(&["reconcile", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "never a clean look");
    assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    proxy.set(Weather::Fair);
    let after = plant.reconcile();
    assert_eq!(after.counts("attribute"), [0, 1, 0, 0, 1]);
    assert_eq!(after.counts("unmanaged"), [9000, 9000, 0, 9000, 0]);
}

async fn a_killed_run_leaves_nothing(engine: Engine) {
    let plant = Plant::new(engine).await;
    crowd(&plant, 3000).await;
    let before = plant.reconcile();
    assert_eq!(before.counts("unmanaged")[0], 3000);
    plant.natively("DELETE FROM users WHERE email IN ('crowd1@plant.example')").await;
    let ana = plant.hire("ana").await;
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {ana}")).await;
    let database = plant.agent.database();
    let mut kills = 0;
    for after in (0..12).map(|round| 10 + 15 * round) {
        plant.agent.database().execute("UPDATE scim_lease SET holder = ''").await;
        let mut command = plant.agent.install.command(&["reconcile", "--format", "json"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(after)).await;
        kills += u32::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        // All of a run or nothing of it.
        let runs = database.count("scim_runs").await;
        let new = database.count("scim_findings WHERE kind = 'attribute'").await;
        let ended = database.count("scim_findings WHERE resolved IS NOT NULL").await;
        assert_eq!((new, ended), if runs == 1 { (0, 0) } else { (1, 1) }, "{runs} runs");
        assert_eq!(database.count("scim_runs WHERE verdict IS NULL").await, 0);
    }
    assert!(kills > 0, "no run lived long enough to be killed");
    plant.agent.database().execute("UPDATE scim_lease SET holder = ''").await;
    let after = plant.reconcile();
    assert_eq!((after.counts("unmanaged")[0], after.counts("attribute")[0]), (2999, 1));
}

/// Entra provisions all the time while runs read: what it writes is in a run whole or not at all.
async fn rows_edited_during_a_run_are_no_drift(engine: Engine) {
    let plant = Plant::new(engine).await;
    let team = plant.entra.create_group("Line 7").await;
    let mut ids = Vec::new();
    for at in 0..6 {
        ids.push(plant.hire(&format!("user{at}")).await);
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writers: Vec<_> = ids
        .iter()
        .map(|id| {
            let (entra, id, team) = (plant.entra.clone(), id.clone(), team.clone());
            let stopped = stopped.clone();
            tokio::spawn(async move {
                let mut round = 0;
                while !*stopped.borrow() {
                    round += 1;
                    let title: Value = format!("Title {round}").into();
                    let title = json!([{ "op": "Replace", "path": "title", "value": title }]);
                    entra.patch_user(&id, &title).await.expect(200);
                    entra.add_members(&team, &[&id]).await.expect(204);
                    entra.disable(&id).await;
                    entra.enable(&id).await;
                    entra.remove_members(&team, &[&id]).await.expect(204);
                }
                round
            })
        })
        .collect();
    for _ in 0..12 {
        // Members come and go: their number says nothing here.
        let run = plant.reconcile_with(&["--config", &lenient(&plant)]);
        run.assert_clean();
    }
    stop.send_replace(true);
    for writer in writers {
        assert!(writer.await.unwrap() > 1);
    }
}

fn lenient(plant: &Plant) -> String {
    let path = plant.agent.database().folder().join("lenient.toml");
    std::fs::write(&path, "[reconcile]\nfloor = 0\n").unwrap();
    path.to_str().unwrap().to_owned()
}
