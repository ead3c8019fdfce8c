//! Users whom Entra disabled: how far they are on their way out, and who is late. For the transaction of
//! [`super::Store::snapshot`].

use chrono::NaiveDateTime;

use super::dialect::timestamp;
use super::edges::is_member;
use super::error::Error;
use super::relation::{rows_of, text_key};
use super::schema::scim_links;
use super::sidecar::count_of;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Column, Layout, Relation};
use crate::profile::catalogue::Database;

/// Until when each stage of cleanup is due: users disabled at or before the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Memberships.
    pub strip: NaiveDateTime,
    /// Personal data.
    pub anonymise: NaiveDateTime,
    /// The row; `None` where it stays.
    pub delete: Option<NaiveDateTime>,
}

/// Users whom Entra disabled, counted by how far they are: waiting, strip due, stripped, anonymise
/// due, anonymised. One statement.
pub async fn counts(tx: &mut Tx, layout: &Layout, due: Due) -> Result<[u64; 5], Error> {
    let database = tx.database();
    let member = is_member(layout);
    let at = |text: &str, time: NaiveDateTime| {
        Sql::new("l.state = 'managed' AND l.disabled_at ")
            .raw(text)
            .append(timestamp(database, time))
    };
    let between = |condition: Sql| {
        at("<= ", due.strip)
            .raw(" AND l.disabled_at > ")
            .append(timestamp(database, due.anonymise))
            .raw(" AND ")
            .append(condition)
    };
    let count =
        |condition: Sql| count_of(Sql::new("CASE WHEN ").append(condition).raw(" THEN 1 END"));
    let counts = (
        count(at("> ", due.strip)),
        count(between(member.clone())),
        count(between(Sql::new("NOT ").append(member))),
        count(at("<= ", due.anonymise)),
        count(Sql::new("l.cleanup_stage IN ('anonymise', 'delete')")),
    );
    let disabled =
        Sql::new(" FROM scim_links l WHERE l.resource_type = 'User' AND l.disabled_at >= ")
            // As good as IS NOT NULL, for which not every planner takes the index.
            .append(timestamp(database, chrono::DateTime::UNIX_EPOCH.naive_utc()));
    tx.scalar(counts, disabled).await.map(<[u64; 5]>::from)
}

/// A disabled user past the grace of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The key, as text.
    pub id: String,
    /// `strip`, `anonymise` or `delete`.
    pub stage: &'static str,
    /// When Entra disabled the user.
    pub disabled_at: NaiveDateTime,
}

/// Users whose memberships should be gone and aren't; those whose personal data should, where the
/// profile has an `[anonymise]`; and those whose row should, where rows go. Three statements at most.
pub async fn overdue(tx: &mut Tx, layout: &Layout, due: Due) -> Result<Vec<Overdue>, Error> {
    let database = tx.database();
    let anonymises = !layout.anonymise.is_empty();
    let strip = until(database, MANAGED, due.strip).raw(" AND ").append(is_member(layout));
    let mut found = stage(tx, strip, "strip").await?;
    if anonymises {
        found.extend(stage(tx, until(database, MANAGED, due.anonymise), "anonymise").await?);
    }
    if let Some(time) = due.delete {
        let users = &layout.users;
        let there = exists(layout, &users.relation, &users.key);
        let delete = until(database, deletable(anonymises), time).raw(" AND ").append(there);
        found.extend(stage(tx, delete, "delete").await?);
    }
    Ok(found)
}

async fn stage(tx: &mut Tx, condition: Sql, stage: &'static str) -> Result<Vec<Overdue>, Error> {
    let wanted = (scim_links::legacy_key.of("l"), scim_links::disabled_at.of("l").present());
    let rows = tx.rows(wanted, Sql::new(" FROM scim_links l WHERE ").append(condition)).await?;
    let overdue = |(id, disabled_at)| Overdue { id, stage, disabled_at };
    Ok(rows.into_iter().map(overdue).collect())
}

/// A user's link, while Entra manages the user.
pub(super) const MANAGED: &str = "l.state = 'managed'";

/// A user's link whose row may go: one that says nothing of anybody, where that is ever so.
pub(super) fn deletable(anonymises: bool) -> &'static str {
    if anonymises { "l.state = 'deleted' AND l.cleanup_stage = 'anonymise'" } else { MANAGED }
}

/// Links `l` of users in this state whom Entra disabled at or before this time: by the index of
/// `disabled_at`.
pub(super) fn until(database: Database, state: &str, time: NaiveDateTime) -> Sql {
    Sql::new("l.resource_type = 'User' AND ")
        .raw(state)
        .raw(" AND l.disabled_at <= ")
        .append(timestamp(database, time))
}

/// Whether the relation has a row of the user of the link `l`.
fn exists(layout: &Layout, relation: &Relation, user: &Column) -> Sql {
    let key = text_key(layout.database, user, Sql::new("l.legacy_key"));
    Sql::new("EXISTS ").append(rows_of("1", relation, user, key))
}
