//! The one mapping from what can go wrong to a status, a body and a log line.
//!
//! A client sees the context of its own mistake, and of ours only that there was one; the whole
//! chain of causes goes to the log, once, here.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{RETRY_AFTER, WWW_AUTHENTICATE};

use super::response::{self, Response};
use crate::scim;
use crate::service::{self, Scope};

/// Why a request was refused, for the log: a kind, never what the client sent. It goes with the answer
/// ([`hyper::Response::extensions`]) to where the access log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// SCIM's own keyword.
    Scim(scim::ScimType),
    /// OAuth's own keyword (RFC 6749 §5.2).
    OAuth(&'static str),
    /// What the status alone says.
    Status(u16),
    /// No bearer token.
    NoToken,
    /// The token says `Bearer` itself.
    BearerTwice,
    /// The token is unknown, expired or revoked.
    InvalidToken,
    /// Too many wrong tokens from one address.
    Throttled,
    /// The token may not do this.
    Scope,
    /// All of `limits.concurrent_requests` are under way.
    Busy,
    /// `limits.request_time` is over.
    OutOfTime,
    /// The body broke off.
    BrokenBody,
    /// The guard's limit of disabled users.
    Guard,
    /// The database.
    Database,
    /// The keys of Entra's tokens.
    Keys,
    /// A defect.
    Defect,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scim(keyword) => keyword.as_str(),
            Self::OAuth(keyword) => keyword,
            Self::Status(status) => StatusCode::from_u16(*status)
                .ok()
                .and_then(|it| it.canonical_reason())
                .unwrap_or("refused"),
            Self::NoToken => "no token",
            Self::BearerTwice => "the token begins with Bearer",
            Self::InvalidToken => "token unknown, expired or revoked",
            Self::Throttled => "too many wrong tokens",
            Self::Scope => "scope of the token",
            Self::Busy => "limits.concurrent_requests",
            Self::OutOfTime => "limits.request_time",
            Self::BrokenBody => "body broke off",
            Self::Guard => "guard",
            Self::Database => "database unavailable",
            Self::Keys => "keys unavailable",
            Self::Defect => "internal error",
        })
    }
}

/// Why a request gets no reply from the service.
#[derive(Debug)]
pub struct Failure {
    error: scim::Error,
    reason: Reason,
    challenge: Option<&'static str>,
    allow: Option<String>,
    retry_after: Option<Duration>,
}

impl Failure {
    /// No token was presented, or one that isn't a bearer token (RFC 6750 §3).
    pub fn no_token() -> Self {
        Self {
            challenge: Some(r#"Bearer realm="kpifire-scim""#),
            reason: Reason::NoToken,
            ..Self::from(unauthorized("A bearer token is required."))
        }
    }

    /// The token that was presented has the scheme in it.
    pub fn bearer_twice() -> Self {
        Self {
            challenge: Some(r#"Bearer realm="kpifire-scim", error="invalid_token""#),
            reason: Reason::BearerTwice,
            ..Self::from(unauthorized(
                "The Authorization header says `Bearer Bearer`: the client adds the word itself, so its \
                 secret (in Entra the Secret Token) must be the token alone.",
            ))
        }
    }

    /// A token was presented that isn't, or isn't any more, valid (RFC 6750 §3.1).
    pub fn invalid_token() -> Self {
        Self {
            challenge: Some(r#"Bearer realm="kpifire-scim", error="invalid_token""#),
            reason: Reason::InvalidToken,
            ..Self::from(unauthorized("The bearer token is unknown, expired or revoked."))
        }
    }

    /// The admin listener got no good token; a browser then asks for one (RFC 7617 §2).
    pub fn no_login() -> Self {
        Self {
            challenge: Some(r#"Basic realm="kpifire-scim admin", charset="UTF-8""#),
            reason: Reason::NoToken,
            ..Self::from(unauthorized(
                "A token of the scope admin or operator is required: as a bearer token, or as the password.",
            ))
        }
    }

    /// A token was presented that isn't valid, and this address has presented many (RFC 6585 §4).
    pub fn too_many_failures(wait: Duration) -> Self {
        let detail = "Too many wrong tokens came from this address; a good one is still accepted.";
        Self {
            retry_after: Some(wait),
            reason: Reason::Throttled,
            ..Self::from(plain(429, detail.to_owned()))
        }
    }

    /// The token is valid and may not do this.
    pub fn insufficient_scope(has: Scope, needs: Scope) -> Self {
        let (has, needs) = (has.as_str(), needs.as_str());
        let detail = format!("The token's scope is {has}; this request needs the scope {needs}.");
        Self {
            challenge: Some(r#"Bearer realm="kpifire-scim", error="insufficient_scope""#),
            reason: Reason::Scope,
            ..Self::from(scim::Error::forbidden(detail))
        }
    }

    /// The path has other methods.
    pub fn wrong_method(allow: String) -> Self {
        let detail = format!("The method is not allowed here; allowed: {allow}.");
        Self { allow: Some(allow), ..Self::from(plain(405, detail)) }
    }

    /// RFC 7644 lets a service provider leave this out, and this one does.
    pub fn not_implemented(what: &str) -> Self {
        Self::from(plain(501, format!("{what} is not supported.")))
    }

    /// The body is of another media type.
    pub fn unsupported_media_type(given: &str) -> Self {
        let accepted = "application/scim+json or application/json";
        Self::from(plain(415, format!("The Content-Type is {given:?}; send {accepted}.")))
    }

    /// As many requests as allowed are under way.
    pub fn busy() -> Self {
        let detail = "Too many requests are under way; try again.";
        Self::unavailable(Reason::Busy, detail, Duration::from_secs(1))
    }

    /// The request took longer than it may.
    pub fn out_of_time() -> Self {
        let detail = "The request took too long; try again.";
        Self::unavailable(Reason::OutOfTime, detail, Duration::from_secs(5))
    }

    /// The client went away or broke off in the middle of its body.
    pub fn broken_body() -> Self {
        let error = scim::Error::invalid_syntax("The request body broke off.");
        Self { reason: Reason::BrokenBody, ..Self::from(error) }
    }

    /// The rest of the body didn't come in time (RFC 9110 §15.5.9).
    pub fn too_slow() -> Self {
        let detail = "The request body stopped coming, or came too slowly; send it again.";
        Self::from(plain(408, detail.to_owned()))
    }

    /// A defect of ours.
    pub fn panicked() -> Self {
        Self::defect()
    }

    fn unavailable(reason: Reason, detail: &str, retry_after: Duration) -> Self {
        let error = plain(503, detail.to_owned());
        Self { reason, retry_after: Some(retry_after), ..Self::from(error) }
    }

    fn defect() -> Self {
        let detail = "An internal error occurred; the server's log has it by the request id.";
        Self { reason: Reason::Defect, ..Self::from(plain(500, detail.to_owned())) }
    }

    /// What the client is told.
    pub fn reason(&self) -> &scim::Error {
        &self.error
    }

    /// How long to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The answer.
    pub fn into_response(self) -> Response {
        let mut response = response::scim(self.error.status, &self.error.to_body());
        response::set(&mut response, WWW_AUTHENTICATE, self.challenge);
        if let Some(wait) = self.retry_after {
            // Whole seconds (RFC 9110 §10.2.3), and 0 would invite a busy loop.
            let seconds = wait.as_millis().div_ceil(1000).max(1).to_string();
            response::set(&mut response, RETRY_AFTER, Some(&seconds));
        }
        response.extensions_mut().insert(self.reason);
        match self.allow {
            Some(methods) => response::allowing(response, &methods),
            None => response,
        }
    }
}

impl From<scim::Error> for Failure {
    fn from(error: scim::Error) -> Self {
        let reason = error.scim_type.map_or(Reason::Status(error.status), Reason::Scim);
        Self { error, reason, challenge: None, allow: None, retry_after: None }
    }
}

impl From<service::Error> for Failure {
    fn from(error: service::Error) -> Self {
        match error.explained() {
            service::Error::Scim(error) => {
                // The detail may quote what the client sent, so it stays out of the ordinary log.
                tracing::debug!(status = error.status, detail = %error.detail, "refused");
                Self::from(error)
            }
            service::Error::Guarded(error) => {
                tracing::debug!(status = error.status, detail = %error.detail, "refused");
                // The only refusal that time mends.
                let retry_after = Some(service::guard::RETRY_AFTER);
                Self { reason: Reason::Guard, retry_after, ..Self::from(error) }
            }
            service::Error::Unavailable { retry_after, source } => {
                tracing::error!(causes = %chain(source.as_ref()), "unavailable; answered 503");
                let detail = "The database is not available; try again.";
                Self::unavailable(Reason::Database, detail, retry_after)
            }
            // The log has it from where the keys are read.
            service::Error::Keys { retry_after } => Self::unavailable(
                Reason::Keys,
                "The keys that Entra's tokens are verified by are not available; try again.",
                retry_after,
            ),
            service::Error::Internal(source) => {
                tracing::error!(causes = %chain(source.as_ref()), "internal error; answered 500");
                Self::defect()
            }
            service::Error::Refused(source) => {
                tracing::error!(causes = %chain(&source), "internal error; answered 500");
                Self::defect()
            }
        }
    }
}

/// An error and everything it was caused by, outermost first.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn plain(status: u16, detail: String) -> scim::Error {
    scim::Error { status, scim_type: None, detail }
}

fn unauthorized(detail: &str) -> scim::Error {
    plain(401, detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(response: &Response, name: hyper::header::HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn a_database_out_of_reach_is_503_with_whole_seconds() {
        let source = "connection refused at 10.0.0.1, SELECT secret".into();
        let error =
            service::Error::Unavailable { retry_after: Duration::from_millis(1200), source };
        let failure = Failure::from(error);
        assert!(!failure.error.detail.contains("SELECT"));
        let response = failure.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(header(&response, RETRY_AFTER), "2");
        assert_eq!(header(&response, hyper::header::CONTENT_TYPE), "application/scim+json");
    }

    #[test]
    fn challenges_say_what_was_wrong_with_the_token() {
        let none = Failure::no_token().into_response();
        assert_eq!(header(&none, WWW_AUTHENTICATE), r#"Bearer realm="kpifire-scim""#);
        let invalid = Failure::invalid_token().into_response();
        assert!(header(&invalid, WWW_AUTHENTICATE).ends_with(r#"error="invalid_token""#));
        assert_eq!((none.status().as_u16(), invalid.status().as_u16()), (401, 401));
    }

    #[test]
    fn the_chain_is_whole() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        assert_eq!(chain(&Outer(std::io::Error::other("inner"))), "outer: inner");
    }
}
