//! What cleanup reads and writes: users with their links, holds, the journal, and whole rows of legacy
//! tables, which the journal keeps and `undo` puts back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDateTime;

use super::dialect::{for_update, json_length, text_list, whole};
use super::edges;
use super::error::{Error, ErrorKind};
use super::journal::{Before, Rows};
use super::links::Joined;
use super::relation::{self, equals, holds, readable, text_key};
use super::resources::{columns, from, record};
use super::schema::{scim_cleanup_journal as journal, scim_holds, scim_links};
use super::sidecar::{Expression, Fields, Selection, count, fields, row};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Column, Layout, MemberRelation, Record, Reference, Relation};
use crate::scim::ResourceType;

/// Ids named by one statement at most.
const CHUNK: usize = 1000;

/// Rows with their links, by id. One statement per 1,000.
pub async fn users(
    tx: &mut Tx,
    layout: &Layout,
    ids: &[String],
) -> Result<BTreeMap<String, Record>, Error> {
    let key = &layout.users.key;
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let select = Sql::new("SELECT ").append(columns(layout, ResourceType::User)).raw(", ");
        let select = Joined::Short.list(select);
        let sql = from(select, layout, ResourceType::User)
            .column("r", key)
            .raw(" IN (SELECT ")
            .append(text_key(tx.database(), key, Sql::new("i.item")))
            .raw(" FROM ")
            .append(text_list(tx.database(), chunk))
            .raw(" i)");
        for row in tx.query(sql).await? {
            let record = record(layout, ResourceType::User, row)?;
            found.insert(record.key_text(), record);
        }
    }
    Ok(found)
}

/// When the first of the users was disabled whom Entra disabled after a time. One statement.
pub async fn first_disabled(
    tx: &mut Tx,
    after: NaiveDateTime,
) -> Result<Option<NaiveDateTime>, Error> {
    let managed = " FROM scim_links WHERE resource_type = 'User' AND state = 'managed'";
    let later = Sql::new(managed).raw(" AND disabled_at > ").bind(after);
    tx.scalar(scim_links::disabled_at.min(), later).await
}

/// How many users Entra manages. One statement.
pub async fn managed(tx: &mut Tx) -> Result<u64, Error> {
    let managed = " FROM scim_links WHERE resource_type = 'User' AND state = 'managed'";
    tx.scalar(count(), Sql::new(managed)).await
}

/// Puts an account on hold, or changes the reason. Two statements.
pub async fn hold(tx: &mut Tx, id: &str, reason: &str, now: NaiveDateTime) -> Result<(), Error> {
    release(tx, id).await?;
    let sql = scim_holds::TABLE.insert([
        scim_holds::legacy_key.to(id),
        scim_holds::since.to(now),
        scim_holds::reason.to(reason),
    ]);
    tx.execute(sql).await.map(|_| ())
}

/// Takes an account off hold; whether it was on. One statement.
pub async fn release(tx: &mut Tx, id: &str) -> Result<bool, Error> {
    Ok(tx.execute(scim_holds::TABLE.delete(scim_holds::legacy_key.is(id))).await? > 0)
}

/// Why an account is on hold. One statement.
pub async fn held(tx: &mut Tx, id: &str) -> Result<Option<String>, Error> {
    let held = Sql::new(" FROM scim_holds WHERE ").append(scim_holds::legacy_key.is(id));
    tx.first(scim_holds::reason, held).await
}

row! {
    /// A row of `scim_cleanup_journal`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Entry of journal {
        /// The run.
        pub run: String = run,
        /// The account.
        pub id: String = legacy_key,
        /// The stage's name.
        pub step: String = step,
        /// When.
        pub at: NaiveDateTime = at,
        /// What it changed.
        pub before: Before = before_values,
        /// `done` or `undone`.
        pub outcome: String = outcome,
    }
}

/// Writes a step down. One statement.
///
/// # Errors
/// [`super::ErrorKind::Unique`] when the run has done the step already; the database's.
pub async fn journal(tx: &mut Tx, entry: &Entry) -> Result<(), Error> {
    tx.execute(journal::TABLE.insert(entry.sets())).await.map(|_| ())
}

/// The steps of a run, the newest first. One statement.
pub async fn steps_of(tx: &mut Tx, run: &str) -> Result<Vec<(String, String)>, Error> {
    let steps = Sql::new(" FROM scim_cleanup_journal WHERE ")
        .append(journal::run.is(run))
        .raw(" ORDER BY at DESC, legacy_key DESC, step DESC");
    tx.rows((journal::legacy_key, journal::step), steps).await
}

/// The first steps of a run with what they changed, in the order in which they are undone. One
/// statement.
pub async fn entries_of(tx: &mut Tx, run: &str, limit: i64) -> Result<Vec<Entry>, Error> {
    let steps = Sql::new(" FROM scim_cleanup_journal WHERE ")
        .append(journal::run.is(run))
        .raw(" ORDER BY at DESC, legacy_key DESC, step DESC LIMIT ")
        .bind(limit);
    tx.rows(fields(), steps).await
}

/// One step of a run, locked. One statement.
pub async fn step(tx: &mut Tx, run: &str, id: &str, step: &str) -> Result<Option<Entry>, Error> {
    let locked = Sql::new(" FROM scim_cleanup_journal WHERE ")
        .append(is_step(run, id, step))
        .append(for_update(tx.database(), journal::TABLE.name));
    tx.first(fields(), locked).await
}

/// Notes that a step was undone. One statement.
pub async fn undone(tx: &mut Tx, run: &str, id: &str, step: &str) -> Result<(), Error> {
    let sql = journal::TABLE.update([journal::outcome.to("undone")]).raw(" WHERE ");
    tx.execute(sql.append(is_step(run, id, step))).await.map(|_| ())
}

fn is_step(run: &str, id: &str, step: &str) -> Sql {
    let terms = [journal::run.is(run), journal::legacy_key.is(id), journal::step.is(step)];
    Sql::default().list(" AND ", terms)
}

/// Accounts that cleanup changed since a time, undone ones left out. One statement.
pub async fn accounts_since(tx: &mut Tx, since: NaiveDateTime) -> Result<BTreeSet<String>, Error> {
    let changed = Sql::new(" FROM scim_cleanup_journal WHERE outcome = 'done' AND at >= ");
    let accounts = changed.bind(since).raw(" GROUP BY legacy_key");
    Ok(tx.rows(journal::legacy_key, accounts).await?.into_iter().collect())
}

/// How many users' rows and how many memberships cleanup removed since a time, undone steps left out.
/// One statement.
pub async fn removed_since(
    tx: &mut Tx,
    layout: &Layout,
    since: NaiveDateTime,
) -> Result<(u64, u64), Error> {
    let database = tx.database();
    let column = journal::before_values.name;
    let rows = match &layout.members {
        Some(members) => {
            // Marked memberships are changed rows.
            let how = if members.remove.is_some() { "changed" } else { "removed" };
            json_length(database, column, how, &members.relation.table.to_string())
        }
        None => Sql::new("0"),
    };
    let sum = |inner: Sql| {
        let sum = Sql::new("SUM(").append(inner).raw(")");
        Expression::<Option<u64>>::new(whole(database, sum))
    };
    let sums = (sum(Sql::new("CASE WHEN step = 'delete' THEN 1 END")), sum(rows));
    let done = Sql::new(" FROM scim_cleanup_journal WHERE outcome = 'done' AND at >= ");
    let (users, memberships) = tx.scalar(sums, done.bind(since)).await?;
    // The sum of no rows is NULL.
    Ok((users.unwrap_or_default(), memberships.unwrap_or_default()))
}

/// The rows of a relation whose column holds this key: these columns, all of them when none are
/// named. One statement.
pub async fn rows_of(
    tx: &mut Tx,
    relation: &Relation,
    column: &Column,
    key: &Cell,
    wanted: &[Arc<Column>],
) -> Result<Rows, Error> {
    rows_where(tx, relation, equals(column, key), wanted).await
}

async fn rows_where(
    tx: &mut Tx,
    relation: &Relation,
    condition: Sql,
    wanted: &[Arc<Column>],
) -> Result<Rows, Error> {
    // What the database computes can't be put back.
    let all: Vec<Arc<Column>> =
        relation.columns.iter().filter(|it| !it.computed).cloned().collect();
    let wanted = if wanted.is_empty() { &all[..] } else { wanted };
    let database = tx.database();
    let sql = Sql::new("SELECT ")
        .list(", ", wanted.iter().map(|it| readable(database, it)))
        .append(relation::from_alone(relation))
        .append(condition);
    let rows = tx.query(sql).await?;
    let names = || wanted.iter().map(|it| it.name.clone());
    Ok(rows.into_iter().map(|row| names().zip(row.0).collect()).collect())
}

/// The memberships of a user: these columns, all of them when none are named. One statement.
pub async fn edges_of(
    tx: &mut Tx,
    layout: &Layout,
    members: &MemberRelation,
    user: &Cell,
    wanted: &[Arc<Column>],
) -> Result<Rows, Error> {
    let there = edges::writable(layout, members).append(equals(&members.user, user));
    rows_where(tx, &members.relation, there, wanted).await
}

/// Whether a foreign key points at this user's row. One statement.
pub async fn points(tx: &mut Tx, it: &Reference, key: &Cell) -> Result<bool, Error> {
    let sql = relation::select("1", &it.relation, "x").append(equals(&it.column, key));
    Ok(!tx.query(sql.raw(" LIMIT 1")).await?.is_empty())
}

/// Sets columns of the rows where these columns hold these values; how many there were. One
/// statement.
///
/// # Errors
/// A column that the relation no longer has; the database's.
pub async fn set_where(
    tx: &mut Tx,
    relation: &Relation,
    set: &BTreeMap<String, Cell>,
    condition: &BTreeMap<String, Cell>,
) -> Result<usize, Error> {
    let set = resolved(relation, set)?;
    let sql = relation::update(relation, set.into_iter().map(|(it, cell)| (it, cell.clone())));
    tx.execute(sql.append(all_hold(relation, condition)?)).await
}

/// Whether a row of the relation has these values. One statement.
///
/// # Errors
/// A column that the relation no longer has; the database's.
pub async fn has_row(
    tx: &mut Tx,
    relation: &Relation,
    condition: &BTreeMap<String, Cell>,
) -> Result<bool, Error> {
    let sql = relation::select("1", relation, "x").append(all_hold(relation, condition)?);
    Ok(!tx.query(sql.raw(" LIMIT 1")).await?.is_empty())
}

fn all_hold(relation: &Relation, condition: &BTreeMap<String, Cell>) -> Result<Sql, Error> {
    let terms = resolved(relation, condition)?;
    Ok(Sql::default().list(" AND ", terms.into_iter().map(|(it, cell)| holds(it, cell))))
}

/// Puts a whole row back. One statement.
///
/// # Errors
/// A column that the relation no longer has; the database's.
pub async fn put_back(
    tx: &mut Tx,
    relation: &Relation,
    row: &BTreeMap<String, Cell>,
) -> Result<(), Error> {
    let row: Vec<(&Column, Cell)> =
        resolved(relation, row)?.into_iter().map(|(it, cell)| (it, cell.clone())).collect();
    tx.execute(relation::insert_values(relation, &row)).await.map(|_| ())
}

/// The journal names columns, which the table may have lost since.
fn resolved<'r, 'c>(
    relation: &'r Relation,
    cells: &'c BTreeMap<String, Cell>,
) -> Result<Vec<(&'r Column, &'c Cell)>, Error> {
    let lost = |name: &str| {
        let what = format!("table {} has no column `{name}` any more", relation.table);
        Error::new(ErrorKind::Other, "scim_cleanup_journal", what)
    };
    let found = |(name, cell): (&String, &'c Cell)| {
        Ok((&**relation.column(name).ok_or_else(|| lost(name))?, cell))
    };
    cells.iter().map(found).collect()
}
