//! Users whom Entra disabled long enough ago, with what hangs on them: what a cleanup plan is made of.

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::dialect::{text_key, timestamp};
use super::error::{Error, ErrorKind};
use super::grace::{MANAGED, deletable, is_member, rows_of, until};
use super::resources::{mapped, object, unlinked};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Layout, Record};
use crate::profile::model::{Ownership, TableName};
use crate::scim::{AttributePath, ResourceType};

/// A user whom Entra disabled or cleanup anonymised.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaver {
    /// The row: its userName and whether it is active, and no more.
    pub record: Record,
    /// When Entra disabled the user.
    pub disabled_at: NaiveDateTime,
    /// `scim_links.cleanup_stage`
    pub stage: Option<String>,
    /// Memberships in kpifire.
    pub memberships: u64,
    /// Why an operator holds the account.
    pub held: Option<String>,
    /// `scim_links.kept`, where it was asked what the user owns: the manager takes that over.
    pub kept: Map<String, Value>,
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
/// found by the index of `disabled_at`, however many users there are. A statement per stage, in the
/// transaction of [`super::Store::snapshot`].
pub async fn leavers(
    tx: &mut Tx,
    layout: &Layout,
    wanted: Wanted,
    take: &mut (dyn FnMut(Leaver) + Send),
) -> Result<(), Error> {
    let database = tx.database();
    let all = if wanted.delete.is_some() { Extras::All } else { Extras::Owned };
    // Those to be stripped alone own whatever they own.
    let strip = until(database, MANAGED, wanted.strip).raw(" AND ").append(is_member(layout));
    let strip = match wanted.anonymise.or(wanted.delete) {
        Some(later) => strip.raw(" AND l.disabled_at > ").append(timestamp(database, later)),
        None => strip,
    };
    select(tx, layout, strip, Extras::None, take).await?;
    if let Some(before) = wanted.anonymise {
        let condition = until(database, MANAGED, before);
        select(tx, layout, condition, all, take).await?;
    }
    if let Some(before) = wanted.delete {
        let condition = until(database, deletable(wanted.anonymise.is_some()), before);
        select(tx, layout, condition, all, take).await?;
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
    condition: Sql,
    extras: Extras,
    take: &mut (dyn FnMut(Leaver) + Send),
) -> Result<(), Error> {
    let owned = if extras == Extras::None { &[][..] } else { &layout.profile.ownership[..] };
    let pointing = if extras == Extras::All { layout.pointing_at_users() } else { &[] };
    let sql = details(layout, extras, owned, pointing).append(condition);
    let mut broken = None;
    let mut read = |row| match leaver(layout, row, owned.len()) {
        Ok(leaver) => take(leaver),
        Err(error) => broken = Some(error),
    };
    tx.each_row(sql, &mut read).await?;
    broken.map_or(Ok(()), Err)
}

/// Of the row only what a plan asks for: there may be very many.
fn asked(path: &AttributePath) -> bool {
    path.is("userName") || path.is("active")
}

/// What [`leaver`] reads, up to the WHERE clause.
fn details(
    layout: &Layout,
    extras: Extras,
    owned: &[Ownership],
    pointing: &[(TableName, String)],
) -> Sql {
    let (users, members) = (&layout.profile.users, &layout.profile.members);
    let key = || Sql::default().column("r", &users.key);
    let rows = |what, table, user| rows_of(what, table, user, key());
    let memberships = rows("COUNT(*)", &members.table, &members.user);
    let owned = owned.iter().map(|it| rows("COUNT(*)", &it.table, &it.owner));
    let pointing = pointing.iter().map(|(table, column)| {
        let rows = rows("1", table, column);
        Sql::new("CASE WHEN EXISTS ").append(rows).raw(" THEN 1 ELSE 0 END")
    });
    let of_link = text_key(
        layout.database,
        layout.column(&users.table, &users.key),
        Sql::new("l.legacy_key"),
    );
    Sql::new("SELECT ")
        .append(mapped(layout, ResourceType::User, asked))
        .raw(", l.disabled_at, l.cleanup_stage, h.reason, ")
        .raw(if extras == Extras::None { "NULL" } else { "l.kept" })
        .raw(", ")
        .list(", ", std::iter::once(memberships).chain(owned).chain(pointing))
        .raw(" FROM scim_links l JOIN ")
        .table(&users.table)
        .raw(" r ON ")
        .append(key())
        .raw(" = ")
        .append(of_link)
        .raw(" LEFT JOIN scim_holds h ON h.legacy_key = l.legacy_key WHERE ")
}

/// A row of [`details`].
fn leaver(layout: &Layout, row: Row, owned: usize) -> Result<Leaver, Error> {
    let mut cells = row.0.into_iter();
    let record = unlinked(layout, ResourceType::User, asked, &mut cells);
    let mut next = || cells.next().unwrap_or(Cell::Null);
    let no_time = "a leaver's `disabled_at` is no time";
    let disabled_at =
        next().to_time().ok_or_else(|| Error::new(ErrorKind::Other, "scim_links", no_time))?;
    let (stage, held, kept) = (next().to_text(), next().to_text(), next().to_text());
    let mut counts = cells.map(|cell| cell.to_int().unwrap_or_default());
    let mut count = || u64::try_from(counts.next().unwrap_or_default()).unwrap_or_default();
    Ok(Leaver {
        record,
        disabled_at,
        stage,
        held,
        kept: kept.map(|kept| object(&kept)).transpose()?.unwrap_or_default(),
        memberships: count(),
        owned: (0..owned).map(|_| count()).collect(),
        pointed_at: counts.map(|there| there != 0).collect(),
    })
}
