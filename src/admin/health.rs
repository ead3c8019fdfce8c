//! Liveness and readiness, outside the base path. Knows the service only by whether it is ready.

use std::time::Instant;

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};
use tokio::sync::Mutex;

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

/// `GET /readyz`: asks the database once for all that ask at the same time, so that who it is that asks
/// doesn't matter.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<Asked>>);

/// What the database said, and when it was asked.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Instant,
    ready: bool,
}

impl Readiness {
    /// The answer.
    pub async fn answer(&self, method: &Method, service: &Service) -> Response {
        if !is_read(method) {
            return wrong_method();
        }
        if self.is_ready(service).await {
            return verdict(StatusCode::OK, "ready");
        }
        let mut response = verdict(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        response
    }

    async fn is_ready(&self, service: &Service) -> bool {
        let came = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(asked) = last.filter(|asked| asked.at >= came) {
            return asked.ready;
        }
        let at = Instant::now();
        let answer = service.ready().await;
        if let Err(error) = &answer {
            let causes = chain(error);
            tracing::warn!(%causes, "not ready");
        }
        let ready = answer.is_ok();
        *last = Some(Asked { at, ready });
        ready
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
