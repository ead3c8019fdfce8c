//! `POST /oauth/token`: OAuth 2.0's client credentials grant (RFC 6749 §4.4). Reads the request and
//! words the answer; whether the credentials are right is asked of the service. Nothing of SCIM here:
//! requests are forms, and errors have OAuth's own shape.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use serde_json::json;

use super::body::{self, Bounds};
use super::context::{Context, Trace};
use super::error::{Failure, Reason};
use super::listener::Peer;
use super::response::{self, Response};
use crate::service::clients::{Credentials, Grant, Issue};

/// Where it lies, whatever the base path is.
pub const TOKEN: &str = "/oauth/token";

/// What a stranger's request may take.
const BODY: Bounds =
    Bounds { size: 16 * 1024, pause: Duration::from_secs(2), whole: Duration::from_secs(5) };
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why no token is given (RFC 6749 §5.2).
#[derive(Debug)]
enum Refusal {
    /// Something is missing, repeated or malformed.
    Request(&'static str),
    /// The client isn't one, or not any more, or its secret is another.
    Client,
    /// `grant_type` is not `client_credentials`.
    GrantType,
    /// `scope` is not the client's.
    Scope,
    /// Anything that isn't about OAuth: the body is too long, the database is not available.
    Other(Failure),
}

/// Answers a request to the token endpoint. Never caches: `response::finish` says so on every answer.
pub(crate) async fn token(
    context: &Context,
    parts: &Parts,
    body: &mut Incoming,
    peer: Peer,
    trace: &mut Trace,
) -> Response {
    if parts.method != Method::POST {
        let refusal = Refusal::Request("The token endpoint takes POST alone.");
        let mut response = response::allowing(refusal.into_response(), "POST");
        *response.status_mut() = hyper::StatusCode::METHOD_NOT_ALLOWED;
        return response;
    }
    match granted(context, parts, body, peer).await {
        Ok(grant) => {
            tracing::info!(token = grant.name, "a client was given a token");
            let response = to_response(&grant);
            trace.token = Some(grant.name);
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn granted(
    context: &Context,
    parts: &Parts,
    body: &mut Incoming,
    peer: Peer,
) -> Result<Grant, Refusal> {
    // RFC 6749 §2.3.1: a secret in a URL ends up in logs.
    if parts.uri.query().is_some() {
        return Err(Refusal::Request("Parameters stand in the body, not in the URL."));
    }
    let media_type = parts.headers.get(CONTENT_TYPE).map(body::essence);
    if media_type.as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(Refusal::Request("The Content-Type is application/x-www-form-urlencoded."));
    }
    let strangers = context.strangers();
    let read = strangers.attend(body::bytes(body, BODY)).await;
    let bytes = read.and_then(|read| read).map_err(Refusal::Other)?;
    let form = Form::parse(&bytes)?;
    let credentials = credentials(&parts.headers, &form)?;
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(Refusal::GrantType),
        None => return Err(Refusal::Request("The parameter grant_type is missing.")),
    }
    // Who asks comes before what for: nobody else learns which scopes there are.
    let (address, now) = (peer.remote.ip(), Instant::now());
    let issue = context.service().issue(&credentials, form.get("scope"), context.now());
    let issued = strangers.look_up(address, now, issue).await.map_err(Refusal::Other)?;
    match issued.map_err(|error| Refusal::Other(Failure::from(error)))? {
        Issue::Granted(grant) => Ok(grant),
        Issue::WrongScope => Err(Refusal::Scope),
        Issue::Unknown => Err(match strangers.failed(address, now) {
            Some(wait) => Refusal::Other(Failure::too_many_failures(wait)),
            None => Refusal::Client,
        }),
    }
}

/// A form's parameters. An empty one counts as absent, and none may be repeated (RFC 6749 §3.2).
struct Form(BTreeMap<String, String>);

impl Form {
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut form = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(bytes) {
            if form.insert(key.into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::Request("A parameter is repeated."));
            }
        }
        Ok(Self(form))
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The credentials of the `Authorization` header or of the body, never of both (RFC 6749 §2.3).
fn credentials(headers: &HeaderMap, form: &Form) -> Result<Credentials, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (client_id, client_secret) = (form.get("client_id"), form.get("client_secret"));
    let Some(value) = values.next() else {
        let (Some(client_id), Some(client_secret)) = (client_id, client_secret) else {
            return Err(Refusal::Client);
        };
        let (client_id, client_secret) = (client_id.to_owned(), client_secret.to_owned());
        return Ok(Credentials { client_id, client_secret });
    };
    if values.next().is_some() || client_secret.is_some() {
        return Err(Refusal::Request(
            "The client authenticates once: in the Authorization header or in the body.",
        ));
    }
    let credentials = basic(value).ok_or(Refusal::Client)?;
    if client_id.is_some_and(|client_id| client_id != credentials.client_id) {
        return Err(Refusal::Request("The client_id is not that of the Authorization header."));
    }
    Ok(credentials)
}

/// HTTP Basic, both parts in a form's encoding (RFC 6749 §2.3.1).
fn basic(value: &HeaderValue) -> Option<Credentials> {
    let (scheme, encoded) = value.to_str().ok()?.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, client_secret) = pair.split_once(':')?;
    Some(Credentials { client_id: decoded(client_id)?, client_secret: decoded(client_secret)? })
}

fn decoded(part: &str) -> Option<String> {
    // A form's decoder would take `&` and `=` for its own.
    let part = part.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(part.as_bytes()).next().map(|(text, _)| text.into_owned())
}

/// RFC 6749 §5.1.
fn to_response(grant: &Grant) -> Response {
    let body = json!({
        "access_token": grant.access_token,
        "token_type": "Bearer",
        "expires_in": grant.expires_in.as_secs(),
        "scope": grant.scope.as_str(),
    });
    answer(200, &body)
}

impl Refusal {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::Request(why) => (400, "invalid_request", why),
            Self::Client => (
                401,
                "invalid_client",
                "The client is unknown, expired or revoked, or its secret is wrong.",
            ),
            Self::GrantType => {
                (400, "unsupported_grant_type", "The grant_type is client_credentials.")
            }
            Self::Scope => (400, "invalid_scope", "The client has another scope."),
            Self::Other(failure) => return other(failure),
        };
        let mut response =
            answer(status, &json!({ "error": error, "error_description": description }));
        let challenge = (status == 401).then_some(r#"Basic realm="kpifire-scim", charset="UTF-8""#);
        response::set(&mut response, WWW_AUTHENTICATE, challenge);
        response.extensions_mut().insert(Reason::OAuth(error));
        response
    }
}

/// The same failure, in OAuth's shape. RFC 6749 has no codes for it in an answer of this endpoint;
/// these are the authorization endpoint's (§4.1.2.1).
fn other(failure: Failure) -> Response {
    let plain = failure.into_response();
    let status = plain.status().as_u16();
    let (error, description) = match status {
        503 => ("temporarily_unavailable", "Try again later."),
        500 => ("server_error", "The server's log has the reason."),
        429 => (
            "temporarily_unavailable",
            "Too many wrong secrets or tokens came from this address; a good one is still accepted.",
        ),
        413 => ("invalid_request", "The request is too long."),
        408 => ("invalid_request", "The request didn't come in time."),
        _ => ("invalid_request", "The request can't be read."),
    };
    let mut response = answer(status, &json!({ "error": error, "error_description": description }));
    if let Some(wait) = plain.headers().get(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, wait.clone());
    }
    if let Some(reason) = plain.extensions().get::<Reason>() {
        response.extensions_mut().insert(*reason);
    }
    response
}

fn answer(status: u16, body: &serde_json::Value) -> Response {
    let mut response = response::with_body(status, JSON, body.to_string());
    // RFC 6749 §5.1 asks for it beside Cache-Control.
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic_of(text: &str) -> Option<(String, String)> {
        let value = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(text))).unwrap();
        basic(&value).map(|it| (it.client_id, it.client_secret))
    }

    #[test]
    fn basic_has_two_parts_in_a_forms_encoding() {
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(basic_of("id:secret"), pair("id", "secret"));
        assert_eq!(basic_of("a+b%3A:c:d%25&e=f"), pair("a b:", "c:d%&e=f"));
        assert_eq!(basic_of("id"), None);
        for bad in ["Basic", "Basic ", "Basic ?", "Bearer aWQ6c2VjcmV0", "Basic /w=="] {
            assert!(basic(&HeaderValue::from_static(bad)).is_none(), "{bad}");
        }
        assert!(basic(&HeaderValue::from_static("basic aWQ6cw")).is_some());
    }

    #[test]
    fn a_client_authenticates_once() {
        let headers = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            headers
        };
        let tried = |values: &[&'static str], form: &str| match credentials(
            &headers(values),
            &Form::parse(form.as_bytes()).unwrap(),
        ) {
            Ok(it) => format!("{}:{}", it.client_id, it.client_secret),
            Err(Refusal::Client) => "client".to_owned(),
            Err(_) => "request".to_owned(),
        };
        let basic = "Basic aWQ6cw==";
        assert_eq!(tried(&[basic], ""), "id:s");
        assert_eq!(tried(&[basic], "client_id=id"), "id:s");
        assert_eq!(tried(&[], "client_id=a&client_secret=b"), "a:b");
        assert_eq!(tried(&[basic], "client_id=other"), "request");
        assert_eq!(tried(&[basic], "client_secret=s"), "request");
        assert_eq!(tried(&[basic, basic], ""), "request");
        for form in ["", "client_id=a", "client_secret=b", "client_id=&client_secret=b"] {
            assert_eq!(tried(&[], form), "client", "{form}");
        }
        assert!(Form::parse(b"a=1&a=2").is_err());
    }
}
