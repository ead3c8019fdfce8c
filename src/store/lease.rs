//! `scim_lease`: which of several agents runs a job.
//!
//! Owns the rules of taking, keeping and giving back. Time is the database's clock, the only one
//! that all agents share. A released lease keeps its row with an empty holder, so that its epoch
//! never falls: whoever was thought dead can be told from the next holder by it.

use std::time::Duration;

use chrono::NaiveDateTime;

use super::dialect;
use super::error::{Error, ErrorKind};
use super::schema::scim_lease;
use super::sidecar::{clock, fields, row};
use super::sql::Sql;
use super::transaction::Tx;

row! {
    /// A lease that somebody holds.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Lease of scim_lease {
        /// What it is for.
        pub name: String = name,
        /// Who holds it; unique to a run.
        pub holder: String = holder,
        /// Rises whenever the lease is taken anew.
        pub epoch: i64 = epoch,
        /// Until when it holds unless renewed, by the database's clock.
        pub until: NaiveDateTime = until,
    }
}

/// The answer to who wants a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is theirs.
    Ours(Lease),
    /// Somebody else holds it.
    Held(Lease),
}

/// The row of a lease, and what the database's clock said when it was read.
struct Read {
    lease: Lease,
    now: NaiveDateTime,
}

impl Read {
    fn is_held(&self) -> bool {
        !self.lease.holder.is_empty() && self.lease.until > self.now
    }
}

/// Takes the lease if it is free, expired or already `holder`'s.
pub async fn acquire(tx: &mut Tx, name: &str, holder: &str, ttl: Duration) -> Result<Claim, Error> {
    let row = if let Some(row) = locked(tx, name).await? {
        row
    } else {
        make(tx, name).await?;
        locked(tx, name).await?.ok_or_else(|| gone(name))?
    };
    let epoch = match (row.is_held(), row.lease.holder == holder) {
        (true, false) => return Ok(Claim::Held(row.lease)),
        (true, true) => row.lease.epoch,
        // Also when an expired lease was this holder's: a run of it that is thought dead may live.
        (false, _) => row.lease.epoch + 1,
    };
    let until = row.now + ttl;
    let sql = scim_lease::TABLE
        .update([
            scim_lease::holder.to(holder),
            scim_lease::epoch.to(epoch),
            scim_lease::until.to(until),
        ])
        .raw(" WHERE ")
        .append(scim_lease::name.is(name));
    tx.execute(sql).await?;
    Ok(Claim::Ours(Lease { name: name.to_owned(), holder: holder.to_owned(), epoch, until }))
}

/// Prolongs a lease from now on; `false` when it isn't the holder's any more. One that expired and
/// that nobody took is prolonged too.
pub async fn renew(tx: &mut Tx, lease: &Lease, ttl: Duration) -> Result<bool, Error> {
    let Some(row) = locked(tx, &lease.name).await? else { return Ok(false) };
    let sql = scim_lease::TABLE.update([scim_lease::until.to(row.now + ttl)]);
    Ok(tx.execute(sql.append(still(lease))).await? > 0)
}

/// Gives a lease back; nothing happens when it isn't the holder's any more.
pub async fn release(tx: &mut Tx, lease: &Lease) -> Result<(), Error> {
    let sql = scim_lease::TABLE.update([scim_lease::holder.to("")]);
    tx.execute(sql.append(still(lease))).await.map(|_| ())
}

/// Whether a lease is still the holder's. Until the transaction ends nobody else can take it: call
/// this in the transaction that writes what a run found.
pub async fn held(tx: &mut Tx, lease: &Lease) -> Result<bool, Error> {
    let row = locked(tx, &lease.name).await?;
    let is_theirs = |it: Lease| it.holder == lease.holder && it.epoch == lease.epoch;
    Ok(row.is_some_and(|row| is_theirs(row.lease)))
}

/// [`held`], for work that must not go on without it.
///
/// # Errors
/// When the lease isn't the holder's any more; the database's.
pub async fn require(tx: &mut Tx, lease: &Lease) -> Result<(), Error> {
    if held(tx, lease).await? {
        return Ok(());
    }
    let why = "another agent took over in the meantime; nothing was written";
    Err(Error::new(ErrorKind::Other, "the lease was lost", why))
}

/// Who holds the lease; `None` when nobody does.
pub async fn current(tx: &mut Tx, name: &str) -> Result<Option<Lease>, Error> {
    let row = read(tx, name, Sql::default()).await?.filter(Read::is_held);
    Ok(row.map(|row| row.lease))
}

/// Leases that somebody holds, by name. One statement.
pub async fn all_held(tx: &mut Tx) -> Result<Vec<Lease>, Error> {
    let wanted = (fields::<Lease>(), clock(tx.database()));
    let rows = tx.rows(wanted, Sql::new(" FROM scim_lease ORDER BY name")).await?;
    let rows = rows.into_iter().map(|(lease, now)| Read { lease, now });
    Ok(rows.filter(Read::is_held).map(|row| row.lease).collect())
}

/// Makes the row of a lease that nobody ever held. Two agents at the same moment make one row: the
/// second waits for the first, then finds it.
async fn make(tx: &mut Tx, name: &str) -> Result<(), Error> {
    let database = tx.database();
    let sql = scim_lease::TABLE
        .insert([
            scim_lease::name.to(name),
            scim_lease::holder.to(""),
            scim_lease::epoch.to(0),
            scim_lease::until.to_sql(dialect::now(database)),
        ])
        .append(dialect::unless_there(database, scim_lease::name.name));
    tx.execute(sql).await.map(|_| ())
}

async fn locked(tx: &mut Tx, name: &str) -> Result<Option<Read>, Error> {
    let lock = dialect::for_update(tx.database(), scim_lease::TABLE.name);
    read(tx, name, lock).await
}

async fn read(tx: &mut Tx, name: &str, lock: Sql) -> Result<Option<Read>, Error> {
    let wanted = (fields::<Lease>(), clock(tx.database()));
    let row = Sql::new(" FROM scim_lease WHERE ").append(scim_lease::name.is(name));
    let row = tx.first(wanted, row.append(lock)).await?;
    Ok(row.map(|(lease, now)| Read { lease, now }))
}

fn still(lease: &Lease) -> Sql {
    Sql::new(" WHERE ")
        .append(scim_lease::name.is(lease.name.as_str()))
        .raw(" AND ")
        .append(scim_lease::holder.is(lease.holder.as_str()))
        .raw(" AND ")
        .append(scim_lease::epoch.is(lease.epoch))
}

fn gone(name: &str) -> Error {
    let what = format!("the row of the lease `{name}` went away while it was taken");
    Error::new(ErrorKind::Other, scim_lease::TABLE.name, what)
}
