//! Reports as they are kept, and back: a report of an earlier run is made from its row and from the
//! findings that were open then, of which only what a run last saw is kept. Knows no SQL: that is
//! `runs`' and `findings`'.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::findings::{self, Stored};
use super::runs::{self, RunRow};
use super::{Error, Tx};
use crate::clock::stamp;
use crate::drift::report::Listing;
use crate::drift::{Count, Coverage, Item, Kind, Report, Run, Scope, TrendPoint, Verdict};

/// A run's row.
pub fn row(report: &Report, slot: Option<&(&'static str, DateTime<Utc>)>) -> RunRow {
    let by_kind = |of: fn(&Count) -> u64| -> Map<String, Value> {
        let counts = report.counts.iter().filter(|count| of(count) > 0);
        counts.map(|count| (count.kind.as_str().to_owned(), of(count).into())).collect()
    };
    let unconfirmed = report.findings.iter().filter(|item| !item.confirmed);
    RunRow {
        id: report.run.id.clone(),
        started: stamp(report.run.started),
        finished: stamp(report.run.finished),
        verdict: report.verdict.as_str().to_owned(),
        config_hash: report.scope.config_hash.clone(),
        summary: json!({
            "reasons": report.reasons,
            "scope": report.scope,
            "coverage": report.coverage,
            "grace": report.grace,
            "cleanup": report.cleanup,
            "now": by_kind(|count| count.now),
            "before": by_kind(|count| count.before),
            "resolved": by_kind(|count| count.resolved),
            // What only the run's own row keeps: how many there are, and those that it lists.
            "unconfirmedCounts": if report.verdict == Verdict::Incomplete { &report.counts[..] } else { &[] },
            "unconfirmed": unconfirmed.collect::<Vec<&Item>>(),
        }),
        job: slot.map(|(job, _)| (*job).to_owned()),
        slot: slot.map(|(_, at)| stamp(*at)),
    }
}

/// What the run looked at.
pub fn scope(run: &RunRow) -> Scope {
    part(run, "scope")
}

/// Why it was incomplete or blocked.
pub fn reasons(run: &RunRow) -> Vec<String> {
    part(run, "reasons")
}

/// How much was as Entra asserted.
pub fn coverage(run: &RunRow) -> Coverage {
    part(run, "coverage")
}

/// How many findings of each kind it listed.
pub fn counts(run: &RunRow) -> BTreeMap<Kind, u64> {
    kinds(run, "now")
}

/// How it went in the 90 days before a time, as far as another: the last complete run of each day.
pub async fn trend(
    tx: &mut Tx,
    before: NaiveDateTime,
    until: NaiveDateTime,
) -> Result<Vec<TrendPoint>, Error> {
    let days = runs::last_of_days(tx, before - TimeDelta::days(90), until).await?;
    let point = |run: &RunRow| TrendPoint { at: run.finished.and_utc(), counts: counts(run) };
    Ok(days.iter().map(point).collect())
}

/// The kinds of findings that a run couldn't see.
pub fn unseen(scope: &Scope) -> &'static [Kind] {
    if scope.source.is_some() { &[] } else { &Kind::OF_EXPORTS }
}

/// What a later version wrote and this one can't read is left out, not made up.
fn part<T: DeserializeOwned + Default>(run: &RunRow, name: &str) -> T {
    let value = run.summary.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).unwrap_or_default()
}

fn kinds(run: &RunRow, name: &str) -> BTreeMap<Kind, u64> {
    let counts: BTreeMap<String, u64> = part(run, name);
    counts.into_iter().filter_map(|(kind, n)| Some((kind.parse().ok()?, n))).collect()
}

/// A kept finding as a report lists it; `started` is when the run began to read.
pub fn item(stored: Stored, started: NaiveDateTime) -> Item {
    Item {
        command: stored.finding.kind.command(&stored.id),
        new: stored.first_seen == started,
        confirmed: true,
        first_seen: stored.first_seen.and_utc(),
        finding: stored.finding,
        id: stored.id,
    }
}

/// A kept finding as a page shows it, apart from any run: it is new to nobody.
pub fn standing(stored: Stored) -> Item {
    let first_seen = stored.first_seen;
    Item { new: false, ..item(stored, first_seen) }
}

/// The report of a run that is kept: verdict, counts and reasons as they were then, the findings that
/// were open then, each as a run last saw it.
pub async fn report(tx: &mut Tx, run: &RunRow, zone: Tz) -> Result<Report, Error> {
    let trend = trend(tx, run.started, run.started).await?;
    let summary = summary(run, zone);
    if summary.verdict == Verdict::Incomplete {
        let (counts, findings) = (part(run, "unconfirmedCounts"), part(run, "unconfirmed"));
        return Ok(Report { counts, findings, trend, ..summary });
    }
    let mut listing = Listing::new(summary.run.finished);
    let mut list = |open: Stored| {
        if is_listed(run, &open) {
            listing.add(item(open, run.started));
        }
    };
    findings::each_open_at(tx, run.started, &mut list).await?;
    let counts = listing.counts(&before(run), &resolved(run));
    Ok(Report { counts, findings: listing.items(), trend, ..summary })
}

/// Whether a complete run's report counts a finding that was open then.
fn is_listed(run: &RunRow, open: &Stored) -> bool {
    !unseen(&scope(run)).contains(&open.finding.kind)
        && open.ignored.as_ref().is_none_or(|(since, _)| *since > run.finished)
}

/// A page of the findings of a kind that a complete run's report counts, by their ids after `after`.
/// One statement.
pub async fn page(
    tx: &mut Tx,
    run: &RunRow,
    kind: Kind,
    after: Option<&str>,
) -> Result<(Vec<Item>, Option<String>), Error> {
    let open = findings::page_open_at(tx, run.started, kind, after, PAGE).await?;
    let last = open.last().map(|last| last.id.clone());
    let listed = open.into_iter().filter(|open| is_listed(run, open));
    Ok((listed.map(|open| item(open, run.started)).collect(), last))
}

/// Findings of a page.
const PAGE: i64 = 1000;

/// How many findings of each kind the run before it listed.
pub fn before(run: &RunRow) -> BTreeMap<Kind, u64> {
    kinds(run, "before")
}

/// How many findings of each kind it saw ended.
pub fn resolved(run: &RunRow) -> BTreeMap<Kind, u64> {
    kinds(run, "resolved")
}

/// The report of a run, as its row alone has it: without findings, counts and trend.
pub fn summary(run: &RunRow, zone: Tz) -> Report {
    Report {
        run: Run {
            id: run.id.clone(),
            started: run.started.and_utc(),
            finished: run.finished.and_utc(),
        },
        verdict: run.verdict.parse().unwrap_or(Verdict::Incomplete),
        reasons: part(run, "reasons"),
        scope: scope(run),
        coverage: coverage(run),
        counts: Vec::new(),
        findings: Vec::new(),
        trend: Vec::new(),
        grace: part(run, "grace"),
        cleanup: part(run, "cleanup"),
        next: None,
        zone,
    }
}
