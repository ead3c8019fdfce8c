//! Conditional requests (RFC 7644 §3.14, RFC 9110 §13): what `If-Match` and `If-None-Match` say of a
//! representation, in the one order that there is. Knows neither headers nor what a tag is made of.

use super::error::Error;
use super::representation::Representation;
use crate::scim;

/// What a request demands of the version that is there.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// `If-Match`
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`
    pub if_none_match: Option<EntityTags>,
}

/// What such a header names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: whatever is there.
    Any,
    /// These, without what makes them weak: comparison is weak here (RFC 9110 §8.8.3.2).
    Named(Vec<String>),
}

/// What follows where no precondition fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The request is carried out.
    Proceed,
    /// `If-None-Match` names what is there: 304 for a read, 412 for a write.
    Unchanged,
}

impl EntityTags {
    /// Reads a header's value, `*` or a list of `W/"…"` and `"…"`. What is neither names nothing.
    pub fn parse(text: &str) -> Self {
        let mut named = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
            if rest.is_empty() {
                return Self::Named(named);
            }
            let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"');
            // A tag may hold commas.
            let tag = quoted.and_then(|quoted| quoted.split_once('"'));
            let element = match tag {
                Some((tag, after)) => {
                    rest = after;
                    named.push(tag.to_owned());
                    continue;
                }
                None => rest.split(',').next().unwrap_or_default(),
            };
            if element.trim() == "*" {
                return Self::Any;
            }
            rest = rest.get(element.len()..).unwrap_or_default();
        }
    }

    fn hold(&self, current: &Representation) -> bool {
        match self {
            Self::Any => true,
            Self::Named(tags) => tags.iter().any(|tag| current.is_tagged(tag)),
        }
    }
}

impl Conditions {
    /// Whether anything is to be compared.
    pub(super) fn stated(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }

    /// `If-Match` first, then `If-None-Match` (RFC 9110 §13.2.2).
    ///
    /// # Errors
    /// 412 when `If-Match` names other versions.
    pub(super) fn evaluate(&self, current: &Representation) -> Result<Outcome, Error> {
        if self.if_match.as_ref().is_some_and(|tags| !tags.hold(current)) {
            return Err(failed("If-Match names another version", current));
        }
        if self.if_none_match.as_ref().is_some_and(|tags| tags.hold(current)) {
            return Ok(Outcome::Unchanged);
        }
        Ok(Outcome::Proceed)
    }

    /// The same for a write, which an unchanged version refuses.
    ///
    /// # Errors
    /// 412
    pub(super) fn allow(&self, current: &Representation) -> Result<(), Error> {
        match self.evaluate(current)? {
            Outcome::Proceed => Ok(()),
            Outcome::Unchanged => Err(failed("If-None-Match names this version", current)),
        }
    }
}

fn failed(why: &str, current: &Representation) -> Error {
    let version = &current.etag;
    scim::Error::precondition_failed(format!("{why}: the resource's version is {version}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_tag_by_tag() {
        let named = |tags: &[&str]| EntityTags::Named(tags.iter().map(|&it| it.into()).collect());
        for (text, wanted) in [
            ("W/\"a\"", named(&["a"])),
            ("\"a\", W/\"b\" ,\"c\"", named(&["a", "b", "c"])),
            ("\"a,b\", \"c\"", named(&["a,b", "c"])),
            (" , \"\" ,", named(&[""])),
            ("\"a\"\"b\"", named(&["a", "b"])),
            ("a, \"b\"", named(&["b"])),
            ("w/\"a\"", named(&[])),
            ("\"a", named(&[])),
            ("", named(&[])),
            ("*", EntityTags::Any),
            ("\"a\", *", EntityTags::Any),
            ("\"*\"", named(&["*"])),
        ] {
            assert_eq!(EntityTags::parse(text), wanted, "{text}");
        }
    }
}
