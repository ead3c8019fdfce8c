//! A daemon says that it is there, so that `status` can tell which agents serve a database.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::lease;
use crate::store::{Error, Store, agents};

/// How often.
pub const EVERY: Duration = Duration::from_secs(10);
/// How long the last word may take: a database that is away must not hold up a shutdown.
const FAREWELL: Duration = Duration::from_secs(2);

/// Says so until the shutdown, and takes it back then. Failures are silent: that the database is
/// away is said by whoever needs it.
pub async fn announce(store: &Store, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let name = lease::holder();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let word = async {
            ticks.tick().await;
            if let Err(error) = said(store, &name, true).await {
                tracing::debug!(%error, "this agent could not say that it is there");
            }
        };
        tokio::select! {
            () = shutdown.as_mut() => break,
            () = word => {}
        }
    }
    let _ = tokio::time::timeout(FAREWELL, said(store, &name, false)).await;
}

async fn said(store: &Store, name: &str, here: bool) -> Result<(), Error> {
    store
        .write((name.to_owned(), here), async |tx, (name, here)| {
            if *here {
                agents::seen(tx, name, env!("CARGO_PKG_VERSION")).await
            } else {
                agents::gone(tx, name).await
            }
        })
        .await
}
