//! A line of the rehearsal: a step that was done, or one that was refused.

use crate::profile::proof::{Finding, Severity};

/// What the lines begin with.
const SUBJECT: &str = "rehearsal";

/// What was done.
pub(super) fn done(what: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Ok,
        subject: SUBJECT.to_owned(),
        what: what.into(),
        why: String::new(),
        fix: String::new(),
    }
}

/// What was refused.
pub(super) fn refused(what: &str, why: &str, fix: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        subject: SUBJECT.to_owned(),
        what: what.to_owned(),
        why: why.to_owned(),
        fix: fix.to_owned(),
    }
}
