//! Undo, when the world went on after the run.

use super::yard::Yard;
use crate::support::{Engine, key};

on_every_database!(
    what_is_gone_does_not_keep_the_rest,
    a_step_that_fails_does_not_keep_the_others,
    an_older_run_leaves_tombstones_alone,
    an_operators_hold_keeps_its_reason,
);

/// Of three memberships one team is gone, and Entra took the user out of another.
async fn what_is_gone_does_not_keep_the_rest(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let ana = yard.plant.hire("ana").await;
    let entra = &yard.plant.entra;
    let (gone, left) = (entra.create_group("Gone").await, entra.create_group("Left").await);
    for team in [&yard.team, &gone, &left] {
        entra.add_members(team, &[&ana]).await.expect(204);
    }
    entra.disable(&ana).await;
    let run = yard.clean();
    entra.client.delete(&format!("/Groups/{gone}")).await.expect(204);
    entra.remove_members(&left, &[&ana]).await.expect(204);
    let output = yard.plant.agent.install.run(&["cleanup", "undo", &run]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("strip {ana}: undone")), "{said}");
    assert!(said.contains(&format!("team {gone}")), "{said}");
    assert!(said.contains(&format!("Entra took the user out of team {left}")), "{said}");
    let teams = format!("SELECT team_id FROM team_members WHERE user_id = {ana}");
    let teams = yard.plant.agent.database().rows(&teams).await;
    assert_eq!(teams, [[Some(key(&yard.team).to_owned())]]);
    yard.plant.reconcile().assert_clean();
}

/// A trigger refuses one account's rows: the other account's come back all the same.
async fn a_step_that_fails_does_not_keep_the_others(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let (ana, ben) = (yard.leaver("ana").await, yard.leaver("ben").await);
    let run = yard.clean();
    yard.refuse("INSERT", Some(&ben)).await;
    let output = yard.plant.agent.install.run(&["cleanup", "undo", &run]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("strip {ana}: undone")), "{said}");
    assert!(said.contains(&format!("strip {ben}: left as it is: error: ")), "{said}");
    assert!(said.contains("not this one"), "{said}");
    assert_eq!((yard.memberships(&ana).await, yard.memberships(&ben).await), (1, 0));
}

/// Cleanup anonymised one account since, Entra deleted another.
async fn an_older_run_leaves_tombstones_alone(engine: Engine) {
    let mut yard = Yard::new(engine, "").await;
    let (ana, ben) = (yard.leaver("ana").await, yard.leaver("ben").await);
    let run = yard.clean();
    yard.plant.entra.client.delete(&format!("/Users/{ben}")).await.expect(204);
    yard.plant.agent.install.configure("[cleanup]\nanonymise_after = \"0s\"\n");
    assert_eq!(yard.plan().steps(), [format!("anonymise {ana}")]);
    yard.clean();
    let output = yard.plant.agent.install.run(&["cleanup", "undo", &run]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("left as it is").count(), 2, "{said}");
    assert_eq!((yard.memberships(&ana).await, yard.memberships(&ben).await), (0, 0));
    let stage = format!("scim_links WHERE legacy_key = '{ana}' AND cleanup_stage = 'anonymise'");
    assert_eq!(yard.plant.agent.database().count(&stage).await, 1);
}

async fn an_operators_hold_keeps_its_reason(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    let run = yard.clean();
    let install = &yard.plant.agent.install;
    install.stdout(&["cleanup", "hold", "ana@plant.example", "--reason", "a lawsuit"]);
    install.stdout(&["cleanup", "undo", &run]);
    assert_eq!(yard.plan().deferred(), [format!("held: a lawsuit {ana}")]);
}
