//! What a write changes: columns of the legacy row, the link's baseline, the kept attributes.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::convert::to_legacy;
use super::{Cell, Layout, Link, whole_second};
use crate::profile::catalogue::Kind;
use crate::profile::model::{Delete, Encoding, Lookup, Mapping, Scalar, Touch};
use crate::scim::{AttributePath, Error, Resource, ResourceType, prune};

/// A column and what it gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The column.
    pub column: String,
    /// Its value.
    pub value: NewValue,
}

/// A new value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum NewValue {
    /// The value itself.
    Cell(Cell),
    /// The key of the lookup row with this label.
    Label {
        /// The attribute, for messages.
        attribute: String,
        /// The label.
        label: String,
        /// Where it is looked up.
        lookup: Lookup,
    },
}

/// Which write stamps a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The row is new.
    Created,
    /// The row changes.
    Modified,
}

/// The stamped columns and their values.
pub fn stamps(touch: &Touch, stamp: Stamp, now: NaiveDateTime) -> Vec<(String, Cell)> {
    let now = whole_second(now);
    let timed = |columns: &[String]| -> Vec<(String, Cell)> {
        columns.iter().map(|column| (column.clone(), Cell::Time(now))).collect()
    };
    let mut stamped = timed(&touch.modified);
    if stamp == Stamp::Created {
        stamped.extend(timed(&touch.created));
    }
    stamped.extend(touch.actor.iter().map(|column| (column.clone(), "kpifire-scim".into())));
    stamped
}

/// The value of a mapped attribute that says something: absent, null and empty text don't.
fn stated<'a>(path: &AttributePath, resource: &'a Resource) -> Option<&'a Value> {
    path.get(resource).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// The columns of a new row.
///
/// # Errors
/// 400 `invalidValue`, naming the attribute.
pub fn for_insert(
    layout: &Layout,
    kind: ResourceType,
    resource: &Resource,
    now: NaiveDateTime,
) -> Result<Vec<Assignment>, Error> {
    let table = layout.profile.table(kind);
    let mut assignments: Vec<Assignment> = Vec::new();
    for (path, mapping) in &table.attributes {
        let value = match stated(path, resource) {
            Some(value) => to_legacy(layout, &table.table, path, mapping, value)?,
            None => None,
        };
        let value = match value {
            Some(value) => Some(value),
            None => absent(layout, kind, path, mapping, now)?,
        };
        if let Some(value) = value {
            assignments.push(Assignment { column: mapping.column.clone(), value });
        }
    }
    let constants = table
        .insert
        .iter()
        .map(|(column, scalar)| (column.clone(), Cell::of(scalar, whole_second(now))));
    let stamped = stamps(&table.touch, Stamp::Created, now);
    for (column, cell) in constants.chain(stamped) {
        if !assignments.iter().any(|it| it.column == column) {
            assignments.push(Assignment { column, value: NewValue::Cell(cell) });
        }
    }
    Ok(assignments)
}

/// What a new row gets for an attribute the request doesn't state; `None` leaves it to the
/// database.
fn absent(
    layout: &Layout,
    kind: ResourceType,
    path: &AttributePath,
    mapping: &Mapping,
    now: NaiveDateTime,
) -> Result<Option<NewValue>, Error> {
    let table = layout.profile.table(kind);
    let column = layout.column(&table.table, &mapping.column);
    if table.insert.contains_key(&mapping.column) {
        return Ok(None); // the constants follow
    }
    if path.is("active") {
        // RFC 7643 §4.1.1 leaves it to the service: who is created may sign in.
        return to_legacy(layout, &table.table, path, mapping, &Value::Bool(true));
    }
    match column {
        Some(column) if !column.nullable && !column.has_default => {
            cleared(layout, kind, path, mapping, now).map(Some)
        }
        _ => Ok(None),
    }
}

/// The columns that differ between two states of a resource.
///
/// # Errors
/// 400 `invalidValue`, naming the attribute.
pub fn for_update(
    layout: &Layout,
    kind: ResourceType,
    old: &Resource,
    new: &Resource,
    now: NaiveDateTime,
) -> Result<Vec<Assignment>, Error> {
    let table = layout.profile.table(kind);
    let mut assignments = Vec::new();
    for (path, mapping) in &table.attributes {
        let value = match (stated(path, old), stated(path, new)) {
            (before, after) if before == after => None,
            (_, Some(value)) => to_legacy(layout, &table.table, path, mapping, value)?,
            (_, None) => Some(cleared(layout, kind, path, mapping, now)?),
        };
        if let Some(value) = value {
            assignments.push(Assignment { column: mapping.column.clone(), value });
        }
    }
    Ok(assignments)
}

/// What clearing an attribute writes.
fn cleared(
    layout: &Layout,
    kind: ResourceType,
    path: &AttributePath,
    mapping: &Mapping,
    now: NaiveDateTime,
) -> Result<NewValue, Error> {
    // Whatever the column holds then would say whether its user may sign in, which is for `false` to
    // say: only that disables with all that belongs to it.
    if path.is("active") {
        return Err(Error::invalid_value(format!("{path}: true or false is needed")));
    }
    let table = layout.profile.table(kind);
    let column = layout.column(&table.table, &mapping.column);
    if column.is_some_and(|column| column.nullable) {
        return Ok(NewValue::Cell(Cell::Null));
    }
    if let Some(scalar) = table.insert.get(&mapping.column) {
        return Ok(NewValue::Cell(Cell::of(scalar, whole_second(now))));
    }
    let plain = mapping.encoding == Encoding::Plain;
    match column {
        Some(column) if plain && column.kind == Kind::Text && column.enum_values.is_empty() => {
            Ok(NewValue::Cell(Cell::Text(String::new())))
        }
        _ => Err(Error::invalid_value(format!(
            "{path}: a value is needed, its column `{}` takes none away",
            mapping.column
        ))),
    }
}

/// The attributes that clearing is refused for.
pub(super) fn always_valued(layout: &Layout, kind: ResourceType) -> BTreeSet<AttributePath> {
    let attributes = &layout.profile.table(kind).attributes;
    let now = NaiveDateTime::default();
    attributes
        .iter()
        .filter(|(path, mapping)| cleared(layout, kind, path, mapping, now).is_err())
        .map(|(path, _)| path.clone())
        .collect()
}

/// Attributes that no column carries, and that the link keeps.
pub fn kept(layout: &Layout, kind: ResourceType, resource: &Resource) -> Map<String, Value> {
    let mut kept = resource.clone();
    for path in layout.profile.table(kind).attributes.keys() {
        path.set(&mut kept, None);
    }
    for own in ["id", "schemas", "meta", "groups", "members", "externalId"] {
        kept.remove(own);
    }
    prune(&mut kept);
    kept
}

/// The baseline after a write: what the write asserts, over what was asserted before.
pub fn baseline(
    layout: &Layout,
    kind: ResourceType,
    before: Option<&Link>,
    resource: &Resource,
    asserted: &dyn Fn(&AttributePath) -> bool,
) -> Map<String, Value> {
    let mut baseline = before.and_then(|link| link.baseline.clone()).unwrap_or_default();
    for path in layout.profile.table(kind).attributes.keys() {
        if asserted(path) {
            let value = stated(path, resource).cloned().unwrap_or(Value::Null);
            baseline.insert(path.to_string(), value);
        }
    }
    baseline
}

/// The hash that tells two baselines apart: SHA-256 (hex) of the JSON text, whose keys are sorted.
pub fn baseline_hash(json: &str) -> String {
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the resource says it is active; `None` when it says nothing.
pub fn active(resource: &Resource) -> Option<bool> {
    resource.get("active").and_then(Value::as_bool)
}

/// The columns that a SCIM DELETE sets where the profile deactivates; `None` where the row goes.
///
/// # Errors
/// 400 `invalidValue` where the profile has no value for "inactive".
pub fn for_delete(
    layout: &Layout,
    kind: ResourceType,
    now: NaiveDateTime,
) -> Result<Option<Vec<Assignment>>, Error> {
    let table = layout.profile.table(kind);
    match &table.delete {
        Delete::Delete { .. } => Ok(None),
        Delete::Deactivate { column: Some((column, value)) } => Ok(Some(vec![Assignment {
            column: column.clone(),
            value: NewValue::Cell(Cell::of(value, whole_second(now))),
        }])),
        Delete::Deactivate { column: None } => {
            let mut assignments = Vec::new();
            for (path, mapping) in &table.attributes {
                if path.is("active") {
                    let off = Value::Bool(false);
                    if let Some(value) = to_legacy(layout, &table.table, path, mapping, &off)? {
                        assignments.push(Assignment { column: mapping.column.clone(), value });
                    }
                }
            }
            Ok(Some(assignments))
        }
    }
}

/// The column that takes back a deactivation, when a tombstone comes to life again: the profile's
/// `[insert]` value, else the other of the two flags.
pub fn undelete(layout: &Layout, kind: ResourceType) -> Option<(String, Cell)> {
    let table = layout.profile.table(kind);
    let Delete::Deactivate { column: Some((column, off)) } = &table.delete else { return None };
    let on = table.insert.get(column).cloned().or(match off {
        Scalar::Bool(value) => Some(Scalar::Bool(!value)),
        Scalar::Int(0) => Some(Scalar::Int(1)),
        Scalar::Int(_) => Some(Scalar::Int(0)),
        _ => layout.column(&table.table, column).filter(|it| it.nullable).map(|_| Scalar::Null),
    })?;
    Some((column.clone(), Cell::of(&on, NaiveDateTime::default())))
}
