//! What there is to tell, as the outbox keeps it. Pure. Names of people stay out of it: what a
//! message says of a run comes from the run's report when it is sent.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::drift::plan::{Deferral, Reason};
use crate::drift::{Report, Severity, Verdict};

/// Something that people are told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run of the reconciler.
    Run {
        /// Which.
        run: String,
        /// The verdict of the run before; `None` for the first.
        before: Option<String>,
        /// Why it is worth a word.
        causes: Vec<Cause>,
    },
    /// How the week was.
    Digest(Digest),
    /// Cleanup was blocked, or not everything went well.
    Cleanup(Cleanup),
    /// The guard refuses to disable more users.
    Guard {
        /// How many there were, and the limit.
        detail: String,
    },
    /// A certificate is about to expire.
    Certificate {
        /// Which: its file, or the key that names it.
        name: String,
        /// Until when it is valid.
        until: DateTime<Utc>,
    },
    /// Nothing happened: somebody tries the channel.
    Test,
}

/// Why a run is worth a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its verdict isn't that of the run before.
    VerdictChanged,
    /// It found something critical that wasn't there before.
    NewCritical,
    /// It restored something by itself (`reconcile.auto`).
    Restored,
}

/// How a week was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Digest {
    /// From when.
    pub since: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
    /// The last run.
    pub run: Option<String>,
    /// Runs by verdict.
    pub runs: BTreeMap<String, u64>,
    /// Findings that ended.
    pub resolved: u64,
    /// Findings that runs restored by themselves.
    pub restored: u64,
    /// Audited writes by outcome.
    pub writes: BTreeMap<String, u64>,
    /// Steps of cleanup that were done.
    pub cleaned: u64,
}

/// What cleanup came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cleanup {
    /// The run, where it wrote something.
    pub run: Option<String>,
    /// `BLOCKED`, `STOPPED` or `DONE`.
    pub verdict: String,
    /// Steps planned.
    pub planned: u64,
    /// Steps done.
    pub done: u64,
    /// Why it was blocked or stopped, a sentence each.
    pub reasons: Vec<String>,
    /// How many accounts could not be cleaned.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Failure>,
}

/// An account that could not be cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The account.
    pub scim_id: String,
    /// What was to be done.
    pub stage: String,
    /// Why it could not be.
    pub reason: Reason,
}

/// Failures that are listed.
const FAILURES: usize = 5;

impl Event {
    /// What a run has to tell; `None` when nothing is new.
    pub fn of_run(report: &Report, before: Option<&str>) -> Option<Self> {
        // A first run that finds nothing is what everybody expects.
        let expected = before.unwrap_or(Verdict::Clean.as_str());
        let critical = report.findings.iter().any(|item| {
            item.new && item.confirmed && item.finding.kind.severity() == Severity::Critical
        });
        let causes: Vec<Cause> = [
            (Cause::VerdictChanged, report.verdict.as_str() != expected),
            (Cause::NewCritical, critical),
            (Cause::Restored, report.scope.restored > 0),
        ]
        .into_iter()
        .filter_map(|(cause, holds)| holds.then_some(cause))
        .collect();
        let before = before.map(str::to_owned);
        (!causes.is_empty()).then(|| Self::Run { run: report.run.id.clone(), before, causes })
    }

    /// As the outbox keeps it.
    pub fn to_json(&self) -> String {
        // What is written here has text for keys, and nothing else could fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Cleanup {
    /// The accounts among what was deferred on which something failed.
    pub fn failures(deferred: &[Deferral]) -> (u64, Vec<Failure>) {
        let failed = || deferred.iter().filter(|it| it.reason.failed());
        let listed = failed().take(FAILURES).map(|it| Failure {
            scim_id: it.scim_id.clone(),
            stage: it.stage.as_str().to_owned(),
            reason: it.reason.clone(),
        });
        (failed().count() as u64, listed.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Kind, Scope};
    use crate::report::tests::fixture;

    fn causes(report: &Report, before: Option<&str>) -> Vec<Cause> {
        match Event::of_run(report, before) {
            Some(Event::Run { causes, .. }) => causes,
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_run_is_told_of_when_something_is_new() {
        let mut report = fixture::clean_first();
        assert_eq!(causes(&report, None), []);
        assert_eq!(causes(&report, Some("CLEAN")), []);
        assert_eq!(causes(&report, Some("DRIFT")), [Cause::VerdictChanged]);
        report.scope = Scope { restored: 1, ..report.scope };
        assert_eq!(causes(&report, Some("CLEAN")), [Cause::Restored]);
        let mut report = fixture::every_kind();
        report.scope.restored = 0;
        assert_eq!(report.verdict, Verdict::Drift);
        for item in &mut report.findings {
            item.new =
                item.finding.kind != Kind::Reactivated && item.finding.kind != Kind::Recycled;
        }
        assert_eq!(causes(&report, None), [Cause::VerdictChanged]);
        assert_eq!(causes(&report, Some("DRIFT")), []);
        for item in &mut report.findings {
            item.new = true;
        }
        assert_eq!(causes(&report, Some("DRIFT")), [Cause::NewCritical]);
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let events = [
            Event::Run { run: "1".into(), before: None, causes: vec![Cause::Restored] },
            Event::Digest(Digest::default()),
            Event::Cleanup(Cleanup { verdict: "BLOCKED".into(), ..Cleanup::default() }),
            Event::Guard { detail: "x".into() },
            Event::Test,
        ];
        for event in events {
            assert_eq!(serde_json::from_str::<Event>(&event.to_json()).unwrap(), event);
        }
    }
}
