//! Who may have how many of the pool's connections: clients share them fairly, and leave some to the
//! agent itself (readiness, tokens, jobs). Knows nothing of what is done on one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::pool::{Connection, Pool, busy};
use crate::share::{Held, Places, Purpose};

/// The connections of one database, as the agent itself or one client has them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool,
    shares: Shares,
    /// On whose behalf; `None`: the agent itself, which shares with nobody.
    client: Option<Arc<str>>,
}

/// What clients have of the pool.
#[derive(Clone)]
enum Shares {
    /// SQLite has one writer beside its readers.
    Apart { reading: Places, writing: Places },
    /// All connections are alike. A client that writes finds one whoever reads.
    Together(Places),
}

impl Connections {
    /// Those of a pool of so many, as the agent itself has them.
    pub fn new(pool: Pool, size: usize) -> Self {
        let own = match size {
            0 | 1 => 0,
            2 | 3 => 1,
            _ => 2,
        };
        let most = size.saturating_sub(own).max(1);
        let shares = match pool {
            Pool::Sqlite { .. } => {
                Shares::Apart { reading: Places::new(most), writing: Places::new(1) }
            }
            Pool::Postgres { .. } | Pool::Mysql { .. } => {
                Shares::Together(Places::of_which_reads(most, most.saturating_sub(1).max(1)))
            }
        };
        Self { pool, shares, client: None }
    }

    /// The same on behalf of a client.
    pub fn on_behalf_of(&self, client: &str) -> Self {
        Self { client: Some(Arc::from(client)), ..self.clone() }
    }

    /// The pool that they come from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Closes the idle connections that were there at a time, as [`Pool::forget`] does.
    pub fn forget(&self, there: Instant) {
        self.pool.forget(there);
    }

    /// A connection, and the client's place, to be given back after it; waited for so long at most.
    ///
    /// # Errors
    /// [`super::ErrorKind::Lost`] when none can be had.
    pub async fn get(
        &self,
        purpose: Purpose,
        wait: Duration,
    ) -> Result<(Connection, Option<Held>), Error> {
        let Some(client) = &self.client else {
            return Ok((self.pool.get(purpose, wait).await?, None));
        };
        let places = match &self.shares {
            Shares::Apart { reading, .. } if purpose == Purpose::Read => reading,
            Shares::Apart { writing: places, .. } | Shares::Together(places) => places,
        };
        let begun = Instant::now();
        let Some(place) = places.take(client, purpose, wait).await else { return Err(busy()) };
        let left = wait.saturating_sub(begun.elapsed());
        Ok((self.pool.get(purpose, left).await?, Some(place)))
    }
}
