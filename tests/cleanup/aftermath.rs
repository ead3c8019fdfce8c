//! What comes after cleanup: the reconciler's next run, Entra's next word.

use serde_json::json;

use super::yard::Yard;
use crate::support::Engine;

on_every_database!(
    what_cleanup_removed_is_not_lost,
    enabling_brings_memberships_back_whoever_was_first,
    a_deleted_row_is_no_missing_one,
    an_anonymised_row_is_no_recycled_one,
    an_anonymised_user_joins_no_team,
);

/// Most memberships go at once: the next run must not take that for a broken database.
async fn what_cleanup_removed_is_not_lost(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let mut last = String::new();
    for name in ["ana", "ben", "cleo", "dan", "eve", "fay"] {
        last = yard.leaver(name).await;
    }
    // One that Entra knows nothing of goes as well.
    yard.plant
        .natively(&format!(
            "INSERT INTO team_members (team_id, user_id, member_role, joined_at) \
             VALUES (1, {last}, 'Member', '2024-01-01 08:00:00')"
        ))
        .await;
    assert_ne!(yard.plant.reconcile().report["verdict"], "INCOMPLETE");
    yard.clean();
    let after = yard.plant.reconcile();
    assert_eq!(after.report["verdict"], "CLEAN", "{:#}", after.report["reasons"]);
    yard.plant.natively("DELETE FROM team_members").await;
    assert_eq!(yard.plant.reconcile().report["verdict"], "INCOMPLETE");
}

/// Somebody switches the row on in kpifire before Entra does.
async fn enabling_brings_memberships_back_whoever_was_first(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    yard.clean();
    assert_eq!(yard.memberships(&ana).await, 0);
    yard.plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {ana}")).await;
    yard.plant.entra.enable(&ana).await;
    assert_eq!(yard.memberships(&ana).await, 1);
    assert!(yard.plant.entra.is_member(&yard.team, &ana).await);
    yard.plant.reconcile().assert_clean();
}

/// Without [anonymise] it is a managed user whose row goes.
async fn a_deleted_row_is_no_missing_one(engine: Engine) {
    let profile = include_str!("../../config/profiles/kpifire.toml");
    let set = profile.split_once("[anonymise.set]").unwrap().1.split_once("# Accounts").unwrap().0;
    let section = format!("[anonymise.set]{set}");
    let yard =
        Yard::with_profile(engine, &section, "", "anonymise_after = \"0s\"\ndelete_after = \"0s\"")
            .await;
    let ana = yard.leaver("ana").await;
    yard.clean();
    let next = yard.plan();
    assert_eq!(next.steps(), [format!("delete {ana}")], "{:#}", next.plan);
    let (code, said) = yard.apply(&next.hash());
    assert_eq!(code, 0, "{said}");
    assert_eq!(yard.column("email", &ana).await, None);
    yard.plant.reconcile().assert_clean();
    let client = &yard.plant.entra.client;
    client.get(&format!("/Users/{ana}")).await.expect(404);
    assert_ne!(yard.plant.hire("ana").await, ana);
    yard.plant.reconcile().assert_clean();
}

/// A SCIM DELETE takes rows away in this install, cleanup leaves them.
async fn an_anonymised_row_is_no_recycled_one(engine: Engine) {
    let yard = Yard::with_profile(
        engine,
        "mode = \"deactivate\"",
        "mode = \"delete\"\ncascade = [\"team_members\"]",
        "anonymise_after = \"0s\"",
    )
    .await;
    let ana = yard.leaver("ana").await;
    yard.clean();
    assert_eq!(yard.column("email", &ana).await, Some(format!("deleted-{ana}@invalid")));
    yard.plant.reconcile().assert_clean();
    // Now somebody does use the key again.
    yard.plant
        .natively(&format!(
            "UPDATE users SET email = 'new@plant.example', status = 'Active' WHERE user_id = {ana}"
        ))
        .await;
    yard.plant.reconcile().assert_findings(&[format!("recycled User/{ana} -")]);
}

/// Entra adds a member at the very time at which cleanup makes a tombstone of the user.
async fn an_anonymised_user_joins_no_team(engine: Engine) {
    let yard = Yard::new(engine, "anonymise_after = \"0s\"").await;
    for round in 0..4 {
        let ana = yard.leaver(&format!("ana{round}")).await;
        let hash = yard.plan().hash();
        let mut cleaning = yard.applying_silently(&hash).spawn().unwrap();
        let other = yard.plant.entra.create_group(&format!("Line 8.{round}")).await;
        let add = json!([{ "op": "Add", "path": "members", "value": [{ "value": ana }] }]);
        let path = format!("/Groups/{other}");
        // The plan differs where the membership came before it was read again.
        while cleaning.try_wait().unwrap().is_none() {
            yard.plant.entra.client.operations(&path, add.clone()).await;
        }
        if yard.plan().verdict() != "EMPTY" {
            yard.clean();
        }
        // What Entra wants is remembered, and nobody is in the team.
        yard.plant.entra.client.operations(&path, add).await.expect(204);
        assert_eq!(yard.memberships(&ana).await, 0);
        let desired = format!("scim_desired_members WHERE user_key = '{ana}'");
        assert_eq!(yard.plant.agent.database().count(&desired).await, 1);
        yard.plant.reconcile().assert_clean();
    }
}
