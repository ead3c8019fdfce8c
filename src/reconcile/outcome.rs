//! What a run came to, before it is written, and its report. Reads and writes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::judge;
use super::spool::Spool;
use crate::drift::report::Listing;
use crate::drift::{
    CleanupPlan, Coverage, Finding, Grace, Item, Kind, Report, Run, Scope, TrendPoint, Verdict,
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
    pub found: Spool,
    /// What the run mended by itself, by fingerprint: no more than a threshold allows.
    pub restored: BTreeMap<String, Finding>,
    pub incomplete: Vec<String>,
    /// Why nothing was restored.
    pub blocked: Vec<String>,
    pub slot: Option<(&'static str, DateTime<Utc>)>,
}

impl Outcome {
    pub fn unreadable(error: &Error) -> Self {
        Self::incomplete(format!("the database could not be read to the end: {error}"))
    }

    pub fn incomplete(why: String) -> Self {
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
    pub fn restored(&mut self, id: String, finding: Finding) {
        self.found.leave_out(&id);
        self.restored.insert(id, finding);
        self.scope.restored += 1;
    }

    /// A finding of this run as its report lists it, where it isn't confirmed; `known` is its life, if it
    /// has one.
    pub fn unconfirmed(&self, id: String, finding: Finding, known: Option<&Stored>) -> Item {
        Item {
            id,
            finding,
            first_seen: known.map_or(self.run.started, |known| known.first_seen.and_utc()),
            new: known.is_none(),
            confirmed: false,
            command: None,
        }
    }

    pub fn report(&self, listing: Listing, past: Past) -> Report {
        let complete = self.is_complete();
        let mut coverage = self.coverage;
        coverage.change = past.percent.map(|before| coverage.percent - before);
        let mut trend = past.trend;
        let counts = listing.counts(&past.counts, &past.resolved);
        if complete {
            let now = counts.iter().filter(|count| count.now > 0);
            let now = now.map(|count| (count.kind, count.now)).collect();
            trend.push(TrendPoint { at: self.run.finished, counts: now });
        }
        Report {
            run: self.run.clone(),
            verdict: if complete {
                judge::verdict(&counts, &self.blocked)
            } else {
                Verdict::Incomplete
            },
            reasons: self.incomplete.iter().chain(&self.blocked).cloned().collect(),
            scope: self.scope.clone(),
            coverage,
            counts,
            findings: listing.items(),
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
