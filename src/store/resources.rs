//! Legacy rows with their links, as they are read. What is written is `changes`'.

use super::dialect::{for_update, key_text};
use super::error::{Error, ErrorKind};
use super::links::{Joined, joined};
use super::memberships::{self, Desired};
use super::predicate::Compiler;
use super::relation::{self, held, is_there, of};
use super::row::Row;
use super::sidecar::{self, Selection};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Field, Group, Groups, Layout, Predicate, Record, Stamped, Subject};
use crate::profile::catalogue::Database;
use crate::scim::{ResourceType, SortOrder};

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
    let mut sql = select(layout, kind, groups).append(is_key());
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
        .append(live(layout, kind))
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
    let found = from(Sql::default(), layout, kind)
        .append(live(layout, kind))
        .append(compiler.condition(predicate));
    tx.scalar(sidecar::count(), found).await
}

/// Rows of this name, tombstones included, and locked; at most three. One statement.
pub async fn by_name(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    named: &Predicate,
) -> Result<Vec<Record>, Error> {
    let compiler = Compiler { layout, kind };
    // Whoever is there comes before those who are gone, however many there are.
    let sql = select(layout, kind, None)
        .append(compiler.condition(named))
        .raw(" ORDER BY CASE WHEN ")
        .append(live(layout, kind))
        .raw("1 = 1 THEN 0 ELSE 1 END, ")
        .column("r", &layout.resource(kind).key)
        .raw(" LIMIT 3");
    let sql = lock_first(tx, layout, kind, compiler.condition(named), sql).await?;
    tx.query(sql).await?.into_iter().map(|row| record(layout, kind, row)).collect()
}

/// Makes "is this name free, then take it" one step among all agents: locks the folded name's slot
/// until the transaction ends. One statement; none on SQLite, whose writer is alone.
pub async fn lock_name(tx: &mut Tx, kind: ResourceType, name: &str) -> Result<(), Error> {
    lock_slot(tx, &format!("{}:", kind.as_str()), name).await
}

/// Locks the slot of a text among those of its sort until the transaction ends: texts that are the same
/// without case have one.
pub(super) async fn lock_slot(tx: &mut Tx, sort: &str, text: &str) -> Result<(), Error> {
    if tx.database() == Database::Sqlite {
        return Ok(());
    }
    let slot = super::dialect::slot_of(tx.database(), sort, text);
    let sql = Sql::new("SELECT 1 FROM scim_name_locks WHERE slot = ").append(slot);
    tx.later(sql.raw(" FOR UPDATE")).await
}

/// That a row is neither a tombstone's nor marked as gone, with ` AND ` after it.
pub(super) fn live(layout: &Layout, kind: ResourceType) -> Sql {
    let there = relation::there(layout.resource(kind).mark(), Some("r"));
    Sql::new("(l.state IS NULL OR l.state <> 'deleted') AND ").append(there)
}

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
    let rows = layout.resource(kind);
    let mut sql = mapped(layout, kind, |_| true);
    for stamp in [rows.touch.created.first(), rows.touch.modified.first()] {
        sql = match stamp {
            Some(it) => sql.raw(", ").column("r", &it.column),
            None => sql.raw(", NULL"),
        };
    }
    sql = match rows.mark() {
        Some(mark) => {
            let there = is_there(mark, Some("r"));
            sql.raw(", CASE WHEN ").append(there).raw(" THEN 0 ELSE 1 END")
        }
        None => sql.raw(", 0"),
    };
    for derived in &rows.derived {
        sql = sql.raw(", ").column("r", &derived.column);
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
    for field in fields().filter(|field| field.is_computed()) {
        sql = sql.raw(", ").append(held(field));
    }
    sql
}

/// `… FROM rows r LEFT JOIN links l … WHERE `, of the rows that count: a condition follows.
pub(super) fn from(select: Sql, layout: &Layout, kind: ResourceType) -> Sql {
    let rows = layout.resource(kind);
    let links = Sql::new(" LEFT JOIN scim_links l ON l.resource_type = '")
        .raw(kind.as_str())
        .raw("' AND l.legacy_key = ")
        .append(key_text(layout.database, of("r", &rows.key)));
    select.append(relation::from(&rows.relation, "r", links))
}

/// A row of [`columns`] and the link's.
pub(super) fn record(layout: &Layout, kind: ResourceType, row: Row) -> Result<Record, Error> {
    let rows = layout.resource(kind);
    let after = 1 + rows.width();
    let of_link = row.0.get(after + 3 + rows.derived.len()..).unwrap_or_default();
    let link = joined(of_link, row.cell(0))?;
    let time = |stamp: Option<&Stamped>, at| stamp.and_then(|it| it.times.read(row.cell(at)));
    let created = time(rows.touch.created.first(), after);
    let modified = time(rows.touch.modified.first(), after + 1);
    let marked = row.int(after + 2) != 0;
    // Cells are moved, not copied: a run reads millions.
    let mut cells = row.0.into_iter();
    let bare = unlinked(layout, kind, |_| true, &mut cells);
    let derived = cells.skip(3).take(rows.derived.len()).collect();
    Ok(Record { created, modified, marked, derived, link, ..bare })
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
    let looked_up = rows.fields.iter().filter(|field| field.is_computed());
    let mut cells = Vec::with_capacity(rows.width());
    for field in rows.fields.iter().chain(looked_up) {
        let cell = if asked(field) { row.next() } else { None };
        cells.push(cell.unwrap_or(Cell::Null));
    }
    Record {
        key,
        cells,
        created: None,
        modified: None,
        marked: false,
        derived: Vec::new(),
        link: None,
        groups: None,
    }
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
