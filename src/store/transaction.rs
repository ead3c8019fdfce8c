//! One connection and what is said to it: statements, and how each database begins and ends a
//! transaction. When that is done, and again, is [`super::unit`]'s.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::{QueryResult, SqliteConnection};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    TransactionManager,
};

use super::error::{Error, ErrorKind, Subject};
use super::interrupt;
use super::limit::{Guard, Terms};
use super::pipeline::{self, Later};
use super::pool::{Connection, Sqlite, mysql_limits};
use super::row::Row;
use super::server::Product;
use super::sql::Sql;
use super::stream;
use super::wanted::{BEYOND, Limits};
use crate::profile::catalogue::Database;
use crate::share::{Held, Purpose};

/// Statements sent since the process started, for the tests that count round trips.
static STATEMENTS: AtomicU64 = AtomicU64::new(0);

/// Statements sent to databases since the process started, BEGIN and COMMIT left out.
pub fn statements_sent() -> u64 {
    AtomicU64::load(&STATEMENTS, Ordering::Relaxed)
}

/// An open transaction (or, to read, a bare connection).
pub struct Tx {
    connection: Connection,
    product: Product,
    database: Database,
    marker: Option<String>,
    state: State,
    /// Statements that go with the next one.
    later: Vec<Later>,
    guard: Guard,
    /// The client's share in the pool, given back after the connection.
    _place: Option<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Each statement by itself.
    Bare,
    /// In a transaction.
    Open,
}

impl Tx {
    /// On a connection of the pool, which is waited for so long at most.
    pub(super) async fn open(
        terms: &Terms,
        purpose: Purpose,
        wait: Duration,
    ) -> Result<Self, Error> {
        let Terms { connections, patience, wanted, .. } = terms;
        let (connection, place) = connections.get(purpose, wait).await?;
        let pool = connections.pool();
        let guard = Guard::new(pool, &connection, patience.limits.statement, wanted.clone());
        let (product, database) = (pool.product(), pool.database());
        let (state, later) = (State::Bare, Vec::new());
        Ok(Self { connection, product, database, marker: None, state, later, guard, _place: place })
    }

    /// Closes the connection instead of giving it back.
    pub(super) fn discard(self) {
        self.connection.discard();
    }

    /// Which database it is.
    pub(super) fn database(&self) -> Database {
        self.database
    }

    /// Whose database it is.
    pub(super) fn product(&self) -> Product {
        self.product
    }

    /// Runs a statement; the number of rows it touched.
    pub(super) async fn execute(&mut self, sql: Sql) -> Result<usize, Error> {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        self.send(sql).await
    }

    /// Runs a query; its rows.
    pub(super) async fn query(&mut self, sql: Sql) -> Result<Vec<Row>, Error> {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        match self.ask(sql).await {
            Err(error) => Err(self.told(error).await),
            answered => answered,
        }
    }

    async fn ask(&mut self, sql: Sql) -> Result<Vec<Row>, Error> {
        let tables = sql.tables();
        if let Connection::Postgres(it) = &self.connection {
            let sent = pipeline::query(it, std::mem::take(&mut self.later), sql);
            return self.guard.run(&tables, sent).await;
        }
        self.catch_up().await?;
        let Self { connection, guard, .. } = self;
        match connection {
            // Rows become cells where they are read, which spares a copy of each value.
            Connection::Sqlite(it) => {
                on_sqlite(it, guard, &tables, |inner| diesel::RunQueryDsl::load::<Row>(sql, inner))
                    .await
            }
            Connection::Postgres(it) => guard.run(&tables, sql.load::<Row>(it)).await,
            Connection::Mysql(it) => guard.run(&tables, sql.load::<Row>(it)).await,
        }
    }

    /// Runs a query of very many rows: each is handed out as it comes.
    pub(super) async fn each_row(
        &mut self,
        sql: Sql,
        take: &mut (dyn FnMut(Row) + Send),
    ) -> Result<(), Error> {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        self.catch_up().await?;
        let Self { connection, guard, .. } = self;
        let tables = sql.tables();
        guard.run(&tables, stream::rows(connection, sql, guard.interrupt(), take)).await
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
        match self.run(sql).await {
            Err(error) => Err(self.told(error).await),
            sent => sent,
        }
    }

    /// A failure, with what the server says of it when it is asked.
    async fn told(&mut self, error: Error) -> Error {
        match error.subject() {
            Some(Subject::Check(name)) if self.product == Product::Mysql => {
                self.of_check(error, name).await
            }
            _ if error.may_be_a_rule() => self.of_a_rule(error).await,
            _ => error,
        }
    }

    /// A failure that may be a rule's of the application, as what it is. MySQL and MariaDB say the code of
    /// what failed last: that of SIGNAL, or a class of states that is left to applications.
    async fn of_a_rule(&mut self, error: Error) -> Error {
        let Connection::Mysql(it) = &mut self.connection else { return error.of_a_rule() };
        let asked = "GET DIAGNOSTICS CONDITION 1 @kpifire_state = RETURNED_SQLSTATE, \
                     @kpifire_code = MYSQL_ERRNO";
        if self.guard.run(&[], it.batch_execute(asked)).await.is_err() {
            return error;
        }
        let is_signal =
            "SELECT 1 FROM DUAL WHERE @kpifire_code = 1644 OR @kpifire_state LIKE '45%'";
        let rows = self.guard.run(&[], Sql::new(is_signal).load::<Row>(it)).await;
        if rows.unwrap_or_default().is_empty() { error } else { error.of_a_rule() }
    }

    /// The refusal of a CHECK with its text beside its name: MySQL numbers those that have none of their
    /// own.
    async fn of_check(&mut self, error: Error, name: String) -> Error {
        let Connection::Mysql(it) = &mut self.connection else { return error };
        let sql = Sql::new(
            "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
             WHERE CONSTRAINT_NAME = ",
        )
        .bind(name.as_str())
        .raw(" ORDER BY CONSTRAINT_SCHEMA = DATABASE() DESC LIMIT 1");
        let rows = self.guard.run(&[], sql.load::<Row>(it)).await.unwrap_or_default();
        let clause = rows.iter().find_map(|row| row.text(0)).unwrap_or_default();
        error.about(Subject::Check(format!("{name} {clause}")))
    }

    async fn run(&mut self, sql: Sql) -> Result<usize, Error> {
        if let Connection::Postgres(it) = &self.connection {
            let tables = sql.tables();
            let sent = pipeline::execute(it, std::mem::take(&mut self.later), sql);
            return self.guard.run(&tables, sent).await;
        }
        self.catch_up().await?;
        self.alone(sql).await
    }

    /// Runs what was put off, one by one.
    async fn catch_up(&mut self) -> Result<(), Error> {
        for Later { sql, explain } in std::mem::take(&mut self.later) {
            self.alone(sql).await.map_err(explain)?;
        }
        Ok(())
    }

    /// Runs a statement by itself.
    async fn alone(&mut self, sql: Sql) -> Result<usize, Error> {
        let Self { connection, guard, .. } = self;
        let tables = sql.tables();
        match connection {
            Connection::Sqlite(it) => {
                on_sqlite(it, guard, &tables, |inner| diesel::RunQueryDsl::execute(sql, inner))
                    .await
            }
            Connection::Postgres(it) => guard.run(&tables, sql.execute(&mut **it)).await,
            Connection::Mysql(it) => guard.run(&tables, sql.execute(&mut **it)).await,
        }
    }

    /// Begins a part of the transaction that can be taken back by itself.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_part(&mut self) -> Result<(), Error> {
        self.batch("SAVEPOINT kpifire_part").await
    }

    /// Ends the part: all that was put off is done, and what the database proves only at a commit is
    /// proved now.
    ///
    /// # Errors
    /// What a statement of the part failed by. [`ErrorKind::Lost`] where the transaction itself is
    /// over: something in it committed or rolled back.
    pub async fn end_part(&mut self) -> Result<(), Error> {
        let outcome = self.batch("").await;
        let outcome = match (outcome, self.database) {
            (Ok(()), Database::Postgres) => {
                self.batch("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED").await
            }
            (outcome, _) => outcome,
        };
        match outcome {
            Err(error) => return Err(self.told(error).await),
            outcome => outcome?,
        }
        self.batch("RELEASE SAVEPOINT kpifire_part").await.map_err(|error| over(&error))
    }

    /// Takes the part back.
    ///
    /// # Errors
    /// [`ErrorKind::Lost`] where the transaction itself is over.
    pub async fn undo_part(&mut self) -> Result<(), Error> {
        self.later.clear();
        self.batch("ROLLBACK TO SAVEPOINT kpifire_part").await.map_err(|error| over(&error))?;
        self.batch("RELEASE SAVEPOINT kpifire_part").await.map_err(|error| over(&error))
    }

    /// Runs literal SQL of several statements.
    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.catch_up().await?;
        if sql.is_empty() {
            return Ok(());
        }
        let Self { connection, guard, .. } = self;
        match connection {
            Connection::Sqlite(it) => {
                let sql = sql.to_owned();
                on_sqlite(it, guard, &[], move |inner| {
                    diesel::connection::SimpleConnection::batch_execute(inner, &sql)
                })
                .await
            }
            Connection::Postgres(it) => guard.run(&[], it.batch_execute(sql)).await,
            Connection::Mysql(it) => guard.run(&[], it.batch_execute(sql)).await,
        }
    }

    /// Remembers the audit row that proves this transaction's commit.
    pub(super) fn mark(&mut self, audit_id: &str) {
        self.marker.get_or_insert_with(|| audit_id.to_owned());
    }

    /// The audit row that proves this transaction's commit.
    pub(super) fn take_marker(&mut self) -> Option<String> {
        self.marker.take()
    }

    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        self.state = State::Open;
        let Self { connection, guard, .. } = self;
        match connection {
            // A deferred transaction that reads first can't become a writer's under contention.
            Connection::Sqlite(it) => {
                let begun = it.spawn_blocking(|inner| {
                    diesel::connection::AnsiTransactionManager::begin_transaction_sql(
                        inner,
                        "BEGIN IMMEDIATE",
                    )
                });
                guard.run(&[], begun).await
            }
            Connection::Postgres(it) => {
                // Until it is over, the pool would have to take the connection for a broken one.
                AnsiTransactionManager::transaction_manager_status_mut(&mut **it).set_in_error();
                let sql = Sql::new("BEGIN ISOLATION LEVEL READ COMMITTED");
                self.later.push(Later { sql, explain: std::convert::identity });
                Ok(())
            }
            Connection::Mysql(it) => {
                guard.run(&[], AnsiTransactionManager::begin_transaction(&mut **it)).await
            }
        }
    }

    pub(super) async fn begin_snapshot(&mut self) -> Result<(), Error> {
        let Self { connection, guard, .. } = self;
        let beyond = guard.limit() + BEYOND;
        guard.run(&[], snapshot_begins(connection, beyond)).await
    }

    /// Ends it, and gives back the memory and the time that it was allowed.
    pub(super) async fn end_snapshot(&mut self, limits: Limits) -> Result<(), Error> {
        self.rollback().await?;
        let Self { connection, guard, .. } = self;
        match connection {
            Connection::Sqlite(it) => {
                let sql = format!("{}; PRAGMA shrink_memory", super::pool::SQLITE_CACHE);
                let given_back = async { it.batch_execute(&sql).await };
                guard.run(&[], given_back).await
            }
            // It was the transaction's own.
            Connection::Postgres(_) => Ok(()),
            Connection::Mysql(it) => {
                let sql = mysql_limits(limits.statement + BEYOND);
                guard.run(&[], it.batch_execute(&sql)).await
            }
        }
    }

    pub(super) async fn commit(&mut self) -> Result<(), Error> {
        match self.end().await {
            Err(error) => Err(self.told(error).await),
            ended => ended,
        }
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.guard.go_on()?;
        if let Connection::Postgres(it) = &mut self.connection {
            let before = std::mem::take(&mut self.later);
            self.guard.settle(pipeline::execute(it, before, Sql::new("COMMIT"))).await?;
            is_over(it);
            return Ok(());
        }
        self.catch_up().await?;
        let Self { connection, guard, .. } = self;
        match connection {
            Connection::Sqlite(it) => {
                guard.settle(SqliteTransactions::commit_transaction(&mut **it)).await
            }
            Connection::Postgres(_) => Ok(()),
            Connection::Mysql(it) => {
                guard.settle(AnsiTransactionManager::commit_transaction(&mut **it)).await
            }
        }
    }

    pub(super) async fn rollback(&mut self) -> Result<(), Error> {
        self.later.clear();
        let Self { connection, guard, .. } = self;
        match connection {
            Connection::Sqlite(it) => {
                guard.settle(SqliteTransactions::rollback_transaction(&mut **it)).await
            }
            Connection::Postgres(it) => {
                let done = guard.settle(it.batch_execute("ROLLBACK")).await;
                is_over(it);
                done
            }
            Connection::Mysql(it) => {
                guard.settle(AnsiTransactionManager::rollback_transaction(&mut **it)).await
            }
        }
    }
}

/// Runs work on SQLite's own thread, where it can be ended from outside.
async fn on_sqlite<T: Send + 'static>(
    connection: &mut Sqlite,
    guard: &Guard,
    tables: &[String],
    work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
) -> Result<T, Error> {
    let end = guard.interrupt();
    let run = connection.spawn_blocking(move |inner| interrupt::until(end, || work(inner)));
    guard.run(tables, run).await
}

/// Begins a transaction that sees one state, whose statements may take so long by the server's own
/// clock.
async fn snapshot_begins(connection: &mut Connection, beyond: Duration) -> Result<(), Error> {
    match connection {
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
            let beyond = beyond.as_millis();
            it.batch_execute(&format!(
                "SET LOCAL cursor_tuple_fraction = 1.0; SET LOCAL work_mem = '64MB'; \
                 SET LOCAL statement_timeout = {beyond}; SET LOCAL lock_timeout = {beyond}"
            ))
            .await
        }
        Connection::Mysql(it) => {
            let limits = mysql_limits(beyond);
            it.batch_execute(&format!("{limits}; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                .await?;
            AnsiTransactionManager::begin_transaction_sql(
                &mut **it,
                "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
            )
            .await
        }
    }
    .map_err(Error::from)
}

/// A part that can't be ended says that the transaction it is of is over.
fn over(error: &Error) -> Error {
    Error::new(ErrorKind::Lost, "a transaction ended before its time", error.message())
}

/// The pool may have the connection back.
fn is_over(connection: &mut AsyncPgConnection) {
    *AnsiTransactionManager::transaction_manager_status_mut(connection) =
        diesel::connection::TransactionManagerStatus::default();
}

type SqliteTransactions = diesel_async::sync_connection_wrapper::SyncTransactionManagerWrapper<
    diesel::connection::AnsiTransactionManager,
>;
