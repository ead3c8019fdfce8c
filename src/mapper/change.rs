//! What a write changes: columns of the legacy row, the link's baseline, the kept attributes.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::cell::Cell;
use super::field::{Field, NewValue, whole_second};
use super::layout::{Deletion, Layout, Touch};
use super::record::Link;
use super::relation::Column;
use crate::profile::model::Scalar;
use crate::scim::{self, AttributePath, Error, Resource, ResourceType};

/// A column and what it gets.
#[derive(Debug, Clone)]
pub enum Assignment {
    /// A value out of the profile.
    Constant(Arc<Column>, Cell),
    /// What a client says of a mapped attribute.
    Attribute(Arc<Field>, NewValue),
}

impl Assignment {
    /// The column.
    pub fn column(&self) -> &Arc<Column> {
        match self {
            Self::Constant(column, _) => column,
            Self::Attribute(field, _) => &field.column,
        }
    }
}

/// Columns and their new values.
pub type Columns = Vec<(Arc<Column>, Cell)>;

/// Which write stamps a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The row is new.
    Created,
    /// The row changes.
    Modified,
}

/// The stamped columns and their values.
pub fn stamps(touch: &Touch, stamp: Stamp, now: NaiveDateTime) -> Columns {
    let now = Cell::Time(whole_second(now));
    let created = touch.created.iter().filter(|_| stamp == Stamp::Created);
    let timed = touch.modified.iter().chain(created).map(|column| (column, now.clone()));
    let signed = touch.actor.iter().map(|column| (column, Cell::from("kpifire-scim")));
    timed.chain(signed).map(|(column, cell)| (Arc::clone(column), cell)).collect()
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
    let rows = layout.resource(kind);
    let mut assignments: Vec<Assignment> = Vec::with_capacity(rows.relation.columns.len());
    for field in &rows.fields {
        let value = match stated(&field.path, resource) {
            Some(value) => field.to_legacy(value)?,
            None => None,
        };
        let value = match value {
            Some(value) => Some(value),
            None => absent(field, now)?,
        };
        assignments.extend(value.map(|value| Assignment::Attribute(Arc::clone(field), value)));
    }
    let constants = rows
        .insert
        .iter()
        .map(|(column, scalar)| (Arc::clone(column), Cell::of(scalar, whole_second(now))));
    for (column, cell) in constants.chain(stamps(&rows.touch, Stamp::Created, now)) {
        if !assignments.iter().any(|it| *it.column() == column) {
            assignments.push(Assignment::Constant(column, cell));
        }
    }
    Ok(assignments)
}

/// What a new row gets for an attribute the request doesn't state; `None` leaves it to the
/// database.
fn absent(field: &Field, now: NaiveDateTime) -> Result<Option<NewValue>, Error> {
    if field.constant.is_some() {
        return Ok(None); // the constants follow
    }
    if field.is("active") {
        // RFC 7643 §4.1.1 leaves it to the service: who is created may sign in.
        return field.to_legacy(&Value::Bool(true));
    }
    if field.column.nullable || field.column.has_default {
        return Ok(None);
    }
    field.cleared(now).map(Some)
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
    let mut assignments = Vec::new();
    for field in &layout.resource(kind).fields {
        let value = match (stated(&field.path, old), stated(&field.path, new)) {
            (before, after) if before == after => None,
            (_, Some(value)) => field.to_legacy(value)?,
            (_, None) => Some(field.cleared(now)?),
        };
        assignments.extend(value.map(|value| Assignment::Attribute(Arc::clone(field), value)));
    }
    Ok(assignments)
}

/// The attributes that clearing is refused for.
pub(super) fn always_valued(layout: &Layout, kind: ResourceType) -> BTreeSet<AttributePath> {
    let now = NaiveDateTime::default();
    let fields = layout.resource(kind).fields.iter();
    fields.filter(|field| field.cleared(now).is_err()).map(|field| field.path.clone()).collect()
}

/// What no column carries, and the link keeps: attributes, and what is said beside a mapped value.
pub fn kept(layout: &Layout, kind: ResourceType, resource: &Resource) -> Map<String, Value> {
    let fields = layout.resource(kind).fields.iter();
    let mut kept = scim::kept::without(resource, fields.map(|field| &field.path));
    for own in ["id", "schemas", "meta", "groups", "members", "externalId"] {
        kept.remove(own);
    }
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
    for field in &layout.resource(kind).fields {
        if asserted(&field.path) {
            let value = stated(&field.path, resource).cloned().unwrap_or(Value::Null);
            baseline.insert(field.name.clone(), value);
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
    let rows = layout.resource(kind);
    Ok(match &rows.delete {
        Deletion::Delete { .. } => None,
        Deletion::Set(column, value) => {
            let off = Cell::of(value, whole_second(now));
            Some(vec![Assignment::Constant(Arc::clone(column), off)])
        }
        Deletion::Deactivate => {
            let Some(active) = rows.active() else { return Ok(Some(Vec::new())) };
            let off = active.to_legacy(&Value::Bool(false))?;
            let assigned = off.map(|off| Assignment::Attribute(Arc::clone(active), off));
            Some(assigned.into_iter().collect())
        }
    })
}

/// The column that takes back a deactivation, when a tombstone comes to life again: the profile's
/// `[insert]` value, else the other of the two flags.
pub fn undelete(layout: &Layout, kind: ResourceType) -> Option<(Arc<Column>, Cell)> {
    let rows = layout.resource(kind);
    let Deletion::Set(column, off) = &rows.delete else { return None };
    let constant = rows.insert.iter().find(|(other, _)| other == column);
    let on = constant.map(|(_, scalar)| scalar.clone()).or(match off {
        Scalar::Bool(value) => Some(Scalar::Bool(!value)),
        Scalar::Int(0) => Some(Scalar::Int(1)),
        Scalar::Int(_) => Some(Scalar::Int(0)),
        _ => column.nullable.then_some(Scalar::Null),
    })?;
    Some((Arc::clone(column), Cell::of(&on, NaiveDateTime::default())))
}
