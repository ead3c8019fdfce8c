//! The PATCH path (RFC 7644 §3.5.2): `attrPath`, `attrPath[valFilter]`, `attrPath[valFilter].sub`,
//! by `scim_v2`'s grammar, resolved against the schemas. Also what a path selects, as a value to
//! remember ([`Selection`]).

use super::filter::{self, AttrExp, PatchPath, ValFilter};
use super::filter_text;
use super::schema::{self, Resolved};
use super::{Error, FilterLimits, ResourceType};

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
const LIMITS: FilterLimits = FilterLimits { length: 64 * 1024, depth: 16 };

/// Parses and resolves a path.
///
/// # Errors
/// 400 `invalidPath`, naming the path and what is close to it.
pub(super) fn parse(kind: ResourceType, text: &str) -> Result<Target, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid_path("the path is empty; name an attribute, as in `userName`"));
    }
    // `$ref` is an attribute name of RFC 7643 that RFC 7644's grammar can't spell.
    let (text, reference) = match text.strip_suffix(".$ref") {
        Some(parent) => (parent, Some("$ref")),
        None => (text, None),
    };
    let (attr, filter, sub) = match split(kind, text)? {
        PatchPath::Attr(path) => (path, None, None),
        PatchPath::Value(path) => (path.attr, Some(path.filter), path.sub_attr),
    };
    let unknown = || Error::invalid_path(schema::unknown(kind, text));
    let whole = schema::find(kind, attr.uri.as_deref(), &attr.name).ok_or_else(unknown)?;
    let mut subs = [attr.sub_attr.as_deref(), sub.as_deref(), reference].into_iter().flatten();
    let resolved = match (subs.next(), subs.next()) {
        (None, _) => whole,
        (Some(name), None) => whole.with_sub(Some(part(whole, name)?)),
        (Some(_), Some(_)) => {
            return Err(Error::invalid_path(format!(
                "`{text}` goes deeper than SCIM does: a path ends at a sub-attribute, as in \
                 `name.givenName`"
            )));
        }
    };
    if let Some(filter) = &filter {
        if !whole.attribute.multi_valued {
            return Err(Error::invalid_path(format!(
                "`{whole}` has one value, so a filter in brackets can't pick from it; write \
                 `{resolved}`"
            )));
        }
        prove(whole, filter)?;
    }
    Ok(Target { resolved, filter })
}

fn split(kind: ResourceType, text: &str) -> Result<PatchPath, Error> {
    let invalid = |problem: String| {
        Error::invalid_path(format!(
            "the path `{}` can't be read: {problem}",
            filter_text::excerpt(text)
        ))
    };
    let canonical = match text.split_once('[') {
        None => text.to_owned(),
        Some((attr, rest)) => {
            let (inner, tail) = rest.rsplit_once(']').ok_or_else(|| {
                invalid(
                    "`[` is never closed; write it as in `emails[type eq \"work\"].value`".into(),
                )
            })?;
            let inner = filter_text::normalise(inner, LIMITS).map_err(invalid)?;
            format!("{}[{inner}]{}", attr.trim(), tail.trim())
        }
    };
    canonical.parse().map_err(|error| match schema_of(kind, &canonical) {
        Some(problem) => Error::invalid_path(problem),
        None => invalid(filter::explain(&canonical, &error)),
    })
}

/// A path that isn't one for its characters alone may still be a name someone meant.
fn schema_of(kind: ResourceType, text: &str) -> Option<String> {
    let plain =
        text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '/'));
    plain.then(|| schema::unknown(kind, text))
}

fn part(whole: Resolved, name: &str) -> Result<&'static schema::Attribute, Error> {
    whole.attribute.sub(name).ok_or_else(|| {
        let subs: Vec<&str> = whole.attribute.subs.iter().map(|sub| sub.name).collect();
        Error::invalid_path(if subs.is_empty() {
            format!("`{whole}` has no sub-attributes, so `{whole}.{name}` names nothing")
        } else {
            format!("`{name}` is not a sub-attribute of `{whole}`; it has {}", subs.join(", "))
        })
    })
}

fn prove(whole: Resolved, filter: &ValFilter) -> Result<(), Error> {
    filter::each_term(filter, &mut |term| {
        let (AttrExp::Present(path) | AttrExp::Comparison(path, ..)) = term;
        if path.uri.is_some() || path.sub_attr.is_some() {
            return Err(Error::invalid_path(format!(
                "in brackets, `{path}` must be a plain sub-attribute of `{whole}`, as in \
                 `[type eq \"work\"]`"
            )));
        }
        if filter::holds_nul(term) {
            return Err(Error::invalid_path(format!(
                "the filter on `{whole}` compares with a NUL character, which can't be stored"
            )));
        }
        part(whole, &path.name).map(|_| ())
    })
}
