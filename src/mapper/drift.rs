//! Whether a legacy row still says what a client asserted: the reconciler's view of one attribute.
//!
//! Not a comparison of texts: what was asserted is brought into the form in which its column would
//! give it back, so that `administrator` against `Administrator`, `2024-01-01T01:00:00+01:00`
//! against the same instant in UTC, or a lookup label in another case is no drift.

use std::sync::Arc;

use serde_json::Value;

use super::cell::Cell;
use super::change::holds_derived;
use super::field::{Encoding, Field, NewValue, fit, scim_text};
use super::layout::{Derived, Layout};
use super::record::Record;
use super::render::{attributes, cleared_to_constant};
use crate::profile::catalogue::Kind;
use crate::profile::model::Missing;
use crate::scim::{ResourceType, fold};

/// What a legacy row says of a mapped attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// NULL, empty text, or the constant that stands for nothing.
    Absent,
    /// A value.
    Value(Value),
    /// Something that the profile can't read, as text.
    Unreadable(String),
}

impl Reading {
    /// The value, or null.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Value(value) => value.clone(),
            Self::Unreadable(text) => Value::String(text.clone()),
        }
    }
}

/// Reads every mapped attribute of a row, in the order of the profile's attributes.
pub fn readings<'l>(
    layout: &'l Layout,
    kind: ResourceType,
    record: &Record,
) -> Vec<(&'l Arc<Field>, Reading)> {
    layout.resource(kind).fields.iter().map(|field| (field, reading(field, record))).collect()
}

/// Reads one mapped attribute of a row, a whole one of the core schema; `None` where the profile doesn't
/// map it.
pub fn reading_of(
    layout: &Layout,
    kind: ResourceType,
    record: &Record,
    attribute: &str,
) -> Option<Reading> {
    layout.resource(kind).whole(attribute).map(|field| reading(field, record))
}

/// Reads one mapped attribute of a row.
pub fn reading(field: &Field, record: &Record) -> Reading {
    if cleared_to_constant(field, record) {
        return Reading::Absent;
    }
    let shown = record.shown(field);
    if let Some(value) = field.to_scim(shown) {
        return Reading::Value(value);
    }
    // A lookup's label is absent where its key points at nothing.
    let held = record.held(field);
    let nothing = *held == Cell::Null || held.to_text().is_some_and(|text| text.is_empty());
    // The agent writes the constant where a client says nothing.
    let constant = holds_constant(field, record);
    let constant = constant || holds_none(field, held);
    // A time that is none reads as absent.
    let constant = constant || matches!(field.encoding, Encoding::Time(_));
    // A lookup's label may be empty.
    let labelled = field.is_looked_up() && *shown != Cell::Null;
    if nothing || constant || labelled {
        Reading::Absent
    } else {
        Reading::Unreadable(held.to_text().unwrap_or_default())
    }
}

/// Whether the row says what was asserted of an attribute. `asserted` is the baseline's value; null:
/// the client said that there is none.
pub fn agrees(field: &Field, asserted: &Value, record: &Record, reading: &Reading) -> bool {
    let actual = match reading {
        Reading::Unreadable(_) => return false,
        Reading::Absent => None,
        Reading::Value(value) => Some(value),
    };
    if asserted.is_null() || asserted.as_str() == Some("") {
        return actual.is_none() || holds_constant(field, record);
    }
    if actual == Some(asserted) {
        return true;
    }
    match &field.encoding {
        Encoding::Lookup(lookup) => {
            let same =
                actual.is_some_and(|label| fold(&scim_text(label)) == fold(&scim_text(asserted)));
            // A label that kpifire lacks was written as the default key.
            let defaulted = match &lookup.missing {
                Missing::Default(key) => record.held(field).is(key),
                Missing::Create | Missing::Reject => false,
            };
            same || defaulted
        }
        Encoding::Switch(_) | Encoding::Row(_) => false,
        _ if !field.is_writable() => true,
        _ => match field.to_legacy(asserted) {
            // `other = "keep"`: the column never held it.
            Ok(None) => true,
            Ok(Some(NewValue::Cell(cell))) => {
                let kind = field.column.kind;
                let kept = field.to_scim(&fit(kind, cell));
                kept.as_ref() == actual
                    || (kind == Kind::Number && same_number(kept.as_ref(), actual))
            }
            Ok(Some(NewValue::Label(_) | NewValue::On(_))) | Err(_) => false,
        },
    }
}

/// A decimal column gives 12.5 back as 12.50.
fn same_number(kept: Option<&Value>, actual: Option<&Value>) -> bool {
    let number = |value: &Value| scim_text(value).parse::<f64>().ok();
    let (kept, actual) = (kept.and_then(number), actual.and_then(number));
    kept.zip(actual).is_some_and(|(kept, actual)| kept.total_cmp(&actual).is_eq())
}

/// Whether the column holds the profile's `[insert]` constant, which stands for nothing.
fn holds_constant(field: &Field, record: &Record) -> bool {
    field.constant.as_ref().is_some_and(|constant| constant.is(record.held(field)))
}

/// The derived columns of a row that don't hold what follows from its attributes: each with what does, and
/// what it holds.
pub fn underived<'l>(
    layout: &'l Layout,
    kind: ResourceType,
    record: &Record,
) -> Vec<(&'l Derived, Cell, Cell)> {
    let rows = layout.resource(kind);
    if rows.derived.is_empty() {
        return Vec::new();
    }
    let (resource, id) = (attributes(layout, kind, record), record.key_text());
    let compared = rows.derived.iter().zip(&record.derived).filter_map(|(derived, held)| {
        let wanted = derived.value(&resource, &id);
        (!holds_derived(held, &wanted)).then(|| (derived, wanted, held.clone()))
    });
    compared.collect()
}

/// Whether a lookup's column holds the key that stands for "none".
fn holds_none(field: &Field, held: &Cell) -> bool {
    let Encoding::Lookup(lookup) = &field.encoding else { return false };
    lookup.none.as_ref().is_some_and(|none| held.is(none))
}

/// Whether the row at the link's key is another one than the link was made for: created after it,
/// and under another name. `asserted` is the name in the baseline.
pub fn recycled(record: &Record, asserted: Option<&str>, actual: Option<&str>) -> bool {
    let (Some(link), Some(created)) = (&record.link, record.created) else { return false };
    let (Some(asserted), Some(actual)) = (asserted, actual) else { return false };
    created > link.created && fold(asserted) != fold(actual)
}
