//! Killed at any moment: whatever was done is whole, the rest is done by the next plan, nothing
//! twice. And SCIM requests that race the stages: either order gives a right end.

use std::time::Duration;

use super::yard::Yard;
use crate::support::Engine;

on_every_database!(a_killed_run_is_resumed, enabling_races_stripping, enabling_races_anonymising);

const LEAVERS: usize = 12;

async fn a_killed_run_is_resumed(engine: Engine) {
    let yard =
        Yard::new(engine, "anonymise_after = \"0s\"\ntransfer_to = \"3\"\nmax_count = 100").await;
    let mut ids = Vec::new();
    for at in 0..LEAVERS {
        let id = yard.leaver(&format!("leaver{at}")).await;
        let project = 100 + at;
        yard.plant
            .agent
            .database()
            .execute(&format!(
                "INSERT INTO projects (project_id, title, owner_id) VALUES ({project}, 'P', {id})"
            ))
            .await;
        ids.push(id);
    }
    let mut kills = 0;
    // Later and later, so that every moment has its turn and the end is reached.
    for after in (0..).map(|round| 15 + 4 * round) {
        let plan = yard.plan();
        if plan.verdict() == "EMPTY" {
            break;
        }
        assert_eq!(plan.verdict(), "READY", "{:#}", plan.plan);
        // The lease of one that was killed would last for half a minute.
        yard.plant.agent.database().execute("UPDATE scim_lease SET holder = ''").await;
        let mut child = yard.applying_silently(&plan.hash()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(after)).await;
        if child.try_wait().unwrap().is_none() {
            kills += 1;
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(kills > 0, "no run lived long enough to be killed");
    let database = yard.plant.agent.database();
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(yard.memberships(id).await, 0);
        assert_eq!(yard.column("email", id).await, Some(format!("deleted-{id}@invalid")));
        let project = 100 + at;
        let owner = format!("SELECT owner_id FROM projects WHERE project_id = {project}");
        assert_eq!(database.value(&owner).await.as_deref(), Some("3"));
    }
    for step in ["strip", "transfer", "anonymise"] {
        let done = format!("scim_cleanup_journal WHERE step = '{step}'");
        assert_eq!(database.count(&done).await, LEAVERS as u64, "{step}");
        let audited = format!("scim_audit WHERE operation = '{step}'");
        assert_eq!(database.count(&audited).await, LEAVERS as u64, "{step}");
    }
    yard.plant.reconcile().assert_clean();
}

/// Entra enables everybody while they are being stripped: who is enabled has their membership.
async fn enabling_races_stripping(engine: Engine) {
    let yard = Yard::new(engine, "max_count = 100").await;
    let mut ids = Vec::new();
    for at in 0..LEAVERS {
        ids.push(yard.leaver(&format!("leaver{at}")).await);
    }
    let mut child = yard.applying_silently(&yard.plan().hash()).spawn().unwrap();
    for id in &ids {
        yard.plant.entra.enable(id).await;
    }
    assert!(child.wait().unwrap().code().is_some());
    for id in &ids {
        assert_eq!(yard.column("status", id).await.as_deref(), Some("Active"));
        assert_eq!(yard.memberships(id).await, 1);
    }
    yard.plant.reconcile().assert_clean();
    assert_eq!(yard.plan().verdict(), "EMPTY");
}

/// Entra enables everybody while they are being anonymised: whoever it reaches first is whole, the
/// others are gone, and nobody is in between.
async fn enabling_races_anonymising(engine: Engine) {
    let more = "anonymise_after = \"0s\"\ntransfer_to = \"3\"\nmax_count = 100";
    let yard = Yard::new(engine, more).await;
    let mut ids = Vec::new();
    for at in 0..LEAVERS {
        ids.push(yard.leaver(&format!("leaver{at}")).await);
    }
    let mut child = yard.applying_silently(&yard.plan().hash()).spawn().unwrap();
    let on = serde_json::json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    let mut enabled = Vec::new();
    // From the other end than cleanup, so that they meet.
    for id in ids.iter().rev() {
        let answer = yard.plant.entra.patch_user(id, &on).await;
        assert!(answer.status == 200 || answer.status == 404, "{}", answer.text);
        enabled.push((id, answer.status == 200));
    }
    child.wait().unwrap();
    for (id, enabled) in enabled {
        let email = yard.column("email", id).await.unwrap();
        let status = yard.column("status", id).await.unwrap();
        if enabled {
            assert!(email.starts_with("leaver") && status == "Active", "{email} {status}");
            assert_eq!(yard.memberships(id).await, 1);
        } else {
            assert_eq!(email, format!("deleted-{id}@invalid"));
            assert_eq!((status.as_str(), yard.memberships(id).await), ("Inactive", 0));
        }
    }
    yard.plant.reconcile().assert_clean();
}
