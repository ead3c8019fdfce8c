//! `scim_audit`: append-only; what was asked, by whom, and what it changed.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::dialect::{fold, json_text, text_list};
use super::error::{Error, ErrorKind};
use super::sql::Sql;
use super::transaction::Tx;
use crate::scim::ResourceType;

/// A row of `scim_audit`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AuditRow {
    /// A UUID that sorts by time.
    pub id: String,
    /// UTC.
    pub time: NaiveDateTime,
    /// The request that caused it.
    #[serde(rename = "requestId")]
    pub request_id: String,
    /// The name of the token that was used.
    pub token: Option<String>,
    /// `create`, `update`, `delete`, `match`, `revive`, …
    pub operation: String,
    /// `User` or `Group`.
    #[serde(rename = "resourceType")]
    pub resource_type: Option<String>,
    /// The SCIM id.
    pub resource: Option<String>,
    /// Changed attributes as they were.
    pub before: Map<String, Value>,
    /// Changed attributes as they are.
    pub after: Map<String, Value>,
    /// `done`, or why it was refused.
    pub outcome: String,
    /// What the client was told of a refusal.
    pub detail: Option<String>,
}

/// Which rows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Rows of these users, by their ids.
    pub users: Option<Vec<String>>,
    /// Rows from this time on.
    pub since: Option<NaiveDateTime>,
}

/// Appends a row, and makes it the proof of the transaction's commit. One statement.
pub async fn append(tx: &mut Tx, row: &AuditRow) -> Result<(), Error> {
    let json = |object: &Map<String, Value>| {
        (!object.is_empty()).then(|| serde_json::to_string(object).unwrap_or_default())
    };
    let sql = Sql::new(
        "INSERT INTO scim_audit (id, at, request_id, token, operation, resource_type, resource, \
         before_values, after_values, outcome, detail) VALUES (",
    )
    .list(
        ", ",
        [
            Sql::default().bind(row.id.as_str()),
            Sql::default().bind(row.time),
            Sql::default().bind(row.request_id.as_str()),
            Sql::default().bind(row.token.clone()),
            Sql::default().bind(row.operation.as_str()),
            Sql::default().bind(row.resource_type.clone()),
            Sql::default().bind(row.resource.clone()),
            Sql::default().bind(json(&row.before)),
            Sql::default().bind(json(&row.after)),
            Sql::default().bind(row.outcome.as_str()),
            Sql::default().bind(row.detail.clone()),
        ],
    )
    .raw(")");
    tx.later(sql).await?;
    tx.mark(&row.id);
    Ok(())
}

/// The ids of users whose audited userName, before or after, is this one without case. One statement.
pub async fn ids_named(tx: &mut Tx, user_name: &str) -> Result<Vec<String>, Error> {
    let database = tx.database();
    let is_named = |column: &str| {
        let name = json_text(database, column, "userName");
        fold(database, name).raw(" = ").append(fold(database, Sql::default().bind(user_name)))
    };
    let sql = Sql::new(
        "SELECT DISTINCT resource FROM scim_audit WHERE resource_type = 'User' \
         AND resource IS NOT NULL AND (",
    )
    .append(is_named("before_values"))
    .raw(" OR ")
    .append(is_named("after_values"))
    .raw(")");
    Ok(tx.query(sql).await?.iter().filter_map(|row| row.text(0)).collect())
}

/// How many rows of an operation somebody left since a time; their detail begins with who. One
/// statement.
pub async fn count_by(
    tx: &mut Tx,
    operation: &str,
    by: &str,
    since: NaiveDateTime,
) -> Result<u64, Error> {
    let pattern = format!("{}:%", super::dialect::like_literal(by));
    let sql = Sql::new("SELECT COUNT(*) FROM scim_audit WHERE at >= ")
        .bind(since)
        .raw(" AND operation = ")
        .bind(operation)
        .raw(" AND detail LIKE ")
        .bind(pattern)
        .raw(" ESCAPE '!'");
    let rows = tx.query(sql).await?;
    Ok(rows.first().map_or(0, |row| u64::try_from(row.int(0)).unwrap_or_default()))
}

/// How many rows of each outcome were written since a time. One statement.
pub async fn outcomes(tx: &mut Tx, since: NaiveDateTime) -> Result<BTreeMap<String, u64>, Error> {
    let sql = Sql::new("SELECT outcome, COUNT(*) FROM scim_audit WHERE at >= ").bind(since);
    let rows = tx.query(sql.raw(" GROUP BY outcome")).await?;
    let count = |index: i64| u64::try_from(index).unwrap_or_default();
    Ok(rows.iter().map(|row| (row.text(0).unwrap_or_default(), count(row.int(1)))).collect())
}

/// Whether a write was refused with this outcome since a time. One statement.
pub async fn any_since(tx: &mut Tx, outcome: &str, since: NaiveDateTime) -> Result<bool, Error> {
    let sql = Sql::new("SELECT 1 FROM scim_audit WHERE at >= ").bind(since).raw(" AND outcome = ");
    Ok(!tx.query(sql.bind(outcome).raw(" LIMIT 1")).await?.is_empty())
}

/// Rows in the order they were written, after the row `after`, at most `limit`.
pub async fn page(
    tx: &mut Tx,
    filter: &AuditFilter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<AuditRow>, Error> {
    let mut sql = Sql::new(" WHERE 1 = 1");
    if let Some(ids) = &filter.users {
        sql = sql
            .raw(" AND resource_type = ")
            .bind(ResourceType::User.as_str())
            .raw(" AND resource IN (SELECT item FROM ")
            .append(text_list(tx.database(), ids))
            .raw(" AS ids)");
    }
    if let Some(since) = filter.since {
        sql = sql.raw(" AND at >= ").bind(since);
    }
    if let Some(after) = after {
        sql = sql.raw(" AND id > ").bind(after);
    }
    select(tx, sql.raw(" ORDER BY id LIMIT ").bind(limit)).await
}

/// The rows that a condition, order and limit leave. One statement.
pub(super) async fn select(tx: &mut Tx, which: Sql) -> Result<Vec<AuditRow>, Error> {
    let sql = Sql::new(
        "SELECT id, at, request_id, token, operation, resource_type, resource, before_values, \
         after_values, outcome, detail FROM scim_audit",
    );
    let rows = tx.query(sql.append(which)).await?;
    rows.iter()
        .map(|row| {
            let object = |index: usize| -> Result<Map<String, Value>, Error> {
                row.text(index).map_or_else(
                    || Ok(Map::new()),
                    |text| {
                        serde_json::from_str(&text).map_err(|error| {
                            Error::new(ErrorKind::Other, "scim_audit", error.to_string())
                        })
                    },
                )
            };
            Ok(AuditRow {
                id: row.text(0).unwrap_or_default(),
                time: row.time(1).unwrap_or_default(),
                request_id: row.text(2).unwrap_or_default(),
                token: row.text(3),
                operation: row.text(4).unwrap_or_default(),
                resource_type: row.text(5),
                resource: row.text(6),
                before: object(7)?,
                after: object(8)?,
                outcome: row.text(9).unwrap_or_default(),
                detail: row.text(10),
            })
        })
        .collect()
}
