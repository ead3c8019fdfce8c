//! Users whom Entra disabled long enough ago, with what hangs on them: what a cleanup plan is made of.

use std::slice::Chunks;

use chrono::NaiveDateTime;

use super::dialect::{text_key, text_list, timestamp};
use super::error::Error;
use super::pages::Pages;
use super::resources::{columns, record};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Layout, Record};
use crate::profile::catalogue::Database;
use crate::profile::model::{Ownership, TableName};
use crate::scim::{AttributePath, ResourceType};

/// Leavers read by one statement.
const PAGE: usize = 4000;

/// A user whom Entra disabled or cleanup anonymised.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaver {
    /// The row and its link, without a baseline.
    pub record: Record,
    /// `scim_links.cleanup_stage`
    pub stage: Option<String>,
    /// Memberships in kpifire.
    pub memberships: u64,
    /// Why an operator holds the account.
    pub held: Option<String>,
    /// Rows owned, in the order of `[ownership]`.
    pub owned: Vec<u64>,
    /// Whether rows point at the row, in the order of [`Layout::pointing_at_users`]; empty unless
    /// asked for.
    pub pointed_at: Vec<bool>,
}

/// Until when users are due: disabled at or before these times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Users disabled at or before this time lose their memberships.
    pub strip: NaiveDateTime,
    /// … their personal data; `None`: never.
    pub anonymise: Option<NaiveDateTime>,
    /// … their rows; `None`: never.
    pub delete: Option<NaiveDateTime>,
}

/// Hands out every user with something due, in no order, each once: there may be very many. They are
/// found by the index of `disabled_at`, however many users there are. A statement per stage, and
/// one per 4,000 of them, in the transaction of [`super::Store::snapshot`].
///
/// # Errors
/// The database's.
pub async fn leavers(
    tx: &mut Tx,
    layout: &Layout,
    wanted: Wanted,
    take: &mut (dyn FnMut(Leaver) + Send),
) -> Result<(), Error> {
    let database = tx.database();
    let until = |state: &str, before: NaiveDateTime| {
        Sql::new(state).raw(" AND l.disabled_at <= ").append(timestamp(database, before))
    };
    let managed = "l.state = 'managed'";
    let all = if wanted.delete.is_some() { Extras::All } else { Extras::Owned };
    // Those to be stripped alone own whatever they own.
    let users = &layout.profile.users;
    let key = layout.column(&users.table, &users.key);
    let strip = until(managed, wanted.strip)
        .raw(" AND EXISTS (SELECT 1 FROM ")
        .append(memberships(layout, text_key(database, key, Sql::new("l.legacy_key"))))
        .raw(")");
    let strip = match wanted.anonymise.or(wanted.delete) {
        Some(later) => strip.raw(" AND l.disabled_at > ").append(timestamp(database, later)),
        None => strip,
    };
    select(tx, layout, "scim_to_strip", strip, Extras::None, take).await?;
    if let Some(before) = wanted.anonymise {
        select(tx, layout, "scim_to_anonymise", until(managed, before), all, take).await?;
    }
    if let Some(before) = wanted.delete {
        let state = match wanted.anonymise {
            Some(_) => "l.state = 'deleted' AND l.cleanup_stage = 'anonymise'",
            None => managed,
        };
        select(tx, layout, "scim_to_delete", until(state, before), all, take).await?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extras {
    None,
    Owned,
    All,
}

async fn select(
    tx: &mut Tx,
    layout: &Layout,
    cursor: &str,
    condition: Sql,
    extras: Extras,
    take: &mut (dyn FnMut(Leaver) + Send),
) -> Result<(), Error> {
    let owned = if extras == Extras::None { &[][..] } else { &layout.profile.ownership[..] };
    let pointing = if extras == Extras::All { layout.pointing_at_users() } else { &[] };
    let details = details(layout, extras, owned, pointing);
    let keys;
    let mut pages = if tx.database() == Database::Postgres {
        Leaving::Cursor(Pages::new(cursor, details.append(condition)))
    } else {
        // The keys first: pages in the order of all users' keys would read all users.
        let sql = "SELECT l.legacy_key FROM scim_links l WHERE l.resource_type = 'User' AND ";
        let rows = tx.query(Sql::new(sql).append(condition)).await?;
        keys = rows.iter().filter_map(|row| row.text(0)).collect::<Vec<String>>();
        Leaving::Keys(details, keys.chunks(PAGE))
    };
    // A page is handed out while the next one is read.
    let mut page = Some(Vec::new());
    while let Some(rows) = page {
        let handing = async {
            for row in rows {
                take(leaver(layout, row, owned.len(), pointing.len())?);
            }
            Ok::<(), Error>(())
        };
        let (next, handed) = tokio::join!(pages.next(tx, layout), handing);
        handed?;
        page = next?;
    }
    Ok(())
}

/// Where leavers come from, a page at a time.
enum Leaving<'a> {
    /// All of them, in one statement.
    Cursor(Pages),
    /// The statement up to its condition, and their keys.
    Keys(Sql, Chunks<'a, String>),
}

impl Leaving<'_> {
    async fn next(&mut self, tx: &mut Tx, layout: &Layout) -> Result<Option<Vec<Row>>, Error> {
        match self {
            Self::Cursor(pages) => {
                let rows = pages.next(tx, layout, ResourceType::User).await?;
                Ok((!rows.is_empty()).then_some(rows))
            }
            Self::Keys(details, keys) => {
                let Some(chunk) = keys.next() else { return Ok(None) };
                let keys = text_list(layout.database, chunk);
                let sql = details.clone().raw("l.legacy_key IN (SELECT i.item FROM ").append(keys);
                Ok(Some(tx.query(sql.raw(" i)")).await?))
            }
        }
    }
}

/// What [`leaver`] reads, up to the WHERE clause. Of the row only what a plan asks for: there may be very many.
fn details(
    layout: &Layout,
    extras: Extras,
    owned: &[Ownership],
    pointing: &[(TableName, String)],
) -> Sql {
    let users = &layout.profile.users;
    let key = || Sql::default().column("r", &users.key);
    let asked = |path: &AttributePath| path.is("userName") || path.is("active");
    // The manager is kept, who takes over what is owned.
    let kept = if extras == Extras::None { "NULL" } else { "l.kept" };
    let mut sql = Sql::new("SELECT ")
        .append(columns(layout, ResourceType::User, asked))
        .raw(", l.state, NULL, NULL, ")
        .raw(kept)
        .raw(
            ", l.version, l.created, l.modified, l.disabled_at, l.deleted_at, l.cleanup_stage, \
             h.reason, (SELECT COUNT(*) FROM ",
        )
        .append(memberships(layout, key()))
        .raw(")");
    for ownership in owned {
        sql = sql
            .raw(", (SELECT COUNT(*) FROM ")
            .table(&ownership.table)
            .raw(" o WHERE ")
            .column("o", &ownership.owner)
            .raw(" = ")
            .append(key())
            .raw(")");
    }
    for (table, column) in pointing {
        sql = sql
            .raw(", CASE WHEN EXISTS (SELECT 1 FROM ")
            .table(table)
            .raw(" p WHERE ")
            .column("p", column)
            .raw(" = ")
            .append(key())
            .raw(") THEN 1 ELSE 0 END");
    }
    let of_link = text_key(
        layout.database,
        layout.column(&users.table, &users.key),
        Sql::new("l.legacy_key"),
    );
    sql.raw(" FROM scim_links l JOIN ")
        .table(&users.table)
        .raw(" r ON ")
        .append(key())
        .raw(" = ")
        .append(of_link)
        .raw(
            " LEFT JOIN scim_holds h ON h.legacy_key = l.legacy_key \
             WHERE l.resource_type = 'User' AND ",
        )
}

fn leaver(layout: &Layout, row: Row, owned: usize, pointing: usize) -> Result<Leaver, Error> {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    let after = row.0.len().saturating_sub(3 + owned + pointing);
    let owned_at = after + 3;
    let pointed_at = owned_at + owned;
    Ok(Leaver {
        stage: row.text(after),
        held: row.text(after + 1),
        memberships: unsigned(row.int(after + 2)),
        owned: (owned_at..pointed_at).map(|at| unsigned(row.int(at))).collect(),
        pointed_at: (pointed_at..row.0.len()).map(|at| row.int(at) != 0).collect(),
        record: record(layout, ResourceType::User, row)?,
    })
}

/// `members m WHERE m.user = …`
fn memberships(layout: &Layout, user: Sql) -> Sql {
    let members = &layout.profile.members;
    Sql::default()
        .table(&members.table)
        .raw(" m WHERE ")
        .column("m", &members.user)
        .raw(" = ")
        .append(user)
}
