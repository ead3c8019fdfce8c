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
mod blockers;
mod calls;
mod catalogue;
pub mod changes;
pub mod cleanup;
mod condition;
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
mod interrupt;
mod joining;
pub mod journal;
mod kept_values;
pub mod lease;
pub mod leavers;
mod limit;
pub mod links;
mod made;
pub mod memberships;
pub mod migrate;
mod new_row;
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
pub mod server;
pub mod sessions;
mod sidecar;
pub mod snapshot;
mod sql;
mod sqlite_file;
mod status;
mod stream;
mod tls;
mod transaction;
mod unit;
mod wanted;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use error::{Error, ErrorKind, Subject};
pub use pool::PoolStatus;
pub use prove::dangling;
pub use status::Status;
pub use transaction::{Tx, statements_sent};
pub use unit::{Failure, Unit};
pub use wanted::Limits;

use crate::config::DatabaseUrl;
use crate::profile::catalogue::{Catalogue, Database};
use condition::Condition;
use connections::Connections;
use limit::Patience;
use server::Server;
use sql::Sql;

/// So long after a write was refused none is tried to see whether it would be taken.
const SETTLING: Duration = Duration::from_secs(5);

/// How often a unit of work is tried in all.
const TRIES: u32 = 6;

/// Returns when nothing is under way in this process whose caller is gone or whose store was stopped, or
/// a moment later. Until then an orderly end of the process leaves the database something to do.
pub async fn all_ended() {
    unit::all_ended().await;
}

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    connections: Connections,
    patience: Patience,
    stopping: Arc<watch::Sender<bool>>,
    condition: Arc<Condition>,
}

impl Store {
    /// Makes the pool; connects when first used. `wait` is how long a unit of work waits for
    /// connections in all, `limits` how long each statement may take; `ca` a PEM file of the authorities
    /// that prove the server, for a URL that names none.
    ///
    /// # Errors
    /// A URL that says something the driver can't do.
    pub fn new(
        url: &DatabaseUrl,
        pool_size: usize,
        wait: Duration,
        limits: Limits,
        ca: Option<&Path>,
    ) -> Result<Self, Error> {
        let patience = Patience { tries: TRIES, wait, limits };
        let pool = pool::Pool::new(url, pool_size, limits, ca)?;
        let connections = Connections::new(pool, pool_size);
        Ok(Self { connections, patience, stopping: Arc::default(), condition: Arc::default() })
    }

    /// The same on behalf of a client: what it does takes its fair share of the connections, and no
    /// more, while it lasts.
    #[must_use]
    pub fn on_behalf_of(&self, client: &str) -> Self {
        Self { connections: self.connections.on_behalf_of(client), ..self.clone() }
    }

    /// Makes a database ready to be written while it is read: on SQLite its log (WAL), which stays.
    pub async fn prepare(&self) -> Result<(), Error> {
        if self.database() != Database::Sqlite {
            return Ok(());
        }
        self.read((), async |tx, ()| tx.batch("PRAGMA journal_mode = WAL").await).await
    }

    /// Ends it: statements under way are cancelled, and no other begins. Returns when what was under way
    /// has ended, or a moment later.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        all_ended().await;
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
        unit::write(self.terms(), context, unit).await
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
        unit::read(self.terms(), context, unit).await
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
        unit::snapshot(self.terms(), context, unit).await
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
        unit::rehearse(self.terms(), context, unit).await
    }

    fn terms(&self) -> (unit::Caller, limit::Terms) {
        let (caller, wanted) = wanted::Wanted::new(self.stopping.subscribe());
        let (connections, condition) = (self.connections.clone(), Arc::clone(&self.condition));
        (caller, limit::Terms { connections, patience: self.patience, wanted, condition })
    }

    /// Whose server answers, and its version.
    ///
    /// # Errors
    /// The database's.
    pub async fn server(&self) -> Result<Server, Error> {
        let database = self.database();
        let sql = Sql::new(server::question(database));
        let rows = self.read(sql, async |tx, sql| tx.query(sql.clone()).await).await?;
        let said = rows.iter().find_map(|row| row.text(0)).unwrap_or_default();
        Ok(Server::read(database, &said))
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

    /// Whether writes are taken, asked of the database only after one was refused.
    ///
    /// # Errors
    /// [`ErrorKind::ReadOnly`] while they aren't.
    pub async fn takes_writes(&self) -> Result<(), Error> {
        match self.condition.refused() {
            None => Ok(()),
            // A full disk may have room for little.
            Some(ago) if ago < SETTLING => {
                let said = "it refused a write a moment ago";
                Err(Error::new(ErrorKind::ReadOnly, "database", said))
            }
            Some(_) => self.try_write().await,
        }
    }

    /// Writes what is there already.
    ///
    /// # Errors
    /// [`ErrorKind::ReadOnly`] while the database takes no writes.
    pub async fn try_write(&self) -> Result<(), Error> {
        let applied = schema::scim_migrations::applied;
        self.write(applied, async |tx, applied| {
            let same = applied.to_sql(Sql::new(applied.name));
            tx.execute(schema::scim_migrations::TABLE.update([same])).await
        })
        .await?;
        self.condition.wrote();
        Ok(())
    }

    /// Whether the tables may have another shape than the agent knows.
    pub fn is_doubted(&self) -> bool {
        self.condition.is_doubted()
    }

    /// When they may have.
    pub async fn doubted(&self) {
        self.condition.doubted().await;
    }

    /// Says that they have another shape than the agent knows.
    pub fn doubt(&self) {
        self.condition.doubt();
    }

    /// Says that the agent knows their shape.
    pub fn trust(&self) {
        self.condition.trust();
    }

    /// The expression over a quoted column that an index must hold to serve lookups without case;
    /// `None` where no index can.
    pub fn fold_expression(&self, column: &str) -> Option<String> {
        dialect::indexed_fold(self.database(), Sql::new(column)).map(Sql::into_text)
    }
}
