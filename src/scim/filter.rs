//! A filter (RFC 7644 §3.4.2.2) as a tree, its names resolved against the schemas where it was read.
//! The types are called as the RFC's grammar calls them. Compiles nothing: what a filter means in a
//! database is the mapper's.

use std::fmt;

use serde_json::{Number, Value};

use super::error::Error;
use super::resource_type::ResourceType;
use super::schema::{self, Attribute, AttributeKind, Resolved};

/// Conditions joined by `not`, `and` and `or`. What `and` or `or` joins is two conditions at least,
/// none of which is joined by the same word: see [`Logic::all`] and [`Logic::any`].
#[derive(Debug, Clone, PartialEq)]
pub enum Logic<T> {
    /// One condition.
    Is(T),
    /// Not this.
    Not(Box<Self>),
    /// All of these.
    And(Vec<Self>),
    /// Any of these.
    Or(Vec<Self>),
}

/// `FILTER`: conditions on a resource.
pub type Filter = Logic<Condition>;

/// `valFilter`: conditions on one element of an attribute.
pub type ValFilter = Logic<AttrExp>;

/// One condition on a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// On an attribute.
    Attr(AttrExp),
    /// On an attribute's elements.
    ValuePath(ValuePath),
}

/// `attrExp`
#[derive(Debug, Clone, PartialEq)]
pub enum AttrExp {
    /// `title pr`
    Present(AttrPath),
    /// `title eq "Operator"`
    Comparison(AttrPath, CompareOp, CompValue),
}

/// `valuePath`: `emails[type eq "work"]`
#[derive(Debug, Clone, PartialEq)]
pub struct ValuePath {
    /// Whose elements.
    pub attr: AttrPath,
    /// Which of them: its names are parts of `attr`.
    pub filter: ValFilter,
}

/// `attrPath`: a name as it was written, and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct AttrPath {
    written: String,
    within: Within,
    resolved: Option<Resolved>,
}

/// What a name is a part of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Within {
    Resource(ResourceType),
    /// In brackets; `None` where the attribute before them is unknown.
    Attribute(Option<Resolved>),
}

/// `compareOp`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// `eq`
    Eq,
    /// `ne`
    Ne,
    /// `co`
    Co,
    /// `sw`
    Sw,
    /// `ew`
    Ew,
    /// `gt`
    Gt,
    /// `ge`
    Ge,
    /// `lt`
    Lt,
    /// `le`
    Le,
}

/// `compValue`
#[derive(Debug, Clone, PartialEq)]
pub enum CompValue {
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
    /// A number.
    Number(Number),
    /// Text.
    Str(String),
}

impl<T> Logic<T> {
    /// All of these, of which there is one at least.
    pub fn all(items: Vec<Self>) -> Self {
        Self::joined(items, Self::And, |item| match item {
            Self::And(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Any of these, of which there is one at least.
    pub fn any(items: Vec<Self>) -> Self {
        Self::joined(items, Self::Or, |item| match item {
            Self::Or(inner) => Ok(inner),
            other => Err(other),
        })
    }

    fn joined(
        items: Vec<Self>,
        join: fn(Vec<Self>) -> Self,
        inner: fn(Self) -> Result<Vec<Self>, Self>,
    ) -> Self {
        let mut flat = Vec::with_capacity(items.len());
        for item in items {
            match inner(item) {
                Ok(inner) => flat.extend(inner),
                Err(other) => flat.push(other),
            }
        }
        match flat.pop() {
            Some(only) if flat.is_empty() => only,
            last => {
                flat.extend(last);
                join(flat)
            }
        }
    }

    /// Calls `visit` with every condition.
    ///
    /// # Errors
    /// The first of `visit`'s.
    pub fn each<E>(&self, visit: &mut dyn FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Is(condition) => visit(condition),
            Self::Not(inner) => inner.each(visit),
            Self::And(items) | Self::Or(items) => items.iter().try_for_each(|it| it.each(visit)),
        }
    }

    /// Levels of `not` and of changes between `and` and `or`; `of` counts a condition's own.
    pub(super) fn depth(&self, of: fn(&T) -> usize) -> usize {
        match self {
            Self::Is(condition) => of(condition),
            Self::Not(inner) => 1 + inner.depth(of),
            Self::And(items) | Self::Or(items) => {
                1 + items.iter().map(|it| it.depth(of)).max().unwrap_or(0)
            }
        }
    }
}

impl Condition {
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Attr(_) => 1,
            Self::ValuePath(path) => 1 + path.filter.depth(|_| 1),
        }
    }
}

impl AttrExp {
    /// What it asks about.
    pub fn path(&self) -> &AttrPath {
        let (Self::Present(path) | Self::Comparison(path, ..)) = self;
        path
    }
}

impl ValuePath {
    /// The attribute whose elements are meant.
    ///
    /// # Errors
    /// 400 `invalidFilter`.
    pub fn whole(&self) -> Result<Resolved, Error> {
        Ok(self.attr.resolved()?.with_sub(None))
    }
}

impl AttrPath {
    /// A name of a resource's attribute: `userName`, `name.givenName`, `urn:…:User:title`.
    pub fn new(kind: ResourceType, written: &str) -> Self {
        let name = Name::split(written);
        let resolved = name.and_then(|name| {
            let whole = schema::find(kind, name.uri, name.attribute)?;
            let Some(sub) = name.sub else { return Some(whole) };
            whole.attribute.sub(sub).map(|sub| whole.with_sub(Some(sub)))
        });
        Self { written: written.to_owned(), within: Within::Resource(kind), resolved }
    }

    /// A name in the brackets behind an attribute; `None` for one that isn't known.
    pub fn part(whole: Option<Resolved>, written: &str) -> Self {
        let resolved = whole.and_then(|whole| {
            let sub = whole.attribute.sub(written)?;
            Some(whole.with_sub(Some(sub)))
        });
        Self { written: written.to_owned(), within: Within::Attribute(whole), resolved }
    }

    /// The attribute itself, without its part.
    pub(super) fn attribute(&self) -> Option<Resolved> {
        self.resolved.map(|resolved| resolved.with_sub(None))
    }

    /// The part that it names.
    pub(super) fn sub(&self) -> Option<&'static Attribute> {
        self.resolved.and_then(|resolved| resolved.sub)
    }

    /// What the name means. A complex attribute with a `value` and no named part means that `value`,
    /// as in `members eq "7"`.
    ///
    /// # Errors
    /// 400 `invalidFilter`, naming the path and what is close to it.
    pub fn resolved(&self) -> Result<Resolved, Error> {
        let resolved = self.resolved.ok_or_else(|| Error::invalid_filter(self.unknown()))?;
        Ok(resolved.with_sub(resolved.sub.or_else(|| resolved.attribute.sub("value"))))
    }

    fn unknown(&self) -> String {
        let written = &self.written;
        match self.within {
            Within::Resource(kind) => {
                let unknown = schema::unknown(kind, written);
                let name = Name::split(written);
                let found = name.and_then(|name| {
                    Some((schema::find(kind, name.uri, name.attribute)?, name.sub?))
                });
                match found {
                    Some((whole, sub)) => {
                        format!("`{sub}` is not a sub-attribute of `{whole}`: {unknown}")
                    }
                    None => unknown,
                }
            }
            Within::Attribute(Some(whole)) => {
                let subs: Vec<&str> = whole.attribute.subs.iter().map(|sub| sub.name).collect();
                format!(
                    "`{written}` is not a sub-attribute of `{whole}`; in brackets it can be {}",
                    subs.join(", ")
                )
            }
            Within::Attribute(None) => {
                format!("`{written}` is part of an attribute that isn't known")
            }
        }
    }
}

/// The pieces of an `attrPath`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'t> {
    pub uri: Option<&'t str>,
    pub attribute: &'t str,
    pub sub: Option<&'t str>,
}

impl<'t> Name<'t> {
    /// `[URI ":"] ATTRNAME *1subAttr`; `None` for a text that isn't one. `$ref`, which RFC 7643 has
    /// and RFC 7644's grammar can't spell, is a name too.
    pub fn split(text: &'t str) -> Option<Self> {
        let (uri, rest) = match text.rsplit_once(':') {
            Some((uri, rest)) => (Some(uri), rest),
            None => (None, text),
        };
        let (attribute, sub) = match rest.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (rest, None),
        };
        let proper = uri.is_none_or(is_uri) && is_name(attribute) && sub.is_none_or(is_name);
        proper.then_some(Self { uri, attribute, sub })
    }
}

fn is_uri(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"_:.-".contains(&c))
}

fn is_name(text: &str) -> bool {
    text == "$ref"
        || text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c))
}

impl CompareOp {
    /// All, in the order in which messages list them.
    pub(super) const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

impl CompValue {
    /// A boolean, or Entra's quoted one.
    pub(super) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Str(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Str(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

/// The value as the attribute's type has it: text for a number compared with a string (`id eq 7`),
/// a boolean for Entra's quoted one.
///
/// # Errors
/// 400 `invalidFilter` when the attribute can't have that value.
pub fn typed(resolved: Resolved, value: &CompValue) -> Result<Value, Error> {
    let leaf = resolved.leaf();
    let typed = match (leaf.kind, value) {
        (_, CompValue::Null) => Some(Value::Null),
        (AttributeKind::Boolean, value) => value.as_bool().map(Value::Bool),
        (AttributeKind::Integer | AttributeKind::Decimal, CompValue::Number(number)) => {
            Some(Value::Number(number.clone()))
        }
        (AttributeKind::Integer | AttributeKind::Decimal | AttributeKind::Complex, _) => None,
        (_, CompValue::Str(text)) => Some(Value::String(text.clone())),
        (_, CompValue::Number(number)) => Some(Value::String(number.to_string())),
        (_, CompValue::Bool(value)) => Some(Value::String(value.to_string())),
    };
    typed.ok_or_else(|| {
        Error::invalid_filter(format!(
            "`{resolved}` is of type {} and can't be compared with {value}",
            leaf.kind.as_str()
        ))
    })
}

impl<T: fmt::Display> fmt::Display for Logic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, items: &[Self], word: &str| {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    f.write_str(word)?;
                }
                match (self, item) {
                    // `and` binds more tightly.
                    (Self::And(_), Self::Or(_)) => write!(f, "({item})")?,
                    _ => item.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Self::Is(condition) => condition.fmt(f),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::And(items) => joined(f, items, " and "),
            Self::Or(items) => joined(f, items, " or "),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attr(term) => term.fmt(f),
            Self::ValuePath(path) => write!(f, "{}[{}]", path.attr, path.filter),
        }
    }
}

impl fmt::Display for AttrExp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Comparison(path, op, value) => write!(f, "{path} {} {value}", op.as_str()),
        }
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Display for CompValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Null => f.write_str("null"),
            Self::Number(number) => number.fmt(f),
            Self::Str(text) => Value::from(text.as_str()).fmt(f),
        }
    }
}
