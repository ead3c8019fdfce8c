//! An HTTP client that holds every answer to what SCIM asks of all of them: a body has the SCIM
//! media type, an error has a SCIM body, no answer is a 500 and none shows SQL.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::ERROR;

/// A caller with a token.
#[derive(Debug, Clone)]
pub struct Client {
    /// `http://127.0.0.1:PORT/scim/v2`
    pub base: String,
    /// What goes behind `Bearer`.
    pub token: Option<String>,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; null when there is none.
    pub body: Value,
}

impl Client {
    /// A client for the service under `base`.
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { base: base.to_owned(), token: token.map(str::to_owned), http }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// GET with a query string, encoded as a form: spaces are `+`.
    pub async fn query(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.get(&with_query(path, pairs)).await
    }

    /// The ids that a filter on a resource type finds, in the answer's order.
    pub async fn ids(&self, path: &str, filter: &str) -> Vec<String> {
        self.query(path, &[("filter", filter)]).await.expect(200).ids()
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body.to_string())).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(body.to_string())).await
    }

    /// PATCH with a whole body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body.to_string())).await
    }

    /// PATCH with these operations.
    pub async fn operations(&self, path: &str, operations: Value) -> Answer {
        self.patch(path, &super::patch(&operations)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// Any request; panics when no answer comes.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        match self.try_send(method, path, headers, body).await {
            Ok(answer) => answer,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Any request.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, String> {
        let request = format!("{method} {path} {}", shorten(body.as_deref().unwrap_or_default()));
        let answer = self.raw(method, path, headers, body).await;
        let answer = answer.map_err(|error| format!("{request}: {error}"))?;
        let answer = Answer { request, ..answer };
        answer.check_manners();
        Ok(answer)
    }

    async fn raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !typed {
            request = request.header("content-type", "application/scim+json; charset=utf-8");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answering = async {
            let (head, body) = self.http.request(request).await.map_err(chain)?.into_parts();
            let bytes = body.collect().await.map_err(chain)?.to_bytes();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let body = serde_json::from_str(&text).unwrap_or_default();
            Ok::<_, String>(Answer {
                request: String::new(),
                status: head.status.as_u16(),
                headers: head.headers,
                text,
                body,
            })
        };
        // Entra's own patience.
        tokio::time::timeout(std::time::Duration::from_secs(60), answering)
            .await
            .map_err(|_| "nothing within 60 s".to_owned())?
    }
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n→ {}", self.request, self.text);
        self
    }

    /// The answer, if it is a SCIM error of this status and type (RFC 7644 §3.12).
    #[track_caller]
    pub fn refused(self, status: u16, scim_type: &str) -> Self {
        let answer = self.expect(status);
        let said = answer.body["scimType"].as_str().unwrap_or_default();
        assert_eq!(said, scim_type, "{}\n→ {}", answer.request, answer.text);
        answer
    }

    /// The answer, if its detail names this.
    #[track_caller]
    pub fn naming(self, what: &str) -> Self {
        let detail = self.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(what), "{what} isn't named: {}\n→ {}", self.request, self.text);
        self
    }

    /// The resource's id.
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.text)).to_owned()
    }

    /// The ids of a list's resources.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        self.resources().iter().map(|found| found["id"].as_str().unwrap().to_owned()).collect()
    }

    /// A list's resources; none may be left out when there are none.
    #[track_caller]
    pub fn resources(&self) -> Vec<Value> {
        match &self.body["Resources"] {
            Value::Array(resources) => resources.clone(),
            Value::Null => Vec::new(),
            other => panic!("Resources is no array: {other}"),
        }
    }

    /// A header field's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The ETag.
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("no ETag: {}", self.request)).to_owned()
    }

    /// What holds for every answer.
    fn check_manners(&self) {
        let said = format!("{}\n→ {} {}", self.request, self.status, self.text);
        assert_ne!(self.status, 500, "{said}");
        if self.text.is_empty() {
            return;
        }
        let media_type = self.header("content-type").unwrap_or_default();
        assert!(media_type.starts_with("application/scim+json"), "{media_type}: {said}");
        assert!(!self.body.is_null(), "the body is not JSON: {said}");
        if self.status < 400 {
            return;
        }
        assert_eq!(self.body["schemas"], serde_json::json!([ERROR]), "{said}");
        assert_eq!(self.body["status"], self.status.to_string(), "{said}");
        let detail = self.body["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty(), "an error without detail: {said}");
        for leak in ["SELECT ", "INSERT ", "UPDATE ", "constraint", "SQLSTATE", "panicked"] {
            assert!(!detail.contains(leak), "{leak:?} leaks: {said}");
        }
    }
}

/// `path` with a query string.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}?{query}")
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(600) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

fn chain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
