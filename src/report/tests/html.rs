//! The page. How it behaves is the browser's test; here is what stands in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::fixture;
use crate::drift::{Kind, Report};
use crate::report::words::number;
use crate::report::{Format, render};

/// Between two tags; there is one such place.
fn between<'a>(html: &'a str, from: &str, to: &str) -> &'a str {
    assert_eq!(html.matches(from).count(), 1, "{from}");
    let (_, rest) = html.split_once(from).unwrap();
    rest.split_once(to).unwrap().0
}

/// The page without style, script and most nights of the trend.
fn body(mut report: Report) -> String {
    let later = report.trend.len().saturating_sub(3);
    report.trend.drain(..later);
    let html = render(&report, Format::Html);
    html.split_once("</head>").unwrap().1.split_once("<script>").unwrap().0.trim().to_owned()
}

#[test]
fn pages() {
    insta::assert_snapshot!("html_every_kind", body(fixture::every_kind()));
    insta::assert_snapshot!("html_clean_first", body(fixture::clean_first()));
    insta::assert_snapshot!("html_incomplete", body(fixture::incomplete()));
    insta::assert_snapshot!(
        "html_blocked",
        body({
            let mut report = fixture::blocked();
            report.findings.truncate(1);
            report
        })
    );
}

#[test]
fn the_policy_names_the_style_and_the_script_and_nothing_else() {
    let html = render(&fixture::every_kind(), Format::Html);
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let style = hash(between(&html, "<style>", "</style>"));
    let script = hash(between(&html, "<script>", "</script>"));
    let policy = between(&html, "Content-Security-Policy\" content=\"", "\">");
    let policy = policy.replace("&#39;", "'").replace("&#43;", "+");
    let expected = format!(
        "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; \
         form-action 'none'"
    );
    assert_eq!(policy, expected);
    for outside in ["http://", "https://", "url(", "@import", " src=", "<link", "<iframe"] {
        let html = html.replace("<img src=x", "").replace("&#60;img src=x", "");
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn an_incomplete_report_never_looks_clean() {
    let html = render(&fixture::incomplete(), Format::Html);
    for said in ["INCOMPLETE", "6,022 user rows", "This run lists no findings", "not known"] {
        assert!(html.contains(said), "{said}");
    }
    for unsaid in ["agree.", "100 %", "There are no open findings", ">Coverage</h2>"] {
        assert!(!html.contains(unsaid), "{unsaid}");
    }
}

#[test]
fn what_an_incomplete_run_found_is_unconfirmed() {
    let html = render(&fixture::unconfirmed(), Format::Html);
    for said in ["INCOMPLETE", "Unconfirmed: what this run saw", "not known", "user1@<wbr>"] {
        assert!(html.contains(said), "{said}");
    }
    for unsaid in ["agree.", "There are no open findings", "drift restore", "takes a finding off"] {
        assert!(!html.contains(unsaid), "{unsaid}");
    }
}

#[test]
fn ten_thousand_findings_make_a_page_of_a_hundred_of_a_kind() {
    let report = fixture::many(10_000);
    let html = render(&report, Format::Html);
    let listed: u64 = report.counts.iter().map(|count| count.now.min(100)).sum();
    assert_eq!(html.matches("<tr role=row id=f-").count() as u64, listed);
    assert!(html.len() < 2_000_000, "{}", html.len());
    let unmanaged = report.counts.iter().find(|count| count.kind == Kind::Unmanaged).unwrap();
    let more = number(unmanaged.now - 100);
    assert!(html.contains(&format!("{more} more of unmanaged are not on this page")));
    assert!(html.contains("<code>kpifire-scim drift list --kind unmanaged --format csv</code>"));
}
