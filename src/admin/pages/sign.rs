//! `/sign-in`: the form in which a browser presents a token.

use askama::Template;
use hyper::header::{HeaderValue, RETRY_AFTER};

use super::{Frame, Request, render};
use crate::http::error::Failure;
use crate::http::response::Response;

#[derive(Template)]
#[template(path = "console/sign-in.html")]
struct Page {
    frame: Frame,
    /// Why the last try was none; empty at first.
    why: String,
    /// Where to go on.
    next: String,
}

/// Makes it.
pub(in crate::admin) fn page(request: &Request<'_>) -> Response {
    let next = match request.parameters() {
        Ok(mut parameters) => parameters.remove("next").unwrap_or_default(),
        Err(response) => return response,
    };
    render(200, &Page { frame: request.frame("", "Sign in"), why: String::new(), next })
}

/// The same once more, and why. No challenge: the browser would ask by itself.
pub(in crate::admin) fn refused(request: &Request<'_>, failure: &Failure, next: &str) -> Response {
    let reason = failure.reason();
    let (status, why) = match reason.status {
        401 => (403, "The token is unknown, expired or revoked.".to_owned()),
        status => (status, reason.detail.clone()),
    };
    let frame = request.frame("", "Sign in");
    let mut response = render(status, &Page { frame, why, next: next.to_owned() });
    if let Some(wait) = failure.retry_after() {
        let wait = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(RETRY_AFTER, wait);
    }
    response
}
