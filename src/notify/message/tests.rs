//! What messages say: whole ones as snapshots, and that nothing hostile or masked gets through.

use super::*;
use crate::drift::Verdict;
use crate::drift::plan;
use crate::notify::Failure;
use crate::report::tests::fixture;

fn facts(report: Option<Report>) -> Facts {
    Facts {
        id: "0193f2a0-0000-7000-8000-000000000001".into(),
        created: fixture::finished(),
        install: "plant7".into(),
        report,
        masked: false,
    }
}

fn of_run(causes: &[Cause]) -> Event {
    Event::Run { run: "run".into(), before: Some("CLEAN".into()), causes: causes.to_vec() }
}

fn drift() -> Report {
    let mut report = fixture::every_kind();
    report.verdict = Verdict::Drift;
    report
}

#[test]
fn a_mail_about_a_run() {
    let event = of_run(&[Cause::VerdictChanged, Cause::NewCritical]);
    let message = compose(&event, &facts(Some(drift())));
    insta::assert_snapshot!(format!("Subject: {}\n\n{}", message.subject, message.text));
    assert!(message.attachment.unwrap().page.contains("<html"));
}

#[test]
fn what_else_there_is_to_tell() {
    let cleanup = Cleanup {
        run: Some("0193".into()),
        verdict: "DONE".into(),
        planned: 9,
        done: 7,
        reasons: Vec::new(),
        failed: 2,
        failures: vec![Failure {
            scim_id: "7".into(),
            stage: "strip".into(),
            reason: plan::Reason::new(plan::Cause::Error, "a lock timeout"),
        }],
    };
    let blocked = Cleanup {
        run: None,
        verdict: "BLOCKED".into(),
        planned: 30,
        reasons: vec!["30 users of 25 (cleanup.max_count)".into()],
        ..Cleanup::default()
    };
    let digest = Digest {
        since: fixture::finished() - chrono::TimeDelta::days(7),
        until: fixture::finished(),
        run: Some("run".into()),
        runs: [("CLEAN".to_owned(), 5), ("DRIFT".to_owned(), 2)].into(),
        resolved: 3,
        restored: 1,
        writes: [("done".to_owned(), 214), ("refused 409".to_owned(), 1)].into(),
        cleaned: 4,
    };
    let events = [
        Event::Cleanup(cleanup),
        Event::Cleanup(blocked),
        Event::Digest(digest.clone()),
        Event::Guard { detail: "50 users were disabled or deleted within an hour".into() },
        Event::Certificate {
            name: "cert.pem".into(),
            until: fixture::finished() + chrono::TimeDelta::days(6),
        },
        Event::Test,
    ];
    let told = events.map(|event| {
        let report = matches!(event, Event::Digest(_)).then(fixture::clean_first);
        let message = compose(&event, &facts(report));
        format!("Subject: {}\n\n{}", message.subject, message.lines.join("\n"))
    });
    insta::assert_snapshot!(told.join("\n\n======\n\n"));
    let empty = compose(&Event::Digest(digest), &facts(None));
    assert!(empty.subject.ends_with("weekly digest, no run this week"), "{}", empty.subject);
}

#[test]
fn a_program_gets_the_same() {
    let message = compose(&of_run(&[Cause::NewCritical]), &facts(Some(drift())));
    let keys = &message.json;
    assert_eq!(keys["version"], 1);
    assert_eq!(keys["event"], "run");
    assert_eq!(keys["causes"][0], "new_critical");
    assert_eq!(keys["report"]["verdict"], "DRIFT");
    assert!(keys["report"]["counts"]["critical"].as_u64() > Some(0), "{keys:#}");
    assert_eq!(keys["report"]["findings"][0]["severity"], "critical");
    assert!(message.subject.contains("something critical is new"), "{}", message.subject);
}

#[test]
fn hostile_names_are_harmless_everywhere() {
    for name in fixture::hostile() {
        let mut report = drift();
        for item in &mut report.findings {
            item.finding.name = Some(name.clone());
            item.finding.actual = name.clone().into();
            item.finding.why = format!("why {name}");
        }
        report.reasons = vec![name.clone()];
        let message = compose(&of_run(&[Cause::NewCritical]), &facts(Some(report)));
        let lines = message.lines.iter().map(String::as_str).chain(message.text.lines());
        for line in lines.chain([message.subject.as_str()]) {
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
            assert!(line.len() < 998, "RFC 5322 §2.1.1: {line:?}");
        }
        assert!(!message.subject.contains(&name));
        assert!(!message.attachment.unwrap().page.contains("<script>alert"));
    }
}

#[test]
fn masked_messages_name_nobody() {
    let mut report = drift();
    for item in &mut report.findings {
        item.finding.name = Some("zacharias@plant.example".into());
    }
    let masked = Facts { masked: true, ..facts(Some(report)) };
    let message = compose(&of_run(&[Cause::NewCritical]), &masked);
    let page = message.attachment.as_ref().unwrap();
    for text in [&message.text, &message.lines.join("\n"), &message.json.to_string(), &page.page] {
        assert!(!text.contains("zacharias"), "{text}");
        assert!(text.contains("z***") || !text.contains("reactivated"), "{text}");
    }
    let failure = Failure {
        scim_id: "7".into(),
        stage: "strip".into(),
        reason: plan::Reason::new(plan::Cause::Error, "zacharias is locked"),
    };
    let cleanup = Cleanup { failed: 1, failures: vec![failure], ..Cleanup::default() };
    let message = compose(&Event::Cleanup(cleanup), &masked);
    let all = format!("{} {}", message.text, message.json);
    assert!(!all.contains("is locked") && all.contains("User 7"), "{all}");
}
