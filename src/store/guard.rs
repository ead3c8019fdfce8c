//! `scim_guard`: how many users were disabled of late, counted one request after the other, and until
//! when an operator allows more.

use chrono::NaiveDateTime;

use super::dialect::for_update;
use super::error::Error;
use super::sql::Sql;
use super::transaction::Tx;

/// Until when more are allowed. The row is locked: requests that disable count one after the other.
/// One statement.
pub async fn locked(tx: &mut Tx) -> Result<Option<NaiveDateTime>, Error> {
    let lock = for_update(tx.database(), "g");
    read(tx, lock).await
}

/// Until when more are allowed. One statement.
pub async fn allowed_until(tx: &mut Tx) -> Result<Option<NaiveDateTime>, Error> {
    read(tx, Sql::default()).await
}

async fn read(tx: &mut Tx, lock: Sql) -> Result<Option<NaiveDateTime>, Error> {
    let sql = Sql::new("SELECT g.allowed_until FROM scim_guard g WHERE g.name = 'disable'");
    Ok(tx.query(sql.append(lock)).await?.first().and_then(|row| row.time(0)))
}

/// Allows more until a time. One statement.
pub async fn allow(tx: &mut Tx, until: NaiveDateTime) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_guard SET allowed_until = ").bind(until);
    tx.execute(sql.raw(" WHERE name = 'disable'")).await.map(|_| ())
}

/// How many users clients disabled or deleted since a time, and how many they manage. Two
/// statements.
pub async fn counts(tx: &mut Tx, since: NaiveDateTime) -> Result<(u64, u64), Error> {
    Ok((disabled_since(tx, since).await?, super::cleanup::managed(tx).await?))
}

/// How many users clients disabled or deleted since a time. One statement.
pub async fn disabled_since(tx: &mut Tx, since: NaiveDateTime) -> Result<u64, Error> {
    // A deletion disables as well; of whom was disabled long before, it is no new loss.
    let sql = Sql::new(
        "SELECT COUNT(*) FROM scim_links WHERE resource_type = 'User' AND disabled_at >= ",
    );
    let rows = tx.query(sql.bind(since)).await?;
    Ok(rows.first().map_or(0, |row| u64::try_from(row.int(0)).unwrap_or_default()))
}
