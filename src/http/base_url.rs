//! The URL that a client reaches the service under, for `Location`, `meta.location` and `$ref`.
//! Knows headers and the configured `public_url`; `X-Forwarded-*` is not believed, since anybody
//! can send it.

use hyper::http::request::Parts;

use super::context::Settings;
use super::listener::Peer;
use crate::scim;

/// Scheme, authority and base path, without a slash at the end.
///
/// # Errors
/// 400 when there is a `Host` that isn't `host[:port]` (RFC 9112 §3.2).
pub fn of(parts: &Parts, settings: &Settings, peer: Peer) -> Result<String, scim::Error> {
    let base_path = &settings.base_path;
    if let Some(public) = &settings.public_url {
        return Ok(format!("{}{base_path}", public.trim_end_matches('/')));
    }
    let authority = authority(parts).unwrap_or_else(|| peer.local.to_string());
    if !is_authority(&authority) {
        return Err(scim::Error::invalid_value(
            "The Host header must be a host name or address, optionally with a port.",
        ));
    }
    Ok(format!("{}://{authority}{base_path}", peer.scheme.as_str()))
}

/// Whom a request is for: as its target says (RFC 9112 §3.2.2; HTTP/2 has it as `:authority`), else its
/// Host. `None`: it doesn't say.
pub fn authority(parts: &Parts) -> Option<String> {
    match (parts.uri.authority(), parts.headers.get(hyper::header::HOST)) {
        (Some(authority), _) => Some(authority.as_str().to_owned()),
        (None, Some(host)) => Some(host.to_str().unwrap_or("\0").to_owned()),
        (None, None) => None,
    }
}

fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            (address, rest)
        }
        None => match text.find(':') {
            Some(colon) => text.split_at(colon),
            None => (text, ""),
        },
    };
    let port_is_fine = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        });
    port_is_fine
        && !host.is_empty()
        && host.len() <= 253
        && (text.starts_with('[')
            || host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_and_nothing_else() {
        for good in ["kpifire.corp.test", "10.0.0.1:8642", "[::1]:8642", "[2001:db8::1]", "a_b:1"] {
            assert!(is_authority(good), "{good}");
        }
        let bad = [
            "", ":80", "a:", "a:b", "a:99999", "a:+1", "a b", "a/b", "u@a", "a?x", "a#x", "a\"x",
            "[::1", "[x]", "[::1]80", "::1", "\0",
        ];
        for bad in bad {
            assert!(!is_authority(bad), "{bad}");
        }
    }
}
