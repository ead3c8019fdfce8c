//! What holds for any name and any value.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixture;
use crate::drift::{Kind, Report};
use crate::report::{Format, masked, render};

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "[=+@\\-\t\r\n\",;'<>&/ a]{0,12}",
        "(<|</)(script|style|title|svg|!--|textarea)[ a>]{0,3}",
        "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}\u{200b}-\u{200f}]{0,8}",
        prop::sample::select(fixture::hostile()),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
        prop::collection::vec(any_text(), 0..3).prop_map(Value::from),
        (any_text(), any_text()).prop_map(|(key, value)| json!({ key: value })),
    ]
}

prop_compose! {
    fn any_report()(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        (name, attribute, scim_id) in (any_text(), any_text(), any_text()),
        (why, external_id, reason) in (any_text(), any_text(), any_text()),
        (expected, actual) in (any_value(), any_value()),
    ) -> Report {
        let mut item = fixture::item(kind, 1);
        item.finding.name = Some(name);
        item.finding.attribute = Some(attribute);
        item.finding.scim_id = Some(scim_id);
        item.finding.external_id = Some(external_id);
        item.finding.why = why;
        item.finding.expected = expected;
        item.finding.actual = actual;
        let mut report = fixture::drift(vec![item]);
        report.reasons = vec![reason];
        report.trend.clear();
        report
    }
}

proptest! {
    #[test]
    fn csv_gives_every_value_back(report in any_report()) {
        let text = render(&report, Format::Csv);
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let heading = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), 2);
        let cell = |row: &csv::StringRecord, name: &str| {
            let at = heading.iter().position(|column| column == name).unwrap();
            row[at].to_owned()
        };
        for row in &rows {
            for text in row {
                prop_assert!(!text.starts_with(['=', '+', '-', '@', '\t', '\r']), "{:?}", text);
            }
        }
        let disarmed = |text: &str| {
            let text = &*crate::report::visible::visible_lines(text);
            let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
            if formula { format!("'{text}") } else { text.to_owned() }
        };
        let shown = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => disarmed(text),
            other => disarmed(&other.to_string()),
        };
        let finding = &report.findings[0].finding;
        prop_assert_eq!(cell(&rows[0], "why"), disarmed(&report.reasons[0]));
        prop_assert_eq!(cell(&rows[1], "name"), disarmed(finding.name.as_deref().unwrap()));
        prop_assert_eq!(cell(&rows[1], "why"), disarmed(&finding.why));
        prop_assert_eq!(cell(&rows[1], "expected"), shown(&finding.expected));
        prop_assert_eq!(cell(&rows[1], "actual"), shown(&finding.actual));
    }

    #[test]
    fn json_gives_every_value_back(report in any_report()) {
        let value: Value = serde_json::from_str(&render(&report, Format::Json)).unwrap();
        let (found, finding) = (&value["findings"][0], &report.findings[0].finding);
        prop_assert_eq!(found["name"].as_str(), finding.name.as_deref());
        prop_assert_eq!(&found["expected"], &finding.expected);
        prop_assert_eq!(&found["actual"], &finding.actual);
        let lines = render(&report, Format::Ndjson);
        prop_assert_eq!(lines.lines().count(), 2);
    }

    #[test]
    fn text_keeps_to_its_page_and_controls_nothing(report in any_report()) {
        let text = render(&report, Format::Text);
        prop_assert!(text.lines().count() <= 80);
        for line in text.split('\n') {
            prop_assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{}", line);
            let acts = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            prop_assert!(!line.contains(acts), "{:?}", line);
        }
    }

    #[test]
    fn no_value_opens_a_tag_or_turns_the_page(report in any_report()) {
        let html = render(&report, Format::Html);
        let tags = |html: &str| html.matches('<').count();
        prop_assert_eq!(tags(&html), tags(&render(&without_tags(&report), Format::Html)));
        let acts = |c: char| {
            (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)
        };
        prop_assert!(!html.contains(acts));
    }

    #[test]
    fn masked_keeps_what_the_operator_finds_the_rest_with(report in any_report()) {
        let masked = masked(&report);
        let (item, plain) = (&masked.findings[0], &report.findings[0]);
        prop_assert_eq!(&item.id, &plain.id);
        prop_assert_eq!(&item.command, &plain.command);
        let name = item.finding.name.as_deref().unwrap();
        prop_assert!(name.is_empty() || name.chars().count() == 4, "{}", name);
    }
}

/// The report with another sign for each `<`: as long, as wide, as empty.
fn without_tags(report: &Report) -> Report {
    fn value(value: &Value) -> Value {
        serde_json::from_str(&value.to_string().replace('<', "‹")).unwrap()
    }
    let text = |text: &String| text.replace('<', "‹");
    let mut report = report.clone();
    report.reasons = report.reasons.iter().map(text).collect();
    for item in &mut report.findings {
        let finding = &mut item.finding;
        for field in [
            &mut finding.name,
            &mut finding.attribute,
            &mut finding.scim_id,
            &mut finding.external_id,
        ] {
            *field = field.as_ref().map(text);
        }
        finding.why = text(&finding.why);
        finding.expected = value(&finding.expected);
        finding.actual = value(&finding.actual);
    }
    report
}
