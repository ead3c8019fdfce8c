//! `scim_guard`: how many users were disabled of late, counted one request after the other, and until
//! when an operator allows more.

use chrono::NaiveDateTime;

use super::dialect::for_update;
use super::error::Error;
use super::schema::scim_guard;
use super::sidecar::count;
use super::sql::Sql;
use super::transaction::Tx;

/// The guard's row.
const DISABLE: &str = "disable";

/// Until when more are allowed. The row is locked: requests that disable count one after the other.
/// One statement.
pub async fn locked(tx: &mut Tx) -> Result<Option<NaiveDateTime>, Error> {
    let lock = for_update(tx.database(), scim_guard::TABLE.name);
    read(tx, lock).await
}

/// Until when more are allowed. One statement.
pub async fn allowed_until(tx: &mut Tx) -> Result<Option<NaiveDateTime>, Error> {
    read(tx, Sql::default()).await
}

async fn read(tx: &mut Tx, lock: Sql) -> Result<Option<NaiveDateTime>, Error> {
    let row = Sql::new(" FROM scim_guard WHERE ").append(scim_guard::name.is(DISABLE));
    Ok(tx.first(scim_guard::allowed_until, row.append(lock)).await?.flatten())
}

/// Allows more until a time. One statement.
pub async fn allow(tx: &mut Tx, until: NaiveDateTime) -> Result<(), Error> {
    let sql = scim_guard::TABLE.update([scim_guard::allowed_until.to(until)]).raw(" WHERE ");
    tx.execute(sql.append(scim_guard::name.is(DISABLE))).await.map(|_| ())
}

/// How many users clients disabled or deleted since a time, and how many they manage. Two
/// statements.
pub async fn counts(tx: &mut Tx, since: NaiveDateTime) -> Result<(u64, u64), Error> {
    Ok((disabled_since(tx, since).await?, super::cleanup::managed(tx).await?))
}

/// How many users clients disabled or deleted since a time. One statement.
pub async fn disabled_since(tx: &mut Tx, since: NaiveDateTime) -> Result<u64, Error> {
    // A deletion disables as well; of whom was disabled long before, it is no new loss.
    let disabled = Sql::new(" FROM scim_links WHERE resource_type = 'User' AND disabled_at >= ");
    tx.scalar(count(), disabled.bind(since)).await
}
