//! The database: the only room that names diesel.
//!
//! One pool per database behind one type ([`Store`]), one kind of statement (dynamic SQL whose
//! identifiers come from the validated profile and whose values are bound), one transaction per
//! request ([`Store::write`]). What the database says of a failure stays in [`Error`] and the log.
//!
//! The sidecar's tables are declared in `schema`, each once, and their statements are dynamic too. Not
//! diesel's `table!` with `Insertable` and `Queryable`: a typed statement is one of one backend, so
//! that each would be built three times or boxed; the upsert of SQLite and PostgreSQL isn't MariaDB's
//! and SQLite has no `FOR UPDATE`, so that they would be three texts as well; one that is put off
//! ([`Tx`]) must be kept until it is sent, whatever its type; and many join legacy tables, whose names
//! are data. What `table!` is wanted for, that columns and types stand in one place and a row is read by
//! them, `schema` and `sidecar` do over the one kind of statement.

pub mod access_tokens;
pub mod agents;
pub mod audit;
mod calls;
mod catalogue;
pub mod changes;
pub mod cleanup;
mod connections;
pub mod console;
pub mod credentials;
pub mod demo;
mod dialect;
mod edges;
mod error;
mod evidence;
pub mod export;
mod finding_detail;
pub mod findings;
pub mod grace;
pub mod guard;
mod joining;
pub mod journal;
mod kept_values;
pub mod lease;
pub mod leavers;
pub mod links;
mod made;
pub mod memberships;
pub mod migrate;
pub mod notices;
mod pages;
mod pipeline;
mod pool;
mod predicate;
mod prove;
mod relation;
pub mod reports;
pub mod resources;
mod row;
pub mod runs;
mod schema;
mod sidecar;
pub mod snapshot;
mod sql;
mod status;
mod stream;
mod tls;
mod transaction;
mod unit;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

pub use error::{Error, ErrorKind, Subject};
pub use pool::PoolStatus;
pub use status::Status;
pub use transaction::{Tx, statements_sent};
pub use unit::{Failure, Unit};

use crate::config::DatabaseUrl;
use crate::profile::catalogue::{Catalogue, Database};
use connections::Connections;
use sql::Sql;
use unit::Patience;

/// How often a unit of work is tried in all.
const TRIES: u32 = 6;

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    connections: Connections,
    patience: Patience,
}

impl Store {
    /// Makes the pool; connects when first used. `wait` is how long a unit of work waits for
    /// connections in all; `ca` a PEM file of the authorities that prove the server, for a URL that
    /// names none.
    ///
    /// # Errors
    /// A URL that says something the driver can't do.
    pub fn new(
        url: &DatabaseUrl,
        pool_size: usize,
        wait: Duration,
        ca: Option<&Path>,
    ) -> Result<Self, Error> {
        let patience = Patience { tries: TRIES, wait };
        let pool = pool::Pool::new(url, pool_size, ca)?;
        Ok(Self { connections: Connections::new(pool, pool_size), patience })
    }

    /// The same on behalf of a client: what it does takes its fair share of the connections, and no
    /// more, while it lasts.
    #[must_use]
    pub fn on_behalf_of(&self, client: &str) -> Self {
        Self { connections: self.connections.on_behalf_of(client), ..self.clone() }
    }

    /// Which database it is.
    pub fn database(&self) -> Database {
        self.connections.pool().database()
    }

    /// How its pools of connections stand. Asks the database nothing.
    pub fn pools(&self) -> Vec<PoolStatus> {
        self.connections.pool().status()
    }

    /// Runs a unit of work in one transaction, lending it `context`: commits its value, rolls back
    /// its error; runs it again, a bounded number of times, on deadlock, serialization failure and
    /// lost connection.
    ///
    /// # Errors
    /// What the unit returns, or the database's failure.
    pub async fn write<C, T, E>(&self, context: C, unit: impl Unit<C, T, E>) -> Result<T, E>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        unit::write(&self.connections, self.patience, context, unit).await
    }

    /// The same on one connection without a transaction, each statement by itself.
    ///
    /// # Errors
    /// What the unit returns, or the database's failure.
    pub async fn read<C, T, E>(&self, context: C, unit: impl Unit<C, T, E>) -> Result<T, E>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        unit::read(&self.connections, self.patience, context, unit).await
    }

    /// The same on one state of the database, without writing: a run's snapshot. Not tried again.
    ///
    /// # Errors
    /// What the unit returns, or the database's failure.
    pub async fn snapshot<C, T, E>(&self, context: C, unit: impl Unit<C, T, E>) -> Result<T, E>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        unit::snapshot(&self.connections, self.patience, context, unit).await
    }

    /// The same in a transaction that is rolled back whatever comes of it. Not tried again.
    ///
    /// # Errors
    /// What the unit returns, or the database's failure.
    pub async fn rehearse<C, T, E>(&self, context: C, unit: impl Unit<C, T, E>) -> Result<T, E>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        unit::rehearse(&self.connections, self.patience, context, unit).await
    }

    /// What the live database says of its tables.
    pub async fn catalogue(&self) -> Result<Catalogue, Error> {
        self.read((), async |tx, ()| catalogue::read(tx).await).await
    }

    /// Whether the database answers and has the sidecar tables.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read((), async |tx, ()| {
            tx.any(Sql::new(" FROM scim_migrations LIMIT 1")).await.map(|_| ())
        })
        .await
    }

    /// The expression over a quoted column that an index must hold to serve lookups without case;
    /// `None` where no index can.
    pub fn fold_expression(&self, column: &str) -> Option<String> {
        dialect::indexed_fold(self.database(), Sql::new(column)).map(Sql::into_text)
    }
}
