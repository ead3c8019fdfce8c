//! A small SCIM client: JSON over HTTP/1.1 with a bearer token, as the demo's Entra speaks it.
//! Knows nothing of users or groups, and of SCIM only its media type.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, InvalidHeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::response::SCIM;

/// Entra gives up after this.
const PATIENCE: Duration = Duration::from_secs(60);
/// No answer of ours is larger.
const LARGEST: usize = 64 * 1024 * 1024;

/// A client of one base URL. Connections are kept and used again.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    authorization: HeaderValue,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body; `Null` where there is none.
    pub body: Value,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token has characters that no header can carry.
    #[error("the token can't be sent in a header")]
    Token(#[from] InvalidHeaderValue),
    /// The path isn't one.
    #[error("not a URL that can be asked for")]
    Url(#[from] hyper::http::Error),
    /// No connection, or one that broke off.
    #[error("the server didn't answer")]
    Connection(#[from] hyper_util::client::legacy::Error),
    /// The body broke off or is too large.
    #[error("the answer could not be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The body isn't JSON.
    #[error("the answer isn't JSON")]
    Json(#[from] serde_json::Error),
    /// Nothing came in time.
    #[error("no answer within {}", humantime::format_duration(PATIENCE))]
    OutOfTime,
}

impl Client {
    /// A client of the service under `base` (`http://host:port/scim/v2`); connects when first used.
    ///
    /// # Errors
    /// A token that no header can carry.
    pub fn new(base: &str, token: &str) -> Result<Self, Error> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            authorization,
            pool: Pool::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Asks for a path below the base, its query already encoded.
    ///
    /// # Errors
    /// When there is no answer; a refusal is one.
    pub async fn get(&self, path: &str) -> Result<Answer, Error> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a POST.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends a PATCH.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Sends a DELETE.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> Result<Answer, Error> {
        self.send(Method::DELETE, path, None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, &self.authorization)
            .header(ACCEPT, SCIM);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/scim+json; charset=utf-8");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::from(body))?;
        tokio::time::timeout(PATIENCE, self.exchange(request))
            .await
            .unwrap_or(Err(Error::OutOfTime))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let response = self.pool.request(request).await?;
        let status = response.status().as_u16();
        let bytes = Limited::new(response.into_body(), LARGEST)
            .collect()
            .await
            .map_err(Error::Body)?
            .to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
        Ok(Answer { status, body })
    }
}
