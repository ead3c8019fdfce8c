//! The report for programs: one object (JSON), or a line for the run and one for each finding
//! (NDJSON). Owns the keys, which are the format's version 1.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::format::Extent;
use super::visible::write_json;
use super::words::rfc3339;
use crate::drift::{CleanupPlan, Count, Coverage, Grace, Item, Report, Scope, TrendPoint};

/// Changes when a key changes its meaning or goes away.
const VERSION: u32 = 1;

/// One object, for reading too.
pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let findings = report.findings.iter().map(FindingKeys::of).collect();
    let whole = ReportKeys { findings: Some(findings), ..ReportKeys::of(report) };
    write_json(out, &whole)?;
    out.write_all(b"\n")
}

/// Everything but the findings, which follow, each or those that the report lists.
pub(super) fn run(report: &Report, extent: Extent) -> impl Serialize + '_ {
    let mut keys = ReportKeys::of(report);
    if extent == Extent::All {
        for count in &mut keys.counts {
            (count.shown, count.more, count.command) = (count.now, 0, None);
        }
    }
    keys
}

/// A finding's object, as every list of findings has it.
pub fn finding(item: &Item) -> impl Serialize + '_ {
    FindingKeys::of(item)
}

#[derive(Serialize)]
struct ReportKeys<'a> {
    version: u32,
    run: RunKeys<'a>,
    verdict: &'static str,
    reasons: &'a [String],
    scope: &'a Scope,
    coverage: Coverage,
    counts: Vec<CountKeys>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingKeys<'a>>>,
    trend: Vec<TrendKeys<'a>>,
    cleanup: CleanupKeys<'a>,
    next: Option<String>,
}

#[derive(Serialize)]
struct RunKeys<'a> {
    id: &'a str,
    started: String,
    finished: String,
}

#[derive(Serialize)]
struct CleanupKeys<'a> {
    #[serde(flatten)]
    plan: &'a CleanupPlan,
    grace: Grace,
}

#[derive(Serialize)]
struct CountKeys {
    kind: &'static str,
    now: u64,
    before: u64,
    new: u64,
    persisting: u64,
    resolved: u64,
    oldest: Option<String>,
    /// How many of them are among the findings, how many more there are, and the command that lists all.
    shown: u64,
    more: u64,
    command: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingKeys<'a> {
    id: &'a str,
    kind: &'static str,
    severity: &'static str,
    resource: Option<&'static str>,
    scim_id: Option<&'a str>,
    external_id: Option<&'a str>,
    name: Option<&'a str>,
    attribute: Option<&'a str>,
    expected: &'a Value,
    actual: &'a Value,
    first_seen: String,
    new: bool,
    confirmed: bool,
    why: &'a str,
    command: Option<&'a str>,
}

#[derive(Serialize)]
struct TrendKeys<'a> {
    at: String,
    #[serde(serialize_with = "by_name")]
    counts: &'a TrendPoint,
}

impl<'a> ReportKeys<'a> {
    /// Everything but the findings.
    fn of(report: &'a Report) -> Self {
        Self {
            version: VERSION,
            run: RunKeys {
                id: &report.run.id,
                started: rfc3339(report.run.started),
                finished: rfc3339(report.run.finished),
            },
            verdict: report.verdict.as_str(),
            reasons: &report.reasons,
            scope: &report.scope,
            coverage: report.coverage,
            counts: report.counts.iter().map(|count| CountKeys::of(report, count)).collect(),
            findings: None,
            trend: report
                .trend
                .iter()
                .map(|point| TrendKeys { at: rfc3339(point.at), counts: point })
                .collect(),
            cleanup: CleanupKeys { plan: &report.cleanup, grace: report.grace },
            next: report.next.map(rfc3339),
        }
    }
}

impl CountKeys {
    fn of(report: &Report, count: &Count) -> Self {
        let shown = report.listed(count.kind);
        let more = count.now.saturating_sub(shown);
        Self {
            kind: count.kind.as_str(),
            now: count.now,
            before: count.before,
            new: count.new,
            persisting: count.persisting,
            resolved: count.resolved,
            oldest: count.oldest.map(rfc3339),
            shown,
            more,
            command: report.command_for_all(count.kind).filter(|_| more > 0),
        }
    }
}

impl<'a> FindingKeys<'a> {
    fn of(item: &'a Item) -> Self {
        let finding = &item.finding;
        Self {
            id: &item.id,
            kind: finding.kind.as_str(),
            severity: finding.kind.severity().as_str(),
            resource: finding.resource.map(crate::scim::ResourceType::as_str),
            scim_id: finding.scim_id.as_deref(),
            external_id: finding.external_id.as_deref(),
            name: finding.name.as_deref(),
            attribute: finding.attribute.as_deref(),
            expected: &finding.expected,
            actual: &finding.actual,
            first_seen: rfc3339(item.first_seen),
            new: item.new,
            confirmed: item.confirmed,
            why: &finding.why,
            command: item.command.as_deref(),
        }
    }
}

fn by_name<S: Serializer>(point: &TrendPoint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(point.counts.iter().map(|(kind, count)| (kind.as_str(), count)))
}
