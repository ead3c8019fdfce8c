//! Who is asking: the bearer token of the `Authorization` header (RFC 6750 §2.1). What the admin listener
//! has beyond that is `door`'s. Knows nothing of how tokens are stored.

use std::net::IpAddr;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

use super::base_url;
use super::context::Context;
use super::error::Failure;
use super::listener::Peer;
use super::router::Access;
use crate::service::{Scope, Token};

/// The good token that a request for SCIM presents.
///
/// # Errors
/// 401 without one, 429 after too many wrong ones; the database's.
pub(super) async fn token(
    context: &Context,
    headers: &HeaderMap,
    peer: Peer,
) -> Result<Token, Failure> {
    proven(context, presented(headers)?, peer, Failure::invalid_token).await
}

/// The good token that was presented, or the refusal that fits.
///
/// # Errors
/// 401 without one, 429 after too many wrong ones; the database's.
pub(super) async fn proven(
    context: &Context,
    presented: &str,
    peer: Peer,
    refusal: fn() -> Failure,
) -> Result<Token, Failure> {
    let (service, strangers) = (context.service(), context.strangers());
    let asked = service.authenticate(presented, context.now());
    // What was good of late doesn't stand in line with what strangers try.
    if service.knows(presented) {
        return asked.await?.ok_or_else(refusal);
    }
    let (address, now) = (peer.remote.ip(), Instant::now());
    let token = strangers.look_up(address, now, asked).await??;
    token.ok_or_else(|| match strangers.failed(address, now) {
        Some(wait) => Failure::too_many_failures(wait),
        None => refusal(),
    })
}

/// The token that a request presents.
///
/// # Errors
/// 401 without a token, with another scheme, or with two `Authorization` headers.
pub fn presented(headers: &HeaderMap) -> Result<&str, Failure> {
    match credentials(headers) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => {
            let first = token.split(' ').next().unwrap_or_default();
            if first.eq_ignore_ascii_case("Bearer") {
                return Err(Failure::bearer_twice());
            }
            Ok(token)
        }
        _ => Err(Failure::no_token()),
    }
}

/// The token of a request to the admin listener; whatever name a browser sends with it.
pub(super) fn password(headers: &HeaderMap) -> Option<String> {
    let (scheme, text) = credentials(headers)?;
    if scheme.eq_ignore_ascii_case("Bearer") {
        return Some(text.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.trim().to_owned())
}

/// Scheme and the rest of the only `Authorization` header.
fn credentials(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, rest) = value.to_str().ok()?.trim().split_once(' ')?;
    Some((scheme, rest.trim()))
}

/// Whether a request is for this machine by name.
pub(super) fn names_this_machine(parts: &Parts) -> bool {
    // Without it, it is HTTP/1.0; no browser speaks it.
    let Some(host) = base_url::authority(parts) else { return true };
    let Ok(authority) = host.parse::<hyper::http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Whether a token of this scope may do that.
///
/// # Errors
/// 403 when a `read` token wants to write, and for an `admin` or `operator` token.
pub fn allow(scope: Scope, access: Access) -> Result<(), Failure> {
    match (scope, access) {
        (Scope::Read | Scope::Provision, Access::Read) | (Scope::Provision, _) => Ok(()),
        (Scope::Read | Scope::Admin | Scope::Operator, Access::Write) => {
            Err(Failure::insufficient_scope(scope, Scope::Provision))
        }
        (Scope::Admin | Scope::Operator, Access::Read) => {
            Err(Failure::insufficient_scope(scope, Scope::Read))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HOST, HeaderValue};

    fn token(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        presented(&headers).ok().map(str::to_owned)
    }

    #[test]
    fn one_bearer_token_in_any_case() {
        assert_eq!(token(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&["bEARER   abc "]).as_deref(), Some("abc"));
        for bad in [&[][..], &["Basic abc"], &["Bearer"], &["abc"], &["Bearer a", "Bearer b"]] {
            assert_eq!(token(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_browsers_login_is_a_token_with_any_name() {
        let password = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            password(&headers)
        };
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(password(&basic("anybody:kps_abc")).as_deref(), Some("kps_abc"));
        assert_eq!(password(&basic(":kps:abc")).as_deref(), Some("kps:abc"));
        assert_eq!(password("bearer kps_abc").as_deref(), Some("kps_abc"));
        for bad in [&basic("kps_abc"), "Basic ?", "Digest abc", "Basic"] {
            assert_eq!(password(bad), None, "{bad}");
        }
    }

    #[test]
    fn this_machine_by_name() {
        let named = |host: &str| {
            let request = hyper::Request::builder().header(HOST, host).body(()).unwrap();
            names_this_machine(&request.into_parts().0)
        };
        for good in ["localhost:8643", "LOCALHOST", "127.0.0.1:8643", "127.9.9.9", "[::1]:8643"] {
            assert!(named(good), "{good}");
        }
        for bad in ["evil.example:8643", "localhost.evil.example", "10.0.0.1", "", "a b", "[::2]"] {
            assert!(!named(bad), "{bad}");
        }
    }
}
