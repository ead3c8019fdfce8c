//! What the operator console and the metrics ask of the sidecar tables. Every statement is bounded: by
//! an index, or by a number of rows.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::audit::{self, AuditRow};
use super::dialect;
use super::error::Error;
use super::findings::{self, Stored};
use super::relation::{self, of};
use super::schema::{scim_audit, scim_findings, scim_links};
use super::sidecar::{Expression, Selection, count, count_of, fields, row};
use super::sql::Sql;
use super::transaction::Tx;
use crate::drift::Kind;
use crate::mapper::{Encoding, Layout, Record};
use crate::scim::ResourceType;

/// Rows of the audit trail that one search looks through: without an index on what is asked for, a
/// search for what is rare would read all of it.
pub use super::audit::LOOKED_THROUGH;

row! {
    /// One audited write of a client, as the overview counts it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Write of scim_audit {
        /// UTC.
        pub at: NaiveDateTime = at,
        /// `create`, `update`, `delete`, `match`, …
        pub operation: String = operation,
        /// `User` or `Group`.
        pub resource_type: Option<String> = resource_type,
        /// `done`, or why it was refused.
        pub outcome: String = outcome,
    }
}

/// The newest audited writes of clients, newest first. One statement.
pub async fn newest_writes(tx: &mut Tx, limit: i64) -> Result<Vec<Write>, Error> {
    let rows = audit::of_clients().raw(" ORDER BY id DESC LIMIT ");
    tx.rows(fields(), rows.bind(limit)).await
}

/// Open findings that nobody ignores, by kind. One statement.
pub async fn open_findings(tx: &mut Tx) -> Result<BTreeMap<Kind, u64>, Error> {
    let open = " FROM scim_findings WHERE resolved IS NULL AND ignored IS NULL GROUP BY kind";
    let rows = tx.rows((scim_findings::kind, count()), Sql::new(open)).await?;
    Ok(rows.into_iter().collect())
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
    let is_new = Sql::new("CASE WHEN first_seen >= ")
        .append(dialect::timestamp(tx.database(), since))
        .raw(" THEN 1 END");
    let oldest = Expression::<NaiveDateTime>::new(Sql::new("MIN(first_seen)"));
    let open = Sql::new(" FROM scim_findings WHERE resolved IS NULL AND ignored IS NULL")
        .append(findings::but(without))
        .raw(" GROUP BY kind");
    let rows = tx.rows((scim_findings::kind, count(), count_of(is_new), oldest), open).await?;
    let open = |(kind, now, new, oldest)| (kind, Open { now, new, oldest });
    Ok(rows.into_iter().map(open).collect())
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

/// Open findings that a text may mean: by how their ids begin, or by the name or Entra's id in them;
/// at most `limit`. One statement.
pub async fn findings_meant(tx: &mut Tx, text: &str, limit: i64) -> Result<Vec<Stored>, Error> {
    let database = tx.database();
    let said = |name: &str| {
        let said = dialect::json_text(database, scim_findings::detail.name, name);
        let text = dialect::fold(database, Sql::default().bind(text));
        dialect::fold(database, said).raw(" = ").append(text)
    };
    let begins = format!("{}%", dialect::like_literal(&text.to_ascii_lowercase()));
    let sql = Sql::new(" WHERE resolved IS NULL AND (fingerprint LIKE ")
        .bind(begins)
        .raw(" ESCAPE '!' OR ")
        .append(said("name"))
        .raw(" OR ")
        .append(said("externalId"))
        .raw(") ORDER BY fingerprint LIMIT ")
        .bind(limit);
    findings::select(tx, sql).await
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
    // Rows are looked through without their long columns.
    let looked_at = (scim_audit::id, scim_audit::at, scim_audit::operation, scim_audit::outcome);
    let mut sql = scim_audit::id.of("k").list(Sql::new(" WHERE id IN (SELECT "));
    sql = scim_audit::id.of("w").list(sql.raw(" FROM (SELECT ")).raw(" FROM (SELECT ");
    sql = looked_at
        .list(sql)
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
    let last = window(search).raw(" LIMIT 1 OFFSET ").bind(LOOKED_THROUGH - 1);
    let last = tx.first((scim_audit::id, scim_audit::at), last).await?;
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
    let users = &layout.users;
    let plain = users.name().filter(|field| field.encoding == Encoding::Plain && field.is_own());
    let Some(field) = plain else { return Ok(Vec::new()) };
    let key = dialect::key_text(tx.database(), of("r", &users.key));
    let from = relation::from(&users.relation, "r", Sql::default())
        .column("r", &field.column)
        .raw(" >= ")
        .bind(name)
        .raw(" ORDER BY ")
        .column("r", &field.column)
        .raw(" LIMIT ")
        .bind(limit);
    let ids = tx.rows(Expression::<String>::new(key), from).await?;
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
    let users = Sql::new(" FROM scim_links WHERE resource_type = 'User' AND external_id = ")
        .bind(external_id)
        .raw(" LIMIT ")
        .bind(limit);
    let ids = tx.rows(scim_links::legacy_key, users).await?;
    let found = super::cleanup::users(tx, layout, &ids).await?;
    Ok(found.into_values().collect())
}
