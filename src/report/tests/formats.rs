//! The reports for programs and spreadsheets.

use serde_json::Value;

use super::fixture;
use crate::report::{Format, render};

#[test]
fn json() {
    for (name, report) in [
        ("json_every_kind", fixture::every_kind()),
        ("json_clean_first", fixture::clean_first()),
        ("json_incomplete", fixture::incomplete()),
    ] {
        let mut report = report;
        // A night looks like another.
        let later = report.trend.len().saturating_sub(2);
        report.trend.drain(..later);
        let text = render(&report, Format::Json);
        let value: Value = serde_json::from_str(&text).unwrap();
        for key in ["reasons", "counts", "findings", "trend"] {
            assert!(value[key].is_array(), "{key}");
        }
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn ndjson_is_the_json_line_by_line() {
    let report = fixture::every_kind();
    let mut whole: Value = serde_json::from_str(&render(&report, Format::Json)).unwrap();
    let findings = whole.as_object_mut().unwrap().remove("findings").unwrap();
    let text = render(&report, Format::Ndjson);
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<Value> = lines
        .iter_mut()
        .map(|line| line.as_object_mut().unwrap().remove("type").unwrap())
        .collect();
    assert_eq!(types[0], "run");
    assert!(types[1..].iter().all(|kind| kind == "finding"));
    assert_eq!(lines.remove(0), whole);
    assert_eq!(Value::Array(lines), findings);
    assert!(text.starts_with("{\"type\":\"run\",\"version\":1,"));
}

#[test]
fn csv() {
    let text = render(&fixture::every_kind(), Format::Csv);
    assert!(text.ends_with("\r\n"));
    insta::assert_snapshot!("csv_every_kind", text.replace('\r', "␍"));
    // A file that says nothing would look clean.
    let text = render(&fixture::incomplete(), Format::Csv);
    insta::assert_snapshot!("csv_incomplete", text.replace('\r', "␍"));
}
