//! `scim_lease`: which of several agents runs a job.
//!
//! Owns the rules of taking, keeping and giving back. Time is the database's clock, the only one
//! that all agents share. A released lease keeps its row with an empty holder, so that its epoch
//! never falls: whoever was thought dead can be told from the next holder by it.

use std::time::Duration;

use chrono::NaiveDateTime;

use super::dialect;
use super::error::{Error, ErrorKind};
use super::sql::Sql;
use super::transaction::Tx;

/// A lease that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Who holds it; unique to a run.
    pub holder: String,
    /// Rises whenever the lease is taken anew.
    pub epoch: i64,
    /// Until when it holds unless renewed, by the database's clock.
    pub until: NaiveDateTime,
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
struct Row {
    holder: String,
    epoch: i64,
    until: NaiveDateTime,
    now: NaiveDateTime,
}

impl Row {
    fn is_held(&self) -> bool {
        !self.holder.is_empty() && self.until > self.now
    }

    fn lease(self, name: &str) -> Lease {
        Lease { name: name.to_owned(), holder: self.holder, epoch: self.epoch, until: self.until }
    }
}

/// Takes the lease if it is free, expired or already `holder`'s.
pub async fn acquire(tx: &mut Tx, name: &str, holder: &str, ttl: Duration) -> Result<Claim, Error> {
    let row = if let Some(row) = locked(tx, name).await? {
        row
    } else {
        make(tx, name).await?;
        locked(tx, name).await?.ok_or_else(|| bad_row(name))?
    };
    let epoch = match (row.is_held(), row.holder == holder) {
        (true, false) => return Ok(Claim::Held(row.lease(name))),
        (true, true) => row.epoch,
        // Also when an expired lease was this holder's: a run of it that is thought dead may live.
        (false, _) => row.epoch + 1,
    };
    let until = row.now + ttl;
    let sql = Sql::new("UPDATE scim_lease SET holder = ")
        .bind(holder)
        .raw(", epoch = ")
        .bind(epoch)
        .raw(", until = ")
        .bind(until)
        .raw(" WHERE name = ")
        .bind(name);
    tx.execute(sql).await?;
    Ok(Claim::Ours(Lease { name: name.to_owned(), holder: holder.to_owned(), epoch, until }))
}

/// Prolongs a lease from now on; `false` when it isn't the holder's any more. One that expired and
/// that nobody took is prolonged too.
pub async fn renew(tx: &mut Tx, lease: &Lease, ttl: Duration) -> Result<bool, Error> {
    let Some(row) = locked(tx, &lease.name).await? else { return Ok(false) };
    let sql = Sql::new("UPDATE scim_lease SET until = ").bind(row.now + ttl);
    Ok(tx.execute(sql.append(still(lease))).await? > 0)
}

/// Gives a lease back; nothing happens when it isn't the holder's any more.
pub async fn release(tx: &mut Tx, lease: &Lease) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_lease SET holder = ").bind("");
    tx.execute(sql.append(still(lease))).await.map(|_| ())
}

/// Whether a lease is still the holder's. Until the transaction ends nobody else can take it: call
/// this in the transaction that writes what a run found.
pub async fn held(tx: &mut Tx, lease: &Lease) -> Result<bool, Error> {
    let row = locked(tx, &lease.name).await?;
    Ok(row.is_some_and(|row| row.holder == lease.holder && row.epoch == lease.epoch))
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
    let row = read(tx, name, Sql::default()).await?.filter(Row::is_held);
    Ok(row.map(|row| row.lease(name)))
}

/// Makes the row of a lease that nobody ever held. Two agents at the same moment make one row: the
/// second waits for the first, then finds it.
async fn make(tx: &mut Tx, name: &str) -> Result<(), Error> {
    let database = tx.database();
    let sql = Sql::new("INSERT INTO scim_lease (name, holder, epoch, until) VALUES (")
        .bind(name)
        .raw(", '', 0, ")
        .append(dialect::now(database))
        .raw(")")
        .append(dialect::unless_there(database, "name"));
    tx.execute(sql).await.map(|_| ())
}

async fn locked(tx: &mut Tx, name: &str) -> Result<Option<Row>, Error> {
    let lock = dialect::for_update(tx.database(), "l");
    read(tx, name, lock).await
}

async fn read(tx: &mut Tx, name: &str, lock: Sql) -> Result<Option<Row>, Error> {
    let sql = Sql::new("SELECT l.holder, l.epoch, l.until, ")
        .append(dialect::now(tx.database()))
        .raw(" FROM scim_lease l WHERE l.name = ")
        .bind(name)
        .append(lock);
    let rows = tx.query(sql).await?;
    rows.first()
        .map(|row| {
            Ok(Row {
                holder: row.text(0).unwrap_or_default(),
                epoch: row.int(1),
                until: row.time(2).ok_or_else(|| bad_row(name))?,
                now: row.time(3).ok_or_else(|| bad_row(name))?,
            })
        })
        .transpose()
}

fn still(lease: &Lease) -> Sql {
    Sql::new(" WHERE name = ")
        .bind(lease.name.as_str())
        .raw(" AND holder = ")
        .bind(lease.holder.as_str())
        .raw(" AND epoch = ")
        .bind(lease.epoch)
}

fn bad_row(name: &str) -> Error {
    Error::new(
        ErrorKind::Other,
        "scim_lease",
        format!("the row of the lease `{name}` is unreadable"),
    )
}
