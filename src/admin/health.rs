//! Liveness and readiness, outside the base path. Knows the service only by whether it is ready.

use std::time::Instant;

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::sync::Mutex;

use crate::http::error::chain;
use crate::http::response::{self, Response};
use crate::service::Service;

/// Answers 200 while the process serves requests at all.
pub const LIVE: &str = "/healthz";
/// Answers 200 while requests can be served, else 503 with the reason.
pub const READY: &str = "/readyz";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `GET /healthz`
pub fn live(method: &Method) -> Response {
    if is_read(method) { verdict(StatusCode::OK, "ok") } else { wrong_method() }
}

/// `GET /readyz`: asks the database once for all that ask at the same time, so that who it is that asks
/// doesn't matter.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<Asked>>);

/// What the database said, and when it was asked.
#[derive(Debug)]
struct Asked {
    at: Instant,
    /// Why it isn't ready, unless it is.
    unready: Option<String>,
}

impl Readiness {
    /// The answer.
    pub async fn answer(&self, method: &Method, service: &Service) -> Response {
        if !is_read(method) {
            return wrong_method();
        }
        let Some(reason) = self.unready(service).await else {
            return verdict(StatusCode::OK, "ready");
        };
        let said = json!({ "status": "unavailable", "reason": reason });
        let status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
        let mut response = response::with_body(status, JSON, said.to_string());
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        response
    }

    async fn unready(&self, service: &Service) -> Option<String> {
        let came = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(asked) = last.as_ref().filter(|asked| asked.at >= came) {
            return asked.unready.clone();
        }
        let at = Instant::now();
        let unready = service.ready().await.err().map(|error| {
            let causes = chain(&error);
            tracing::warn!(%causes, "not ready");
            error.reason()
        });
        *last = Some(Asked { at, unready: unready.clone() });
        unready
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
