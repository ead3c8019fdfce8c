//! The report for spreadsheets (RFC 4180): a heading, then a row for each finding and attribute.
//! Owns the columns, the quoting, and that no cell is a formula.

use std::borrow::Cow;

use serde_json::Value;

use super::visible::visible_lines;
use super::words::rfc3339;
use crate::drift::{Item, Report};

/// The heading.
const COLUMNS: [&str; 16] = [
    "run",
    "verdict",
    "severity",
    "kind",
    "resource",
    "scimId",
    "externalId",
    "name",
    "attribute",
    "expected",
    "actual",
    "firstSeen",
    "new",
    "why",
    "command",
    "id",
];

/// The heading, a row for each reason why the run is not to be relied on, with no kind and no id,
/// and a row for each finding. Without the reasons an incomplete run's file would be as empty as a
/// clean one's.
pub fn render(report: &Report) -> String {
    lines(report).collect()
}

/// The same line by line, each with its line break.
pub fn lines(report: &Report) -> impl Iterator<Item = String> + '_ {
    let reasons = report.reasons.iter().map(|reason| line(reason_cells(report, reason)));
    let findings = report.findings.iter().map(|item| line(cells(report, item)));
    std::iter::once(line(COLUMNS)).chain(reasons).chain(findings)
}

fn reason_cells<'a>(report: &'a Report, reason: &'a str) -> [&'a str; COLUMNS.len()] {
    COLUMNS.map(|column| match column {
        "run" => &report.run.id,
        "verdict" => report.verdict.as_str(),
        "why" => reason,
        _ => "",
    })
}

fn cells<'a>(report: &'a Report, item: &'a Item) -> [Cow<'a, str>; COLUMNS.len()] {
    let finding = &item.finding;
    let optional = |text: &'a Option<String>| Cow::from(text.as_deref().unwrap_or_default());
    [
        Cow::from(&report.run.id),
        Cow::from(report.verdict.as_str()),
        Cow::from(finding.kind.severity().as_str()),
        Cow::from(finding.kind.as_str()),
        Cow::from(finding.resource.map_or("", crate::scim::ResourceType::as_str)),
        optional(&finding.scim_id),
        optional(&finding.external_id),
        optional(&finding.name),
        optional(&finding.attribute),
        value(&finding.expected),
        value(&finding.actual),
        Cow::from(rfc3339(item.first_seen)),
        Cow::from(if item.new { "true" } else { "false" }),
        Cow::from(&finding.why),
        optional(&item.command),
        Cow::from(&item.id),
    ]
}

/// Text as it is, nothing as nothing, everything else as JSON.
fn value(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::from(""),
        Value::String(text) => Cow::from(text),
        other => Cow::from(other.to_string()),
    }
}

/// A row with its line break: cells quoted where they must be, and disarmed.
pub fn line<C: AsRef<str>>(cells: impl IntoIterator<Item = C>) -> String {
    let mut line = String::new();
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        push_cell(&mut line, cell.as_ref());
    }
    line.push_str("\r\n");
    line
}

fn push_cell(line: &mut String, cell: &str) {
    // What acts on a terminal that shows the file is written out.
    let cell = &*visible_lines(cell);
    let quoted = cell.contains(['"', ',', '\n', '\r']);
    if quoted {
        line.push('"');
    }
    // A leading =, +, - or @ would be a formula to a spreadsheet, and the text is a stranger's.
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        line.push('\'');
    }
    line.push_str(&cell.replace('"', "\"\""));
    if quoted {
        line.push('"');
    }
}
