//! Which attributes a response holds: `attributes` and `excludedAttributes` (RFC 7644 §3.9).

use serde_json::{Map, Value};

use super::error::Error;
use super::patch_path::{self, Selection};
use super::resource::{Resource, is_unassigned};
use super::resource_type::ResourceType;
use super::schema::{self, Returned};

/// What of a resource a client wants. The default is what the schemas say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection(Mode);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Whole,
    Only(Vec<Selection>),
    Without(Vec<Selection>),
}

impl Projection {
    /// Reads a query string's pairs; keys in any case, other keys ignored, unknown attributes too.
    ///
    /// # Errors
    /// 400 `invalidValue` when both parameters name attributes.
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(
        kind: ResourceType,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        let (mut only, mut without) = (Vec::new(), Vec::new());
        for (key, value) in pairs {
            let key = key.as_ref();
            let names = value.as_ref().split(',');
            if key.eq_ignore_ascii_case("attributes") {
                only.extend(names.map(str::to_owned));
            } else if key.eq_ignore_ascii_case("excludedAttributes") {
                without.extend(names.map(str::to_owned));
            }
        }
        Self::new(kind, &only, &without)
    }

    /// From the names themselves, as a search request has them.
    ///
    /// # Errors
    /// As [`Self::from_pairs`].
    pub fn new(kind: ResourceType, only: &[String], without: &[String]) -> Result<Self, Error> {
        let named = |names: &[String]| names.iter().any(|name| !name.trim().is_empty());
        let selections = |names: &[String]| {
            names.iter().filter_map(|name| selection(kind, name.trim())).collect()
        };
        match (named(only), named(without)) {
            (true, true) => Err(Error::invalid_value(
                "`attributes` and `excludedAttributes` exclude each other; send one of them",
            )),
            (true, false) => Ok(Self(Mode::Only(selections(only)))),
            (false, true) => Ok(Self(Mode::Without(selections(without)))),
            (false, false) => Ok(Self::default()),
        }
    }

    /// Whether the client named the attributes it wants (RFC 7644 §3.5.2: then a PATCH answers with
    /// them).
    pub fn names_attributes(&self) -> bool {
        matches!(self.0, Mode::Only(_))
    }

    /// Whether any of the top-level attribute `attribute` (`members`, `groups`) will be returned,
    /// so that what isn't needn't be loaded.
    pub fn wants(&self, attribute: &str) -> bool {
        let names = |part: &Selection| {
            part.attribute.is_none_or(|name| name.eq_ignore_ascii_case(attribute))
        };
        match &self.0 {
            Mode::Whole => true,
            Mode::Only(parts) => parts.iter().any(|part| part.schema.is_none() && names(part)),
            Mode::Without(parts) => {
                !parts.iter().any(|part| part.schema.is_none() && part.sub.is_none() && names(part))
            }
        }
    }

    /// Leaves in `resource` what the client wants, and what is always returned.
    pub fn apply(&self, kind: ResourceType, resource: &mut Resource) {
        match &self.0 {
            Mode::Whole => {}
            Mode::Only(parts) => {
                resource.retain(|name, value| match schema::extension(kind, name) {
                    Some(extension) => keep_in(value, |inner| {
                        inner.retain(|name, value| keep(Some(extension.id), name, value, parts));
                    }),
                    None => is_always(kind, name) || keep(None, name, value, parts),
                });
            }
            Mode::Without(parts) => {
                resource.retain(|name, value| match schema::extension(kind, name) {
                    Some(extension) => keep_in(value, |inner| {
                        inner.retain(|name, value| !drops(Some(extension.id), name, value, parts));
                    }),
                    None => is_always(kind, name) || !drops(None, name, value, parts),
                });
            }
        }
    }
}

fn selection(kind: ResourceType, name: &str) -> Option<Selection> {
    let schema = |schema| Selection { schema, attribute: None, element: None, sub: None };
    if name.eq_ignore_ascii_case(kind.schema()) {
        return Some(schema(None));
    }
    if let Some(extension) = schema::extension(kind, name) {
        return Some(schema(Some(extension.id)));
    }
    let of = patch_path::parse(kind, name).ok()?.resolved;
    Some(Selection {
        schema: of.schema,
        attribute: Some(of.attribute.name),
        element: None,
        sub: of.sub.map(|sub| sub.name),
    })
}

fn is_always(kind: ResourceType, name: &str) -> bool {
    schema::find(kind, None, name).is_some_and(|of| of.attribute.returned == Returned::Always)
}

/// Keeps the object if anything is left in it.
fn keep_in(value: &mut Value, change: impl FnOnce(&mut Map<String, Value>)) -> bool {
    match value {
        Value::Object(inner) => {
            change(inner);
            !inner.is_empty()
        }
        _ => true,
    }
}

fn named<'a>(
    schema: Option<&'a str>,
    name: &'a str,
    parts: &'a [Selection],
) -> impl Iterator<Item = Option<&'static str>> + 'a {
    parts
        .iter()
        .filter(move |part| {
            part.schema == schema && part.attribute.is_none_or(|attribute| attribute == name)
        })
        .map(|part| part.sub)
}

fn keep(schema: Option<&str>, name: &str, value: &mut Value, parts: &[Selection]) -> bool {
    let subs: Vec<Option<&str>> = named(schema, name, parts).collect();
    if subs.is_empty() {
        return false;
    }
    if !subs.contains(&None) {
        each_object(value, &mut |inner| {
            inner.retain(|sub, _| subs.contains(&Some(sub)));
        });
    }
    !is_unassigned(value)
}

fn drops(schema: Option<&str>, name: &str, value: &mut Value, parts: &[Selection]) -> bool {
    let subs: Vec<Option<&str>> = named(schema, name, parts).collect();
    if subs.is_empty() {
        return false;
    }
    if subs.contains(&None) {
        return true;
    }
    each_object(value, &mut |inner| {
        inner.retain(|sub, _| !subs.contains(&Some(sub)));
    });
    is_unassigned(value)
}

fn each_object(value: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(inner) => change(inner),
        Value::Array(items) => {
            for item in items.iter_mut() {
                if let Value::Object(inner) = item {
                    change(inner);
                }
            }
            items.retain(|item| !is_unassigned(item));
        }
        _ => {}
    }
}
