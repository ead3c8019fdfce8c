//! Liveness and readiness, outside the base path. Knows the service only by whether it is ready.

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};

use crate::http::error::chain;
use crate::http::response::{self, Response};
use crate::service::Service;

/// Answers 200 while the process serves requests at all.
pub const LIVE: &str = "/healthz";
/// Answers 200 while the database answers, else 503.
pub const READY: &str = "/readyz";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `GET /healthz`
pub fn live(method: &Method) -> Response {
    if is_read(method) { verdict(StatusCode::OK, "ok") } else { wrong_method() }
}

/// `GET /readyz`
pub async fn ready(method: &Method, service: &Service) -> Response {
    if !is_read(method) {
        return wrong_method();
    }
    match service.ready().await {
        Ok(()) => verdict(StatusCode::OK, "ready"),
        Err(error) => {
            let causes = chain(&error);
            tracing::warn!(%causes, "not ready");
            let mut response = verdict(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn verdict(status: StatusCode, word: &str) -> Response {
    response::with_body(status.as_u16(), JSON, format!(r#"{{"status":"{word}"}}"#))
}

fn wrong_method() -> Response {
    response::allowing(response::empty(405), "GET, HEAD")
}
