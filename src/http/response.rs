//! Builders of answers, and the headers that every answer carries. Knows no operation.

use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    LOCATION,
};
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::request_id::{self, RequestId};
use super::sending::Body;
use crate::service::Reply;

/// What the listener writes out.
pub type Response = hyper::Response<Body>;

/// The media type of every SCIM body (RFC 7644 §8.1).
pub const SCIM: HeaderValue = HeaderValue::from_static("application/scim+json");

/// A body of a media type.
pub fn with_body(status: u16, media_type: HeaderValue, body: impl Into<Bytes>) -> Response {
    let mut response = hyper::Response::new(Body::from(body));
    *response.status_mut() = status_code(status);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// A SCIM body.
pub fn scim(status: u16, body: &Value) -> Response {
    // A JSON value always serializes.
    with_body(status, SCIM, serde_json::to_vec(body).unwrap_or_default())
}

/// No body, and so no media type.
pub fn empty(status: u16) -> Response {
    let mut response = hyper::Response::new(Body::default());
    *response.status_mut() = status_code(status);
    response
}

/// The service's reply.
pub fn from_reply(reply: Reply) -> Response {
    match reply {
        Reply::Resource { status, body, etag, location } => {
            let mut response = scim(status, &body);
            set(&mut response, ETAG, etag.as_deref());
            set(&mut response, LOCATION, location.as_deref());
            response
        }
        Reply::NoContent { etag } => {
            let mut response = empty(204);
            set(&mut response, ETAG, etag.as_deref());
            response
        }
        Reply::NotModified { etag } => {
            let mut response = empty(304);
            set(&mut response, ETAG, Some(&etag));
            response
        }
    }
}

/// Says that the connection closes behind this answer (RFC 9112 §9.6).
pub fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Adds `Allow`.
pub fn allowing(mut response: Response, methods: &str) -> Response {
    set(&mut response, ALLOW, Some(methods));
    response
}

/// The last touch on every answer: its request id, no caching, and for HEAD the length without the
/// body (RFC 9110 §9.3.2).
pub fn finish(response: Response, method: &Method, id: &RequestId) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(value) = id.to_header() {
        parts.headers.insert(request_id::HEADER, value);
    }
    if method != Method::HEAD {
        return hyper::Response::from_parts(parts, body);
    }
    if !body.is_empty() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    hyper::Response::from_parts(parts, Body::default())
}

/// Sets a header whose value is ours or a database's; one that can't be a header is left out.
pub(super) fn set(response: &mut Response, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(name, value);
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
