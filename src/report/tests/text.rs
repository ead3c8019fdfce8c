//! The report in a terminal.

use unicode_width::UnicodeWidthStr;

use super::fixture;
use crate::drift::Report;
use crate::report::text;

fn rendered(report: &Report) -> String {
    let text = text::render(report);
    for line in text.lines() {
        assert!(line.width() <= 80, "{} columns: {line}", line.width());
    }
    assert!(text.lines().count() <= 80, "{} lines\n{text}", text.lines().count());
    text
}

#[test]
fn every_kind() {
    insta::assert_snapshot!(rendered(&fixture::every_kind()));
}

#[test]
fn one_finding() {
    insta::assert_snapshot!(rendered(&fixture::one()));
}

#[test]
fn clean_first_run() {
    insta::assert_snapshot!(rendered(&fixture::clean_first()));
}

#[test]
fn incomplete() {
    insta::assert_snapshot!(rendered(&fixture::incomplete()));
}

#[test]
fn unconfirmed() {
    insta::assert_snapshot!(rendered(&fixture::unconfirmed()));
}

#[test]
fn blocked() {
    insta::assert_snapshot!(rendered(&fixture::blocked()));
}

#[test]
fn ten_thousand_findings() {
    insta::assert_snapshot!(rendered(&fixture::many(10_000)));
}
