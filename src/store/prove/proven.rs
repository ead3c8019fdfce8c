//! Findings as they are made here. Knows nothing of what is proved.

use crate::profile::proof::{Finding, Severity};

/// What was proved of the subject.
pub(super) fn ok(subject: &str, what: &str) -> Finding {
    wrong(Severity::Ok, subject, what.to_owned(), "", "")
}

/// What isn't as it should be.
pub(super) fn wrong(
    severity: Severity,
    subject: &str,
    what: String,
    why: &str,
    fix: impl Into<String>,
) -> Finding {
    Finding { severity, subject: subject.to_owned(), what, why: why.to_owned(), fix: fix.into() }
}
