//! Running a piece of work on one agent alone, however many there are on the database.
//!
//! Owns how a lease is kept while the work runs. What a lease is in the database is
//! [`crate::store::lease`]'s; what the work does is the caller's.

use std::future::Future;
use std::time::Duration;

use chrono::NaiveDateTime;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::store::lease::Claim;
pub use crate::store::lease::Lease;
use crate::store::{Error, Store, lease};

/// How long a lease outlives an agent that can't renew it any more.
pub const TTL: Duration = Duration::from_secs(20);

const TERMS: Terms = Terms { ttl: TTL, renewed_every: Duration::from_secs(5) };

#[derive(Debug, Clone, Copy)]
struct Terms {
    ttl: Duration,
    renewed_every: Duration,
}

/// What became of work under a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased<T> {
    /// It ran.
    Ran(T),
    /// It didn't run: somebody else is at it.
    Held {
        /// Who.
        by: String,
        /// Until when, unless renewed; UTC, by the database's clock.
        until: NaiveDateTime,
    },
}

/// Runs `work` while holding the lease `name`, and gives the lease back afterwards, also when the
/// work failed.
///
/// The lease is renewed meanwhile. An agent cut off from the database for longer than [`TTL`] loses
/// it and isn't stopped: before the work writes, it asks [`lease::held`] in the same transaction.
/// Dropping the future keeps the lease until it expires.
///
/// # Errors
/// The work's, and the database's when the lease can't be asked for. That it can't be given back is
/// logged: it will expire.
pub async fn under_lease<T, E, Run>(
    store: &Store,
    name: &str,
    holder: &str,
    work: impl FnOnce(Lease) -> Run,
) -> Result<Leased<T>, E>
where
    E: From<Error>,
    Run: Future<Output = Result<T, E>>,
{
    on_terms(TERMS, store, name, holder, work).await
}

async fn on_terms<T, E, Run>(
    terms: Terms,
    store: &Store,
    name: &str,
    holder: &str,
    work: impl FnOnce(Lease) -> Run,
) -> Result<Leased<T>, E>
where
    E: From<Error>,
    Run: Future<Output = Result<T, E>>,
{
    let lease = match acquire(terms, store, name, holder).await? {
        Claim::Ours(lease) => lease,
        Claim::Held(by) => return Ok(Leased::Held { by: by.holder, until: by.until }),
    };
    let mut renewals = JoinSet::new();
    renewals.spawn(renew(terms, store.clone(), lease.clone()));
    let done = work(lease.clone()).await;
    renewals.shutdown().await;
    if let Err(error) = release(store, lease).await {
        tracing::warn!(lease = name, %error, "a lease could not be given back; it will expire");
    }
    done.map(Leased::Ran)
}

/// A name for the holder of a lease, `plant7/4711/1f3a`: host, process, and the run, so that two
/// runs of one process exclude each other as well.
pub fn holder() -> String {
    let host = whoami::hostname().unwrap_or_else(|_| "unknown".to_owned());
    // The column takes 128; a host's name has no more than 64 where hosts have names.
    let host: String = host.chars().take(64).collect();
    format!("{host}/{}/{:04x}", std::process::id(), rand::random::<u16>())
}

async fn acquire(terms: Terms, store: &Store, name: &str, holder: &str) -> Result<Claim, Error> {
    store
        .write((name.to_owned(), holder.to_owned(), terms.ttl), async |tx, (name, holder, ttl)| {
            lease::acquire(tx, name, holder, *ttl).await
        })
        .await
}

/// Renews until it is aborted, or the lease is lost.
async fn renew(terms: Terms, store: Store, lease: Lease) {
    let mut ticks = tokio::time::interval(terms.renewed_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let context = (lease.clone(), terms.ttl);
        let kept =
            store.write(context, async |tx, (lease, ttl)| lease::renew(tx, lease, *ttl).await);
        match kept.await {
            Ok(true) => {}
            Ok(false) => {
                let name = lease.name.as_str();
                tracing::warn!(lease = name, "a lease was lost to another agent");
                return;
            }
            // The next round may still be in time.
            Err(error) => {
                let name = lease.name.as_str();
                tracing::warn!(lease = name, %error, "a lease could not be renewed");
            }
        }
    }
}

async fn release(store: &Store, lease: Lease) -> Result<(), Error> {
    store.write(lease, async |tx, lease| lease::release(tx, lease).await).await
}

#[cfg(test)]
mod tests;
