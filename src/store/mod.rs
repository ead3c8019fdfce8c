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
mod catalogue;
pub mod cleanup;
pub mod console;
pub mod credentials;
pub mod demo;
mod dialect;
mod error;
pub mod export;
pub mod findings;
pub mod grace;
pub mod guard;
pub mod lease;
pub mod leavers;
pub mod links;
pub mod memberships;
pub mod migrate;
pub mod notices;
mod pages;
mod pipeline;
mod pool;
mod predicate;
mod prove;
mod relation;
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

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

pub use error::{Error, ErrorKind, Subject};
pub use pool::PoolStatus;
pub use status::Status;
pub use transaction::{Failure, Tx, Work, statements_sent};

use crate::config::DatabaseUrl;
use crate::profile::catalogue::{Catalogue, Database};
use sql::Sql;

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: pool::Pool,
}

impl Store {
    /// Makes the pool; connects when first used. `ca` is a PEM file of the authorities that prove
    /// the server, for a URL that names none.
    ///
    /// # Errors
    /// A URL that says something the driver can't do.
    pub fn new(
        url: &DatabaseUrl,
        pool_size: usize,
        wait: Duration,
        ca: Option<&Path>,
    ) -> Result<Self, Error> {
        Ok(Self { pool: pool::Pool::new(url, pool_size, wait, ca)? })
    }

    /// Which database it is.
    pub fn database(&self) -> Database {
        self.pool.database()
    }

    /// How its pools of connections stand. Asks the database nothing.
    pub fn pools(&self) -> Vec<PoolStatus> {
        self.pool.status()
    }

    /// Runs `work` in one transaction: commits its value, rolls back its error; runs it again, a
    /// bounded number of times, on deadlock, serialization failure and lost connection.
    ///
    /// # Errors
    /// What `work` returns, or the database's failure.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'a> Fn(&'a mut Tx) -> Work<'a, T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        transaction::write(&self.pool, work).await
    }

    /// Runs `work` on one connection, each statement by itself.
    ///
    /// # Errors
    /// What `work` returns, or the database's failure.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'a> Fn(&'a mut Tx) -> Work<'a, T, E> + Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        transaction::read(&self.pool, work).await
    }

    /// Runs `work` on one state of the database, without writing: a run's snapshot. Not tried again.
    ///
    /// # Errors
    /// What `work` returns, or the database's failure.
    pub async fn snapshot<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> Work<'a, T, E> + Send + 'static,
        T: Send + 'static,
        E: Failure,
    {
        transaction::snapshot(&self.pool, work).await
    }

    /// What the live database says of its tables.
    pub async fn catalogue(&self) -> Result<Catalogue, Error> {
        self.read(|tx| Box::pin(catalogue::read(tx))).await
    }

    /// Whether the database answers and has the sidecar tables.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(|tx| {
            Box::pin(
                async move { tx.any(Sql::new(" FROM scim_migrations LIMIT 1")).await.map(|_| ()) },
            )
        })
        .await
    }

    /// The expression over a quoted column that an index must hold to serve lookups without case;
    /// `None` where no index can.
    pub fn fold_expression(&self, column: &str) -> Option<String> {
        dialect::indexed_fold(self.database(), Sql::new(column)).map(Sql::into_text)
    }
}
