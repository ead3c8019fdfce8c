//! Users whom Entra disabled long enough ago, with what hangs on them: what a cleanup plan is made of.

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::dialect::timestamp;
use super::edges;
use super::error::Error;
use super::grace::{MANAGED, deletable, until};
use super::relation::{self, of, rows_of, text_key, there};
use super::resources::{mapped, unlinked};
use super::row::Row;
use super::schema::{scim_holds, scim_links};
use super::sidecar::{Cells, Column, Selection, Unreadable, count};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Field, Layout, OwnedRelation, Record, Reference};
use crate::scim::ResourceType;

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
    /// Whether rows point at the row, in the order of `Layout::pointing_at_users`; empty unless
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
    let strip =
        until(database, MANAGED, wanted.strip).raw(" AND ").append(edges::is_member(layout));
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
    let owned = if extras == Extras::None { &[][..] } else { &layout.ownership[..] };
    let pointing = if extras == Extras::All { &layout.pointing_at_users[..] } else { &[] };
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
fn asked(field: &Field) -> bool {
    field.is("userName") || field.is("active")
}

/// What [`leaver`] reads, up to the WHERE clause.
fn details(
    layout: &Layout,
    extras: Extras,
    owned: &[OwnedRelation],
    pointing: &[Reference],
) -> Sql {
    let users = &layout.users;
    let key = || of("r", &users.key);
    let memberships = edges::count_of(layout, key());
    let owned = owned.iter().map(|it| rows_of("COUNT(*)", &it.relation, &it.owner, key()));
    let pointing = pointing.iter().map(|it| {
        let rows = rows_of("1", &it.relation, &it.column, key());
        Sql::new("CASE WHEN EXISTS ").append(rows).raw(" THEN 1 ELSE 0 END")
    });
    let of_link = text_key(layout.database, &users.key, Sql::new("l.legacy_key"));
    let select = Sql::new("SELECT ").append(mapped(layout, ResourceType::User, asked)).raw(", ");
    let select = of_link_and_hold().list(select).raw(", ");
    let kept = scim_links::kept.of("l");
    let select = if extras == Extras::None { select.raw("NULL") } else { kept.list(select) };
    select
        .raw(", ")
        .list(", ", std::iter::once(memberships).chain(owned).chain(pointing))
        .raw(" FROM scim_links l")
        .append(relation::join(&users.relation, "r"))
        .append(there(users.mark(), Some("r")))
        .append(key())
        .raw(" = ")
        .append(of_link)
        .raw(" LEFT JOIN scim_holds h ON h.legacy_key = l.legacy_key WHERE ")
}

/// When Entra disabled the user, how far cleanup has come, and why the account is on hold.
fn of_link_and_hold() -> (Column<NaiveDateTime>, Column<Option<String>>, Column<Option<String>>) {
    (
        scim_links::disabled_at.of("l").present(),
        scim_links::cleanup_stage.of("l"),
        scim_holds::reason.of("h").optional(),
    )
}

/// A row of [`details`].
fn leaver(layout: &Layout, row: Row, owned: usize) -> Result<Leaver, Error> {
    let mut cells = row.0.into_iter();
    let record = unlinked(layout, ResourceType::User, asked, &mut cells);
    let mut rest = Cells::of(cells.as_slice());
    let pointing = cells.as_slice().len().saturating_sub(5 + owned);
    let mut read = || -> Result<_, Unreadable> {
        let (disabled_at, stage, held) = of_link_and_hold().read(&mut rest)?;
        let kept = rest.take(scim_links::kept)?;
        let memberships = count().read(&mut rest)?;
        let mut counts = |so_many: usize| -> Result<Vec<u64>, Unreadable> {
            (0..so_many).map(|_| count().read(&mut rest)).collect()
        };
        let (owned, pointed_at) = (counts(owned)?, counts(pointing)?);
        let pointed_at = pointed_at.into_iter().map(|there| there != 0).collect();
        Ok((disabled_at, stage, held, kept, memberships, owned, pointed_at))
    };
    let (disabled_at, stage, held, kept, memberships, owned, pointed_at) =
        read().map_err(|unreadable| unreadable.of_row(&record.key_text()))?;
    Ok(Leaver { record, disabled_at, stage, memberships, held, kept, owned, pointed_at })
}
