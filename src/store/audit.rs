//! `scim_audit`: append-only; what was asked, by whom, and what it changed.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::dialect::{fold, json_list, json_text};
use super::error::Error;
use super::schema::scim_audit;
use super::sidecar::{Expression, Fields, count, fields, row};
use super::sql::Sql;
use super::transaction::Tx;
use crate::scim::ResourceType;

row! {
    /// A row of `scim_audit`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct AuditRow of scim_audit {
        /// A UUID that sorts by time.
        pub id: String = id,
        /// UTC.
        pub time: NaiveDateTime = at,
        /// The request that caused it.
        pub request_id: String = request_id,
        /// The name of the token that was used.
        pub token: Option<String> = token,
        /// `create`, `update`, `delete`, `match`, `revive`, …
        pub operation: String = operation,
        /// `User` or `Group`.
        pub resource_type: Option<String> = resource_type,
        /// The SCIM id.
        pub resource: Option<String> = resource,
        /// Changed attributes as they were.
        pub before: Map<String, Value> = before_values,
        /// Changed attributes as they are.
        pub after: Map<String, Value> = after_values,
        /// `done`, or why it was refused.
        pub outcome: String = outcome,
        /// What the client was told of a refusal.
        pub detail: Option<String> = detail,
    }
}

/// What begins the name of an operator who acted in the console: no client's name begins so.
pub const OPERATOR: &str = "operator:";

/// Rows of clients: a command leaves no name, and an operator isn't one.
pub(super) fn of_clients() -> Sql {
    let operators = format!("{OPERATOR}%");
    Sql::new(" FROM scim_audit WHERE token IS NOT NULL AND token NOT LIKE ").bind(operators)
}

/// Among the changed attributes: the names that a client sent and no schema knows.
pub const IGNORED: &str = "ignored";

/// Which rows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Rows of these users, by their ids.
    pub users: Option<Vec<String>>,
}

/// Appends a row, and makes it the proof of the transaction's commit. One statement.
pub async fn append(tx: &mut Tx, row: &AuditRow) -> Result<(), Error> {
    tx.later(scim_audit::TABLE.insert(row.sets())).await?;
    tx.mark(&row.id);
    Ok(())
}

/// Rows that one statement looks through for what no index finds.
pub const LOOKED_THROUGH: i64 = 20_000;

/// The ids of users whose audited userName, before or after, is this one without case, in the rows after
/// the row `after`, of which so many are looked through; and the last of these, where there are more.
/// Two statements.
pub async fn ids_named(
    tx: &mut Tx,
    user_name: &str,
    after: Option<&str>,
) -> Result<(Vec<String>, Option<String>), Error> {
    let later = |sql: Sql| match after {
        Some(after) => sql.raw(" AND id > ").bind(after),
        None => sql,
    };
    let last = later(Sql::new(" FROM scim_audit WHERE 1 = 1"));
    let last = last.raw(" ORDER BY id LIMIT 1 OFFSET ").bind(LOOKED_THROUGH - 1);
    let last = tx.first(scim_audit::id, last).await?;
    let database = tx.database();
    let is_named = |column: &str| {
        let name = json_text(database, column, "userName");
        fold(database, name).raw(" = ").append(fold(database, Sql::default().bind(user_name)))
    };
    // What the rows are searched for must not choose the index.
    let rows = later(Sql::new(" FROM (SELECT * FROM scim_audit WHERE 1 = 1"));
    let rows = rows
        .raw(" ORDER BY id LIMIT ")
        .bind(LOOKED_THROUGH)
        .raw(") AS scim_audit WHERE resource_type = 'User' AND resource IS NOT NULL AND (")
        .append(is_named(scim_audit::before_values.name))
        .raw(" OR ")
        .append(is_named(scim_audit::after_values.name))
        .raw(") GROUP BY resource");
    Ok((tx.rows(scim_audit::resource.present(), rows).await?, last))
}

/// How many rows of an operation with a detail that begins so there are since a time. One statement.
pub async fn count_beginning(
    tx: &mut Tx,
    operation: &str,
    beginning: &str,
    since: NaiveDateTime,
) -> Result<u64, Error> {
    let pattern = format!("{}%", super::dialect::like_literal(beginning));
    let rows = Sql::new(" FROM scim_audit WHERE at >= ")
        .bind(since)
        .raw(" AND operation = ")
        .bind(operation)
        .raw(" AND detail LIKE ")
        .bind(pattern)
        .raw(" ESCAPE '!'");
    tx.scalar(count(), rows).await
}

/// How many rows of each outcome were written since a time. One statement.
pub async fn outcomes(tx: &mut Tx, since: NaiveDateTime) -> Result<BTreeMap<String, u64>, Error> {
    let rows = Sql::new(" FROM scim_audit WHERE at >= ").bind(since).raw(" GROUP BY outcome");
    Ok(tx.rows((scim_audit::outcome, count()), rows).await?.into_iter().collect())
}

/// How many requests since a time named each attribute that no schema knows. One statement.
pub async fn ignored(tx: &mut Tx, since: NaiveDateTime) -> Result<BTreeMap<String, u64>, Error> {
    let database = tx.database();
    let names = || json_list(database, scim_audit::after_values.name, IGNORED);
    let rows = Sql::new(" FROM scim_audit WHERE at >= ")
        .bind(since)
        .raw(" AND ")
        .append(names())
        .raw(" IS NOT NULL GROUP BY 1");
    let listed = Expression::<Option<String>>::new(names());
    let mut counts = BTreeMap::new();
    for (names, requests) in tx.rows((listed, count()), rows).await? {
        // An attribute that a client knows by this name is no list.
        let names = names.as_deref().map(serde_json::from_str::<Vec<String>>);
        let names = names.and_then(Result::ok).unwrap_or_default();
        for name in names {
            *counts.entry(name).or_default() += requests;
        }
    }
    Ok(counts)
}

/// Whether a write was refused with this outcome since a time. One statement.
pub async fn any_since(tx: &mut Tx, outcome: &str, since: NaiveDateTime) -> Result<bool, Error> {
    let rows = Sql::new(" FROM scim_audit WHERE at >= ").bind(since).raw(" AND outcome = ");
    tx.any(rows.bind(outcome).raw(" LIMIT 1")).await
}

/// The last audited write of a client: when, and by which token. One statement.
pub async fn last_write(tx: &mut Tx) -> Result<Option<(NaiveDateTime, String)>, Error> {
    let last = of_clients().raw(" ORDER BY id DESC LIMIT 1");
    tx.first((scim_audit::at, scim_audit::token.present()), last).await
}

/// Rows in the order they were written, after the row `after`, at most `limit`. One statement, or one for
/// each of the users.
pub async fn page(
    tx: &mut Tx,
    filter: &AuditFilter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<AuditRow>, Error> {
    let Some(users) = &filter.users else {
        return select(tx, wanted(None, after, limit)).await;
    };
    let mut found = Vec::new();
    for user in users {
        found.extend(select(tx, wanted(Some(user.as_str()), after, limit)).await?);
    }
    found.sort_by(|one, other| one.id.cmp(&other.id));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Rows of a user or all: found by an index, in whose order they come.
pub(super) fn wanted(user: Option<&str>, after: Option<&str>, limit: i64) -> Sql {
    let mut sql = Sql::new(" WHERE 1 = 1");
    if let Some(user) = user {
        let kind = ResourceType::User.as_str();
        sql = sql.raw(" AND resource_type = ").bind(kind).raw(" AND resource = ").bind(user);
    }
    if let Some(after) = after {
        sql = sql.raw(" AND id > ").bind(after);
    }
    sql.raw(" ORDER BY id LIMIT ").bind(limit)
}

/// The rows that a condition, order and limit leave. One statement.
pub(super) async fn select(tx: &mut Tx, which: Sql) -> Result<Vec<AuditRow>, Error> {
    tx.rows(fields(), Sql::new(" FROM scim_audit").append(which)).await
}
