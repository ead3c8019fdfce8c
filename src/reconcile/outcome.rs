//! What a run came to, before it is written, and its report. Reads and writes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::judge;
use crate::drift::{
    CleanupPlan, Coverage, Finding, Grace, Item, Kind, Report, Run, Scope, TrendPoint, Verdict,
    report,
};
use crate::store::Error;
use crate::store::findings::Stored;

/// What a run came to, before it is written.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub run: Run,
    pub scope: Scope,
    pub coverage: Coverage,
    pub grace: Grace,
    pub cleanup: CleanupPlan,
    /// By fingerprint.
    pub found: BTreeMap<String, Finding>,
    /// What the run mended by itself.
    pub restored: BTreeMap<String, Finding>,
    pub incomplete: Vec<String>,
    /// Why nothing was restored.
    pub blocked: Vec<String>,
    pub slot: Option<(&'static str, DateTime<Utc>)>,
}

impl Outcome {
    pub fn unreadable(error: &Error) -> Self {
        let why = format!("the database could not be read to the end: {error}");
        Self { incomplete: vec![why], ..Self::default() }
    }

    pub fn is_complete(&self) -> bool {
        self.incomplete.is_empty()
    }

    /// How many users Entra manages.
    pub fn managed_users(&self) -> u64 {
        let states = self.scope.links.get("User");
        states.and_then(|states| states.get("managed")).copied().unwrap_or_default()
    }

    /// A finding was mended by the run itself.
    pub fn restored(&mut self, id: &str) {
        if let Some(finding) = self.found.remove(id) {
            self.restored.insert(id.to_owned(), finding);
            self.scope.restored += 1;
        }
    }

    /// What an incomplete run found, beside the findings that are open, and how many of it an operator ignores.
    pub fn unconfirmed(&self, open: &BTreeMap<String, Stored>) -> (Vec<Item>, u64) {
        let started = self.run.started;
        let mut items = Vec::new();
        let mut ignored = 0;
        for (id, finding) in &self.found {
            let known = open.get(id);
            if known.is_some_and(|known| known.ignored.is_some()) {
                ignored += 1;
                continue;
            }
            items.push(Item {
                id: id.clone(),
                finding: finding.clone(),
                first_seen: known.map_or(started, |known| known.first_seen.and_utc()),
                new: known.is_none(),
                confirmed: false,
                command: None,
            });
        }
        (items, ignored)
    }

    pub fn report(&self, mut items: Vec<Item>, past: Past) -> Report {
        report::sort(&mut items);
        let complete = self.is_complete();
        let mut coverage = self.coverage;
        coverage.change = past.percent.map(|before| coverage.percent - before);
        let mut trend = past.trend;
        let counts = report::counts(&items, &past.counts, &past.resolved);
        if complete {
            let now = counts.iter().filter(|count| count.now > 0);
            let now = now.map(|count| (count.kind, count.now)).collect();
            trend.push(TrendPoint { at: self.run.finished, counts: now });
        }
        Report {
            run: self.run.clone(),
            verdict: if complete {
                judge::verdict(&items, &self.blocked)
            } else {
                Verdict::Incomplete
            },
            reasons: self.incomplete.iter().chain(&self.blocked).cloned().collect(),
            scope: self.scope.clone(),
            coverage,
            counts,
            findings: items,
            trend,
            grace: self.grace,
            cleanup: if complete {
                self.cleanup.clone()
            } else {
                self.cleanup.clone().blocked("this run is incomplete")
            },
            next: None,
            zone: chrono_tz::UTC,
        }
    }
}

/// What is known of earlier runs.
#[derive(Default)]
pub(super) struct Past {
    /// Findings by kind after the last complete run.
    pub counts: BTreeMap<Kind, u64>,
    /// Those that ended since.
    pub resolved: BTreeMap<Kind, u64>,
    /// Its coverage.
    pub percent: Option<f64>,
    pub trend: Vec<TrendPoint>,
}
