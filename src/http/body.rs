//! Reading a body within its bounds; most are JSON. Knows nothing of what is in it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, EXPECT, HeaderValue};
use serde_json::Value;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::error::Failure;
use crate::scim;

/// How large a body may be, and how slow.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes at most.
    pub size: usize,
    /// How long nothing of it may come.
    pub pause: Duration,
    /// Until all of it must be there.
    pub whole: Duration,
}

/// A body that is longer is parsed where it keeps nobody waiting.
const LONG: usize = 32 * 1024;

/// Reads and parses the body.
///
/// # Errors
/// 415 for another media type, 413 above the bounds (announced or sent), 408 for one that stops, 400
/// `invalidSyntax` for what isn't JSON (lone surrogates and nesting past 128 levels included).
pub async fn json(
    headers: &HeaderMap,
    body: &mut Incoming,
    bounds: Bounds,
) -> Result<Value, Failure> {
    check_media_type(headers)?;
    let bytes = bytes(body, bounds).await?;
    if bytes.len() <= LONG {
        return parse(&bytes).map_err(Failure::from);
    }
    let parsed = tokio::task::spawn_blocking(move || parse(&bytes)).await;
    parsed.map_err(|_| Failure::panicked())?.map_err(Failure::from)
}

/// Reads the body.
///
/// # Errors
/// 413 above the bounds (announced or sent), 408 for one that stops, 400 for one that breaks off.
pub async fn bytes(body: &mut Incoming, bounds: Bounds) -> Result<Bytes, Failure> {
    if body.size_hint().lower() > u64::try_from(bounds.size).unwrap_or(u64::MAX) {
        return Err(too_large(bounds.size));
    }
    let reading = async {
        let mut read = BytesMut::new();
        while let Some(frame) = timeout(bounds.pause, body.frame()).await? {
            match frame {
                Ok(frame) => read.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Err(error) => {
                    tracing::debug!(%error, "the body broke off");
                    return Ok(Err(Failure::broken_body()));
                }
            }
            if read.len() > bounds.size {
                return Ok(Err(too_large(bounds.size)));
            }
        }
        Ok::<_, Elapsed>(Ok(read.freeze()))
    };
    match timeout(bounds.whole, reading).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) | Err(_) => Err(Failure::too_slow()),
    }
}

/// Whether all of a body has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The connection can be used again.
    Nothing,
    /// It can't.
    Unread,
}

/// Reads off what a refused request still sends, within reason, so that the client gets to read
/// the answer instead of a reset connection.
pub async fn discard(headers: &HeaderMap, body: &mut Incoming, limit: usize) -> Rest {
    /// Long enough for a body in flight, short enough not to be an attack.
    const PATIENCE: Duration = Duration::from_secs(2);
    // A client that waits for `100 Continue` sends nothing, and asking for more would make it.
    if headers.contains_key(EXPECT) {
        return Rest::Unread;
    }
    let mut left = limit.saturating_mul(4);
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return Rest::Unread,
            }
        }
        Rest::Nothing
    };
    timeout(PATIENCE, reading).await.unwrap_or(Rest::Unread)
}

fn parse(bytes: &[u8]) -> Result<Value, scim::Error> {
    // Some clients begin with a byte order mark, which a reader may ignore (RFC 8259 §8.1).
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        // serde_json's message ends in the line and column.
        scim::Error::invalid_syntax(format!("The request body is not valid JSON: {error}."))
    })
}

/// Absent is accepted: Entra has been seen without it.
fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = essence(value);
    match essence.as_str() {
        "application/scim+json" | "application/json" => Ok(()),
        _ => Err(Failure::unsupported_media_type(&essence)),
    }
}

/// A media type without its parameters, in small letters.
pub fn essence(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn too_large(limit: usize) -> Failure {
    Failure::from(scim::Error::payload_too_large(format!(
        "The request body is larger than the {limit} bytes allowed (limits.body)."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            check_media_type(&headers).is_ok()
        };
        assert!(accepts("application/scim+json; charset=utf-8"));
        assert!(accepts("Application/JSON"));
        assert!(!accepts("text/plain"));
        assert!(!accepts(""));
        assert!(check_media_type(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn bad_json_is_invalid_syntax_with_its_place() {
        let error = parse(b"{\n \"a\": }").unwrap_err();
        assert_eq!((error.status, error.scim_type), (400, Some(scim::ScimType::InvalidSyntax)));
        assert!(error.detail.contains("line 2 column 7"), "{}", error.detail);
        for bad in ["", r#""\ud800""#, &"[".repeat(200), "{} x"] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().status, 400, "{bad}");
        }
        assert!(parse(b"\xff").is_err());
        assert!(parse(b"\xef\xbb\xbf{}").is_ok());
        assert!(parse(b"\xef\xbb\xbf\xef\xbb\xbf{}").is_err());
    }
}
