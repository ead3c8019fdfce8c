//! Whether a legacy row still says what a client asserted: the reconciler's view of one attribute.
//!
//! Not a comparison of texts: what was asserted is brought into the form in which its column would
//! give it back, so that `administrator` against `Administrator`, `2024-01-01T01:00:00+01:00`
//! against the same instant in UTC, or a lookup label in another case is no drift.

use serde_json::Value;

use super::convert::{scim_text, to_legacy, to_scim};
use super::render::cleared_to_constant;
use super::{Cell, Layout, NewValue, Record, fit};
use crate::profile::catalogue::Kind;
use crate::profile::model::{Encoding, Mapping, Missing};
use crate::scim::{AttributePath, ResourceType, fold};

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
pub fn readings(layout: &Layout, kind: ResourceType, record: &Record) -> Vec<Reading> {
    let table = layout.profile.table(kind);
    table
        .attributes
        .iter()
        .zip(&record.cells)
        .map(|((path, mapping), cell)| reading(layout, kind, record, path, mapping, cell))
        .collect()
}

/// Reads one mapped attribute of a row, a whole one of the core schema; `None` where the profile doesn't
/// map it.
pub fn reading_of(
    layout: &Layout,
    kind: ResourceType,
    record: &Record,
    attribute: &str,
) -> Option<Reading> {
    let mut mapped = layout.profile.table(kind).attributes.iter().zip(&record.cells);
    let ((path, mapping), cell) = mapped.find(|((path, _), _)| path.is(attribute))?;
    Some(reading(layout, kind, record, path, mapping, cell))
}

fn reading(
    layout: &Layout,
    kind: ResourceType,
    record: &Record,
    path: &AttributePath,
    mapping: &Mapping,
    cell: &Cell,
) -> Reading {
    let table = layout.profile.table(kind);
    if cleared_to_constant(table, record, path, mapping, cell) {
        return Reading::Absent;
    }
    if let Some(value) = to_scim(path, mapping, cell) {
        return Reading::Value(value);
    }
    // A lookup's cell is its label: a key without one points at nothing.
    let held = record.lookup_keys.get(&mapping.column).unwrap_or(cell);
    let nothing = *held == Cell::Null || held.to_text().is_some_and(|text| text.is_empty());
    // The agent writes the constant where a client says nothing.
    let constant = table.insert.get(&mapping.column).is_some_and(|constant| held.is(constant));
    // A lookup's label may be empty.
    let labelled = mapping.is_looked_up() && *cell != Cell::Null;
    if nothing || constant || labelled {
        Reading::Absent
    } else {
        Reading::Unreadable(held.to_text().unwrap_or_default())
    }
}

/// Whether the row says what was asserted of an attribute. `asserted` is the baseline's value; null:
/// the client said that there is none.
pub fn agrees(
    layout: &Layout,
    kind: ResourceType,
    path: &AttributePath,
    mapping: &Mapping,
    asserted: &Value,
    record: &Record,
    reading: &Reading,
) -> bool {
    let actual = match reading {
        Reading::Unreadable(_) => return false,
        Reading::Absent => None,
        Reading::Value(value) => Some(value),
    };
    if asserted.is_null() || asserted.as_str() == Some("") {
        return actual.is_none() || holds_constant(layout, kind, path, mapping, record);
    }
    if actual == Some(asserted) {
        return true;
    }
    let table = layout.profile.table(kind);
    match &mapping.encoding {
        Encoding::Lookup(lookup) => {
            let same =
                actual.is_some_and(|label| fold(&scim_text(label)) == fold(&scim_text(asserted)));
            // A label that kpifire lacks was written as the default key.
            let defaulted = match (&lookup.missing, record.lookup_keys.get(&mapping.column)) {
                (Missing::Default(key), Some(held)) => held.is(key),
                _ => false,
            };
            same || defaulted
        }
        Encoding::Plain | Encoding::Values { .. } => {
            match to_legacy(layout, &table.table, path, mapping, asserted) {
                // `other = "keep"`: the column never held it.
                Ok(None) => true,
                Ok(Some(NewValue::Cell(cell))) => {
                    let kind = layout.kind(&table.table, &mapping.column);
                    let kept = to_scim(path, mapping, &fit(kind, cell));
                    kept.as_ref() == actual
                        || (kind == Kind::Number && same_number(kept.as_ref(), actual))
                }
                Ok(Some(NewValue::Label { .. })) | Err(_) => false,
            }
        }
    }
}

/// A decimal column gives 12.5 back as 12.50.
fn same_number(kept: Option<&Value>, actual: Option<&Value>) -> bool {
    let number = |value: &Value| scim_text(value).parse::<f64>().ok();
    let (kept, actual) = (kept.and_then(number), actual.and_then(number));
    kept.zip(actual).is_some_and(|(kept, actual)| kept.total_cmp(&actual).is_eq())
}

/// Whether the column holds the profile's `[insert]` constant, which stands for nothing.
fn holds_constant(
    layout: &Layout,
    kind: ResourceType,
    path: &AttributePath,
    mapping: &Mapping,
    record: &Record,
) -> bool {
    let table = layout.profile.table(kind);
    let Some(constant) = table.insert.get(&mapping.column) else { return false };
    let cell = table.attributes.keys().zip(&record.cells).find(|(other, _)| *other == path);
    let held = record.lookup_keys.get(&mapping.column).or(cell.map(|(_, cell)| cell));
    held.is_some_and(|held| held.is(constant))
}

/// Whether the row at the link's key is another one than the link was made for: created after it,
/// and under another name. `asserted` is the name in the baseline.
pub fn recycled(record: &Record, asserted: Option<&str>, actual: Option<&str>) -> bool {
    let (Some(link), Some(created)) = (&record.link, record.created) else { return false };
    let (Some(asserted), Some(actual)) = (asserted, actual) else { return false };
    created > link.created && fold(asserted) != fold(actual)
}
