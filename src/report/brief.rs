//! The report in brief, for a mail or a chat: what it came to, the worst findings and the commands
//! that mend them. Owns what is left out; each line is of 80 columns at most, but for commands.

use serde_json::{Value, json};

use super::visible::{visible, wrapped};
use super::{json, text, words};
use crate::drift::{Item, Report, Severity, Verdict};

const COLUMNS: usize = 76;

/// What the run came to, on one line: `2 critical, 4 warnings; 3 new, 3 persisting, 1 resolved`.
pub fn summary(report: &Report) -> String {
    match report.verdict {
        Verdict::Incomplete => "not everything could be read".to_owned(),
        Verdict::Clean | Verdict::Drift | Verdict::Blocked if report.findings.is_empty() => {
            let (_, _, resolved) = words::movement(&report.counts);
            format!("no findings, {} resolved", words::number(resolved))
        }
        Verdict::Clean | Verdict::Drift | Verdict::Blocked => words::summary(report),
    }
}

/// What the run came to, in sentences, with the reasons of a verdict that isn't about findings.
pub fn headline(report: &Report) -> Vec<String> {
    let mut lines = wrapped(&words::headline(report), COLUMNS, 4);
    if report.verdict != Verdict::Incomplete {
        lines.push(words::capital(&format!("{}.", summary(report))));
    }
    for reason in &report.reasons {
        let reason = wrapped(&visible(reason), COLUMNS - 2, 6);
        let marks = std::iter::once("- ").chain(std::iter::repeat("  "));
        lines.extend(marks.zip(reason).map(|(mark, line)| format!("{mark}{line}")));
    }
    if report.verdict == Verdict::Incomplete {
        let seen = match report.total() {
            0 => words::no_findings(report).to_owned(),
            n => format!("{} in the report. {}", words::plural(n, "finding"), words::UNCONFIRMED),
        };
        lines.extend(wrapped(&seen, COLUMNS, 4));
    }
    lines
}

/// The findings that a message lists, `most` at most: the worst first, new ones before others.
pub fn worst(report: &Report, most: usize) -> Vec<&Item> {
    if report.verdict == Verdict::Incomplete {
        return Vec::new();
    }
    // What is for information has its place in the report.
    let mut items: Vec<&Item> = report
        .findings
        .iter()
        .filter(|item| item.finding.kind.severity() != Severity::Info)
        .collect();
    items.sort_by_key(|item| (item.finding.kind.severity(), !item.new));
    items.truncate(most);
    items
}

/// A sentence or two in lines.
pub fn paragraph(text: &str) -> Vec<String> {
    wrapped(&visible(text), COLUMNS, 8)
}

/// What an operator may do besides pasting the command.
pub fn legend() -> Vec<String> {
    wrapped(words::LEGEND, COLUMNS, 3)
}

/// A finding in a few lines: what it is, whom it concerns, why, and what mends it.
pub fn finding(item: &Item) -> Vec<String> {
    let kind = item.finding.kind;
    let new = if item.new { ", new" } else { "" };
    let mut lines =
        vec![format!("{} {}{new}: {}", kind.severity().as_str(), kind.as_str(), kind.meaning())];
    let indented = |line: String| format!("  {line}");
    lines.extend(text::what(item).into_iter().map(indented));
    lines.extend(wrapped(&visible(&item.finding.why), COLUMNS - 2, 3).into_iter().map(indented));
    lines.extend(item.command.as_deref().map(|command| indented(visible(command).into_owned())));
    lines
}

/// When the run was, what it read, and when the next one is.
pub fn footer(report: &Report) -> Vec<String> {
    vec![
        format!("Run       {}", visible(&report.run.id)),
        format!("Finished  {}", words::when(report.run.finished, report.zone)),
        format!("Read      {}", words::rows_read(&report.scope)),
        format!("Entra     {}", words::contact(report)),
        format!("Next run  {}", words::next(report)),
    ]
}

/// How cleanup stands: `READY: 2 strip due; 0 deferred`; `None` where nothing is due.
pub fn cleanup(report: &Report) -> Option<String> {
    let plan = &report.cleanup;
    let idle = plan.hash.is_empty() || (plan.due.is_empty() && plan.deferred_count == 0);
    (!idle).then(|| words::cleanup(report))
}

/// The same for programs: verdict, counts by severity, and the findings that a message lists, each as
/// the JSON report has it.
pub fn keys(report: &Report, most: usize) -> Value {
    let mut counts = serde_json::Map::new();
    let severities = words::severities(report);
    for &severity in Severity::ALL {
        let count = severities.iter().find(|(it, _)| *it == severity).map_or(0, |it| it.1);
        counts.insert(severity.as_str().to_owned(), count.into());
    }
    let (new, persisting, resolved) = words::movement(&report.counts);
    for (name, count) in [("new", new), ("persisting", persisting), ("resolved", resolved)] {
        counts.insert(name.to_owned(), count.into());
    }
    let listed = worst(report, most);
    let more = report.total().saturating_sub(listed.len() as u64);
    let findings: Vec<Value> = listed.into_iter().map(|item| json!(json::finding(item))).collect();
    json!({
        "id": report.run.id,
        "finished": words::rfc3339(report.run.finished),
        "verdict": report.verdict.as_str(),
        "reasons": report.reasons,
        "counts": counts,
        "findings": findings,
        "more": more,
    })
}
