//! Legacy rows with their links: select, insert, update, delete.

use std::sync::Arc;

use chrono::NaiveDateTime;

use super::dialect::{for_update, key_text};
use super::error::{Error, ErrorKind};
use super::links::{Joined, joined};
use super::memberships::{self, Desired};
use super::predicate::Compiler;
use super::relation::{self, equals, holds, of, value};
use super::row::Row;
use super::schema::scim_name_locks as slots;
use super::sidecar::{self, Selection};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{
    Assignment, Cell, Column, Columns, Encoding, Field, Group, Groups, Layout, Lookup, NewValue,
    Predicate, Record, Reference, Relation, Subject,
};
use crate::profile::catalogue::Database;
use crate::profile::model::Missing;
use crate::scim::{ResourceType, SortOrder, fold};

/// Whether the rows are about to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Plain reading.
    None,
    /// Locked until the transaction ends.
    Update,
}

/// What is read with the row and its link, in the same statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// A user's groups.
    Groups,
}

/// Which part of a result is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The sort key; the key's order without one.
    pub sort: Option<(Subject, SortOrder)>,
    /// Rows to skip.
    pub offset: u64,
    /// Rows to return at most.
    pub limit: u64,
}

/// The row with this key, tombstones included. One statement.
pub async fn by_key(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    key: &Cell,
    lock: Lock,
) -> Result<Option<Record>, Error> {
    by_key_with(tx, layout, kind, key, lock, Beside::Nothing).await
}

/// As [`by_key`], with what is beside the row. Still one statement.
pub async fn by_key_with(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    key: &Cell,
    lock: Lock,
    beside: Beside,
) -> Result<Option<Record>, Error> {
    let compiler = Compiler { layout, kind };
    let groups = match (beside, lock) {
        (Beside::Nothing, _) => None,
        (Beside::Groups, Lock::None) => Some(Desired::OfDisabled),
        (Beside::Groups, Lock::Update) => Some(Desired::Always),
    };
    let is_key = || compiler.condition(&Predicate::IsKey(key.clone()));
    let mut sql = select(layout, kind, groups).raw(" WHERE ").append(is_key());
    if lock == Lock::Update {
        sql = lock_first(tx, layout, kind, is_key(), sql).await?;
    }
    let row = tx.query(sql).await?.into_iter().next();
    // A case-insensitive collation finds `abc` for `ABC`: an id is the key's exact text.
    row.map(|row| record_beside(layout, kind, row, groups))
        .transpose()
        .map(|found| found.filter(|record| record.key.to_text() == key.to_text()))
}

/// Live rows (no tombstones) that satisfy the predicate. One statement.
pub async fn find(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    predicate: &Predicate,
    window: &Window,
) -> Result<Vec<Record>, Error> {
    find_with(tx, layout, kind, predicate, window, Beside::Nothing).await
}

/// As [`find`], with what is beside the rows. Still one statement.
pub async fn find_with(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    predicate: &Predicate,
    window: &Window,
    beside: Beside,
) -> Result<Vec<Record>, Error> {
    let compiler = Compiler { layout, kind };
    let groups = (beside == Beside::Groups).then_some(Desired::OfDisabled);
    let sql = select(layout, kind, groups)
        .raw(LIVE)
        .append(compiler.condition(predicate))
        .append(compiler.order(window.sort.as_ref()))
        .raw(" LIMIT ")
        .bind(i64::try_from(window.limit).unwrap_or(i64::MAX))
        .raw(" OFFSET ")
        .bind(i64::try_from(window.offset).unwrap_or(i64::MAX));
    tx.query(sql).await?.into_iter().map(|row| record_beside(layout, kind, row, groups)).collect()
}

/// How many live rows satisfy the predicate. One statement.
pub async fn count(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    predicate: &Predicate,
) -> Result<u64, Error> {
    let compiler = Compiler { layout, kind };
    let live = from(Sql::default(), layout, kind).raw(LIVE).append(compiler.condition(predicate));
    tx.scalar(sidecar::count(), live).await
}

/// Rows of this name, tombstones included, and locked; at most three. One statement.
pub async fn by_name(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    named: &Predicate,
) -> Result<Vec<Record>, Error> {
    let compiler = Compiler { layout, kind };
    let sql = select(layout, kind, None)
        .raw(" WHERE ")
        .append(compiler.condition(named))
        .append(compiler.order(None))
        .raw(" LIMIT 3");
    let sql = lock_first(tx, layout, kind, compiler.condition(named), sql).await?;
    tx.query(sql).await?.into_iter().map(|row| record(layout, kind, row)).collect()
}

/// Makes "is this name free, then take it" one step among all agents: locks the folded name's slot
/// until the transaction ends. One statement; none on SQLite, whose writer is alone.
pub async fn lock_name(tx: &mut Tx, kind: ResourceType, name: &str) -> Result<(), Error> {
    use sha2::{Digest, Sha256};
    if tx.database() == Database::Sqlite {
        return Ok(());
    }
    let digest = Sha256::digest(format!("{}:{}", kind.as_str(), fold(name)));
    let slot = digest.first().copied().unwrap_or_default();
    let sql = Sql::new("SELECT 1 FROM scim_name_locks WHERE ").append(slots::slot.is(slot));
    tx.later(sql.raw(" FOR UPDATE")).await
}

/// Inserts a row; its key. One statement.
pub async fn insert(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    columns: Columns,
) -> Result<Cell, Error> {
    let rows = layout.resource(kind);
    // A row that is made again under its key: PostgreSQL's GENERATED ALWAYS wants it said.
    let keyed = columns.iter().any(|(column, _)| *column == rows.key);
    let overriding = keyed && tx.database() == Database::Postgres;
    let sql = if columns.is_empty() {
        relation::insert_defaults(&rows.relation)
    } else {
        relation::insert(&rows.relation, columns.iter().map(|(column, _)| &**column))
            .raw(if overriding { " OVERRIDING SYSTEM VALUE VALUES (" } else { " VALUES (" })
            .list(", ", columns.into_iter().map(|(column, cell)| value(&column, cell)))
            .raw(")")
    };
    let made = tx.query(sql.raw(" RETURNING ").name(&rows.key)).await?;
    made.first()
        .map(|row| row.cell(0).clone())
        .filter(|key| *key != Cell::Null)
        .ok_or_else(|| Error::new(ErrorKind::Other, "inserting a row", "no key came back"))
}

/// Sets columns of the row with this key. One statement; none when there is nothing to set.
pub async fn update(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    key: &Cell,
    columns: &Columns,
) -> Result<(), Error> {
    if columns.is_empty() {
        return Ok(());
    }
    let rows = layout.resource(kind);
    let set = columns.iter().map(|(column, cell)| (&**column, cell.clone()));
    tx.later(relation::update(&rows.relation, set).append(equals(&rows.key, key))).await
}

/// Deletes the row with this key. One statement.
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
    // At once: who asks may want to know what the foreign keys say.
    tx.execute(deletion(&rows.relation, &rows.key, key)).await.map(|_| ())
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
        let set = set.iter().map(|(column, scalar)| (&**column, Cell::of(scalar, now)));
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
pub async fn resolve_lookups(
    tx: &mut Tx,
    assignments: Vec<Assignment>,
    now: NaiveDateTime,
) -> Result<Result<Columns, UnknownLabel>, Error> {
    let mut columns = Vec::with_capacity(assignments.len());
    for assignment in assignments {
        let (column, cell) = match assignment {
            Assignment::Constant(column, cell) => (column, cell),
            Assignment::Attribute(field, NewValue::Cell(cell)) => (Arc::clone(&field.column), cell),
            Assignment::Attribute(field, NewValue::Label(label)) => {
                match lookup_key(tx, &field, &label, now).await? {
                    Some(key) => (Arc::clone(&field.column), key),
                    None => {
                        return Ok(Err(UnknownLabel { attribute: field.name.clone(), label }));
                    }
                }
            }
        };
        columns.push((column, cell));
    }
    Ok(Ok(columns))
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
        .raw(" FROM ")
        .relation(&lookup.relation, "d")
        .raw(" WHERE ")
        .append(super::dialect::same(tx.database(), of("d", &lookup.label), label))
        .raw(" ORDER BY ")
        .column("d", &lookup.key)
        .raw(" LIMIT 1");
    if let Some(row) = tx.query(find).await?.first() {
        return Ok(Some(row.cell(0).clone()));
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
    let constants = lookup.insert.iter().map(|(column, scalar)| (column, Cell::of(scalar, now)));
    let columns: Vec<_> =
        std::iter::once((&lookup.label, Cell::from(label))).chain(constants).collect();
    let sql = relation::insert(&lookup.relation, columns.iter().map(|(column, _)| &***column))
        .raw(" VALUES (")
        .list(", ", columns.into_iter().map(|(column, cell)| value(column, cell)))
        .raw(") RETURNING ")
        .name(&lookup.key);
    match tx.query(sql).await {
        Ok(rows) => Ok(rows.first().map(|row| row.cell(0).clone())),
        // Somebody else made it at the same time: the whole transaction runs again.
        Err(error) if error.kind() == ErrorKind::Unique => {
            Err(Error::new(ErrorKind::Conflict, "a lookup row", error.message()))
        }
        Err(error) => Err(error),
    }
}

const LIVE: &str = " WHERE (l.state IS NULL OR l.state <> 'deleted') AND ";

/// Makes a SELECT lock the rows of `condition` before it reads them.
///
/// On PostgreSQL that takes a statement of its own, which travels with the SELECT: a row that
/// `FOR UPDATE` had to wait for is read anew, but the link and the groups joined to it stay those
/// of the statement's beginning. MariaDB's locking reads see the latest of every table.
async fn lock_first(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    condition: Sql,
    select: Sql,
) -> Result<Sql, Error> {
    if tx.database() != Database::Postgres {
        return Ok(select.append(for_update(tx.database(), "r")));
    }
    let lock = relation::select("1", &layout.resource(kind).relation, "r");
    tx.later(lock.append(condition).append(for_update(tx.database(), "r"))).await?;
    Ok(select)
}

fn select(layout: &Layout, kind: ResourceType, groups: Option<Desired>) -> Sql {
    let mut sql = Joined::Whole.list(Sql::new("SELECT ").append(columns(layout, kind)).raw(", "));
    for column in
        groups.into_iter().flat_map(|desired| memberships::groups_columns(layout, desired))
    {
        sql = sql.raw(", ").append(column);
    }
    from(sql, layout, kind)
}

/// The columns of a row that [`record`] reads, the link's left out: those follow, as in [`Joined`].
pub(super) fn columns(layout: &Layout, kind: ResourceType) -> Sql {
    let touch = &layout.resource(kind).touch;
    let mut sql = mapped(layout, kind, |_| true);
    for stamp in [touch.created.first(), touch.modified.first()] {
        sql = match stamp {
            Some(column) => sql.raw(", ").column("r", column),
            None => sql.raw(", NULL"),
        };
    }
    sql
}

/// The key, the mapped columns that are asked for, and the keys of those among them that are looked
/// up: what [`unlinked`] reads.
pub(super) fn mapped(layout: &Layout, kind: ResourceType, asked: impl Fn(&Field) -> bool) -> Sql {
    let rows = layout.resource(kind);
    let fields = || rows.fields.iter().filter(|field| asked(field));
    let mut sql = Sql::default().column("r", &rows.key);
    for field in fields() {
        sql = sql.raw(", ").shown(field);
    }
    for field in fields().filter(|field| field.is_looked_up()) {
        sql = sql.raw(", ").column("r", &field.column);
    }
    sql
}

/// `… FROM rows r LEFT JOIN links l`.
pub(super) fn from(select: Sql, layout: &Layout, kind: ResourceType) -> Sql {
    let rows = layout.resource(kind);
    select
        .raw(" FROM ")
        .relation(&rows.relation, "r")
        .raw(" LEFT JOIN scim_links l ON l.resource_type = '")
        .raw(kind.as_str())
        .raw("' AND l.legacy_key = ")
        .append(key_text(layout.database, of("r", &rows.key)))
}

/// A row of [`columns`] and the link's.
pub(super) fn record(layout: &Layout, kind: ResourceType, row: Row) -> Result<Record, Error> {
    let after = 1 + layout.resource(kind).width();
    let link = joined(row.0.get(after + 2..).unwrap_or_default(), row.cell(0))?;
    let (created, modified) = (row.time(after), row.time(after + 1));
    // Cells are moved, not copied: a run reads millions.
    let bare = unlinked(layout, kind, |_| true, &mut row.0.into_iter());
    Ok(Record { created, modified, link, ..bare })
}

/// A row of [`mapped`], without stamps and link; NULL is what wasn't asked for.
pub(super) fn unlinked(
    layout: &Layout,
    kind: ResourceType,
    asked: impl Fn(&Field) -> bool,
    row: &mut impl Iterator<Item = Cell>,
) -> Record {
    let rows = layout.resource(kind);
    let key = row.next().unwrap_or(Cell::Null);
    let looked_up = rows.fields.iter().filter(|field| field.is_looked_up());
    let mut cells = Vec::with_capacity(rows.width());
    for field in rows.fields.iter().chain(looked_up) {
        let cell = if asked(field) { row.next() } else { None };
        cells.push(cell.unwrap_or(Cell::Null));
    }
    Record { key, cells, created: None, modified: None, link: None, groups: None }
}

/// [`record`], and the two columns of [`memberships::groups_columns`] where they were asked for.
fn record_beside(
    layout: &Layout,
    kind: ResourceType,
    row: Row,
    groups: Option<Desired>,
) -> Result<Record, Error> {
    let mut beside = None;
    if groups.is_some() {
        let at = row.0.len().saturating_sub(2);
        let of = |index: usize| row.text(index).map_or(Ok(Vec::new()), |text| pairs(&text));
        beside = Some(Groups { held: of(at)?, desired: of(at + 1)? });
    }
    Ok(Record { groups: beside, ..record(layout, kind, row)? })
}

fn pairs(text: &str) -> Result<Vec<Group>, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::new(ErrorKind::Other, "a user's groups", format!("{error}")))
}
