//! Why a step that is due isn't done: a cause, and what there is to say of it. The words that reports,
//! plans and the outbox have for it, and the way back from a stored report, stand here alone. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a step that is due isn't done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Reason {
    cause: Cause,
    /// In words, where there is more to say than the cause.
    detail: Option<String>,
}

/// What keeps a step from being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// An operator holds the account; the detail is theirs.
    Held,
    /// The profile protects the account.
    Protected,
    /// The key belongs to another person's row.
    Recycled,
    /// kpifire has the user active.
    Reactivated,
    /// Nobody is there to take over what the user owns: a sentence that says so.
    NoSuccessor(String),
    /// Other rows point at the user's.
    Referenced,
    /// The row is no longer there.
    Gone,
    /// Something is no longer as the plan found it.
    Changed,
    /// By the clock as it is now, the step isn't due.
    Early,
    /// Something failed; the detail may be a database's.
    Error,
}

impl Cause {
    /// Those that have a word of their own.
    const WORDS: [Self; 9] = [
        Self::Held,
        Self::Protected,
        Self::Recycled,
        Self::Reactivated,
        Self::Referenced,
        Self::Gone,
        Self::Changed,
        Self::Early,
        Self::Error,
    ];

    /// What stands before the detail.
    fn as_str(&self) -> &str {
        match self {
            Self::Held => "held",
            Self::Protected => "protected",
            Self::Recycled => "recycled",
            Self::Reactivated => "reactivated",
            Self::NoSuccessor(sentence) => sentence,
            Self::Referenced => "referenced",
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Early => "early",
            Self::Error => "error",
        }
    }
}

impl Reason {
    /// A cause, and what there is to say of it.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: Some(detail.into()) }
    }

    /// Whether something went wrong, where else a rule keeps the step from being done.
    pub fn failed(&self) -> bool {
        self.cause == Cause::Error
    }

    /// The cause alone: what an operator wrote or a database said may name anybody.
    #[must_use]
    pub fn masked(&self) -> Self {
        self.cause.clone().into()
    }
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        Self { cause, detail: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.as_str())?;
        self.detail.iter().try_for_each(|detail| write!(f, ": {detail}"))
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.to_string()
    }
}

/// As a run's report or the outbox keeps it.
impl From<String> for Reason {
    fn from(text: String) -> Self {
        let (words, detail) = match text.split_once(": ") {
            Some((words, detail)) => (words, Some(detail.to_owned())),
            None => (text.as_str(), None),
        };
        let known = Cause::WORDS.into_iter().find(|cause| cause.as_str() == words);
        Self { cause: known.unwrap_or_else(|| Cause::NoSuccessor(words.to_owned())), detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_reason_is_the_same_reason() {
        let sentence = "owns 2 projects, and cleanup.transfer_to".to_owned();
        for cause in Cause::WORDS.into_iter().chain([Cause::NoSuccessor(sentence)]) {
            for detail in ["a lawsuit", "held: error: x", "a: b", ""] {
                let reason = Reason::new(cause.clone(), detail);
                assert_eq!(Reason::from(reason.to_string()), reason);
                assert_eq!(Reason::from(reason.masked().to_string()), cause.clone().into());
            }
        }
    }

    #[test]
    fn a_masked_reason_is_its_cause() {
        assert_eq!(Reason::new(Cause::Held, "ivo: a lawsuit").to_string(), "held: ivo: a lawsuit");
        assert_eq!(Reason::new(Cause::Held, "ivo: a lawsuit").masked().to_string(), "held");
        assert_eq!(Reason::from(Cause::Protected).to_string(), "protected");
        let nobody = Cause::NoSuccessor("owns 2 projects, and cleanup.transfer_to".to_owned());
        let reason = Reason::new(nobody, "`ivo` is no active user of kpifire");
        assert_eq!(reason.masked().to_string(), "owns 2 projects, and cleanup.transfer_to");
    }
}
