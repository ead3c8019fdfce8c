//! Who does by hand what no client asks for: a command, or an operator in the console; and the audit
//! rows of it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::audit::{AuditRow, differences};
use crate::clock::stamp;
use crate::scim::ResourceType;
use crate::store::audit::OPERATOR;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A command, or the schedule: the audit trail has no name for it.
    Agent,
    /// Who is signed in to the console.
    Operator {
        /// The name of the token of the scope operator.
        token: String,
        /// The request that asked for it.
        request_id: String,
    },
}

impl Actor {
    /// How the audit trail names them.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Agent => None,
            Self::Operator { token, .. } => Some(format!("{OPERATOR}{token}")),
        }
    }

    /// Names the occasion in the audit trail.
    pub fn occasion(&self) -> String {
        match self {
            Self::Agent => Uuid::now_v7().to_string(),
            Self::Operator { request_id, .. } => request_id.clone(),
        }
    }
}

/// What was done, of which resource, if it is of one.
#[derive(Debug, Default)]
pub(crate) struct Deed<'a> {
    pub operation: &'a str,
    pub user: Option<&'a str>,
    pub before: Map<String, Value>,
    pub after: Map<String, Value>,
    pub detail: &'a str,
}

/// The audit row of it.
pub(crate) fn done(actor: &Actor, deed: &Deed<'_>, now: DateTime<Utc>) -> AuditRow {
    let (before, after) = differences(&deed.before, &deed.after);
    AuditRow {
        id: Uuid::now_v7().to_string(),
        time: stamp(now),
        request_id: actor.occasion(),
        token: actor.name(),
        operation: deed.operation.to_owned(),
        resource_type: deed.user.map(|_| ResourceType::User.as_str().to_owned()),
        resource: deed.user.map(str::to_owned),
        before,
        after,
        outcome: "done".to_owned(),
        detail: Some(deed.detail.to_owned()),
    }
}

/// What came of wanting something that is shown first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came<T> {
    /// It is written.
    Done(T),
    /// It is so already: nothing was written. Why, in a few words.
    Already(String),
    /// It isn't any more as it was shown: nothing was written.
    Changed,
}
