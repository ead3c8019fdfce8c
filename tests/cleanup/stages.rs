//! Each stage: what it does, what it leaves, and that undo puts it back.

use super::yard::Yard;
use crate::support::entra::Person;
use crate::support::{Dialect, Engine};

on_every_database!(
    nothing_is_due_before_its_time,
    stripping_takes_memberships_and_enabling_brings_them_back,
    undo_puts_memberships_back_as_they_were,
    what_a_leaver_owns_goes_to_the_manager,
    personal_data_goes_and_comes_back_with_undo,
    an_anonymised_user_is_gone_for_scim,
    a_row_is_deleted_only_where_nothing_points_at_it,
);

async fn nothing_is_due_before_its_time(engine: Engine) {
    let mut yard = Yard::new(engine, "").await;
    yard.plant.hire("ana").await;
    let empty = yard.plan();
    assert_eq!((empty.code, empty.verdict()), (0, "EMPTY"));
    assert_eq!(yard.apply(&empty.hash()).0, 0);
    yard.plant.agent.install.configure("[cleanup]\nstrip_after = \"30d\"\n");
    let ben = yard.leaver("ben").await;
    assert_eq!(yard.plan().verdict(), "EMPTY");
    // A clock that was wrong: disabled in the future.
    yard.plant.agent.install.configure("[cleanup]\nstrip_after = \"0s\"\n");
    let future = format!(
        "UPDATE scim_links SET disabled_at = '2099-01-01 00:00:00' WHERE legacy_key = '{ben}'"
    );
    yard.plant.natively(&future).await;
    assert_eq!(yard.plan().verdict(), "EMPTY");
}

async fn stripping_takes_memberships_and_enabling_brings_them_back(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let (ana, ben) = (yard.leaver("ana").await, yard.plant.hire("ben").await);
    let plan = yard.plan();
    assert_eq!((plan.code, plan.verdict()), (0, "READY"), "{:#}", plan.plan);
    assert_eq!(plan.steps(), [format!("strip {ana}")]);
    let step = &plan.plan["steps"][0];
    assert_eq!(step["name"], "ana@plant.example");
    assert_eq!(step["detail"], "1 memberships");
    assert!(step["due"].is_string());
    assert_eq!(yard.plan().hash(), plan.hash(), "the same plan has the same hash");
    yard.clean();
    assert_eq!(yard.memberships(&ana).await, 0);
    assert_eq!(yard.plan().verdict(), "EMPTY");
    // SCIM shows the membership still, and it is no drift.
    assert!(yard.plant.entra.is_member(&yard.team, &ana).await);
    yard.plant.reconcile().assert_clean();
    yard.plant.entra.enable(&ana).await;
    assert_eq!(yard.memberships(&ana).await, 1);
    yard.plant.reconcile().assert_clean();
    // Disabled again, the clock starts again.
    yard.plant.entra.disable(&ana).await;
    assert_eq!(yard.plan().steps(), [format!("strip {ana}")]);
    assert_eq!(yard.memberships(&ben).await, 0);
    let audited = yard.plant.agent.audit(&["--user", &ana]);
    assert!(audited.iter().any(|row| row["operation"] == "strip"), "{audited:#?}");
}

async fn undo_puts_memberships_back_as_they_were(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    yard.plant
        .natively(&format!("UPDATE team_members SET member_role = 'Leader' WHERE user_id = {ana}"))
        .await;
    let rows =
        format!("SELECT team_id, member_role, joined_at FROM team_members WHERE user_id = {ana}");
    let before = yard.plant.agent.database().rows(&rows).await;
    let run = yard.clean();
    let said = yard.plant.agent.install.stdout(&["cleanup", "undo", &run]);
    assert!(said.contains("undone"), "{said}");
    assert_eq!(yard.plant.agent.database().rows(&rows).await, before);
    // What was undone is on hold until it is released.
    assert_eq!(yard.plan().deferred(), [format!("held: undone: run {run} {ana}")]);
    let again = yard.plant.agent.install.run(&["cleanup", "undo", &run]);
    assert_eq!(again.status.code(), Some(1));
    yard.plant.agent.install.stdout(&["cleanup", "release", "ana@plant.example"]);
    assert_eq!(yard.plan().steps(), [format!("strip {ana}")]);
    let unknown = yard.plant.agent.install.run(&["cleanup", "undo", "nothing"]);
    assert_eq!(unknown.status.code(), Some(1));
}

async fn what_a_leaver_owns_goes_to_the_manager(engine: Engine) {
    let yard = Yard::new(engine, "anonymise_after = \"0s\"").await;
    let boss = yard.plant.hire("boss").await;
    let person = Person::new("ana@plant.example");
    let ana = yard.plant.entra.create(&person).await;
    yard.plant
        .natively(&format!(
            "INSERT INTO projects (project_id, title, owner_id) VALUES (77, 'Scrap', {ana}); \
             INSERT INTO ideas (idea_id, title, author_id) VALUES (77, 'Bins', {ana})"
        ))
        .await;
    yard.plant.entra.disable(&ana).await;
    let plan = yard.plan();
    assert_eq!(plan.verdict(), "EMPTY", "{:#}", plan.plan);
    let reason = plan.plan["deferred"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("1 projects, 1 ideas") && reason.contains("transfer_to"), "{reason}");
    let manager = serde_json::json!([{
        "op": "Add",
        "path": format!("{}:manager", crate::support::ENTERPRISE),
        "value": boss,
    }]);
    yard.plant.entra.patch_user(&ana, &manager).await.expect(200);
    assert_eq!(yard.plan().steps(), [format!("transfer {ana}"), format!("anonymise {ana}")]);
    let run = yard.clean();
    let owner = "SELECT owner_id FROM projects WHERE project_id = 77";
    let author = "SELECT author_id FROM ideas WHERE idea_id = 77";
    let database = yard.plant.agent.database();
    assert_eq!(database.value(owner).await.as_deref(), Some(boss.as_str()));
    assert_eq!(database.value(author).await.as_deref(), Some(boss.as_str()));
    // Somebody took one of them on in the meantime: that row stays as it is.
    yard.plant.natively("UPDATE ideas SET author_id = 3 WHERE idea_id = 77").await;
    let undone = yard.plant.agent.install.run(&["cleanup", "undo", &run]);
    assert_eq!(undone.status.code(), Some(1));
    let said = String::from_utf8_lossy(&undone.stdout).into_owned();
    assert!(said.contains(&format!("anonymise {ana}: undone")), "{said}");
    assert!(said.contains("the row 77 of ideas is no longer as cleanup left it"), "{said}");
    assert_eq!(database.value(owner).await.as_deref(), Some(ana.as_str()));
    assert_eq!(database.value(author).await.as_deref(), Some("3"));
    assert_eq!(yard.column("email", &ana).await.as_deref(), Some("ana@plant.example"));
}

async fn personal_data_goes_and_comes_back_with_undo(engine: Engine) {
    let yard =
        Yard::new(engine, "anonymise_after = \"0s\"\ntransfer_to = \"line.two@plant.example\"")
            .await;
    let ana = yard.leaver("ana").await;
    let all = format!(
        "SELECT email, first_name, last_name, title, phone_number, status FROM users WHERE user_id = {ana}"
    );
    let before = yard.plant.agent.database().rows(&all).await;
    assert_eq!(yard.plan().steps(), [format!("strip {ana}"), format!("anonymise {ana}")]);
    let run = yard.clean();
    assert_eq!(yard.column("email", &ana).await, Some(format!("deleted-{ana}@invalid")));
    assert_eq!(yard.column("last_name", &ana).await, Some(format!("user {ana}")));
    assert_eq!(yard.column("phone_number", &ana).await, None);
    assert_eq!(yard.column("status", &ana).await.as_deref(), Some("Inactive"));
    let link = format!("scim_links WHERE legacy_key = '{ana}' AND resource_type = 'User'");
    let traces = format!("{link} AND (baseline LIKE '%ana@%' OR kept LIKE '%ana@%')");
    assert_eq!(yard.plant.agent.database().count(&traces).await, 0, "the link forgets too");
    let external = format!("{link} AND external_id IS NOT NULL AND state = 'deleted'");
    assert_eq!(yard.plant.agent.database().count(&external).await, 1);
    yard.plant.reconcile().assert_clean();
    yard.plant.agent.install.stdout(&["cleanup", "undo", &run]);
    assert_eq!(yard.plant.agent.database().rows(&all).await, before);
    assert_eq!(yard.memberships(&ana).await, 1);
    yard.plant.reconcile().assert_clean();
    let shown = yard.plant.entra.client.get(&format!("/Users/{ana}")).await.expect(200);
    assert_eq!(shown.body["userName"], "ana@plant.example");
    assert_eq!(shown.body["active"], false);
    yard.plant.entra.enable(&ana).await;
    yard.plant.reconcile().assert_clean();
}

async fn an_anonymised_user_is_gone_for_scim(engine: Engine) {
    let yard = Yard::new(engine, "anonymise_after = \"0s\"").await;
    let ana = yard.leaver("ana").await;
    yard.clean();
    let client = &yard.plant.entra.client;
    client.get(&format!("/Users/{ana}")).await.expect(404);
    let on = serde_json::json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    client.operations(&format!("/Users/{ana}"), on).await.expect(404);
    assert!(yard.plant.entra.match_user("ana@plant.example").await.is_none());
    assert!(!yard.plant.entra.is_member(&yard.team, &ana).await);
    let anew = yard.plant.hire("ana").await;
    assert_ne!(anew, ana);
    yard.plant.reconcile().assert_clean();
    assert_eq!(yard.plan().verdict(), "EMPTY");
}

async fn a_row_is_deleted_only_where_nothing_points_at_it(engine: Engine) {
    let yard =
        Yard::new(engine, "anonymise_after = \"0s\"\ndelete_after = \"0s\"\ntransfer_to = \"3\"")
            .await;
    let (ana, ben) = (yard.leaver("ana").await, yard.leaver("ben").await);
    // Foreign keys stay as they are here.
    yard.plant
        .agent
        .database()
        .execute(&format!(
            "INSERT INTO api_tokens (user_id, token_hash, created_at, revoked_at) \
                            VALUES ({ben}, 'h', '2024-01-01 08:00:00', '2024-01-01 08:00:00')"
        ))
        .await;
    yard.clean();
    // Memberships pointed at the rows when the plan was made: deleting comes with the next one.
    let next = yard.plan();
    assert_eq!(next.steps(), [format!("delete {ana}")], "{:#}", next.plan);
    let reason = next.plan["deferred"][0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("referenced: foreign keys of") && reason.contains("api_tokens"),
        "{reason}"
    );
    let (code, said) = yard.apply(&next.hash());
    assert_eq!(code, 0, "{said}");
    assert_eq!(yard.column("email", &ana).await, None);
    assert!(yard.column("email", &ben).await.is_some());
    yard.plant.agent.entra(Dialect::Rfc).client.get(&format!("/Users/{ana}")).await.expect(404);
}
