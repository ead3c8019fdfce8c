//! What keeps cleanup from doing harm: each a test.

use std::process::Stdio;

use super::yard::Yard;
use crate::support::Engine;

on_every_database!(
    a_plan_that_differs_is_not_applied,
    over_a_threshold_nothing_is_written,
    the_week_counts,
    protected_and_held_accounts_are_left_alone,
    a_user_let_in_again_is_left_alone,
    enabled_in_the_meantime_is_left_alone,
    stale_or_incomplete_data_blocks,
    an_account_that_fails_is_deferred_alone,
    a_check_that_refuses_defers_its_account,
    nobody_is_asked_without_a_terminal,
    two_at_once_do_everything_once,
);

async fn a_plan_that_differs_is_not_applied(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    let read = yard.plan().hash();
    let ben = yard.leaver("ben").await;
    let (code, said) = yard.apply(&read);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the plan would now be another one"), "{said}");
    assert_eq!((yard.memberships(&ana).await, yard.memberships(&ben).await), (1, 1));
    assert_eq!(yard.apply("0000000000000000").0, 1);
}

async fn over_a_threshold_nothing_is_written(engine: Engine) {
    let yard = Yard::new(engine, "max_count = 2").await;
    let mut ids = Vec::new();
    for name in ["ana", "ben", "cleo"] {
        ids.push(yard.leaver(name).await);
    }
    let plan = yard.plan();
    assert_eq!((plan.code, plan.verdict()), (4, "BLOCKED"), "{:#}", plan.plan);
    assert_eq!(plan.plan["thresholds"][0]["count"], 3.0);
    assert_eq!(plan.plan["thresholds"][0]["limit"], 2.0);
    assert_eq!(plan.steps().len(), 3, "it says what it would do");
    let (code, said) = yard.apply(&plan.hash());
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("3 of 2"), "{said}");
    for id in &ids {
        assert_eq!(yard.memberships(id).await, 1);
    }
    assert_eq!(yard.plant.agent.database().count("scim_cleanup_journal").await, 0);
}

async fn the_week_counts(engine: Engine) {
    let yard = Yard::new(engine, "max_count = 2").await;
    yard.leaver("ana").await;
    yard.leaver("ben").await;
    yard.clean();
    yard.leaver("cleo").await;
    let plan = yard.plan();
    assert_eq!(plan.verdict(), "BLOCKED", "{:#}", plan.plan);
    assert!(plan.plan["reasons"][0].as_str().unwrap().contains("in 7 days: 3 of 2"));
    yard.plant.natively("UPDATE scim_cleanup_journal SET at = '2024-01-01 00:00:00'").await;
    assert_eq!(yard.plan().verdict(), "READY");
}

async fn protected_and_held_accounts_are_left_alone(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let (ana, ben) = (yard.leaver("ana").await, yard.leaver("ben").await);
    yard.plant
        .natively(&format!(
            "UPDATE users SET email = 'svc-ana@plant.example' WHERE user_id = {ana}"
        ))
        .await;
    let install = &yard.plant.agent.install;
    install.stdout(&["cleanup", "hold", "BEN@plant.example", "--reason", "a lawsuit"]);
    let plan = yard.plan();
    assert_eq!(plan.verdict(), "EMPTY");
    let mut deferred = plan.deferred();
    deferred.sort();
    assert_eq!(deferred, [format!("held: a lawsuit {ben}"), format!("protected {ana}")]);
    install.stdout(&["cleanup", "release", &ben]);
    assert_eq!(yard.plan().steps(), [format!("strip {ben}")]);
    let nobody = install.run(&["cleanup", "hold", "nobody@plant.example", "--reason", "x"]);
    assert_eq!(nobody.status.code(), Some(1));
    // On hold after the plan was read: the plan is another one.
    let read = yard.plan().hash();
    install.stdout(&["cleanup", "hold", &ben, "--reason", "x"]);
    assert_eq!(yard.apply(&read), (0, "Nothing is due.\n".to_owned()));
    assert_eq!(yard.memberships(&ben).await, 1);
}

async fn a_user_let_in_again_is_left_alone(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    yard.plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {ana}")).await;
    assert_eq!(yard.plan().deferred(), [format!("reactivated: kpifire has the user active {ana}")]);
}

async fn enabled_in_the_meantime_is_left_alone(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    yard.plant.entra.enable(&ana).await;
    assert_eq!(yard.plan().verdict(), "EMPTY");
    yard.plant.entra.disable(&ana).await;
    yard.plant.entra.hard_delete(&ana).await;
    assert_eq!(yard.plan().verdict(), "EMPTY");
}

async fn stale_or_incomplete_data_blocks(engine: Engine) {
    let mut yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    yard.plant.agent.server.kill();
    yard.plant
        .natively(
            "UPDATE scim_tokens SET last_used = '2024-01-01 00:00:00'; \
             UPDATE scim_audit SET token = NULL",
        )
        .await;
    let stale = yard.plan();
    assert_eq!((stale.code, stale.verdict()), (4, "BLOCKED"));
    assert!(stale.plan["reasons"][0].as_str().unwrap().starts_with("stale source: "));
    assert_eq!(yard.apply(&stale.hash()).0, 4);
    yard.plant.agent.install.configure("[reconcile]\nstale_after = \"36500d\"\n");
    assert_eq!(yard.plan().verdict(), "READY");
    yard.plant.reconcile();
    yard.plant.natively("DELETE FROM team_members WHERE team_id IN (1, 2)").await;
    assert_eq!(yard.plant.reconcile().code, 3);
    let blocked = yard.plan();
    assert_eq!(blocked.verdict(), "BLOCKED");
    assert!(blocked.plan["reasons"][0].as_str().unwrap().contains("incomplete"));
    assert_eq!(yard.apply(&blocked.hash()).0, 4);
    assert_eq!(yard.memberships(&ana).await, 1);
}

/// A trigger that guards one account: the others are cleaned.
async fn an_account_that_fails_is_deferred_alone(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let (ana, ben) = (yard.leaver("ana").await, yard.leaver("ben").await);
    yard.refuse("DELETE", Some(&ana)).await;
    let (code, said) = yard.apply(&yard.plan().hash());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("deferred: strip {ana}")), "{said}");
    assert!(said.contains("error: ") && said.contains("not this one"), "{said}");
    assert_eq!((yard.memberships(&ana).await, yard.memberships(&ben).await), (1, 0));
    // Five in a row stop the run.
    let mut last = String::new();
    for name in ["cleo", "dan", "eve", "fay", "gus", "hal"] {
        last = yard.leaver(name).await;
    }
    yard.refuse("DELETE", None).await;
    let (code, said) = yard.apply(&yard.plan().hash());
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("5 accounts in a row"), "{said}");
    assert_eq!(said.matches("deferred: strip").count(), 5, "{said}");
    assert_eq!(yard.memberships(&last).await, 1);
}

/// What anonymising would write breaks a CHECK of kpifire's for one account: all of its row stays.
async fn a_check_that_refuses_defers_its_account(engine: Engine) {
    let yard = Yard::new(engine, "anonymise_after = \"0s\"").await;
    let (ana, ben) = (yard.leaver("ana").await, yard.leaver("ben").await);
    let check = format!("CHECK (email <> 'deleted-{ana}@invalid')");
    let alter = match engine {
        Engine::Sqlite => format!("ALTER TABLE users ADD COLUMN guard INTEGER {check}"),
        Engine::Postgres | Engine::Mariadb | Engine::Mysql => {
            format!("ALTER TABLE users ADD CONSTRAINT guard {check}")
        }
    };
    yard.plant.agent.database().execute(&alter).await;
    let (code, said) = yard.apply(&yard.plan().hash());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("deferred: anonymise {ana}")), "{said}");
    assert!(said.contains("guard") || said.contains("CHECK"), "{said}");
    assert_eq!(yard.column("email", &ana).await.as_deref(), Some("ana@plant.example"));
    assert_eq!(yard.column("email", &ben).await, Some(format!("deleted-{ben}@invalid")));
    let managed = format!("scim_links WHERE legacy_key = '{ana}' AND state = 'managed'");
    assert_eq!(yard.plant.agent.database().count(&managed).await, 1);
    // It is due again, and nothing of the other is.
    assert_eq!(yard.plan().steps(), [format!("anonymise {ana}")]);
}

async fn nobody_is_asked_without_a_terminal(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let ana = yard.leaver("ana").await;
    let hash = yard.plan().hash();
    let output = yard.plant.agent.install.run(&["cleanup", "apply", "--plan", &hash]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(yard.memberships(&ana).await, 1);
}

async fn two_at_once_do_everything_once(engine: Engine) {
    let yard = Yard::new(engine, "").await;
    let mut ids = Vec::new();
    for name in ["ana", "ben", "cleo", "dan"] {
        ids.push(yard.leaver(name).await);
    }
    let hash = yard.plan().hash();
    let children: Vec<_> = (0..3)
        .map(|_| {
            let arguments = ["cleanup", "apply", "--yes", "--plan", &hash];
            let mut command = yard.plant.agent.install.command(&arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let fine = said.contains("done: 4 strip")
            || said.contains("Nothing is due")
            || said.contains("under way already");
        assert!(fine, "{said}");
    }
    assert_eq!(yard.plant.agent.database().count("scim_cleanup_journal").await, 4);
    for id in &ids {
        assert_eq!(yard.memberships(id).await, 0);
    }
}
