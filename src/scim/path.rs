//! A path to exactly one simple value of a resource: what a profile maps to a column. Owns the
//! canonical spelling and how the value is read from and written into a JSON document; knows
//! nothing of columns.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde_json::{Map, Value};

use super::elements;
use super::error::Error;
use super::fold::fold;
use super::patch_path::{self, Selection};
use super::resource::in_holder;
use super::resource_type::ResourceType;
use super::schema::{self, Attribute, AttributeKind, Resolved};

static NULL: Value = Value::Null;

/// `userName`, `name.givenName`, `phoneNumbers[type eq "work"].value` or
/// `urn:…:enterprise:2.0:User:department`.
#[derive(Debug, Clone)]
pub struct AttributePath {
    resolved: Resolved,
    element: Option<ElementType>,
}

/// The `type` that picks an element of a multi-valued attribute; compared folded.
#[derive(Debug, Clone)]
struct ElementType {
    written: String,
    folded: String,
}

impl AttributePath {
    /// Whether it is this attribute as a whole, of the core schema or common to all: `userName`.
    pub fn is(&self, attribute: &str) -> bool {
        let Resolved { schema, attribute: own, sub } = self.resolved;
        own.name == attribute && self.element.is_none() && schema.is_none() && sub.is_none()
    }

    /// Parses a profile's key: names in any case, core URNs accepted.
    ///
    /// # Errors
    /// A sentence for the person who wrote the profile, when `text` names no attribute (with the
    /// near misses), more or less than one simple value, or what only the service may write.
    pub fn parse(kind: ResourceType, text: &str) -> Result<Self, String> {
        let path = Self::locate(kind, text)?;
        if path.resolved.attribute.is_read_only() || path.definition().is_read_only() {
            return Err(format!(
                "`{path}` is readOnly: the service itself makes it, so no column can carry it; \
                 remove the entry"
            ));
        }
        if path.definition().returned == schema::Returned::Never {
            return Err(format!("`{path}` is never stored; remove the entry"));
        }
        Ok(path)
    }

    /// As [`Self::parse`], for reading: `id`, `meta.created` and the like are paths too.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn locate(kind: ResourceType, text: &str) -> Result<Self, String> {
        let target = patch_path::parse(kind, text).map_err(|it| Error::from(it).detail)?;
        let resolved = target.resolved;
        let Some(filter) = &target.filter else {
            return Self::single(resolved).ok_or_else(|| not_one(resolved));
        };
        let Some(element) = elements::simple_type(filter) else {
            return Err(format!(
                "`{text}` must pick its element by `type` alone, as in \
                 `{}[type eq \"work\"].value`",
                resolved.attribute.name
            ));
        };
        if resolved.sub.is_none() {
            return Err(not_one(resolved));
        }
        Ok(Self::of_element(resolved, element))
    }

    /// The path of a single-valued simple attribute, or of a part of a single-valued complex one;
    /// `None` for anything else.
    pub fn single(resolved: Resolved) -> Option<Self> {
        let simple = resolved.leaf().kind != AttributeKind::Complex;
        (simple && !resolved.attribute.multi_valued).then_some(Self { resolved, element: None })
    }

    /// The path of `resolved.sub` (`value` when there is none) in the element of this `type`.
    pub fn of_element(resolved: Resolved, element: &str) -> Self {
        let sub = resolved.sub.or_else(|| resolved.attribute.sub("value"));
        let canonical = resolved.attribute.sub("type").and_then(|definition| {
            definition.canonical_values.iter().find(|known| known.eq_ignore_ascii_case(element))
        });
        let written = canonical.map_or_else(|| element.to_owned(), |known| (*known).to_owned());
        let folded = fold(&written);
        Self { resolved: resolved.with_sub(sub), element: Some(ElementType { written, folded }) }
    }

    /// The schema's entry for the value the path points at.
    pub fn definition(&self) -> &'static Attribute {
        self.resolved.leaf()
    }

    /// The attribute and its part, without the element.
    pub fn resolved(&self) -> Resolved {
        self.resolved
    }

    /// The `type` of the element it points into, as the path spells it.
    pub fn element(&self) -> Option<&str> {
        self.element.as_ref().map(|element| element.written.as_str())
    }

    pub(super) fn folded_element(&self) -> Option<&str> {
        self.element.as_ref().map(|element| element.folded.as_str())
    }

    /// The value in `resource`: `None` is absent, `Some(Null)` an explicit null, of the value
    /// itself or of what it is part of (RFC 7643 §2.5 counts an empty array as null).
    pub fn get<'a>(&self, resource: &'a Map<String, Value>) -> Option<&'a Value> {
        let holder = match self.resolved.schema {
            None => resource,
            Some(urn) => match resource.get(urn)? {
                Value::Object(extension) => extension,
                _ => return Some(&NULL),
            },
        };
        let whole = holder.get(self.resolved.attribute.name)?;
        let Some(sub) = self.resolved.sub else {
            return Some(whole);
        };
        match (whole, &self.element) {
            (Value::Object(parts), None) => parts.get(sub.name),
            (Value::Array(items), Some(element)) if !items.is_empty() => items
                .iter()
                .filter(|item| elements::has_type(item, &element.folded))
                .find_map(|item| item.get(sub.name)),
            _ => Some(&NULL),
        }
    }

    /// Writes the value, creating what it is part of; `None` removes it, and with it what becomes
    /// empty. An element of which only its `type` is left counts as empty.
    pub fn set(&self, resource: &mut Map<String, Value>, value: Option<Value>) {
        in_holder(resource, self.resolved.schema, |holder| {
            self.set_in(holder, value);
        });
    }

    fn set_in(&self, holder: &mut Map<String, Value>, value: Option<Value>) {
        let name = self.resolved.attribute.name;
        let Some(sub) = self.resolved.sub else {
            put(holder, name, value);
            return;
        };
        let whole = holder.remove(name);
        let whole = match &self.element {
            None => {
                let mut parts = match whole {
                    Some(Value::Object(parts)) => parts,
                    _ => Map::new(),
                };
                put(&mut parts, sub.name, value);
                (!parts.is_empty()).then_some(Value::Object(parts))
            }
            Some(element) => {
                let mut items = match whole {
                    Some(Value::Array(items)) => items,
                    _ => Vec::new(),
                };
                set_in_element(&mut items, element, sub.name, value);
                (!items.is_empty()).then_some(Value::Array(items))
            }
        };
        put(holder, name, whole);
    }

    fn key(&self) -> (Option<&str>, &str, Option<&str>, Option<&str>) {
        (
            self.resolved.schema,
            self.resolved.attribute.name,
            self.folded_element(),
            self.resolved.sub.map(|sub| sub.name),
        )
    }
}

fn put(holder: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            holder.insert(name.to_owned(), value);
        }
        None => {
            holder.remove(name);
        }
    }
}

fn set_in_element(items: &mut Vec<Value>, element: &ElementType, sub: &str, value: Option<Value>) {
    let Some(value) = value else {
        for item in items.iter_mut().filter(|item| elements::has_type(item, &element.folded)) {
            if let Some(parts) = item.as_object_mut() {
                parts.remove(sub);
            }
        }
        items
            .retain(|item| !elements::has_type(item, &element.folded) || !elements::is_empty(item));
        return;
    };
    // The element that `get` reads, else the first of that type.
    let holds = |item: &Value| elements::has_type(item, &element.folded) && item.get(sub).is_some();
    let at = items
        .iter()
        .position(holds)
        .or_else(|| items.iter().position(|item| elements::has_type(item, &element.folded)));
    let found = at.and_then(|at| items.get_mut(at)).and_then(Value::as_object_mut);
    if let Some(parts) = found {
        parts.insert(sub.to_owned(), value);
    } else {
        let mut parts = Map::new();
        parts.insert("type".to_owned(), Value::String(element.written.clone()));
        parts.insert(sub.to_owned(), value);
        items.push(Value::Object(parts));
    }
}

fn not_one(resolved: Resolved) -> String {
    let attribute = resolved.attribute;
    let example = if attribute.multi_valued {
        let sub = resolved.sub.map_or("value", |sub| sub.name);
        format!("`{attribute_path}[type eq \"work\"].{sub}`", attribute_path = attribute.name)
    } else {
        let parts: Vec<String> = attribute
            .subs
            .iter()
            .map(|sub| format!("`{}`", resolved.with_sub(Some(sub))))
            .collect();
        parts.join(", ")
    };
    format!("`{resolved}` is not one simple value; write {example}")
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(element) = &self.element else {
            return self.resolved.fmt(f);
        };
        // As a JSON string, the form in which the parser reads it back.
        let quoted = Value::String(element.written.clone());
        write!(f, "{}[type eq {quoted}]", self.resolved.with_sub(None))?;
        match self.resolved.sub {
            Some(sub) => write!(f, ".{}", sub.name),
            None => Ok(()),
        }
    }
}

impl PartialEq for AttributePath {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for AttributePath {}

impl PartialOrd for AttributePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AttributePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for AttributePath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl From<&AttributePath> for Selection {
    fn from(path: &AttributePath) -> Self {
        Self {
            schema: path.resolved.schema,
            attribute: Some(path.resolved.attribute.name),
            element: path.folded_element().map(str::to_owned),
            sub: path.resolved.sub.map(|sub| sub.name),
        }
    }
}
