//! What the formats for people say alike: the verdict in a sentence, values, times, ages, numbers.
//! Owns the wording; where it stands on a page is the formats'.

use std::cmp::Ordering;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use chrono_tz::Tz;
use icu_normalizer::ComposingNormalizer;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::visible::{spelled_out, visible};
use crate::drift::plan::{Deferral, Threshold};
use crate::drift::{Count, Coverage, Item, Report, Run, Scope, Severity, Verdict};

/// Nothing where a value could be.
pub(super) const NOTHING: &str = "nothing";

/// What an operator may do besides pasting the command.
pub(super) const LEGEND: &str = "`restore` writes Entra's value to kpifire; `adopt` keeps \
    kpifire's until Entra next changes it; `ignore` takes a finding off the list.";

/// What is said of the findings of an incomplete run.
pub(super) const UNCONFIRMED: &str = "Unconfirmed: what this run saw in tables that it doesn't \
    believe. None of it is open or can be mended before a complete run sees it too; findings of \
    earlier runs stay open.";

/// The sentence that stands beside the verdict.
pub(super) fn headline(report: &Report) -> String {
    // Not the list's length: a page may hold a part of the list.
    let findings = report.counts.iter().map(|count| count.now).sum();
    match report.verdict {
        Verdict::Clean => format!("kpifire and Entra agree{}.", set_aside(&report.scope)),
        Verdict::Drift if worst(report) == Some(Severity::Info) => format!(
            "Nothing that Entra manages has drifted; {} for information{}.",
            plural(findings, "finding"),
            novelty(report)
        ),
        Verdict::Drift => format!(
            "kpifire and Entra disagree: {}{}.",
            plural(findings, "finding"),
            novelty(report)
        ),
        Verdict::Incomplete => {
            "It is not known whether kpifire and Entra agree: this run can't be trusted.".to_owned()
        }
        Verdict::Blocked => format!(
            "A threshold forbade what this run was to do, and nothing was changed. {}{}.",
            capital(&plural(findings, "finding")),
            novelty(report)
        ),
    }
}

/// What stands below a list of findings.
pub(super) fn legend(report: &Report) -> &'static str {
    if report.verdict == Verdict::Incomplete { UNCONFIRMED } else { LEGEND }
}

/// What the operator is told instead of the findings, where there are none to list.
pub(super) fn no_findings(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Incomplete => {
            "This run lists no findings. This does not mean that there are none. Findings of earlier \
             runs stay open."
        }
        Verdict::Clean | Verdict::Drift | Verdict::Blocked => "There are no open findings.",
    }
}

/// Whether nothing came before that this run could be compared with.
pub(super) fn is_first(report: &Report) -> bool {
    report.verdict != Verdict::Incomplete && report.coverage.change.is_none()
}

fn set_aside(scope: &Scope) -> String {
    let tolerated: u64 = scope.tolerated.values().sum();
    let parts: Vec<String> = [(scope.ignored, "ignored"), (tolerated, "tolerated")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", number(count)))
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(", leaving aside what you chose to: {}", parts.join(", "))
    }
}

fn novelty(report: &Report) -> String {
    let (new, persisting, _) = movement(&report.counts);
    let all = new + persisting;
    if all == 0 {
        String::new()
    } else if is_first(report) {
        "; this is the first run".to_owned()
    } else if new == 0 {
        ", none of them new".to_owned()
    } else if new == all {
        (if all == 1 { ", and it is new" } else { ", all of them new" }).to_owned()
    } else {
        format!(", {} of them new", number(new))
    }
}

/// The worst severity there is.
pub(super) fn worst(report: &Report) -> Option<Severity> {
    report.counts.iter().filter(|count| count.now > 0).map(|count| count.kind.severity()).min()
}

/// The severities that there are, with how many findings have it; the worst first.
pub(super) fn severities(report: &Report) -> Vec<(Severity, u64)> {
    let count = |severity| {
        let of_it = report.counts.iter().filter(|count| count.kind.severity() == severity);
        of_it.map(|count| count.now).sum()
    };
    Severity::ALL.iter().map(|&severity| (severity, count(severity))).filter(|c| c.1 > 0).collect()
}

/// `2 critical, 1 error, 4 warnings; 3 new, 4 persisting, 1 resolved`
pub(super) fn summary(report: &Report) -> String {
    let severities = severities(report).into_iter().map(|(severity, count)| match severity {
        Severity::Critical => format!("{} critical", number(count)),
        Severity::Error | Severity::Warning => plural(count, severity.as_str()),
        Severity::Info => format!("{} for information", number(count)),
    });
    let severities = severities.collect::<Vec<_>>().join(", ");
    let (new, persisting, resolved) = movement(&report.counts);
    let [new, persisting, resolved] = [new, persisting, resolved].map(number);
    let movement = format!("{new} new, {persisting} persisting, {resolved} resolved");
    if severities.is_empty() { movement } else { format!("{severities}; {movement}") }
}

/// Kinds that are named at the top.
const NAMED: usize = 4;

/// What somebody has to look at, the worst first: kinds, each with how many there are and how many are
/// new, and how many kinds more there are. Information is nothing to do, and what isn't confirmed
/// can't be mended.
pub(super) fn to_do(report: &Report) -> (Vec<(&Count, String)>, usize) {
    if report.verdict == Verdict::Incomplete {
        return (Vec::new(), 0);
    }
    let worth = |count: &&Count| count.now > 0 && count.kind.severity() != Severity::Info;
    let mut kinds: Vec<&Count> = report.counts.iter().filter(worth).collect();
    // Within a severity what is new comes first.
    kinds.sort_by_key(|count| (count.kind.severity(), count.new == 0, count.kind));
    let more = kinds.len().saturating_sub(NAMED);
    let said = |count: &Count| {
        let new = match count.new {
            _ if is_first(report) => String::new(),
            0 => ", none new".to_owned(),
            new if new == count.now => ", all new".to_owned(),
            new => format!(", {} new", number(new)),
        };
        format!("{} {}{new}", number(count.now), count.kind.as_str())
    };
    (kinds.into_iter().take(NAMED).map(|count| (count, said(count))).collect(), more)
}

/// The sums of the counts, as (new, persisting, resolved).
pub(super) fn movement(counts: &[Count]) -> (u64, u64, u64) {
    let sum = |of: fn(&Count) -> u64| counts.iter().map(of).sum();
    (sum(|c| c.new), sum(|c| c.persisting), sum(|c| c.resolved))
}

/// `1 finding`, `1,204 findings`.
pub(crate) fn plural(count: u64, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", number(count)),
    }
}

pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Thousands apart: `1,204,332`.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The share, rounded down: nothing but everything is 100 %.
pub(super) fn percent(coverage: &Coverage) -> String {
    if coverage.equal >= coverage.users {
        return "100 %".to_owned();
    }
    format!("{:.1} %", ((coverage.percent * 10.0).floor() / 10.0).clamp(0.0, 99.9))
}

/// How the share moved since the last run.
pub(super) fn change(coverage: &Coverage) -> String {
    let Some(change) = coverage.change else {
        return "no earlier run to compare with".to_owned();
    };
    let direction = match change.partial_cmp(&0.0) {
        Some(Ordering::Less) => "down",
        Some(Ordering::Greater) => "up",
        _ => return "unchanged since the last run".to_owned(),
    };
    let points = change.abs();
    if points < 0.05 {
        format!("{direction} by less than 0.1 points since the last run")
    } else {
        format!("{direction} by {points:.1} points since the last run")
    }
}

/// What the share is of.
pub(super) fn coverage_of(coverage: &Coverage) -> String {
    if coverage.users == 0 {
        return "kpifire has no user rows".to_owned();
    }
    format!(
        "{} of {} are managed and as Entra wrote them",
        number(coverage.equal),
        plural(coverage.users, "user row")
    )
}

/// The rows read.
pub(super) fn rows_read(scope: &Scope) -> String {
    format!(
        "{}, {}, {}",
        plural(scope.rows.users, "user"),
        plural(scope.rows.teams, "team"),
        plural(scope.rows.members, "membership")
    )
}

/// Links by resource type and state: `User: 12 managed, 3 matched; Group: 2 managed`.
pub(super) fn links(scope: &Scope) -> String {
    let types = scope.links.iter().map(|(kind, states)| {
        let states = states.iter().map(|(state, count)| format!("{} {state}", number(*count)));
        format!("{kind}: {}", states.collect::<Vec<_>>().join(", "))
    });
    let all = types.collect::<Vec<_>>().join("; ");
    if all.is_empty() { "none".to_owned() } else { visible(&all).into_owned() }
}

/// What isn't among the findings, and why.
pub(super) fn left_out(scope: &Scope) -> String {
    let mut parts = vec![
        format!("{} ignored", number(scope.ignored)),
        format!("{} protected", number(scope.protected)),
    ];
    let tolerated: u64 = scope.tolerated.values().sum();
    let names = scope.tolerated.iter().map(|(name, count)| format!("{name} {}", number(*count)));
    let names = names.collect::<Vec<_>>().join(", ");
    parts.push(if tolerated == 0 {
        "none tolerated".to_owned()
    } else {
        format!("{} tolerated ({})", number(tolerated), visible(&names))
    });
    if scope.restored > 0 {
        parts.push(format!("{} restored by this run itself", number(scope.restored)));
    }
    parts.join(", ")
}

/// When Entra was last heard of, with how long before the end of the run that was.
pub(super) fn contact(report: &Report) -> String {
    report.scope.last_contact.map_or_else(
        || "never heard of".to_owned(),
        |at| {
            let ago = age(at, report.run.finished);
            format!("last heard of {}, {ago} before", utc(at))
        },
    )
}

/// How long the run took.
pub(super) fn took(run: &Run) -> String {
    let took = (run.finished - run.started).max(Duration::zero());
    let seconds = took.num_seconds();
    match seconds {
        0 => format!("{} ms", took.num_milliseconds()),
        1..=119 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// A time to the minute, with its weekday.
fn utc(time: DateTime<Utc>) -> String {
    time.format("%a %Y-%m-%d %H:%M UTC").to_string()
}

/// In UTC and in the zone, where that is another.
pub(crate) fn when(time: DateTime<Utc>, zone: Tz) -> String {
    match local(time, zone) {
        Some(local) => format!("{}, {local}", utc(time)),
        None => utc(time),
    }
}

/// When the next run is.
pub(super) fn next(report: &Report) -> String {
    report.next.map_or_else(|| "not scheduled".to_owned(), |next| when(next, report.zone))
}

/// How long the oldest finding of a kind has been open.
pub(super) fn oldest(report: &Report, count: &Count) -> String {
    match count.oldest {
        None => String::new(),
        Some(_) if count.persisting == 0 => "new".to_owned(),
        Some(oldest) => age(oldest, report.run.finished),
    }
}

/// The same in a zone: `Mon 2026-11-23 02:17 CET`; `None` where that is UTC.
fn local(time: DateTime<Utc>, zone: Tz) -> Option<String> {
    if zone == Tz::UTC {
        return None;
    }
    let time = time.with_timezone(&zone);
    let name = time.format("%Z").to_string();
    // Zones without letters of their own are called by their distance from UTC.
    let name = if name.starts_with(['+', '-']) { format!("UTC{name}") } else { name };
    Some(format!("{} {name}", time.format("%a %Y-%m-%d %H:%M")))
}

/// A time for machines.
pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// From one time to another, in one unit: `3 min`, `36 h`, `12 d`.
pub(crate) fn age(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let age = (to - from).max(Duration::zero());
    match (age.num_minutes(), age.num_hours(), age.num_days()) {
        (minutes, 0, _) => format!("{minutes} min"),
        (_, hours @ ..48, _) => format!("{hours} h"),
        (_, _, days) => format!("{} d", number(days.unsigned_abs())),
    }
}

/// A resource: `User 7`.
pub(super) fn resource(item: &Item) -> String {
    let kind = item.finding.resource.map(crate::scim::ResourceType::as_str);
    let parts = [kind, item.finding.scim_id.as_deref()].into_iter().flatten();
    visible(&parts.collect::<Vec<_>>().join(" ")).into_owned()
}

/// Expected and actual, both visible, and told apart where they differ in what can't be seen.
pub(super) fn values(item: &Item) -> (String, String) {
    let (expected, actual) = (value(&item.finding.expected), value(&item.finding.actual));
    let shown = (visible(&expected).into_owned(), visible(&actual).into_owned());
    let differ = item.finding.expected != item.finding.actual;
    if differ && looks(&shown.0) == looks(&shown.1) {
        (spelled_out(&expected), spelled_out(&actual))
    } else {
        shown
    }
}

/// A value as a person reads it; text in quotes, so that spaces at its ends are seen.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => format!("\"{text}\""),
        other => other.to_string(),
    }
}

/// Two texts that look the same on a page have the same form here.
fn looks(text: &str) -> String {
    ComposingNormalizer::new_nfkc().normalize(text).into_owned()
}

/// Two texts, for a place with so many columns for each: where they don't fit, what both begin with
/// is left out, so that the difference isn't what is cut off.
pub(super) fn from_the_difference(one: String, other: String, columns: usize) -> (String, String) {
    let common = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    // Some of what comes before says where the difference is.
    let skip = common.saturating_sub(6);
    if skip < 2 || one.width().max(other.width()) <= columns {
        return (one, other);
    }
    let rest = |text: &str| format!("…{}", text.chars().skip(skip).collect::<String>());
    (rest(&one), rest(&other))
}

/// What cleanup would do: `READY: 2 strip, 1 anonymise due; 2 deferred; next due …`.
pub(super) fn cleanup(report: &Report) -> String {
    let plan = &report.cleanup;
    let due: Vec<String> =
        plan.due.iter().map(|(stage, n)| format!("{} {}", number(*n), stage.as_str())).collect();
    let due = if due.is_empty() { "nothing".to_owned() } else { due.join(", ") };
    let next = plan.next_due.map_or_else(String::new, |at| format!("; next due {}", utc(at)));
    let deferred = number(plan.deferred_count);
    format!("{}: {due} due; {deferred} deferred{next}", plan.verdict.as_str())
}

/// A threshold: `cleanup.max_count in 7 days 12 of 25`, `… 1.4 % of 5 %`.
pub(crate) fn threshold(threshold: &Threshold) -> String {
    let Threshold { name, count, limit } = threshold;
    let (name, unit) = (name.as_str(), name.unit());
    format!("{name} {count}{unit} of {limit}{unit}")
}

/// A deferral: `ivo@plant.example (User 811) strip: held: a lawsuit`.
pub(super) fn deferral(deferral: &Deferral) -> String {
    let Deferral { stage, scim_id, name, reason } = deferral;
    let name = name.as_deref().unwrap_or("-");
    visible(&format!("{name} (User {scim_id}) {}: {reason}", stage.as_str())).into_owned()
}
