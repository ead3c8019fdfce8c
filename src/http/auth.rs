//! Who is asking: the bearer token of the `Authorization` header (RFC 6750 §2.1). Knows nothing of
//! how tokens are stored.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::error::Failure;
use super::router::Access;
use crate::service::Scope;

/// The token that a request presents.
///
/// # Errors
/// 401 without a token, with another scheme, or with two `Authorization` headers.
pub fn presented(headers: &HeaderMap) -> Result<&str, Failure> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Failure::no_token());
    };
    let text = value.to_str().map_err(|_| Failure::no_token())?;
    let (scheme, token) = text.trim().split_once(' ').ok_or_else(Failure::no_token)?;
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Failure::no_token());
    }
    Ok(token.trim())
}

/// Whether a token of this scope may do that.
///
/// # Errors
/// 403 when a `read` token wants to write.
pub fn allow(scope: Scope, access: Access) -> Result<(), Failure> {
    match (scope, access) {
        (Scope::Read, Access::Write) => Err(Failure::insufficient_scope()),
        (Scope::Read, Access::Read) | (Scope::Provision, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

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
}
