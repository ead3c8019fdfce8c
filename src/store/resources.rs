//! Legacy rows with their links: select, insert, update, delete.

use chrono::NaiveDateTime;

use super::dialect::{for_update, key_text, value};
use super::edges::{self, Desired};
use super::error::{Error, ErrorKind};
use super::links::{Joined, joined};
use super::predicate::Compiler;
use super::row::Row;
use super::schema::scim_name_locks as slots;
use super::sidecar::{self, Selection};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Assignment, Cell, Field, Group, Groups, Layout, NewValue, Predicate, Record};
use crate::profile::catalogue::Database;
use crate::profile::model::{Encoding, Lookup, Missing, RevokeAction, TableName};
use crate::scim::{AttributePath, ResourceType, SortOrder, fold};

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
    pub sort: Option<(Field, SortOrder)>,
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

/// Inserts a row; its key. One statement, and one or two per lookup label.
///
/// # Errors
/// The database's; [`ErrorKind::Invalid`] for a label that the lookup rejects is the service's to
/// prevent by [`resolve_lookups`].
pub async fn insert(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    columns: &[(String, Cell)],
) -> Result<Cell, Error> {
    let table = layout.profile.table(kind);
    let mut sql = Sql::new("INSERT INTO ").table(&table.table);
    if columns.is_empty() {
        sql = sql.raw(" DEFAULT VALUES");
    } else {
        let names = columns.iter().map(|(name, _)| Sql::default().ident(name));
        let values =
            columns.iter().map(|(name, cell)| value(layout, &table.table, name, cell.clone()));
        // A row that is made again under its key: PostgreSQL's GENERATED ALWAYS wants it said.
        let keyed = columns.iter().any(|(name, _)| *name == table.key);
        let postgres = tx.database() == crate::profile::catalogue::Database::Postgres;
        let overriding = if keyed && postgres { " OVERRIDING SYSTEM VALUE" } else { "" };
        sql = sql.raw(" (").list(", ", names).raw(")").raw(overriding);
        sql = sql.raw(" VALUES (").list(", ", values).raw(")");
    }
    let rows = tx.query(sql.raw(" RETURNING ").ident(&table.key)).await?;
    rows.first()
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
    columns: &[(String, Cell)],
) -> Result<(), Error> {
    if columns.is_empty() {
        return Ok(());
    }
    let table = layout.profile.table(kind);
    let sql = Sql::new("UPDATE ")
        .table(&table.table)
        .raw(" SET ")
        .list(
            ", ",
            columns.iter().map(|(name, cell)| {
                Sql::default().ident(name).raw(" = ").append(value(
                    layout,
                    &table.table,
                    name,
                    cell.clone(),
                ))
            }),
        )
        .raw(" WHERE ")
        .ident(&table.key)
        .raw(" = ")
        .append(value(layout, &table.table, &table.key, key.clone()));
    tx.later(sql).await
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
    let table = layout.profile.table(kind);
    // At once: who asks may want to know what the foreign keys say.
    tx.execute(deletion(layout, &table.table, &table.key, key)).await.map(|_| ())
}

/// Deletes the rows of a table whose column holds this key. One statement.
pub async fn delete_where(
    tx: &mut Tx,
    layout: &Layout,
    table: &TableName,
    column: &str,
    key: &Cell,
) -> Result<(), Error> {
    tx.later(deletion(layout, table, column, key)).await
}

fn deletion(layout: &Layout, table: &TableName, column: &str, key: &Cell) -> Sql {
    Sql::new("DELETE FROM ").table(table).raw(" WHERE ").ident(column).raw(" = ").append(value(
        layout,
        table,
        column,
        key.clone(),
    ))
}

/// Ends a disabled user's access: `[revoke]`. One statement per table of it.
pub async fn revoke(
    tx: &mut Tx,
    layout: &Layout,
    key: &Cell,
    now: NaiveDateTime,
) -> Result<(), Error> {
    for revoke in &layout.profile.revoke {
        match &revoke.action {
            RevokeAction::Delete => {
                delete_where(tx, layout, &revoke.table, &revoke.user, key).await?;
            }
            RevokeAction::Set { set, where_null } => {
                let mut sql = Sql::new("UPDATE ")
                    .table(&revoke.table)
                    .raw(" SET ")
                    .list(
                        ", ",
                        set.iter().map(|(name, scalar)| {
                            let cell = Cell::of(scalar, now);
                            let bound = value(layout, &revoke.table, name, cell);
                            Sql::default().ident(name).raw(" = ").append(bound)
                        }),
                    )
                    .raw(" WHERE ")
                    .ident(&revoke.user)
                    .raw(" = ")
                    .append(value(layout, &revoke.table, &revoke.user, key.clone()));
                if let Some(column) = where_null {
                    sql = sql.raw(" AND ").ident(column).raw(" IS NULL");
                }
                tx.later(sql).await?;
            }
        }
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

/// Turns assignments into columns and cells: looks labels up, and inserts those that may be.
///
/// # Errors
/// The outer one is the database's, the inner one a label that `missing = "reject"` refuses.
pub async fn resolve_lookups(
    tx: &mut Tx,
    layout: &Layout,
    assignments: Vec<Assignment>,
    now: NaiveDateTime,
) -> Result<Result<Vec<(String, Cell)>, UnknownLabel>, Error> {
    let mut columns = Vec::with_capacity(assignments.len());
    for assignment in assignments {
        let cell = match assignment.value {
            NewValue::Cell(cell) => cell,
            NewValue::Label { attribute, label, lookup } => {
                match lookup_key(tx, layout, &lookup, &label, now).await? {
                    Some(key) => key,
                    None => return Ok(Err(UnknownLabel { attribute, label })),
                }
            }
        };
        columns.push((assignment.column, cell));
    }
    Ok(Ok(columns))
}

async fn lookup_key(
    tx: &mut Tx,
    layout: &Layout,
    lookup: &Lookup,
    label: &str,
    now: NaiveDateTime,
) -> Result<Option<Cell>, Error> {
    let find = Sql::new("SELECT ")
        .ident(&lookup.key)
        .raw(" FROM ")
        .table(&lookup.table)
        .raw(" WHERE ")
        .append(super::dialect::same(tx.database(), Sql::default().ident(&lookup.label), label))
        .raw(" ORDER BY ")
        .ident(&lookup.key)
        .raw(" LIMIT 1");
    if let Some(row) = tx.query(find.clone()).await?.first() {
        return Ok(Some(row.cell(0).clone()));
    }
    match &lookup.missing {
        Missing::Reject => Ok(None),
        Missing::Default(key) => Ok(Some(Cell::of(key, now))),
        Missing::Create => {
            let mut names = vec![Sql::default().ident(&lookup.label)];
            let mut values = vec![value(layout, &lookup.table, &lookup.label, label.into())];
            for (name, scalar) in &lookup.insert {
                names.push(Sql::default().ident(name));
                values.push(value(layout, &lookup.table, name, Cell::of(scalar, now)));
            }
            let sql = Sql::new("INSERT INTO ")
                .table(&lookup.table)
                .raw(" (")
                .list(", ", names)
                .raw(") VALUES (")
                .list(", ", values)
                .raw(") RETURNING ")
                .ident(&lookup.key);
            match tx.query(sql).await {
                Ok(rows) => Ok(rows.first().map(|row| row.cell(0).clone())),
                // Somebody else made it at the same time: the whole transaction runs again.
                Err(error) if error.kind() == ErrorKind::Unique => {
                    Err(Error::new(ErrorKind::Conflict, "a lookup row", error.message()))
                }
                Err(error) => Err(error),
            }
        }
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
    let lock = Sql::new("SELECT 1 FROM ").table(&layout.profile.table(kind).table).raw(" r WHERE ");
    tx.later(lock.append(condition).append(for_update(tx.database(), "r"))).await?;
    Ok(select)
}

fn select(layout: &Layout, kind: ResourceType, groups: Option<Desired>) -> Sql {
    let mut sql = Joined::Whole.list(Sql::new("SELECT ").append(columns(layout, kind)).raw(", "));
    for column in groups.into_iter().flat_map(|desired| edges::groups_columns(layout, desired)) {
        sql = sql.raw(", ").append(column);
    }
    from(sql, layout, kind)
}

/// The columns of a row that [`record`] reads, the link's left out: those follow, as in [`Joined`].
pub(super) fn columns(layout: &Layout, kind: ResourceType) -> Sql {
    let touch = &layout.profile.table(kind).touch;
    let stamps = [touch.created.first(), touch.modified.first()];
    let stamp = |it: &String| Sql::default().column("r", it);
    let stamps = stamps.map(|it| it.map_or_else(|| Sql::new("NULL"), stamp));
    mapped(layout, kind, |_| true).raw(", ").list(", ", stamps)
}

/// The key, the mapped columns that are asked for, and the keys of those among them that are looked
/// up: what [`unlinked`] reads.
pub(super) fn mapped(
    layout: &Layout,
    kind: ResourceType,
    asked: impl Fn(&AttributePath) -> bool,
) -> Sql {
    let table = layout.profile.table(kind);
    let column = |name: &str| Sql::default().column("r", name);
    let asked = || table.attributes.iter().filter(|(path, _)| asked(path)).map(|(_, it)| it);
    let values = asked().map(|mapping| match &mapping.encoding {
        Encoding::Lookup(lookup) => label(lookup, &mapping.column),
        Encoding::Plain | Encoding::Values { .. } => column(&mapping.column),
    });
    let keys = asked().filter(|it| it.is_looked_up()).map(|it| column(&it.column));
    let key = std::iter::once(column(&table.key));
    Sql::default().list(", ", key.chain(values).chain(keys))
}

/// What the row's column points at by its key.
pub(super) fn label(lookup: &Lookup, column: &str) -> Sql {
    Sql::new("(SELECT ")
        .column("d", &lookup.label)
        .raw(" FROM ")
        .table(&lookup.table)
        .raw(" d WHERE ")
        .column("d", &lookup.key)
        .raw(" = ")
        .column("r", column)
        .raw(")")
}

/// `… FROM rows r LEFT JOIN links l`.
pub(super) fn from(select: Sql, layout: &Layout, kind: ResourceType) -> Sql {
    let table = layout.profile.table(kind);
    let key = key_text(layout.database, Sql::default().column("r", &table.key));
    select
        .raw(" FROM ")
        .table(&table.table)
        .raw(" r LEFT JOIN scim_links l ON l.resource_type = '")
        .raw(kind.as_str())
        .raw("' AND l.legacy_key = ")
        .append(key)
}

/// A row of [`columns`] and the link's.
pub(super) fn record(layout: &Layout, kind: ResourceType, row: Row) -> Result<Record, Error> {
    let attributes = &layout.profile.table(kind).attributes;
    let looked_up = attributes.values().filter(|it| it.is_looked_up()).count();
    let after = 1 + attributes.len() + looked_up;
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
    asked: impl Fn(&AttributePath) -> bool,
    row: &mut impl Iterator<Item = Cell>,
) -> Record {
    let attributes = &layout.profile.table(kind).attributes;
    let mut next = || row.next().unwrap_or(Cell::Null);
    let key = next();
    let mut cells = Vec::with_capacity(attributes.len());
    for path in attributes.keys() {
        cells.push(if asked(path) { next() } else { Cell::Null });
    }
    let looked_up = attributes.iter().filter(|(path, it)| it.is_looked_up() && asked(path));
    let lookup_keys = looked_up.map(|(_, it)| (it.column.clone(), next())).collect();
    Record { key, cells, lookup_keys, created: None, modified: None, link: None, groups: None }
}

/// [`record`], and the two columns of [`edges::groups_columns`] where they were asked for.
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
