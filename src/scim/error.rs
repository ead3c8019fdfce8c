//! The SCIM error (RFC 7644 §3.12): a status, a `scimType` and a sentence for the person who reads
//! the provisioning log. Knows nothing of HTTP libraries or databases.

use std::fmt;

use serde_json::{Value, json};

/// `urn:ietf:params:scim:api:messages:2.0:Error`
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The `scimType` keywords of RFC 7644 table 9 that are sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScimType {
    /// The filter can't be parsed, or names what can't be filtered.
    InvalidFilter,
    /// The result is larger than the service is willing to make.
    TooMany,
    /// A value is in use by another resource.
    Uniqueness,
    /// A read-only or immutable attribute was to be changed.
    Mutability,
    /// The body's structure is wrong.
    InvalidSyntax,
    /// A PATCH path is malformed or names no attribute.
    InvalidPath,
    /// A PATCH path's filter matches no value.
    NoTarget,
    /// A value is missing, of the wrong type or not allowed.
    InvalidValue,
    /// The request must not be made in a URI.
    Sensitive,
}

impl ScimType {
    /// The keyword on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::Sensitive => "sensitive",
        }
    }
}

/// What a request is refused with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The HTTP status.
    pub status: u16,
    /// The keyword, for the statuses that have one (400 and 409).
    pub scim_type: Option<ScimType>,
    /// What is wrong, where, and what would be right.
    pub detail: String,
}

/// Constructors that differ only in status and keyword.
macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $status:literal, $scim_type:expr;)*) => {
        impl Error {
            $(
                $(#[$doc])*
                pub fn $name(detail: impl Into<String>) -> Self {
                    Self { status: $status, scim_type: $scim_type, detail: detail.into() }
                }
            )*
        }
    };
}

constructors! {
    /// 400 `invalidSyntax`
    invalid_syntax => 400, Some(ScimType::InvalidSyntax);
    /// 400 `invalidFilter`
    invalid_filter => 400, Some(ScimType::InvalidFilter);
    /// 400 `invalidPath`
    invalid_path => 400, Some(ScimType::InvalidPath);
    /// 400 `invalidValue`
    invalid_value => 400, Some(ScimType::InvalidValue);
    /// 400 `noTarget`
    no_target => 400, Some(ScimType::NoTarget);
    /// 400 `mutability`
    mutability => 400, Some(ScimType::Mutability);
    /// 409 `uniqueness`
    uniqueness => 409, Some(ScimType::Uniqueness);
    /// 400 `tooMany`
    too_many => 400, Some(ScimType::TooMany);
    /// 403 `sensitive`
    sensitive => 403, Some(ScimType::Sensitive);
    /// 401
    unauthorized => 401, None;
    /// 403
    forbidden => 403, None;
    /// 404
    not_found => 404, None;
    /// 405
    method_not_allowed => 405, None;
    /// 409 without a keyword
    conflict => 409, None;
    /// 412
    precondition_failed => 412, None;
    /// 413
    payload_too_large => 413, None;
    /// 415
    unsupported_media_type => 415, None;
    /// 429
    too_many_requests => 429, None;
    /// 500
    internal => 500, None;
    /// 501
    not_implemented => 501, None;
    /// 503
    unavailable => 503, None;
}

impl Error {
    /// The error as a message body; `status` is a string there (RFC 7644 §3.12).
    pub fn to_body(&self) -> Value {
        let mut body = json!({
            "schemas": [ERROR_SCHEMA],
            "status": self.status.to_string(),
            "detail": start(&self.detail, LONGEST),
        });
        if let (Some(scim_type), Some(object)) = (self.scim_type, body.as_object_mut()) {
            object.insert("scimType".to_owned(), scim_type.as_str().into());
        }
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scim_type {
            Some(scim_type) => write!(f, "{} {}: {}", self.status, scim_type.as_str(), self.detail),
            None => write!(f, "{}: {}", self.status, self.detail),
        }
    }
}

impl std::error::Error for Error {}

/// Characters of a text that a message quotes.
const EXCERPT: usize = 80;

/// Characters of a message: it may quote what a client sent, and that isn't sent back whole.
const LONGEST: usize = 2000;

/// The beginning of a text, for a message.
pub fn excerpt(text: &str) -> String {
    start(text, EXCERPT)
}

fn start(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
