//! The finding that says that all is well. Knows nothing of what is proved.

use crate::profile::proof::{Finding, Severity};

/// What was proved of the subject.
pub(super) fn ok(subject: &str, what: &str) -> Finding {
    Finding {
        severity: Severity::Ok,
        subject: subject.to_owned(),
        what: what.to_owned(),
        why: String::new(),
        fix: String::new(),
    }
}
