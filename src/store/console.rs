//! What the operator console and the metrics ask of the sidecar tables. Every statement is bounded: by
//! an index, or by a number of rows.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::audit::{self, AuditRow};
use super::dialect;
use super::error::Error;
use super::findings::{self, Stored};
use super::lease::Lease;
use super::sql::Sql;
use super::transaction::Tx;
use crate::drift::Kind;
use crate::mapper::{Layout, Record};
use crate::profile::model::Encoding;
use crate::scim::ResourceType;

/// Rows of the audit trail that one search looks through: without an index on what is asked for, a
/// search for what is rare would read all of it.
pub const LOOKED_THROUGH: i64 = 20_000;

/// One audited write of a client, as the overview counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// UTC.
    pub at: NaiveDateTime,
    /// `create`, `update`, `delete`, `match`, …
    pub operation: String,
    /// `User` or `Group`.
    pub resource_type: Option<String>,
    /// `done`, or why it was refused.
    pub outcome: String,
}

/// The newest audited writes of clients, newest first. One statement.
pub async fn newest_writes(tx: &mut Tx, limit: i64) -> Result<Vec<Write>, Error> {
    let sql = Sql::new(
        "SELECT at, operation, resource_type, outcome FROM scim_audit WHERE token IS NOT NULL \
         ORDER BY id DESC LIMIT ",
    );
    let rows = tx.query(sql.bind(limit)).await?;
    let write = |row: &super::row::Row| {
        Some(Write {
            at: row.time(0)?,
            operation: row.text(1).unwrap_or_default(),
            resource_type: row.text(2),
            outcome: row.text(3).unwrap_or_default(),
        })
    };
    Ok(rows.iter().filter_map(write).collect())
}

/// Open findings that nobody ignores, by kind. One statement.
pub async fn open_findings(tx: &mut Tx) -> Result<BTreeMap<Kind, u64>, Error> {
    let sql = "SELECT kind, COUNT(*) FROM scim_findings WHERE resolved IS NULL \
               AND ignored IS NULL GROUP BY kind";
    let rows = tx.query(Sql::new(sql)).await?;
    let count = |row: &super::row::Row| {
        let count = u64::try_from(row.int(1)).unwrap_or_default();
        Some((Kind::from_name(&row.text(0)?)?, count))
    };
    Ok(rows.iter().filter_map(count).collect())
}

/// The open findings of a kind that nobody ignores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// How many.
    pub now: u64,
    /// Of them, first seen at a time or later.
    pub new: u64,
    /// When the oldest was first seen.
    pub oldest: NaiveDateTime,
}

/// Open findings that nobody ignores, by kind, and which are new since a time; without some kinds. One
/// statement.
pub async fn open_since(
    tx: &mut Tx,
    since: NaiveDateTime,
    without: &[Kind],
) -> Result<BTreeMap<Kind, Open>, Error> {
    let sql = Sql::new("SELECT kind, COUNT(*), COUNT(CASE WHEN first_seen >= ")
        .append(dialect::timestamp(tx.database(), since))
        .raw(
            " THEN 1 END), MIN(first_seen) FROM scim_findings WHERE resolved IS NULL \
             AND ignored IS NULL",
        )
        .append(findings::but(without))
        .raw(" GROUP BY kind");
    let rows = tx.query(sql).await?;
    let count = |row: &super::row::Row| {
        let [now, new] = [1, 2].map(|at| u64::try_from(row.int(at)).unwrap_or_default());
        Some((Kind::from_name(&row.text(0)?)?, Open { now, new, oldest: row.time(3)? }))
    };
    Ok(rows.iter().filter_map(count).collect())
}

/// Open findings that nobody ignores, of one kind or all but some, in the order of their ids, after
/// the id `after`. One statement.
pub async fn findings_page(
    tx: &mut Tx,
    kind: Option<Kind>,
    without: &[Kind],
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    let mut sql =
        Sql::new(" WHERE resolved IS NULL AND ignored IS NULL").append(findings::but(without));
    if let Some(kind) = kind {
        sql = sql.raw(" AND kind = ").bind(kind.as_str());
    }
    if let Some(after) = after {
        sql = sql.raw(" AND fingerprint > ").bind(after);
    }
    findings::select(tx, sql.raw(" ORDER BY fingerprint LIMIT ").bind(limit)).await
}

/// Open findings of one resource, ignored ones included; at most `limit`. One statement.
pub async fn findings_of(
    tx: &mut Tx,
    kind: ResourceType,
    id: &str,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    let sql = Sql::new(" WHERE resolved IS NULL AND resource_type = ")
        .bind(kind.as_str())
        .raw(" AND legacy_key = ")
        .bind(id)
        .raw(" ORDER BY fingerprint LIMIT ")
        .bind(limit);
    findings::select(tx, sql).await
}

/// Leases that somebody holds, by name, with the database's time. One statement.
pub async fn leases(tx: &mut Tx) -> Result<Vec<Lease>, Error> {
    let sql = Sql::new("SELECT name, holder, epoch, until, ")
        .append(dialect::now(tx.database()))
        .raw(" FROM scim_lease WHERE holder <> '' ORDER BY name");
    let rows = tx.query(sql).await?;
    let lease = |row: &super::row::Row| {
        let until = row.time(3)?;
        (until > row.time(4)?).then(|| Lease {
            name: row.text(0).unwrap_or_default(),
            holder: row.text(1).unwrap_or_default(),
            epoch: row.int(2),
            until,
        })
    };
    Ok(rows.iter().filter_map(lease).collect())
}

/// Which rows of the audit trail are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Rows of this resource.
    pub resource: Option<(ResourceType, String)>,
    /// Rows of this operation.
    pub operation: Option<String>,
    /// Rows whose outcome begins so.
    pub outcome: Option<String>,
    /// Rows from this time on.
    pub since: Option<NaiveDateTime>,
    /// Rows older than this one.
    pub before: Option<String>,
}

/// Rows of the audit trail, newest first, and where the search goes on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// The row before which the next page begins; `None` at the end of the trail.
    pub next: Option<String>,
    /// How far back was looked, where [`LOOKED_THROUGH`] rows didn't fill the page.
    pub looked_back_to: Option<NaiveDateTime>,
}

/// A page of the audit trail. Two statements, the second only when the page isn't full.
pub async fn audit_page(tx: &mut Tx, search: &Search, limit: usize) -> Result<Found, Error> {
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut sql = Sql::new(
        " WHERE id IN (SELECT k.id FROM (SELECT w.id FROM (SELECT id, at, operation, outcome",
    )
    .append(window(search))
    .raw(" LIMIT ")
    .bind(LOOKED_THROUGH)
    .raw(") w WHERE 1 = 1");
    if let Some(operation) = &search.operation {
        sql = sql.raw(" AND w.operation = ").bind(operation.as_str());
    }
    if let Some(outcome) = &search.outcome {
        let pattern = format!("{}%", dialect::like_literal(outcome));
        sql = sql.raw(" AND w.outcome LIKE ").bind(pattern).raw(" ESCAPE '!'");
    }
    if let Some(since) = search.since {
        sql = sql.raw(" AND w.at >= ").bind(since);
    }
    let sql = sql.raw(" ORDER BY w.id DESC LIMIT ").bind(wanted).raw(") k) ORDER BY id DESC");
    let mut rows = audit::select(tx, sql).await?;
    if rows.len() > limit {
        rows.truncate(limit);
        let next = rows.last().map(|row| row.id.clone());
        return Ok(Found { rows, next, looked_back_to: None });
    }
    let last = Sql::new("SELECT id, at")
        .append(window(search))
        .raw(" LIMIT 1 OFFSET ")
        .bind(LOOKED_THROUGH - 1);
    let last = tx.query(last).await?;
    let last = last.first().and_then(|row| Some((row.text(0)?, row.time(1)?)));
    // Behind `since` there is nothing more to find.
    let last = last.filter(|(_, at)| search.since.is_none_or(|since| *at >= since));
    Ok(Found {
        rows,
        next: last.as_ref().map(|(id, _)| id.clone()),
        looked_back_to: last.map(|(_, at)| at),
    })
}

/// The rows that a search looks through, newest first: by an index alone.
fn window(search: &Search) -> Sql {
    let mut sql = Sql::new(" FROM scim_audit WHERE 1 = 1");
    if let Some((kind, id)) = &search.resource {
        sql = sql.raw(" AND resource_type = ").bind(kind.as_str());
        sql = sql.raw(" AND resource = ").bind(id.as_str());
    }
    if let Some(before) = &search.before {
        sql = sql.raw(" AND id < ").bind(before.as_str());
    }
    sql.raw(" ORDER BY id DESC")
}

/// Users whose userName comes at or after a text, in the order of the column: the neighbourhood of a
/// name that isn't known to the letter. Two statements; none where no column has userNames as they
/// are.
pub async fn users_from(
    tx: &mut Tx,
    layout: &Layout,
    name: &str,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let kind = ResourceType::User;
    let users = &layout.profile.users;
    let mapped = users.attributes.iter().find(|(path, _)| path.is(kind.name_attribute()));
    let Some((_, mapping)) = mapped else { return Ok(Vec::new()) };
    if mapping.encoding != Encoding::Plain {
        return Ok(Vec::new());
    }
    let sql = Sql::new("SELECT ")
        .append(dialect::key_text(tx.database(), Sql::default().ident(&users.key)))
        .raw(" FROM ")
        .table(&users.table)
        .raw(" WHERE ")
        .ident(&mapping.column)
        .raw(" >= ")
        .bind(name)
        .raw(" ORDER BY ")
        .ident(&mapping.column)
        .raw(" LIMIT ")
        .bind(limit);
    let ids: Vec<String> = tx.query(sql).await?.iter().filter_map(|row| row.text(0)).collect();
    let found = super::cleanup::users(tx, layout, &ids).await?;
    Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
}

/// Live users with this `externalId`; at most `limit`. Two statements.
pub async fn users_by_external_id(
    tx: &mut Tx,
    layout: &Layout,
    external_id: &str,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let sql = Sql::new(
        "SELECT legacy_key FROM scim_links WHERE resource_type = 'User' AND external_id = ",
    )
    .bind(external_id)
    .raw(" LIMIT ")
    .bind(limit);
    let ids: Vec<String> = tx.query(sql).await?.iter().filter_map(|row| row.text(0)).collect();
    let found = super::cleanup::users(tx, layout, &ids).await?;
    Ok(found.into_values().collect())
}
