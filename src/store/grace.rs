//! Users whom Entra disabled: how far they are on their way out, and who is late. For the transaction of
//! [`super::Store::snapshot`].

use chrono::NaiveDateTime;

use super::dialect::{text_key, timestamp};
use super::error::Error;
use super::snapshot::unsigned;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::Layout;

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
///
/// # Errors
/// The database's.
pub async fn counts(tx: &mut Tx, layout: &Layout, due: Due) -> Result<[u64; 5], Error> {
    let database = tx.database();
    let members = &layout.profile.members;
    let user = layout.column(&members.table, &members.user);
    let member = Sql::new("EXISTS (SELECT 1 FROM ")
        .table(&members.table)
        .raw(" m WHERE ")
        .column("m", &members.user)
        .raw(" = ")
        .append(text_key(database, user, Sql::new("l.legacy_key")))
        .raw(")");
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
    let conditions = [
        at("> ", due.strip),
        between(member.clone()),
        between(Sql::new("NOT ").append(member)),
        at("<= ", due.anonymise),
        Sql::new("l.cleanup_stage IN ('anonymise', 'delete')"),
    ];
    let count = |condition: Sql| Sql::new("COUNT(CASE WHEN ").append(condition).raw(" THEN 1 END)");
    let sql = Sql::new("SELECT ")
        .list(", ", conditions.map(count))
        .raw(" FROM scim_links l WHERE l.resource_type = 'User' AND l.disabled_at >= ")
        // As good as IS NOT NULL, for which not every planner takes the index.
        .append(timestamp(database, chrono::DateTime::UNIX_EPOCH.naive_utc()));
    let rows = tx.query(sql).await?;
    let at = |index: usize| rows.first().map_or(0, |row| unsigned(row.int(index)));
    Ok([at(0), at(1), at(2), at(3), at(4)])
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
///
/// # Errors
/// The database's.
pub async fn overdue(tx: &mut Tx, layout: &Layout, due: Due) -> Result<Vec<Overdue>, Error> {
    let database = tx.database();
    let members = &layout.profile.members;
    let user = layout.column(&members.table, &members.user);
    let until = |state: &str, time: NaiveDateTime| {
        Sql::new(
            "SELECT l.legacy_key, l.disabled_at FROM scim_links l WHERE l.resource_type = 'User' \
             AND ",
        )
        .raw(state)
        .raw(" AND l.disabled_at <= ")
        .append(timestamp(database, time))
    };
    let managed = "l.state = 'managed'";
    let anonymises = !layout.profile.anonymise.is_empty();
    let strip = until(managed, due.strip)
        .raw(" AND EXISTS (SELECT 1 FROM ")
        .table(&members.table)
        .raw(" m WHERE ")
        .column("m", &members.user)
        .raw(" = ")
        .append(text_key(database, user, Sql::new("l.legacy_key")))
        .raw(")");
    let mut found = stage(tx, strip, "strip").await?;
    if anonymises {
        found.extend(stage(tx, until(managed, due.anonymise), "anonymise").await?);
    }
    if let Some(time) = due.delete {
        // A row goes once it says nothing of anybody; until then that is what is late.
        let state = if anonymises {
            "l.state = 'deleted' AND l.cleanup_stage = 'anonymise'"
        } else {
            managed
        };
        let users = &layout.profile.users;
        let key = layout.column(&users.table, &users.key);
        let delete = until(state, time)
            .raw(" AND EXISTS (SELECT 1 FROM ")
            .table(&users.table)
            .raw(" r WHERE ")
            .column("r", &users.key)
            .raw(" = ")
            .append(text_key(database, key, Sql::new("l.legacy_key")))
            .raw(")");
        found.extend(stage(tx, delete, "delete").await?);
    }
    Ok(found)
}

async fn stage(tx: &mut Tx, sql: Sql, stage: &'static str) -> Result<Vec<Overdue>, Error> {
    let rows = tx.query(sql).await?;
    Ok(rows
        .iter()
        .filter_map(|row| Some(Overdue { id: row.text(0)?, stage, disabled_at: row.time(1)? }))
        .collect())
}
