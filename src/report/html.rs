//! The report as one page that needs nothing else: style and script are in it, and its own policy
//! forbids everything but these two. Owns what stands on the page; `templates/` owns how.
//!
//! Readable without script. Every stranger's text goes through `visible` and the template's
//! escaping; nothing of it ever reaches the style or the script.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::charts::{self, Bars, Trend};
use super::visible::{cut, visible};
use super::words;
use crate::drift::plan::Readiness;
use crate::drift::{Count, Grace, Item, Kind, Report, Severity, Verdict};
use crate::scim::ResourceType;

pub(crate) const STYLE: &str = include_str!("templates/report.css");
const SCRIPT: &str = include_str!("templates/report.js");
/// Characters of a value or reason that are shown; the rest is in the other formats.
const LONGEST: usize = 400;
/// Columns of a name, and of two values that begin alike.
const WIDEST: usize = 160;

/// The page.
pub fn render(report: &Report) -> String {
    let page = Page::of(report);
    let mut html = String::with_capacity(64 * 1024 + report.findings.len() * 1024);
    // Writing into a String can't fail, and no value of the page has an error of its own.
    match page.render_into(&mut html) {
        Ok(()) => html,
        Err(error) => format!("<!doctype html><title>No report</title><p>{error}"),
    }
}

/// What stands between the page's head and foot, for a page of the operator console: findings link to
/// their persons, and nothing speaks of findings that aren't on the page.
pub(crate) fn body(report: &Report) -> String {
    let mut page = Page::of(report);
    page.bars.retain(|bars| bars.id != charts::AGES);
    for ((_, _, first), (count, _)) in page.to_do.iter_mut().zip(words::to_do(report).0) {
        *first = format!("drift?kind={}#findings", count.kind.as_str());
    }
    page.unlisted.clear();
    for (row, item) in page.rows.iter_mut().zip(&report.findings) {
        row.mend = address("finding", &item.id);
        row.link = match (item.finding.resource, &item.finding.scim_id) {
            (Some(ResourceType::User), Some(id)) => address("person", id),
            (Some(ResourceType::Group), Some(id)) => address("team", id),
            (None, _) | (_, None) => String::new(),
        };
    }
    page.as_body().render().unwrap_or_default()
}

fn address(page: &str, id: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("{page}?{}", query.append_pair("id", id).finish())
}

/// The chart of disabled users on their way out.
pub(crate) fn funnel(grace: &Grace) -> String {
    Figure { bars: charts::grace(grace) }.render().unwrap_or_default()
}

#[derive(Template)]
#[template(path = "bars.html")]
struct Figure {
    bars: Bars,
}

#[derive(Template)]
#[template(path = "report.html", blocks = ["body"])]
struct Page {
    style: &'static str,
    script: &'static str,
    policy: String,
    title: String,
    verdict: &'static str,
    /// What the verdict is called in the style sheet.
    class: &'static str,
    headline: String,
    summary: String,
    reasons: Vec<Vec<String>>,
    /// Said instead of a list of findings.
    no_findings: &'static str,
    /// Said of a list that no complete run confirms.
    unconfirmed: &'static str,
    finished: String,
    took: String,
    tiles: Vec<Tile>,
    /// Where to begin: the kind and how many, what it means, where the first is.
    to_do: Vec<(String, &'static str, String)>,
    /// How many kinds more there are; empty where there are none.
    more: String,
    facts: Vec<(&'static str, String)>,
    counts: Vec<CountRow>,
    sums: Option<CountRow>,
    trend: Option<Trend>,
    bars: Vec<Bars>,
    severities: Vec<(Severity, String)>,
    kinds: Vec<Kind>,
    rows: Vec<Row>,
    /// Kinds of which not all are on the page: what is said of them, and the command that lists them.
    unlisted: Vec<(String, String)>,
    /// What cleanup would do, where that is known.
    cleanup: Option<Cleanup>,
    run: String,
    next: String,
}

/// A number to see first.
struct Tile {
    label: &'static str,
    value: String,
    note: String,
    /// Which findings it counts: `new`, `persisting`, or none of the listed.
    age: &'static str,
    class: &'static str,
}

struct CountRow {
    kind: String,
    meaning: &'static str,
    severity: &'static str,
    /// The first finding of the kind.
    first: Option<String>,
    new: String,
    persisting: String,
    now: String,
    before: String,
    resolved: String,
    oldest: String,
}

struct Row {
    id: String,
    kind: &'static str,
    severity: &'static str,
    rank: usize,
    new: bool,
    name: String,
    resource: String,
    /// Where more is said of the resource; empty in a file.
    link: String,
    /// Where the finding is mended; empty in a file.
    mend: String,
    external_id: String,
    attribute: String,
    expected: String,
    actual: String,
    /// Whether there are two values to compare.
    differs: bool,
    seen: String,
    seen_day: String,
    age: String,
    why: Vec<String>,
    command: String,
}

struct Cleanup {
    class: &'static str,
    sentence: String,
    reasons: Vec<String>,
    thresholds: String,
    deferred: Vec<Deferred>,
    /// How many deferred accounts aren't listed.
    more: String,
    hash: String,
}

struct Deferred {
    name: String,
    id: String,
    stage: &'static str,
    reason: String,
}

impl Page {
    fn of(report: &Report) -> Self {
        let incomplete = report.verdict == Verdict::Incomplete;
        let Report { findings: listed, counts, .. } = report;
        let mut bars = Vec::new();
        if !listed.is_empty() {
            bars.extend([charts::kinds(report), charts::ages(report)]);
        }
        bars.push(charts::grace(&report.grace));
        let severities = words::severities(report).into_iter();
        let severities = severities.map(|(severity, count)| (severity, words::number(count)));
        let verdict = report.verdict.as_str();
        let day = charts::day(report.run.finished);
        Self {
            style: STYLE,
            script: SCRIPT,
            policy: policy(),
            title: format!("{verdict} on {day}: kpifire-scim drift report"),
            verdict,
            class: class(report.verdict),
            headline: words::headline(report),
            summary: if incomplete && listed.is_empty() {
                String::new()
            } else {
                words::summary(report)
            },
            reasons: report.reasons.iter().map(|reason| pieces(reason)).collect(),
            unconfirmed: if incomplete && !listed.is_empty() { words::UNCONFIRMED } else { "" },
            no_findings: if listed.is_empty() { words::no_findings(report) } else { "" },
            finished: words::when(report.run.finished, report.zone),
            took: words::took(&report.run),
            tiles: tiles(report),
            to_do: to_do(report),
            more: match words::to_do(report).1 {
                0 => String::new(),
                more => words::plural(more as u64, "other kind"),
            },
            facts: facts(report),
            counts: counts.iter().map(|count| CountRow::of(report, count)).collect(),
            sums: (counts.len() > 1).then(|| CountRow::sum(counts)),
            trend: charts::trend(report),
            bars,
            severities: severities.collect(),
            kinds: counts.iter().filter(|c| c.now > 0).map(|c| c.kind).collect(),
            rows: listed.iter().map(|item| Row::of(report, item)).collect(),
            unlisted: report.more().map(|(kind, more)| more_of(report, kind, more)).collect(),
            cleanup: Cleanup::of(report),
            run: shown(&report.run.id),
            next: words::next(report),
        }
    }
}

fn more_of(report: &Report, kind: Kind, more: u64) -> (String, String) {
    let said = format!("{} more of {} are not on this page", words::number(more), kind.as_str());
    (said, report.command_for_all(kind).unwrap_or_default())
}

/// Only what this page brings with it may run or style it, and nothing is ever fetched.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

pub(crate) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "clean",
        Verdict::Drift => "drift",
        Verdict::Incomplete => "incomplete",
        Verdict::Blocked => "blocked",
    }
}

fn tiles(report: &Report) -> Vec<Tile> {
    if report.verdict == Verdict::Incomplete {
        return Vec::new();
    }
    let (new, persisting, resolved) = words::movement(&report.counts);
    let first = words::is_first(report);
    let since = if first { "this is the first run" } else { "since the last run" };
    let linked = |age, count| if count == 0 { "" } else { age };
    let tile = |label, count, note: &str, age, class| Tile {
        label,
        value: words::number(count),
        note: note.to_owned(),
        age: linked(age, count),
        class: if count == 0 { "none" } else { class },
    };
    let coverage = &report.coverage;
    let share = words::percent(coverage);
    let note = format!("{}; {}", words::coverage_of(coverage), words::change(coverage));
    let class = if coverage.equal >= coverage.users { "good" } else { "old" };
    vec![
        tile("New", new, since, "new", "new"),
        tile("Persisting", persisting, "seen before, still open", "persisting", "old"),
        tile("Resolved", resolved, since, "", "good"),
        Tile { label: "Coverage", value: share, note, age: "", class },
    ]
}

fn to_do(report: &Report) -> Vec<(String, &'static str, String)> {
    let first = |kind: Kind| {
        let first = report.findings.iter().find(|item| item.finding.kind == kind);
        first.map_or_else(|| "#kinds".to_owned(), |item| format!("#{}", anchor(&item.id)))
    };
    let kinds = words::to_do(report).0.into_iter();
    kinds.map(|(count, said)| (said, count.kind.meaning(), first(count.kind))).collect()
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let scope = &report.scope;
    let mut facts = vec![
        ("Run", shown(&report.run.id)),
        ("Read", words::rows_read(scope)),
        ("Links", words::links(scope)),
        ("Left out", words::left_out(scope)),
        ("Entra", words::contact(report)),
    ];
    if let Some(source) = &scope.source {
        let users = words::plural(source.users, "user");
        facts.push(("Export", format!("{users} in {}", shown(&source.file))));
    }
    facts.push(("Config", shown(&scope.config_hash)));
    if report.verdict == Verdict::Incomplete {
        facts.push(("Coverage", "not known".to_owned()));
    }
    facts
}

impl CountRow {
    fn of(report: &Report, count: &Count) -> Self {
        let first = report.findings.iter().find(|item| item.finding.kind == count.kind);
        Self {
            kind: count.kind.as_str().to_owned(),
            meaning: count.kind.meaning(),
            severity: count.kind.severity().as_str(),
            first: first.map(|item| anchor(&item.id)),
            new: words::number(count.new),
            persisting: words::number(count.persisting),
            now: words::number(count.now),
            before: words::number(count.before),
            resolved: words::number(count.resolved),
            oldest: words::oldest(report, count),
        }
    }

    fn sum(counts: &[Count]) -> Self {
        let sum = |of: fn(&Count) -> u64| words::number(counts.iter().map(of).sum());
        Self {
            kind: "all".to_owned(),
            meaning: "",
            severity: "",
            first: None,
            new: sum(|c| c.new),
            persisting: sum(|c| c.persisting),
            now: sum(|c| c.now),
            before: sum(|c| c.before),
            resolved: sum(|c| c.resolved),
            oldest: String::new(),
        }
    }
}

impl Row {
    fn of(report: &Report, item: &Item) -> Self {
        let finding = &item.finding;
        let severity = finding.kind.severity();
        let (expected, actual) = words::values(item);
        let (expected, actual) = words::from_the_difference(expected, actual, WIDEST);
        let attribute = shown(finding.attribute.as_deref().unwrap_or_default());
        let name = finding.name.as_deref().unwrap_or("kpifire");
        Self {
            id: anchor(&item.id),
            kind: finding.kind.as_str(),
            severity: severity.as_str(),
            rank: Severity::ALL.iter().position(|other| *other == severity).unwrap_or(0),
            new: item.new,
            name: cut(&visible(name), WIDEST).into_owned(),
            resource: words::resource(item),
            link: String::new(),
            mend: String::new(),
            external_id: shown(finding.external_id.as_deref().unwrap_or_default()),
            differs: !attribute.is_empty() || finding.expected != finding.actual,
            attribute,
            expected: shorten(expected),
            actual: shorten(actual),
            seen: words::rfc3339(item.first_seen),
            seen_day: charts::day(item.first_seen),
            age: words::age(item.first_seen, report.run.finished),
            why: pieces(&finding.why),
            command: visible(item.command.as_deref().unwrap_or_default()).into_owned(),
        }
    }
}

impl Cleanup {
    fn of(report: &Report) -> Option<Self> {
        let plan = &report.cleanup;
        // Without a hash nothing was read that a plan could be made from.
        if plan.hash.is_empty() {
            return None;
        }
        let thresholds: Vec<String> = plan.thresholds.iter().map(words::threshold).collect();
        let deferred = plan.deferred.iter().map(|deferral| Deferred {
            name: shown(deferral.name.as_deref().unwrap_or_default()),
            id: shown(&deferral.scim_id),
            stage: deferral.stage.as_str(),
            reason: shown(&deferral.reason.to_string()),
        });
        let more = plan.deferred_count.saturating_sub(plan.deferred.len() as u64);
        Some(Self {
            class: if plan.verdict == Readiness::Blocked { "blocked" } else { "" },
            sentence: words::cleanup(report),
            reasons: plan.reasons.iter().map(|reason| shown(reason)).collect(),
            thresholds: shown(&thresholds.join("; ")),
            deferred: deferred.collect(),
            more: if more == 0 {
                String::new()
            } else {
                format!("and {} more", words::number(more))
            },
            hash: shown(&plan.hash),
        })
    }
}

/// What a link to a finding names; an id is hexadecimal, and anything else is left out.
fn anchor(id: &str) -> String {
    let id = id.chars().filter(char::is_ascii_alphanumeric);
    format!("f-{}", id.collect::<String>())
}

/// The text, cut at its backticks: every second piece stood between two.
fn pieces(text: &str) -> Vec<String> {
    let text = shown(text);
    let pieces: Vec<String> = text.split('`').map(str::to_owned).collect();
    if pieces.len().is_multiple_of(2) { vec![text] } else { pieces }
}

/// A stranger's text as a page may show it: visible, and cut where it is endless.
pub(crate) fn shown(text: &str) -> String {
    shorten(visible(text).into_owned())
}

fn shorten(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => {
            let all = words::number(text.chars().count() as u64);
            format!("{}… ({all} characters)", text.get(..end).unwrap_or_default())
        }
    }
}
