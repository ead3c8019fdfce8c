//! The PATCH path (RFC 7644 §3.5.2): `attrPath`, `attrPath[valFilter]`, `attrPath[valFilter].sub`,
//! resolved against the schemas. Also what a path selects, as a value to remember ([`Selection`]).

use super::error::{Error, excerpt};
use super::filter::{Name, ValFilter};
use super::grammar::{Fault, FilterLimits, Reader};
use super::resource_type::ResourceType;
use super::schema::{self, Resolved};

/// What a path points at: proved against the schema.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub resolved: Resolved,
    /// Only on multi-valued attributes; every name in it is one of the attribute's parts.
    pub filter: Option<ValFilter>,
}

/// A part of a resource, for remembering what was written. What is `None` means all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Selection {
    pub schema: Option<&'static str>,
    pub attribute: Option<&'static str>,
    /// The folded `type` of the element.
    pub element: Option<String>,
    pub sub: Option<&'static str>,
}

/// A path may name many members, but is no place for a document.
const LIMITS: FilterLimits = FilterLimits { length: 64 * 1024, depth: 16, terms: 1024 };

/// Why a path points at nothing.
#[derive(Debug)]
pub(super) enum Nowhere {
    /// It is a path, of an attribute or a part of one that no schema knows.
    Unknown(Error),
    /// It is no path.
    Malformed(Error),
}

impl From<Nowhere> for Error {
    fn from(nowhere: Nowhere) -> Self {
        match nowhere {
            Nowhere::Unknown(error) | Nowhere::Malformed(error) => error,
        }
    }
}

impl From<Error> for Nowhere {
    fn from(error: Error) -> Self {
        Self::Malformed(error)
    }
}

/// Parses and resolves a path.
///
/// # Errors
/// 400 `invalidPath`, naming the path and what is close to it.
pub(super) fn parse(kind: ResourceType, text: &str) -> Result<Target, Nowhere> {
    let text = text.trim();
    if text.is_empty() {
        let empty = "the path is empty; name an attribute, as in `userName`";
        return Err(Error::invalid_path(empty).into());
    }
    let (whole, [sub, behind], filter) = read(kind, text)?;
    let resolved = match (sub, behind) {
        (None, None) => whole,
        (Some(sub), None) | (None, Some(sub)) => whole.with_sub(Some(part(whole, sub)?)),
        (Some(_), Some(_)) => {
            return Err(Error::invalid_path(format!(
                "`{text}` goes deeper than SCIM does: a path ends at a sub-attribute, as in \
                 `name.givenName`"
            ))
            .into());
        }
    };
    if let Some(filter) = &filter {
        if !whole.attribute.multi_valued {
            return Err(Error::invalid_path(format!(
                "`{whole}` has one value, so a filter in brackets can't pick from it; write \
                 `{resolved}`"
            ))
            .into());
        }
        filter.each(&mut |term| match term.path().resolved() {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::invalid_path(error.detail)),
        })?;
    }
    Ok(Target { resolved, filter })
}

/// The attribute, the parts named before and behind the brackets, and what is in these.
type Pieces<'t> = (Resolved, [Option<&'t str>; 2], Option<ValFilter>);

fn read(kind: ResourceType, text: &str) -> Result<Pieces<'_>, Nowhere> {
    let invalid = |fault: Fault| Error::invalid_path(format!("the path {}", fault.told(text)));
    let unknown = || Nowhere::Unknown(Error::invalid_path(schema::unknown(kind, text)));
    let mut reader = Reader::new(text, LIMITS).map_err(invalid)?;
    let word = reader.word().map_err(invalid)?.unwrap_or_default();
    let Some(name) = Name::split(word) else {
        // What isn't one for its characters alone may still be a name someone meant.
        return Err(if word == text && is_plain(word) {
            if is_deep(word) { Error::from(unknown()).into() } else { unknown() }
        } else {
            let (text, word) = (excerpt(text), excerpt(word));
            let problem = format!("`{word}` at its beginning is no attribute's name");
            Error::invalid_path(format!("the path `{text}` can't be read: {problem}")).into()
        });
    };
    let Some(whole) = schema::find(kind, name.uri, name.attribute) else {
        // Of what no schema knows, the grammar is still SCIM's; whose parts stand in brackets is all one.
        let common = schema::find(kind, None, "meta").ok_or_else(unknown)?;
        reader.rest_of_path(common).map_err(invalid)?;
        return Err(unknown());
    };
    let (filter, behind) = reader.rest_of_path(whole).map_err(invalid)?;
    Ok((whole, [name.sub, behind], filter))
}

/// Whether a name has parts of parts, which SCIM's grammar hasn't.
fn is_deep(text: &str) -> bool {
    text.rsplit(':').next().unwrap_or_default().matches('.').count() > 1
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '/'))
}

fn part(whole: Resolved, name: &str) -> Result<&'static schema::Attribute, Nowhere> {
    whole.attribute.sub(name).ok_or_else(|| {
        let subs: Vec<&str> = whole.attribute.subs.iter().map(|sub| sub.name).collect();
        if subs.is_empty() {
            let problem = "has no sub-attributes, so";
            Nowhere::Malformed(Error::invalid_path(format!(
                "`{whole}` {problem} `{whole}.{name}` names nothing"
            )))
        } else {
            Nowhere::Unknown(Error::invalid_path(format!(
                "`{name}` is not a sub-attribute of `{whole}`; it has {}",
                subs.join(", ")
            )))
        }
    })
}
