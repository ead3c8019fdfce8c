//! The one mapping from what can go wrong to a status, a body and a log line.
//!
//! A client sees the context of its own mistake, and of ours only that there was one; the whole
//! chain of causes goes to the log, once, here.

use std::time::Duration;

use hyper::header::{RETRY_AFTER, WWW_AUTHENTICATE};

use super::response::{self, Response};
use crate::scim;
use crate::service::{self, Scope};

/// Why a request gets no reply from the service.
#[derive(Debug)]
pub struct Failure {
    error: scim::Error,
    challenge: Option<&'static str>,
    allow: Option<String>,
    retry_after: Option<Duration>,
}

impl Failure {
    /// No token was presented, or one that isn't a bearer token (RFC 6750 §3).
    pub fn no_token() -> Self {
        Self {
            challenge: Some(r#"Bearer realm="kpifire-scim""#),
            ..Self::from(unauthorized("A bearer token is required."))
        }
    }

    /// The token that was presented has the scheme in it.
    pub fn bearer_twice() -> Self {
        Self {
            challenge: Some(r#"Bearer realm="kpifire-scim", error="invalid_token""#),
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
            ..Self::from(unauthorized("The bearer token is unknown, expired or revoked."))
        }
    }

    /// The admin listener got no good token; a browser then asks for one (RFC 7617 §2).
    pub fn no_login() -> Self {
        Self {
            challenge: Some(r#"Basic realm="kpifire-scim admin", charset="UTF-8""#),
            ..Self::from(unauthorized(
                "A token of the scope admin is required: as a bearer token, or as the password.",
            ))
        }
    }

    /// A token was presented that isn't valid, and this address has presented many (RFC 6585 §4).
    pub fn too_many_failures(wait: Duration) -> Self {
        let detail = "Too many wrong tokens came from this address; a good one is still accepted.";
        Self { retry_after: Some(wait), ..Self::from(plain(429, detail.to_owned())) }
    }

    /// The token is valid and may not do this.
    pub fn insufficient_scope(has: Scope, needs: Scope) -> Self {
        let (has, needs) = (has.as_str(), needs.as_str());
        let detail = format!("The token's scope is {has}; this request needs the scope {needs}.");
        Self {
            challenge: Some(r#"Bearer realm="kpifire-scim", error="insufficient_scope""#),
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
        Self::unavailable("Too many requests are under way; try again.", Duration::from_secs(1))
    }

    /// The request took longer than it may.
    pub fn out_of_time() -> Self {
        Self::unavailable("The request took too long; try again.", Duration::from_secs(5))
    }

    /// The client went away or broke off in the middle of its body.
    pub fn broken_body() -> Self {
        Self::from(scim::Error::invalid_syntax("The request body broke off."))
    }

    /// The rest of the body didn't come in time (RFC 9110 §15.5.9).
    pub fn too_slow() -> Self {
        let detail = "The request body stopped coming, or came too slowly; send it again.";
        Self::from(plain(408, detail.to_owned()))
    }

    /// A defect of ours.
    pub fn panicked() -> Self {
        Self::from(internal())
    }

    fn unavailable(detail: &str, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::from(plain(503, detail.to_owned())) }
    }

    /// What the client is told.
    pub fn reason(&self) -> &scim::Error {
        &self.error
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
        match self.allow {
            Some(methods) => response::allowing(response, &methods),
            None => response,
        }
    }
}

impl From<scim::Error> for Failure {
    fn from(error: scim::Error) -> Self {
        Self { error, challenge: None, allow: None, retry_after: None }
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
                Self { retry_after, ..Self::from(error) }
            }
            service::Error::Unavailable { retry_after, source } => {
                tracing::error!(causes = %chain(source.as_ref()), "unavailable; answered 503");
                Self::unavailable("The database is not available; try again.", retry_after)
            }
            // The log has it from where the keys are read.
            service::Error::Keys { retry_after } => Self::unavailable(
                "The keys that Entra's tokens are verified by are not available; try again.",
                retry_after,
            ),
            service::Error::Internal(source) => {
                tracing::error!(causes = %chain(source.as_ref()), "internal error; answered 500");
                Self::from(internal())
            }
            service::Error::Refused(source) => {
                tracing::error!(causes = %chain(&source), "internal error; answered 500");
                Self::from(internal())
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

fn internal() -> scim::Error {
    plain(500, "An internal error occurred; the server's log has it by the request id.".to_owned())
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
