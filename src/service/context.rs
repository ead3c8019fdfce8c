//! Who asks, on what conditions, and what is answered.

use chrono::{DateTime, Utc};
use serde_json::Value;
use strum::{Display, EnumString, IntoStaticStr};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Reading; changes no state, not even a link's.
    Read,
    /// Everything in SCIM.
    Provision,
    /// Reading on the admin listener, and nothing in SCIM.
    Admin,
    /// The same, and acting in the console.
    Operator,
}

impl Scope {
    /// Its name in `scim_tokens.scope`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Names the request in the log, the response and the audit.
    pub request_id: String,
    /// The name of the token.
    pub token: String,
    /// What the token may do.
    pub scope: Scope,
    /// What locations begin with: `https://host/scim/v2`.
    pub base: String,
    /// The time of the request.
    pub now: DateTime<Utc>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A resource or a list of them.
    Resource {
        /// 200 or 201.
        status: u16,
        /// The JSON.
        body: Value,
        /// The representation's entity tag.
        etag: Option<String>,
        /// Where the resource is.
        location: Option<String>,
    },
    /// 204
    NoContent {
        /// The representation's entity tag, where it is known without further reading.
        etag: Option<String>,
    },
    /// 304
    NotModified {
        /// The representation's entity tag.
        etag: String,
    },
}
