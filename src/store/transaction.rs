//! One unit of database work: its connection, its transaction, its retries.
//!
//! Every unit runs in a task of its own, since a future dropped in the middle of a MariaDB query
//! would leave a desynchronised connection in the pool. A transaction that failed by deadlock,
//! serialization or a lost connection is run again, a bounded number of times. When the answer to
//! COMMIT is lost, the transaction's audit row tells whether it committed.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    TransactionManager,
};

use super::error::{Error, ErrorKind};
use super::pipeline::{self, Later};
use super::pool::{Connection, Pool, Purpose};
use super::row::Row;
use super::sql::Sql;
use super::stream;
use crate::profile::catalogue::Database;

/// How often a transaction is tried in all.
const TRIES: u32 = 6;

/// Statements sent since the process started, for the tests that count round trips.
static STATEMENTS: AtomicU64 = AtomicU64::new(0);

/// Statements sent to databases since the process started, BEGIN and COMMIT left out.
pub fn statements_sent() -> u64 {
    AtomicU64::load(&STATEMENTS, Ordering::Relaxed)
}

macro_rules! each {
    ($connection:expr, $it:ident => $body:expr) => {
        match $connection {
            Connection::Sqlite($it) => $body,
            Connection::Postgres($it) => $body,
            Connection::Mysql($it) => $body,
        }
    };
}

/// An open transaction (or, to read, a bare connection).
pub struct Tx {
    connection: Connection,
    database: Database,
    marker: Option<String>,
    state: State,
    /// Statements that go with the next one.
    later: Vec<Later>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Each statement by itself.
    Bare,
    /// In a transaction.
    Open,
}

/// What a unit of work returns.
pub type Work<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

impl Tx {
    /// Which database it is.
    pub(super) fn database(&self) -> Database {
        self.database
    }

    /// Runs a statement; the number of rows it touched.
    pub(super) async fn execute(&mut self, sql: Sql) -> Result<usize, Error> {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        self.send(sql).await
    }

    /// Runs a query; its rows.
    pub(super) async fn query(&mut self, sql: Sql) -> Result<Vec<Row>, Error> {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        if let Connection::Postgres(it) = &self.connection {
            return pipeline::query(it, std::mem::take(&mut self.later), sql).await;
        }
        self.catch_up().await?;
        match &mut self.connection {
            // Rows become cells where they are read, which spares a copy of each value.
            Connection::Sqlite(it) => {
                it.spawn_blocking(move |inner| diesel::RunQueryDsl::load::<Row>(sql, inner)).await
            }
            Connection::Postgres(it) => sql.load::<Row>(it).await,
            Connection::Mysql(it) => sql.load::<Row>(it).await,
        }
        .map_err(Error::from)
    }

    /// Runs a query of very many rows: each is handed out as it comes.
    pub(super) async fn each_row(
        &mut self,
        sql: Sql,
        take: &mut (dyn FnMut(Row) + Send),
    ) -> Result<(), Error> {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        self.catch_up().await?;
        stream::rows(&mut self.connection, sql, take).await
    }

    /// Runs a statement of which nothing is wanted but that it doesn't fail. In a transaction it
    /// goes with the next statement or the commit, whose failure its own becomes; otherwise at once.
    pub(super) async fn later(&mut self, sql: Sql) -> Result<(), Error> {
        self.later_or(sql, std::convert::identity).await
    }

    /// As [`Self::later`], and says what a failure means.
    pub(super) async fn later_or(
        &mut self,
        sql: Sql,
        explain: fn(Error) -> Error,
    ) -> Result<(), Error> {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        match self.state {
            State::Open => self.later.push(Later { sql, explain }),
            State::Bare => {
                self.send(sql).await.map_err(explain)?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, sql: Sql) -> Result<usize, Error> {
        if let Connection::Postgres(it) = &self.connection {
            return pipeline::execute(it, std::mem::take(&mut self.later), sql).await;
        }
        self.catch_up().await?;
        each!(&mut self.connection, it => sql.execute(&mut **it).await).map_err(Error::from)
    }

    /// Runs what was put off, one by one.
    async fn catch_up(&mut self) -> Result<(), Error> {
        for Later { sql, explain } in std::mem::take(&mut self.later) {
            each!(&mut self.connection, it => sql.execute(&mut **it).await)
                .map_err(|error| explain(error.into()))?;
        }
        Ok(())
    }

    /// Runs literal SQL of several statements.
    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.catch_up().await?;
        each!(&mut self.connection, it => it.batch_execute(sql).await).map_err(Error::from)
    }

    /// Remembers the audit row that proves this transaction's commit.
    pub(super) fn mark(&mut self, audit_id: &str) {
        self.marker.get_or_insert_with(|| audit_id.to_owned());
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.state = State::Open;
        match &mut self.connection {
            // A deferred transaction that reads first can't become a writer's under contention.
            Connection::Sqlite(it) => {
                it.spawn_blocking(|inner| {
                    diesel::connection::AnsiTransactionManager::begin_transaction_sql(
                        inner,
                        "BEGIN IMMEDIATE",
                    )
                })
                .await
            }
            Connection::Postgres(it) => {
                // Until it is over, the pool would have to take the connection for a broken one.
                AnsiTransactionManager::transaction_manager_status_mut(&mut **it).set_in_error();
                let sql = Sql::new("BEGIN ISOLATION LEVEL READ COMMITTED");
                self.later.push(Later { sql, explain: std::convert::identity });
                Ok(())
            }
            Connection::Mysql(it) => AnsiTransactionManager::begin_transaction(&mut **it).await,
        }
        .map_err(Error::from)
    }

    async fn begin_snapshot(&mut self) -> Result<(), Error> {
        match &mut self.connection {
            // The first read pins the state that all others see (WAL). Rows are looked up in another
            // order than they lie in: a small cache forgets pages that come again.
            Connection::Sqlite(it) => {
                it.batch_execute("PRAGMA cache_size = -16000").await?;
                SqliteTransactions::begin_transaction(&mut **it).await
            }
            Connection::Postgres(it) => {
                AnsiTransactionManager::begin_transaction_sql(
                    &mut **it,
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                )
                .await?;
                // A cursor is planned for its first rows otherwise; hashes of a plant's users fit in
                // 64 MB.
                it.batch_execute(
                    "SET LOCAL cursor_tuple_fraction = 1.0; SET LOCAL work_mem = '64MB'",
                )
                .await
            }
            Connection::Mysql(it) => {
                it.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
                AnsiTransactionManager::begin_transaction_sql(
                    &mut **it,
                    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
                )
                .await
            }
        }
        .map_err(Error::from)
    }

    /// Ends it, and gives back the memory that it was allowed.
    async fn end_snapshot(&mut self) -> Result<(), Error> {
        self.rollback().await?;
        if let Connection::Sqlite(it) = &mut self.connection {
            it.batch_execute(&format!("{}; PRAGMA shrink_memory", super::pool::SQLITE_CACHE))
                .await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Error> {
        if let Connection::Postgres(it) = &mut self.connection {
            let before = std::mem::take(&mut self.later);
            pipeline::execute(it, before, Sql::new("COMMIT")).await?;
            is_over(it);
            return Ok(());
        }
        self.catch_up().await?;
        match &mut self.connection {
            Connection::Sqlite(it) => SqliteTransactions::commit_transaction(&mut **it).await,
            Connection::Postgres(_) => Ok(()),
            Connection::Mysql(it) => AnsiTransactionManager::commit_transaction(&mut **it).await,
        }
        .map_err(Error::from)
    }

    async fn rollback(&mut self) -> Result<(), Error> {
        self.later.clear();
        match &mut self.connection {
            Connection::Sqlite(it) => SqliteTransactions::rollback_transaction(&mut **it).await,
            Connection::Postgres(it) => {
                let done = it.batch_execute("ROLLBACK").await;
                is_over(it);
                done
            }
            Connection::Mysql(it) => AnsiTransactionManager::rollback_transaction(&mut **it).await,
        }
        .map_err(Error::from)
    }
}

/// The pool may have the connection back.
fn is_over(connection: &mut AsyncPgConnection) {
    *AnsiTransactionManager::transaction_manager_status_mut(connection) =
        diesel::connection::TransactionManagerStatus::default();
}

type SqliteTransactions = diesel_async::sync_connection_wrapper::SyncTransactionManagerWrapper<
    diesel::connection::AnsiTransactionManager,
>;

/// An error of a unit of work that may carry a failure of the database.
pub trait Failure: From<Error> + Send + 'static {
    /// The failure of the database, when it is one.
    fn database(&self) -> Option<&Error>;
}

impl Failure for Error {
    fn database(&self) -> Option<&Error> {
        Some(self)
    }
}

/// Runs `work` in a transaction: commits when it returns a value, rolls back when it fails.
///
/// # Errors
/// What `work` returns, or the database's failure once the tries are used up.
pub(super) async fn write<T, E, F>(pool: &Pool, work: F) -> Result<T, E>
where
    F: for<'a> Fn(&'a mut Tx) -> Work<'a, T, E> + Send + Sync + 'static,
    T: Send + 'static,
    E: Failure,
{
    let pool = pool.clone();
    detached(async move {
        let mut attempt = 1;
        loop {
            let begun = Instant::now();
            let error = match attempt_write(&pool, &work).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if lost(&error) {
                pool.forget(begun);
            }
            if attempt == TRIES || !retryable(&error) {
                return Err(error);
            }
            pause(attempt).await;
            attempt += 1;
        }
    })
    .await
}

/// Runs `work` on one connection without a transaction, again when the connection was lost.
///
/// # Errors
/// What `work` returns, or the database's failure once the tries are used up.
pub(super) async fn read<T, E, F>(pool: &Pool, work: F) -> Result<T, E>
where
    F: for<'a> Fn(&'a mut Tx) -> Work<'a, T, E> + Send + Sync + 'static,
    T: Send + 'static,
    E: Failure,
{
    let pool = pool.clone();
    detached(async move {
        let mut attempt = 1;
        loop {
            let begun = Instant::now();
            let mut tx = open(&pool, Purpose::Read).await?;
            match work(&mut tx).await {
                Ok(value) => return Ok(value),
                Err(error) => {
                    if lost(&error) {
                        tx.connection.discard();
                        pool.forget(begun);
                    }
                    if attempt == TRIES || !retryable(&error) {
                        return Err(error);
                    }
                }
            }
            pause(attempt).await;
            attempt += 1;
        }
    })
    .await
}

/// Runs `work` in one read-only transaction that sees one state of the database from its first
/// statement to its last. Not tried again: what it read before is of no use after.
///
/// # Errors
/// What `work` returns, or the database's failure.
pub(super) async fn snapshot<T, E, F>(pool: &Pool, work: F) -> Result<T, E>
where
    F: for<'a> FnOnce(&'a mut Tx) -> Work<'a, T, E> + Send + 'static,
    T: Send + 'static,
    E: Failure,
{
    let pool = pool.clone();
    detached(async move {
        let mut tx = open(&pool, Purpose::Read).await?;
        if let Err(error) = tx.begin_snapshot().await {
            tx.connection.discard();
            return Err(error.into());
        }
        let outcome = work(&mut tx).await;
        let broken = outcome.as_ref().is_err_and(lost);
        if broken || tx.end_snapshot().await.is_err() {
            tx.connection.discard();
        }
        outcome
    })
    .await
}

async fn attempt_write<T, E, F>(pool: &Pool, work: &F) -> Result<T, E>
where
    F: for<'a> Fn(&'a mut Tx) -> Work<'a, T, E> + Send + Sync + 'static,
    E: Failure,
{
    let mut tx = open(pool, Purpose::Write).await?;
    if let Err(error) = tx.begin().await {
        tx.connection.discard();
        return Err(error.into());
    }
    match work(&mut tx).await {
        Err(error) => {
            if lost(&error) || tx.rollback().await.is_err() {
                tx.connection.discard();
            }
            Err(error)
        }
        Ok(value) => match tx.commit().await {
            Ok(()) => Ok(value),
            // A statement that was put off failed, or the commit itself: nothing is committed.
            Err(error) if error.kind() != ErrorKind::Lost => {
                if tx.rollback().await.is_err() {
                    tx.connection.discard();
                }
                Err(error.into())
            }
            Err(error) => {
                let marker = tx.marker.take();
                // First: looking needs a connection, and this may have been the pool's last.
                tx.connection.discard();
                pool.forget(Instant::now());
                let outcome = match marker {
                    Some(marker) => committed(pool, marker).await,
                    None => Ok(false),
                };
                if outcome? { Ok(value) } else { Err(error.into()) }
            }
        },
    }
}

/// Whether the transaction that wrote this audit row committed.
async fn committed(pool: &Pool, marker: String) -> Result<bool, Error> {
    for attempt in 1..=TRIES {
        // The server may still be at it: give it a moment before the first look as well.
        pause(attempt).await;
        let looked = async {
            let mut tx = open(pool, Purpose::Read).await?;
            let sql = Sql::new("SELECT 1 FROM scim_audit WHERE id = ").bind(marker.as_str());
            tx.query(sql).await
        };
        match looked.await {
            Ok(rows) => return Ok(!rows.is_empty()),
            Err(error) if error.kind() == ErrorKind::Lost => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::Lost, "reading back a commit", "the database did not come back"))
}

async fn open(pool: &Pool, purpose: Purpose) -> Result<Tx, Error> {
    let connection = pool.get(purpose).await?;
    let (database, state) = (pool.database(), State::Bare);
    Ok(Tx { connection, database, marker: None, state, later: Vec::new() })
}

async fn detached<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: Failure,
{
    tokio::spawn(work).await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Other, "a unit of database work", error.to_string()).into())
    })
}

fn retryable(error: &impl Failure) -> bool {
    error.database().is_some_and(Error::is_transient)
}

fn lost(error: &impl Failure) -> bool {
    error.database().is_some_and(|error| error.kind() == ErrorKind::Lost)
}

/// Growing and jittered, so that those who collided don't collide again.
async fn pause(attempt: u32) {
    let most = 10_u64 << attempt.min(6);
    let wait = rand::random_range(most / 2..=most);
    tokio::time::sleep(Duration::from_millis(wait)).await;
}
