//! What people are told of, and what they aren't told twice.

use serde_json::json;

use super::{ALL, SENT, telling, until};
use crate::cleanup::yard::Yard;
use crate::reconcile::plant::Plant;
use crate::support::mail::{MailServer, Speaks, header};
use crate::support::{Dialect, Engine, Entra};

on_every_database!(
    a_changed_verdict_and_a_new_critical_finding_are_told_once,
    what_a_run_mends_by_itself_is_told,
    the_guard_is_told_of_once_a_story,
    a_blocked_cleanup_is_told_once,
    the_digest_goes_out_once_a_slot,
    masked_mail_names_nobody_and_hostile_names_do_nothing,
);

async fn a_changed_verdict_and_a_new_critical_finding_are_told_once(engine: Engine) {
    let mail = MailServer::start(Speaks::StartTls);
    let plant = telling(engine, &mail, "").await;
    let database = plant.agent.database();
    plant.reconcile().assert_clean();
    assert_eq!(database.count(ALL).await, 0, "a first run that finds nothing");
    let ana = plant.hire("ana").await;
    plant.entra.disable(&ana).await;
    let rob = plant.drifts("rob").await;
    plant.reconcile();
    let mails = mail.until(1).await;
    assert!(header(&mails[0], "subject").contains("DRIFT (was CLEAN)"), "{:#}", mails[0]);
    plant.reconcile();
    assert_eq!(database.count(ALL).await, 1, "the same verdict");

    plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {ana}")).await;
    let run = plant.reconcile();
    let mails = mail.until(2).await;
    let told = &mails[1];
    let subject = header(told, "subject");
    assert!(subject.contains("something critical is new: 1 critical"), "{subject}");
    let text = told["text"].as_str().unwrap();
    let command = format!("kpifire-scim drift restore {}", run.id("reactivated"));
    assert!(text.contains(&command) && text.contains("ana@plant.example"), "{text}");
    assert_eq!(told["tls"], true);
    assert_eq!(told["authenticated"], true);
    assert_eq!(told["to"], json!(["it@plant.example", "jm@plant.example"]));
    let id = database.value("SELECT id FROM scim_notices ORDER BY id DESC LIMIT 1").await.unwrap();
    assert_eq!(header(told, "message-id"), format!("<{id}@plant.example>"));
    assert_eq!(header(told, "auto-submitted"), "auto-generated");
    let page = &told["attachments"][0];
    assert_eq!(page["type"], "text/html");
    assert!(page["text"].as_str().unwrap().contains("reactivated"));

    plant.reconcile();
    assert_eq!(database.count(ALL).await, 2, "a critical finding that persists");
    let again = format!("UPDATE users SET phone_number = '+1 555 0199' WHERE user_id = {rob}");
    plant.natively(&again).await;
    plant.entra.disable(&ana).await;
    plant.natively(&format!("UPDATE users SET status = 'Inactive' WHERE user_id = {ana}")).await;
    plant.reconcile().assert_clean();
    let mails = mail.until(3).await;
    assert!(header(&mails[2], "subject").contains("CLEAN (was DRIFT): no findings, 2 resolved"));
    until(&plant, SENT, 3).await;
    let status = plant.agent.install.stdout(&["status"]);
    let line = status.lines().find(|line| line.starts_with("mail")).unwrap();
    assert!(line.contains("nothing waits; last sent 20") && !line.contains("error"), "{line}");
}

async fn what_a_run_mends_by_itself_is_told(engine: Engine) {
    let mail = MailServer::start(Speaks::Tls);
    let plant = telling(engine, &mail, "[reconcile]\nauto = [\"reactivated\"]\n").await;
    let ana = plant.hire("ana").await;
    plant.entra.disable(&ana).await;
    plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {ana}")).await;
    plant.reconcile().assert_clean();
    let mails = mail.until(1).await;
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("reconcile.auto restored 1 finding by itself"), "{text}");
    // Stopped by a threshold: its verdict says so, once.
    plant.agent.database().execute("DELETE FROM scim_notices").await;
    plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {ana}")).await;
    let blocked = ["reconcile", "--quiet"];
    for _ in 0..2 {
        let mut command = plant.agent.install.command(&blocked);
        let output = command.env("KPIFIRE_SCIM__CLEANUP__MAX_COUNT", "0").output().unwrap();
        assert_eq!(output.status.code(), Some(4));
    }
    let mails = mail.until(2).await;
    assert!(header(&mails[1], "subject").contains("BLOCKED (was CLEAN)"), "{:#}", mails[1]);
    assert!(mails[1]["text"].as_str().unwrap().contains("cleanup.max_count"));
    assert_eq!(plant.agent.database().count(ALL).await, 1);
}

async fn the_guard_is_told_of_once_a_story(engine: Engine) {
    let mail = MailServer::start(Speaks::StartTls);
    let plant = telling(engine, &mail, "[guard]\nmax_disables = 1\n").await;
    let mut ids = Vec::new();
    for name in ["ana", "ben", "cleo"] {
        ids.push(plant.hire(name).await);
    }
    plant.entra.disable(&ids[0]).await;
    let off = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    let refuse = || {
        let requests = ids[1..].iter().chain(&ids[1..]).map(|id| {
            let (client, path, off) = (plant.agent.client(), format!("/Users/{id}"), off.clone());
            tokio::spawn(async move { client.operations(&path, off).await.refused(503, "") })
        });
        requests.collect::<Vec<_>>()
    };
    for request in refuse() {
        request.await.unwrap();
    }
    let database = plant.agent.database();
    assert_eq!(database.count(ALL).await, 1);
    let mails = mail.until(1).await;
    let text = mails[0]["text"].as_str().unwrap().replace("\r\n", " ");
    assert!(header(&mails[0], "subject").contains("the guard refuses"), "{:#}", mails[0]);
    assert!(text.contains("guard.max_disables is 1") && text.contains("guard status"), "{text}");
    // Somebody allowed more since, and it begins anew.
    let ago = (chrono::Utc::now() - chrono::TimeDelta::milliseconds(1)).format("%F %T%.6f");
    database.execute(&format!("UPDATE scim_guard SET allowed_until = '{ago}'")).await;
    for request in refuse() {
        request.await.unwrap();
    }
    assert_eq!(database.count(ALL).await, 2);
}

async fn a_blocked_cleanup_is_told_once(engine: Engine) {
    let mail = MailServer::start(Speaks::StartTls);
    let mut yard = Yard::new(engine, "max_count = 0").await;
    yard.leaver("ana").await;
    super::configure(&mut yard.plant.agent.install, &mail, "");
    let schedule = "[schedule]\ncleanup = \"* * * * * *\"\n";
    yard.plant.agent.install.configure(schedule);
    super::restart(&mut yard.plant).await;
    until(&yard.plant, "scim_runs WHERE verdict = 'BLOCKED'", 3).await;
    let mails = mail.until(1).await;
    assert_eq!(yard.plant.agent.database().count(ALL).await, 1);
    assert!(
        header(&mails[0], "subject").contains("cleanup BLOCKED, steps waiting: 1"),
        "{mails:#?}"
    );
    let text = mails[0]["text"].as_str().unwrap().replace("\r\n", " ");
    assert!(text.contains("cleanup.max_count") && text.contains("cleanup plan"), "{text}");
}

async fn the_digest_goes_out_once_a_slot(engine: Engine) {
    let mail = MailServer::start(Speaks::StartTls);
    let mut plant = telling(engine, &mail, "[notify]\ndigest = \"* * * * * *\"\n").await;
    let second = plant.agent.install.serve().await;
    until(&plant, SENT, 3).await;
    plant.agent.server.kill();
    drop(second);
    let database = plant.agent.database();
    let slots =
        "(SELECT DISTINCT occasion FROM scim_notices WHERE occasion LIKE 'digest:%') AS slots";
    assert_eq!(database.count(slots).await, database.count(ALL).await);
    let mails = mail.mails();
    let mut ids: Vec<&str> = mails.iter().map(|mail| header(mail, "message-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), mails.len());
    assert!(header(&mails[0], "subject").contains("weekly digest, no run this week"));
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("Writes") && text.contains("No run of the reconciler"), "{text}");
    // By default it is weekly.
    plant.agent.install.configure("[notify]\ndigest = \"0 7 * * mon\"\n");
    let check = plant.agent.install.stdout(&["check"]);
    let line = check.lines().find(|line| line.contains("notify.digest")).unwrap();
    assert_eq!(line.matches(" 07:00 UTC").count(), 3, "{line}");
    assert!(check.contains("notify: mail to it@plant.example, jm@plant.example by 127.0.0.1"));
    assert!(!check.contains("ss/word") && !check.contains("ss%2Fword"), "{check}");
}

async fn masked_mail_names_nobody_and_hostile_names_do_nothing(engine: Engine) {
    let mail = MailServer::start(Speaks::StartTls);
    let plant = telling(engine, &mail, "[reports]\nmask = true\n").await;
    let zoe = plant.hire("zoe.secretive").await;
    plant.entra.disable(&zoe).await;
    let quiet = plant.hire("quiet").await;
    plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {zoe}")).await;
    let names = [
        "a\r\nBcc: spy@evil.example\r\n\r\n.\r\nQUIT",
        "<img src=x onerror=alert(1)>",
        "\u{202e}\u{1b}[31m",
    ];
    let emoji = "🦊".repeat(80);
    for name in names.into_iter().chain([emoji.as_str()]) {
        plant.insert_user(&format!("{name}@plant.example")).await;
    }
    plant
        .natively(&format!("UPDATE users SET title = '{}' WHERE user_id = {quiet}", names[0]))
        .await;
    plant.reconcile();
    let masked = mail.until(1).await.remove(0);
    let whole = masked.to_string();
    assert!(!whole.contains("secretive") && whole.contains("z***"), "{whole}");
    // The same unmasked, from another run.
    let mut plant = plant;
    plant.agent.install.configure("[reports]\nmask = false\n");
    super::restart(&mut plant).await;
    let entra: &Entra = &Entra::new(plant.agent.client(), Dialect::Classic);
    let again = plant_again(entra, &plant).await;
    let told = mail.until(2).await.remove(1);
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("zoe.secretive@plant.example") && text.contains(&again), "{text}");
    assert!(text.contains("[U+000D][U+000A]Bcc: spy@evil.example"), "{text}");
    for mail in [&masked, &told] {
        let mut headers: Vec<&str> = mail["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| pair[0].as_str().unwrap())
            .collect();
        headers.sort_unstable();
        let ours = [
            "auto-submitted",
            "content-type",
            "date",
            "from",
            "message-id",
            "mime-version",
            "subject",
            "to",
        ];
        assert_eq!(headers, ours);
        assert_eq!(mail["to"], json!(["it@plant.example", "jm@plant.example"]));
        assert!(mail["longest"].as_u64().unwrap() <= 998, "RFC 5321 §4.5.3.1.6");
        let page = mail["attachments"][0]["text"].as_str().unwrap();
        assert!(!page.contains("<img src=x"), "a name became markup");
    }
}

/// Another critical finding; the name in it.
async fn plant_again(entra: &Entra, plant: &Plant) -> String {
    let ivo = entra.create(&crate::support::entra::Person::new("ivo@plant.example")).await;
    entra.disable(&ivo).await;
    plant.natively(&format!("UPDATE users SET status = 'Active' WHERE user_id = {ivo}")).await;
    plant.reconcile();
    "ivo@plant.example".to_owned()
}
