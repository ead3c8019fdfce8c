//! Percent-decoding of paths and query strings, strictly: what doesn't decode is an error, never a
//! replacement character that a filter would then look up. Knows no SCIM parameter by name.

use percent_encoding::percent_decode_str;

use crate::scim;

/// Decodes a query string (`application/x-www-form-urlencoded`) into its pairs, in order.
///
/// Entra encodes a space as `+` or `%20`.
///
/// # Errors
/// 400 `invalidValue` when a percent sign isn't followed by two hexadecimal digits, or the bytes
/// aren't UTF-8.
pub fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, scim::Error> {
    query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key =
                decode(&key.replace('+', " ")).map_err(|fault| fault.within("a query key"))?;
            let value = decode(&value.replace('+', " "))
                .map_err(|fault| fault.within(&format!("the query parameter {key:?}")))?;
            Ok((key, value))
        })
        .collect()
}

/// Decodes one segment of a path. A plus sign is itself there.
///
/// # Errors
/// 400 `invalidValue`, as [`pairs`].
pub fn segment(text: &str) -> Result<String, scim::Error> {
    decode(text).map_err(|fault| fault.within("the path"))
}

enum Fault {
    Escape,
    Utf8,
}

impl Fault {
    fn within(self, place: &str) -> scim::Error {
        scim::Error::invalid_value(match self {
            Self::Escape => format!(
                "In {place}, a percent sign is not followed by two hexadecimal digits. \
                 Write a literal percent sign as %25."
            ),
            Self::Utf8 => format!("In {place}, the percent-encoded bytes are not valid UTF-8."),
        })
    }
}

fn decode(text: &str) -> Result<String, Fault> {
    // What is no escape is left as it stands by the library.
    let escapes = |rest: &str| {
        let digits = rest.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(escapes) {
        return Err(Fault::Escape);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Fault::Utf8)?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_space() {
        let decoded =
            pairs(Some("filter=userName+eq%20%22ana%2Bx@corp.test%22&flag&&a=b=c")).unwrap();
        let expected = [("filter", "userName eq \"ana+x@corp.test\""), ("flag", ""), ("a", "b=c")];
        assert_eq!(decoded, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert!(pairs(None).unwrap().is_empty());
    }

    #[test]
    fn what_does_not_decode_is_refused() {
        for query in ["a=%", "a=%4", "a=%zz", "a=%ff", "%c3=1", "a=%e2%28%a1", "a=%+1"] {
            let error = pairs(Some(query)).unwrap_err();
            assert_eq!((error.status, error.scim_type), (400, Some(scim::ScimType::InvalidValue)));
        }
    }

    #[test]
    fn a_plus_in_a_path_is_a_plus() {
        assert_eq!(segment("a+b%2Fc").unwrap(), "a+b/c");
        assert!(segment("%f").is_err());
    }
}
