//! What is written of legacy rows, and of what lies beside them: insert, update, delete, revoke.

use std::sync::Arc;

use chrono::NaiveDateTime;

use super::calls;
use super::error::{Error, ErrorKind};
use super::made;
use super::new_row;
use super::relation::{self, equals, holds, of, value};
use super::resources::{self, Lock, lock_slot};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{
    self, Assignment, Cell, Changes, Column, Columns, Companion, Encoding, Field, KeySource,
    Layout, Lookup, Made, NewRow, NewValue, Reference, Relation, ResourceRelation, RowSwitch,
    Touch,
};
use crate::profile::catalogue::Database;
use crate::profile::model::{Beside as When, CallPiece, Missing, Moment};
use crate::scim::ResourceType;

/// Inserts a row, with what lies beside it; its key. One statement, one for each companion and made
/// value that needs one, and one for a table that says who is active.
pub async fn insert(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    changes: Changes,
    now: NaiveDateTime,
) -> Result<Cell, Error> {
    let rows = layout.resource(kind);
    let Changes { mut own, beside, rows: switches } = changes;
    let given = own.iter().find(|(column, _)| *column == rows.key).map(|(_, cell)| cell.clone());
    let mut key = match (&rows.source, given) {
        (_, Some(key)) => Some(key),
        (KeySource::Made(made), None) => Some(made::value(tx, made).await?),
        (KeySource::Database | KeySource::Name(_), None) => None,
    };
    if let Some(parent) = rows.parent() {
        let columns = beside_of(&beside, parent);
        if parent.of == rows.key {
            key = Some(insert_parent(tx, parent, columns, key, now).await?);
        } else {
            let held = insert_parent(tx, parent, columns, None, now).await?;
            own.push((Arc::clone(&parent.of), held));
        }
    }
    if let Some(key) = &key
        && !own.iter().any(|(column, _)| *column == rows.key)
    {
        own.push((Arc::clone(&rows.key), key.clone()));
    }
    own.extend(made::columns(tx, &rows.insert.made, key.as_ref()).await?);
    own.extend(first_stamps(&rows.touch));
    let made = new_row::insert(tx, &rows.relation, &rows.key, &own).await?;
    if key.is_none() && rows.insert.made.iter().any(|(_, made)| *made == Made::Key) {
        let of_key = rows.insert.made.iter().filter(|(_, it)| *it == Made::Key);
        let set = of_key.map(|(column, _)| (&**column, made.clone()));
        tx.later(relation::update(&rows.relation, set).append(equals(&rows.key, &made))).await?;
    }
    let keyed: Vec<_> = rows.derived.iter().filter(|it| it.needs_key()).collect();
    if !keyed.is_empty()
        && let Some(record) = resources::by_key(tx, layout, kind, &made, Lock::None).await?
    {
        let (resource, id) = (mapper::attributes(layout, kind, &record), record.key_text());
        let set = keyed.iter().map(|it| (&*it.column, it.value(&resource, &id)));
        tx.later(relation::update(&rows.relation, set).append(equals(&rows.key, &made))).await?;
    }
    for companion in rows.companions.iter().filter(|it| it.parent.is_none()) {
        let columns = beside_of(&beside, companion);
        if companion.missing == When::Always || says_something(companion, &columns) {
            insert_beside(tx, companion, &made, columns, now).await?;
        }
    }
    for (switch, there) in switches {
        switch_row(tx, &switch, &made, there, now).await?;
    }
    call(tx, layout, kind, Moment::AfterCreate, &made).await?;
    Ok(made)
}

/// What a request says of a companion's columns.
fn beside_of(beside: &[(Arc<Companion>, Columns)], companion: &Arc<Companion>) -> Columns {
    let found = beside.iter().find(|(it, _)| Arc::ptr_eq(it, companion));
    found.map(|(_, columns)| columns.clone()).unwrap_or_default()
}

/// Whether a companion's row is worth making: it may be made, and an attribute has a value.
fn says_something(companion: &Companion, columns: &Columns) -> bool {
    companion.missing == When::Create && is_said(columns)
}

fn is_said(columns: &Columns) -> bool {
    let nothing = |cell: &Cell| *cell == Cell::Null || *cell == Cell::Text(String::new());
    columns.iter().any(|(_, cell)| !nothing(cell))
}

/// Makes the row whose key the resource's takes, or holds; its key.
async fn insert_parent(
    tx: &mut Tx,
    parent: &Companion,
    mut columns: Columns,
    key: Option<Cell>,
    now: NaiveDateTime,
) -> Result<Cell, Error> {
    let key = match (&parent.parent, key) {
        (_, Some(key)) => Some(key),
        (Some(KeySource::Made(made)), None) => Some(made::value(tx, made).await?),
        _ => None,
    };
    if let Some(key) = &key {
        columns.push((Arc::clone(&parent.user), key.clone()));
    }
    filled(tx, &parent.insert, &mut columns, key.as_ref(), now).await?;
    new_row::insert(tx, &parent.relation, &parent.user, &columns).await
}

/// Makes a companion's row.
async fn insert_beside(
    tx: &mut Tx,
    companion: &Companion,
    key: &Cell,
    mut columns: Columns,
    now: NaiveDateTime,
) -> Result<(), Error> {
    columns.push((Arc::clone(&companion.user), key.clone()));
    filled(tx, &companion.insert, &mut columns, Some(key), now).await?;
    let row: Vec<(&Column, Cell)> =
        columns.iter().map(|(column, cell)| (&**column, cell.clone())).collect();
    tx.later(relation::insert_values(&companion.relation, &row)).await
}

/// Adds what a new row gets beside what is said.
async fn filled(
    tx: &mut Tx,
    insert: &NewRow,
    columns: &mut Columns,
    key: Option<&Cell>,
    now: NaiveDateTime,
) -> Result<(), Error> {
    for (column, constant) in &insert.constants {
        if !columns.iter().any(|(it, _)| it == column) {
            columns.push((Arc::clone(column), constant.cell(now)));
        }
    }
    columns.extend(made::columns(tx, &insert.made, key).await?);
    Ok(())
}

/// Makes or removes a user's row in a table that says who is active. One statement.
async fn switch_row(
    tx: &mut Tx,
    switch: &RowSwitch,
    key: &Cell,
    there: bool,
    now: NaiveDateTime,
) -> Result<(), Error> {
    if !there {
        return tx.later(deletion(&switch.relation, &switch.user, key)).await;
    }
    let mut row: Columns = vec![(Arc::clone(&switch.user), key.clone())];
    filled(tx, &switch.insert, &mut row, Some(key), now).await?;
    let values = row.iter().map(|(column, cell)| value(column, cell.clone()));
    let dual = if tx.database() == Database::Mysql { " FROM DUAL" } else { "" };
    let sql = relation::insert(&switch.relation, row.iter().map(|(column, _)| &**column))
        .raw(" SELECT ")
        .list(", ", values)
        .raw(dual)
        .raw(" WHERE NOT EXISTS (")
        .append(relation::select("1", &switch.relation, "x"))
        .column("x", &switch.user)
        .raw(" = ")
        .append(value(&switch.user, key.clone()))
        .raw(")");
    tx.later(sql).await
}

/// What a new row gets that later writes count up or make anew.
fn first_stamps(touch: &Touch) -> Columns {
    let version = touch.version.iter().filter(|it| !it.has_default);
    let version = version.map(|column| (Arc::clone(column), Cell::Int(1)));
    version.chain(new_stamps(touch)).collect()
}

fn new_stamps(touch: &Touch) -> impl Iterator<Item = (Arc<Column>, Cell)> {
    let new = || Cell::Text(uuid::Uuid::new_v4().to_string());
    touch.stamp.iter().map(move |column| (Arc::clone(column), new()))
}

/// Writes changes to the row with this key, and to what lies beside it. One statement; none when there is
/// nothing to write; two for each companion, one for a table that says who is active. The row's key from
/// then on: another one where the matching attribute is the key.
pub async fn update(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    key: &Cell,
    changes: &Changes,
    now: NaiveDateTime,
) -> Result<Cell, Error> {
    if changes.is_empty() {
        return Ok(key.clone());
    }
    let rows = layout.resource(kind);
    let mut set: Vec<Sql> = Vec::with_capacity(changes.own.len());
    let assigned = |(it, cell): (Arc<Column>, Cell)| relation::assigned(&it, cell);
    set.extend(changes.own.iter().cloned().map(assigned));
    set.extend(rows.touch.version.iter().map(|column| relation::one_more(column)));
    set.extend(new_stamps(&rows.touch).map(assigned));
    if !set.is_empty() {
        tx.later(relation::update_to(&rows.relation, set).append(equals(&rows.key, key))).await?;
    }
    let new = changes.own.iter().find(|(column, _)| *column == rows.key);
    let key = new.map_or(key, |(_, cell)| cell);
    for (companion, columns) in &changes.beside {
        update_beside(tx, rows, companion, key, columns, now).await?;
    }
    for (switch, there) in &changes.rows {
        switch_row(tx, switch, key, *there, now).await?;
    }
    call(tx, layout, kind, Moment::AfterUpdate, key).await?;
    Ok(key.clone())
}

/// Calls what the profile has for a moment. A statement; one more where it wants attributes; none where
/// there is nothing to call.
pub async fn call(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    moment: Moment,
    key: &Cell,
) -> Result<(), Error> {
    let rows = layout.resource(kind);
    let Some(pieces) = rows.calls.get(&moment) else { return Ok(()) };
    let asks = pieces.iter().any(|piece| matches!(piece, CallPiece::Attribute(_)));
    let record =
        if asks { resources::by_key(tx, layout, kind, key, Lock::None).await? } else { None };
    let resource = record.map(|it| mapper::attributes(layout, kind, &it)).unwrap_or_default();
    let sql = calls::statement(pieces, |piece| match piece {
        CallPiece::Attribute(path) => Sql::default().bind(calls::argument(path.get(&resource))),
        _ => calls::key(&rows.key, key),
    });
    tx.execute(sql).await.map(|_| ())
}

/// What a companion's row holds of the resource with this key; `None` where the resource points at no
/// parent. One statement where it points, else none.
pub async fn held_beside(
    tx: &mut Tx,
    rows: &ResourceRelation,
    companion: &Companion,
    key: &Cell,
) -> Result<Option<Cell>, Error> {
    if companion.of == rows.key {
        return Ok(Some(key.clone()));
    }
    let sql = Sql::new("SELECT ")
        .name(&companion.of)
        .append(relation::from_alone(&rows.relation))
        .append(equals(&rows.key, key));
    let found = tx.query(sql).await?;
    Ok(found.first().map(|row| row.cell(0).clone()).filter(|held| *held != Cell::Null))
}

/// Writes columns of a companion's row, which is made where it isn't there and there is something to say.
async fn update_beside(
    tx: &mut Tx,
    rows: &ResourceRelation,
    companion: &Companion,
    key: &Cell,
    columns: &Columns,
    now: NaiveDateTime,
) -> Result<(), Error> {
    let relation = &companion.relation;
    let Some(held) = held_beside(tx, rows, companion, key).await? else {
        // Nobody needs a parent to say nothing.
        if !is_said(columns) {
            return Ok(());
        }
        let made = insert_parent(tx, companion, columns.clone(), None, now).await?;
        let points = std::iter::once((&*companion.of, made));
        return tx
            .later(relation::update(&rows.relation, points).append(equals(&rows.key, key)))
            .await;
    };
    let key = &held;
    if companion.parent.is_none() && says_something(companion, columns)
        || companion.missing == When::Always && companion.parent.is_none()
    {
        let find = relation::select("1", relation, "c").append(equals(&companion.user, key));
        if tx.query(find).await?.is_empty() {
            return insert_beside(tx, companion, key, columns.clone(), now).await;
        }
    }
    let set = columns.iter().map(|(column, cell)| (&**column, cell.clone()));
    tx.later(relation::update(relation, set).append(equals(&companion.user, key))).await
}

/// Deletes the row with this key, and what lies beside it. One statement, and one for each table beside it.
///
/// # Errors
/// [`ErrorKind::ForeignKey`] while other rows point at it, and the database's.
pub async fn delete(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    key: &Cell,
) -> Result<(), Error> {
    let rows = layout.resource(kind);
    let parent = match rows.parent() {
        Some(parent) => held_beside(tx, rows, parent, key).await?.map(|held| (parent, held)),
        None => None,
    };
    for companion in rows.companions.iter().filter(|it| it.parent.is_none()) {
        tx.later(deletion(&companion.relation, &companion.user, key)).await?;
    }
    for field in &rows.fields {
        if let Encoding::Row(switch) = &field.encoding {
            tx.later(deletion(&switch.relation, &switch.user, key)).await?;
        }
    }
    // At once: who asks may want to know what the foreign keys say.
    tx.execute(deletion(&rows.relation, &rows.key, key)).await?;
    if let Some((parent, held)) = parent {
        tx.execute(deletion(&parent.relation, &parent.user, &held)).await?;
    }
    Ok(())
}

/// Deletes the rows of a table that point at this key. One statement.
pub async fn delete_pointing(tx: &mut Tx, it: &Reference, key: &Cell) -> Result<(), Error> {
    tx.later(deletion(&it.relation, &it.column, key)).await
}

fn deletion(relation: &Relation, column: &Column, key: &Cell) -> Sql {
    relation::delete(relation).append(equals(column, key))
}

/// Ends a disabled user's access: `[revoke]`. One statement per table of it.
pub async fn revoke(
    tx: &mut Tx,
    layout: &Layout,
    key: &Cell,
    now: NaiveDateTime,
) -> Result<(), Error> {
    for revoke in &layout.revoke {
        let Some(set) = &revoke.set else {
            tx.later(deletion(&revoke.relation, &revoke.user, key)).await?;
            continue;
        };
        let set = set.iter().map(|(column, constant)| (&**column, constant.cell(now)));
        let mut sql = relation::update(&revoke.relation, set).append(equals(&revoke.user, key));
        if let Some(column) = &revoke.where_null {
            sql = sql.raw(" AND ").append(holds(column, &Cell::Null));
        }
        tx.later(sql).await?;
    }
    Ok(())
}

/// A lookup label that the lookup's table doesn't hold and its rule rejects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLabel {
    /// The attribute.
    pub attribute: String,
    /// The label.
    pub label: String,
}

/// Turns assignments into columns and cells: looks labels up, and inserts those that may be. A
/// statement or two per label.
///
/// # Errors
/// The outer one is the database's, the inner one a label that `missing = "reject"` refuses.
pub async fn resolve(
    tx: &mut Tx,
    assignments: Vec<Assignment>,
    now: NaiveDateTime,
) -> Result<Result<Changes, UnknownLabel>, Error> {
    let mut changes = Changes::default();
    for assignment in assignments {
        let (field, new) = match assignment {
            Assignment::Own(column, cell) => {
                changes.own.push((column, cell));
                continue;
            }
            Assignment::Attribute(field, new) => (field, new),
        };
        let cell = match (new, &field.encoding) {
            (NewValue::Cell(cell), _) => cell,
            (NewValue::On(on), Encoding::Row(switch)) => {
                changes.rows.push((Arc::clone(switch), switch.there(on)));
                continue;
            }
            (NewValue::On(on), Encoding::Switch(switch)) => {
                if on {
                    switch.on()
                } else {
                    switch.off(now)
                }
            }
            (NewValue::On(on), _) => Cell::Bool(on),
            (NewValue::Label(label), _) => match lookup_key(tx, &field, &label, now).await? {
                Some(key) => key,
                None => {
                    return Ok(Err(UnknownLabel { attribute: field.name.clone(), label }));
                }
            },
        };
        match &field.within {
            None => changes.own.push((Arc::clone(&field.column), cell)),
            Some(companion) => {
                changes.add_beside(companion, Arc::clone(&field.column), cell);
            }
        }
    }
    Ok(Ok(changes))
}

async fn lookup_key(
    tx: &mut Tx,
    field: &Field,
    label: &str,
    now: NaiveDateTime,
) -> Result<Option<Cell>, Error> {
    let Encoding::Lookup(lookup) = &field.encoding else { return Ok(None) };
    let find = Sql::new("SELECT ")
        .column("d", &lookup.key)
        .append(relation::from(&lookup.relation, "d", Sql::default()))
        .append(super::dialect::same(&lookup.label, of("d", &lookup.label), label))
        .raw(" ORDER BY ")
        .column("d", &lookup.key)
        .raw(" LIMIT 1");
    if let Some(row) = tx.query(find.clone()).await?.first() {
        return Ok(Some(row.cell(0).clone()));
    }
    let guarded = tx.database() == Database::Sqlite || lookup.relation.is_unique(&[&lookup.label]);
    if lookup.missing == Missing::Create && !guarded {
        // Two writers of one label take turns where no unique key makes them.
        lock_slot(tx, &format!("{}:", lookup.relation.table), label).await?;
        if let Some(row) = tx.query(find).await?.first() {
            return Ok(Some(row.cell(0).clone()));
        }
    }
    match &lookup.missing {
        Missing::Reject => Ok(None),
        Missing::Default(key) => Ok(Some(Cell::of(key, now))),
        Missing::Create => create_label(tx, lookup, label, now).await,
    }
}

async fn create_label(
    tx: &mut Tx,
    lookup: &Lookup,
    label: &str,
    now: NaiveDateTime,
) -> Result<Option<Cell>, Error> {
    let mut columns: Columns = vec![(Arc::clone(&lookup.label), Cell::from(label))];
    filled(tx, &lookup.insert, &mut columns, None, now).await?;
    match new_row::insert(tx, &lookup.relation, &lookup.key, &columns).await {
        Ok(key) => Ok(Some(key)),
        // Somebody else made it at the same time: the whole transaction runs again.
        Err(error) if error.kind() == ErrorKind::Unique => {
            Err(Error::new(ErrorKind::Conflict, "a lookup row", error.message()))
        }
        Err(error) => Err(error),
    }
}
