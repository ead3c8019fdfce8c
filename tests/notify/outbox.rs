//! Notices while servers are away, agents are many, and agents die.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{ALL, SENT, telling, until};
use crate::reconcile::plant::Plant;
use crate::support::mail::{MailServer, Speaks, header};
use crate::support::sink::Sink;
use crate::support::{Engine, user};

on_every_database!(
    two_agents_send_each_notice_once,
    a_server_that_was_down_gets_it_later_and_once,
    an_agent_that_dies_before_sending_is_stood_in_for,
    a_day_of_refusals_is_enough,
);

/// Notices as another agent would have written them, due now.
async fn write_notices(plant: &Plant, many: usize, created: DateTime<Utc>) {
    let created = created.format("%F %T");
    let rows: Vec<String> = (0..many)
        .map(|at| {
            let id = uuid::Uuid::new_v4();
            format!(
                "('{id}', 'mail', 'test:{at}', '{{\"event\":\"test\"}}', '{created}', 0, \
                 '2026-01-01 00:00:00')"
            )
        })
        .collect();
    plant
        .natively(&format!(
            "INSERT INTO scim_notices (id, channel, occasion, event, created, attempts, due) VALUES {}",
            rows.join(", ")
        ))
        .await;
}

async fn two_agents_send_each_notice_once(engine: Engine) {
    let mail = MailServer::start(Speaks::StartTls);
    let plant = telling(engine, &mail, "[schedule]\nreconcile = \"* * * * * *\"\n").await;
    let second = plant.agent.install.serve().await;
    write_notices(&plant, 20, Utc::now()).await;
    plant.drifts("rob").await;
    until(&plant, "scim_runs WHERE verdict = 'DRIFT'", 2).await;
    until(&plant, SENT, 21).await;
    assert_eq!(plant.agent.database().count(ALL).await, 21, "twenty, and one of the verdict");
    drop(second);
    let mails = mail.mails();
    let mut ids: Vec<&str> = mails.iter().map(|mail| header(mail, "message-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), mails.len()), (21, 21));
}

async fn a_server_that_was_down_gets_it_later_and_once(engine: Engine) {
    let mut mail = MailServer::start(Speaks::StartTls);
    let sink = Sink::start().await;
    let webhook = format!("[notify.webhook]\nurl = \"{}/hooks/KEY\"\n", sink.origin);
    let plant = telling(engine, &mail, &webhook).await;
    mail.down();
    sink.answers(502);
    plant.drifts("rob").await;
    plant.reconcile();
    until(&plant, "scim_notices WHERE last_error IS NOT NULL", 2).await;
    // Everything else goes on meanwhile.
    plant.agent.client().post("/Users", &user("ana@plant.example")).await.expect(201);
    let status = plant.agent.install.stdout(&["status"]);
    let line = |channel: &str| status.lines().find(|line| line.starts_with(channel)).unwrap();
    assert!(line("mail").contains("1 waiting since 20"), "{status}");
    assert!(line("mail").contains("refused"), "{status}");
    assert!(line("webhook").contains("502 Bad Gateway answer 502"), "{status}");
    let due = "UPDATE scim_notices SET due = '2026-01-01 00:00:00' WHERE due IS NOT NULL";
    plant.natively(due).await;
    until(&plant, "scim_notices WHERE attempts = 2 AND last_error IS NOT NULL", 2).await;
    let log = plant.agent.server.log();
    assert_eq!(log.matches("a notice could not be sent").count(), 2, "once a channel: {log}");
    for secret in ["KEY", "p@ss", "p%40ss", "ss/word"] {
        assert!(!log.contains(secret) && !status.contains(secret), "{secret}: {log}");
    }
    mail.up();
    sink.answers(204);
    plant.natively(due).await;
    until(&plant, SENT, 2).await;
    assert_eq!(mail.mails().len(), 1);
    let posted = sink.posted();
    let ids: Vec<_> = posted.iter().map(|it| it.headers["webhook-id"].to_str().unwrap()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let log = plant.agent.server.log();
    assert_eq!(log.matches("the channel works again").count(), 2, "{log}");
}

async fn an_agent_that_dies_before_sending_is_stood_in_for(engine: Engine) {
    let mail = MailServer::start(Speaks::StartTls);
    std::fs::write(mail.file("hold"), "").unwrap();
    let mut plant = telling(engine, &mail, "").await;
    plant.drifts("rob").await;
    plant.reconcile();
    until(&plant, "scim_notices WHERE attempts = 1", 1).await;
    let started = std::time::Instant::now();
    while !mail.file("held").exists() {
        assert!(started.elapsed() < Duration::from_secs(30), "{}", plant.agent.server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Another agent leaves it alone as long as the first may be at it.
    let second = plant.agent.install.serve().await;
    plant.agent.server.kill();
    std::fs::remove_file(mail.file("hold")).unwrap();
    let waits = "scim_notices WHERE attempts = 1 AND sent IS NULL";
    assert_eq!(plant.agent.database().count(waits).await, 1);
    plant.natively("UPDATE scim_notices SET due = '2026-01-01 00:00:00'").await;
    until(&plant, SENT, 1).await;
    drop(second);
    assert_eq!(mail.mails().len(), 1);
}

async fn a_day_of_refusals_is_enough(engine: Engine) {
    let mail = MailServer::start(Speaks::StartTls);
    std::fs::write(mail.file("refuse"), "").unwrap();
    let plant = telling(engine, &mail, "").await;
    write_notices(&plant, 1, Utc::now() - TimeDelta::days(2)).await;
    until(&plant, "scim_notices WHERE given_up IS NOT NULL AND due IS NULL", 1).await;
    let status = plant.agent.install.stdout(&["status"]);
    let line = status.lines().find(|line| line.starts_with("mail")).unwrap();
    assert!(line.contains("1 given up") && line.contains("come again later"), "{line}");
    let log = plant.agent.server.log();
    assert!(log.contains("ERROR") && log.contains("a notice was given up"), "{log}");
}
