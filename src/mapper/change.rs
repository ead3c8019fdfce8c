//! What a write changes: columns of the legacy row, the link's baseline, the kept attributes.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::cell::Cell;
use super::field::{Companion, Encoding, Field, NewValue, RowSwitch, formed};
use super::layout::{Deletion, Derived, Layout, Touch};
use super::record::{Link, Record};
use super::relation::Column;
use crate::digest;
use crate::profile::model::{Beside, Piece};
use crate::scim::{self, AttributePath, Error, Resource, ResourceType};

/// A column and what it gets.
#[derive(Debug, Clone)]
pub enum Assignment {
    /// A value that follows from the profile, in the resource's own table.
    Own(Arc<Column>, Cell),
    /// What a client says of a mapped attribute.
    Attribute(Arc<Field>, NewValue),
}

impl Assignment {
    /// The column, where it is of the resource's own table.
    pub fn own(&self) -> Option<&Arc<Column>> {
        match self {
            Self::Own(column, _) => Some(column),
            Self::Attribute(field, _) => field.is_own().then_some(&field.column),
        }
    }
}

/// Columns and their new values.
pub type Columns = Vec<(Arc<Column>, Cell)>;

/// What a write does to a resource's rows, wherever they lie.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Columns of its own table.
    pub own: Columns,
    /// Columns of its companions.
    pub beside: Vec<(Arc<Companion>, Columns)>,
    /// Tables whose rows say whether a user is active, and whether theirs shall be there.
    pub rows: Vec<(Arc<RowSwitch>, bool)>,
}

impl Changes {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.beside.is_empty() && self.rows.is_empty()
    }

    /// Adds what a column of a companion gets.
    pub fn add_beside(&mut self, companion: &Arc<Companion>, column: Arc<Column>, cell: Cell) {
        match self.beside.iter_mut().find(|(it, _)| Arc::ptr_eq(it, companion)) {
            Some((_, columns)) => columns.push((column, cell)),
            None => self.beside.push((Arc::clone(companion), vec![(column, cell)])),
        }
    }
}

/// Which write stamps a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The row is new.
    Created,
    /// The row changes.
    Modified,
}

/// The columns that are stamped with times and the agent's name, and their values.
pub fn stamps(touch: &Touch, stamp: Stamp, now: NaiveDateTime) -> Columns {
    let created = touch.created.iter().filter(|_| stamp == Stamp::Created);
    let timed = touch.modified.iter().chain(created);
    let timed = timed.map(|it| (&it.column, it.times.write(now)));
    let signed = touch.actor.iter().map(|column| (column, Cell::from("kpifire-scim")));
    timed.chain(signed).map(|(column, cell)| (Arc::clone(column), cell)).collect()
}

/// The value of a mapped attribute that says something: absent, null and empty text don't.
pub(super) fn stated<'a>(path: &AttributePath, resource: &'a Resource) -> Option<&'a Value> {
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
    for field in rows.fields.iter().filter(|field| field.is_writable()) {
        let said = stated(&field.path, resource);
        let elsewhere = |it: &Arc<Field>| said.is_none() && stated(&it.path, resource).is_some();
        if sets_column(&assignments, field) || rows.beside(field).any(elsewhere) {
            continue;
        }
        let value = match said {
            Some(value) => field.to_legacy(value)?,
            None => None,
        };
        let value = match value {
            Some(value) => Some(value),
            None => absent(field, now)?,
        };
        assignments.extend(value.map(|value| Assignment::Attribute(Arc::clone(field), value)));
    }
    let constants = rows.insert.constants.iter();
    let constants = constants.map(|(column, constant)| (Arc::clone(column), constant.cell(now)));
    // What needs the key is written anew when there is one.
    let derived = rows.derived.iter();
    let derived = derived.map(|it| (Arc::clone(&it.column), it.value(resource, "")));
    let stamps = stamps(&rows.touch, Stamp::Created, now);
    for (column, cell) in constants.chain(derived).chain(stamps) {
        if !assignments.iter().any(|it| it.own() == Some(&column)) {
            assignments.push(Assignment::Own(column, cell));
        }
    }
    Ok(assignments)
}

/// Whether another attribute has set the column already: both say the same.
fn sets_column(assignments: &[Assignment], field: &Field) -> bool {
    assignments
        .iter()
        .any(|it| matches!(it, Assignment::Attribute(other, _) if other.shares_column(field)))
}

impl Derived {
    /// Whether the value depends on the resource's key.
    pub fn needs_key(&self) -> bool {
        self.template.contains(&Piece::Id)
    }

    /// What follows from a resource's attributes.
    pub fn value(&self, resource: &Resource, id: &str) -> Cell {
        let mut text = String::new();
        for piece in &self.template {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Id => text.push_str(id),
                Piece::Attribute(path) => match path.get(resource) {
                    Some(Value::String(value)) => text.push_str(value),
                    None | Some(Value::Null) => {}
                    Some(other) => text.push_str(&other.to_string()),
                },
            }
        }
        Cell::Text(formed(self.form, text.trim()))
    }
}

/// Whether a derived column holds what follows from the attributes: NULL is no text.
pub(super) fn holds_derived(held: &Cell, wanted: &Cell) -> bool {
    held.to_text().unwrap_or_default().trim_end() == wanted.to_text().unwrap_or_default()
}

/// What a new row gets for an attribute the request doesn't state; `None` leaves it to the
/// database.
fn absent(field: &Field, now: NaiveDateTime) -> Result<Option<NewValue>, Error> {
    if field.is("active") {
        // RFC 7643 §4.1.1 leaves it to the service: who is created may sign in.
        return if field.constant.is_some() {
            Ok(None)
        } else {
            field.to_legacy(&Value::Bool(true))
        };
    }
    if let Some(companion) = &field.within {
        // A row that is made needs every column that the database wants; its constants come with it.
        // It is made with another attribute that lies in it, or in any case.
        let made = companion.missing != Beside::Ignore;
        let filled = field.constant.is_some();
        if !made || filled || field.column.nullable || field.column.has_default {
            return Ok(None);
        }
        return field.cleared(now).map(Some);
    }
    if field.constant.is_some() {
        return Ok(None); // the constants follow
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
    id: &str,
    (old, new): (&Resource, &Resource),
    now: NaiveDateTime,
) -> Result<Vec<Assignment>, Error> {
    let mut assignments = Vec::new();
    let rows = layout.resource(kind);
    for field in rows.fields.iter().filter(|field| field.is_writable()) {
        if sets_column(&assignments, field) {
            continue;
        }
        let value = match (stated(&field.path, old), stated(&field.path, new)) {
            (before, after) if before == after => None,
            (_, Some(value)) => field.to_legacy(value)?,
            (_, None) => Some(field.cleared(now)?),
        };
        assignments.extend(value.map(|value| Assignment::Attribute(Arc::clone(field), value)));
    }
    for derived in &rows.derived {
        let value = derived.value(new, id);
        if derived.value(old, id) != value {
            assignments.push(Assignment::Own(Arc::clone(&derived.column), value));
        }
    }
    Ok(assignments)
}

/// Enabling writes what disabling replaced, where that still says "active".
pub fn put_back(assignments: &mut [Assignment], link: Option<&Link>, now: NaiveDateTime) {
    let Some(replaced) = link.and_then(|link| link.replaced.as_ref()) else { return };
    for assignment in assignments {
        if let Assignment::Attribute(field, value) = assignment
            && field.is("active")
            && !matches!(field.encoding, Encoding::Row(_))
            && field.reads_active(replaced, now)
        {
            *value = NewValue::Cell(replaced.clone());
        }
    }
}

/// What the column of `active` holds, for enabling to put back; `None` where a row says it.
pub fn replaced(layout: &Layout, kind: ResourceType, record: &Record) -> Option<Cell> {
    let field = layout.resource(kind).active()?;
    let held = !matches!(field.encoding, Encoding::Row(_));
    held.then(|| record.held(field).clone())
}

/// The attributes that a resource can't be made without, or that can't be taken from it.
pub(super) fn needed(layout: &Layout, kind: ResourceType) -> BTreeSet<AttributePath> {
    let now = NaiveDateTime::default();
    let fields = layout.resource(kind).fields.iter();
    fields
        .filter(|field| {
            field.is_writable() && (absent(field, now).is_err() || field.cleared(now).is_err())
        })
        .map(|field| field.path.clone())
        .collect()
}

/// What no column carries, and the link keeps: attributes, and what is said beside a mapped value.
pub fn kept(layout: &Layout, kind: ResourceType, resource: &Resource) -> Map<String, Value> {
    let fields = layout.resource(kind).fields.iter();
    let mut kept = scim::kept::without(resource, fields.map(|field| &field.path));
    for own in ["id", "schemas", "meta", "groups", "members", "externalId"] {
        kept.remove(own);
    }
    if kind == ResourceType::User {
        // Where nothing carries it, every user is active.
        kept.remove("active");
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
    let rows = layout.resource(kind);
    for field in &rows.fields {
        // What is said of one attribute is said of the others in its column.
        if asserted(&field.path) || rows.beside(field).any(|it| asserted(&it.path)) {
            let value = stated(&field.path, resource).cloned().unwrap_or(Value::Null);
            baseline.insert(field.name.clone(), value);
        }
    }
    baseline
}

/// The hash that tells two baselines apart: SHA-256 (hex) of the JSON text, whose keys are sorted.
pub fn baseline_hash(json: &str) -> String {
    digest::of(json)
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
        Deletion::Mark(mark) => {
            Some(vec![Assignment::Own(Arc::clone(&mark.column), mark.gone(now))])
        }
        Deletion::Deactivate => {
            let Some(active) = rows.active() else { return Ok(Some(Vec::new())) };
            let off = active.to_legacy(&Value::Bool(false))?;
            let assigned = off.map(|off| Assignment::Attribute(Arc::clone(active), off));
            Some(assigned.into_iter().collect())
        }
    })
}

/// The column that takes the mark of a deletion back, when a row comes to life again.
pub fn undelete(layout: &Layout, kind: ResourceType) -> Option<(Arc<Column>, Cell)> {
    let mark = layout.resource(kind).mark()?;
    Some((Arc::clone(&mark.column), mark.there()))
}
