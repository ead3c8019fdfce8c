//! The report for spreadsheets: a row for each finding and attribute. Owns the columns.

use std::borrow::Cow;

use serde_json::Value;

use super::words::{self, rfc3339};
use crate::drift::{Item, Kind, Report};

/// The heading.
pub(super) const COLUMNS: [&str; 16] = [
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

/// A reason why the run is not to be relied on.
pub(super) fn reason<'a>(report: &'a Report, reason: &'a str) -> [&'a str; COLUMNS.len()] {
    COLUMNS.map(|column| match column {
        "run" => &report.run.id,
        "verdict" => report.verdict.as_str(),
        "why" => reason,
        _ => "",
    })
}

/// How many more findings of a kind there are than the file lists, and the command that lists them.
pub(super) fn more(report: &Report, kind: Kind, more: u64) -> [String; COLUMNS.len()] {
    COLUMNS.map(|column| match column {
        "run" => report.run.id.clone(),
        "verdict" => report.verdict.as_str().to_owned(),
        "severity" => kind.severity().as_str().to_owned(),
        "kind" => kind.as_str().to_owned(),
        "why" => format!("{} more of this kind are not listed here", words::number(more)),
        "command" => report.command_for_all(kind).unwrap_or_default(),
        _ => String::new(),
    })
}

/// A finding.
pub(super) fn finding<'a>(report: &'a Report, item: &'a Item) -> [Cow<'a, str>; COLUMNS.len()] {
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
