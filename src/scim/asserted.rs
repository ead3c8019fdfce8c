//! What a client asserted about a resource: the parts it set, cleared or replaced, and no others.
//! Drift is measured against this, so a PATCH of one attribute must not claim its neighbours.

use std::collections::BTreeSet;

use serde_json::Value;

use super::elements;
use super::patch_path::Selection;
use super::path::AttributePath;
use super::resource::Resource;
use super::resource_type::ResourceType;
use super::schema::{self, Resolved};

/// A set of parts of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asserted(BTreeSet<Selection>);

impl Asserted {
    /// Everything a resource can have, as a PUT asserts it (RFC 7644 §3.5.1).
    pub fn everything() -> Self {
        let mut all = Self::default();
        all.insert(Selection { schema: None, attribute: None, element: None, sub: None });
        for urn in ResourceType::ALL.into_iter().flat_map(schema::extensions).map(|one| one.id) {
            all.insert(Selection { schema: Some(urn), attribute: None, element: None, sub: None });
        }
        all
    }

    /// Whether the client set or cleared this value, or replaced what it is part of.
    pub fn covers(&self, path: &AttributePath) -> bool {
        let path = Selection::from(path);
        self.0.iter().any(|part| {
            part.schema == path.schema
                && (part.attribute.is_none() || part.attribute == path.attribute)
                && (part.element.is_none() || part.element == path.element)
                && (part.sub.is_none() || part.sub == path.sub)
        })
    }

    /// Whether nothing was asserted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what another request asserted.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn insert(&mut self, part: Selection) {
        self.0.insert(part);
    }

    /// The whole attribute, or the part of it that was named.
    pub(super) fn insert_resolved(&mut self, of: Resolved) {
        self.insert(Selection {
            schema: of.schema,
            attribute: Some(of.attribute.name),
            element: None,
            sub: of.sub.map(|sub| sub.name),
        });
    }

    /// One part of an element of this folded type, or all of the element.
    pub(super) fn insert_element(&mut self, of: Resolved, folded_type: String) {
        self.insert(Selection {
            schema: of.schema,
            attribute: Some(of.attribute.name),
            element: Some(folded_type),
            sub: of.sub.map(|sub| sub.name),
        });
    }

    /// All of this element, if it says anything.
    pub(super) fn insert_element_of(&mut self, of: Resolved, element: &Value) {
        let says = |parts: &serde_json::Map<String, Value>| parts.values().any(|it| !it.is_null());
        if element.as_object().is_some_and(says) {
            self.insert_element(of, elements::folded_type(element));
        }
    }

    /// Every part that a value of the attribute holds.
    pub(super) fn insert_value(&mut self, of: Resolved, value: &Value) {
        match value {
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    let folded_type = elements::folded_type(item);
                    for sub in present(of, item) {
                        self.insert_element(sub, folded_type.clone());
                    }
                }
            }
            Value::Object(_) => present(of, value).for_each(|sub| self.insert_resolved(sub)),
            _ => self.insert_resolved(of),
        }
    }
}

fn present(of: Resolved, parts: &Value) -> impl Iterator<Item = Resolved> {
    let subs = of.attribute.subs.iter();
    subs.filter(move |sub| parts.get(sub.name).is_some()).map(move |sub| of.with_sub(Some(sub)))
}

/// What a POST of this resource asserts: what it holds, explicit nulls included.
pub fn asserted_by(resource: &Resource) -> Asserted {
    let mut asserted = Asserted::default();
    for (name, value) in resource {
        let extension = ResourceType::ALL
            .into_iter()
            .find_map(|kind| schema::extension(kind, name).map(|schema| (kind, schema)));
        match (extension, value) {
            (Some((_, schema)), Value::Object(attributes)) => {
                for (name, value) in attributes {
                    if let Some(attribute) = schema.attribute(name) {
                        let of = Resolved { schema: Some(schema.id), attribute, sub: None };
                        asserted.insert_value(of, value);
                    }
                }
            }
            (Some((_, schema)), _) => asserted.insert(Selection {
                schema: Some(schema.id),
                attribute: None,
                element: None,
                sub: None,
            }),
            (None, _) => {
                let found = ResourceType::ALL.into_iter().find_map(|kind| {
                    schema::find(kind, None, name).filter(|of| of.schema.is_none())
                });
                if let Some(of) = found {
                    asserted.insert_value(of, value);
                }
            }
        }
    }
    asserted
}
