//! Who stands in the way of the agent's own statements, where the database tells.
//!
//! Asked on a connection of its own, since those of the pool may all be waiting. That it can't be
//! told is no failure: it only explains one.

use std::time::Duration;

use deadpool::managed::Manager as _;
use diesel_async::RunQueryDsl as _;
use tokio::sync::Semaphore;

use super::pool::Pool;
use super::row::Row;
use super::sql::Sql;

/// How long it may take to ask.
const ASKING: Duration = Duration::from_secs(2);

/// The longest waiting of the agent's sessions: the table, and the session that holds it.
const POSTGRES: &str = "SELECT \
    (SELECT r.relname FROM pg_locks l JOIN pg_class r ON r.oid = l.relation \
      WHERE l.pid = w.pid AND (NOT l.granted OR l.locktype = 'tuple') LIMIT 1)::text, \
    b.pid::text, b.usename::text, b.application_name::text, \
    to_char(b.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') \
    FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) AS p(pid), pg_stat_activity b \
    WHERE b.pid = p.pid AND w.datname = current_database() AND w.usename = current_user \
    AND w.application_name = current_setting('application_name') \
    ORDER BY cardinality(pg_blocking_pids(b.pid)), w.query_start LIMIT 1";

/// The same on MariaDB for a row, which only an account with PROCESS is told.
const ROWS: &str = "SELECT l.lock_table, CAST(b.trx_mysql_thread_id AS CHAR), p.user, '', \
    CAST(b.trx_started AS CHAR) \
    FROM information_schema.INNODB_LOCK_WAITS w \
    JOIN information_schema.INNODB_LOCKS l ON l.lock_id = w.requested_lock_id \
    JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id \
    LEFT JOIN information_schema.PROCESSLIST p ON p.id = b.trx_mysql_thread_id \
    ORDER BY b.trx_started LIMIT 1";

/// What one of the account's own sessions waits for, which MySQL and MariaDB tell everybody.
const STATE: &str = "SELECT LOWER(state) FROM information_schema.PROCESSLIST \
    WHERE state LIKE 'Waiting for %lock%' AND id <> connection_id() ORDER BY time DESC LIMIT 1";

/// In words: `users is locked by session 4711 (psql, account app, in a transaction since …)`.
pub(super) async fn look(pool: &Pool) -> Option<String> {
    // Many may wait at once, for the same.
    static LOOKING: Semaphore = Semaphore::const_new(1);
    let _looking = LOOKING.try_acquire().ok()?;
    tokio::time::timeout(ASKING, asked(pool)).await.ok().flatten()
}

async fn asked(pool: &Pool) -> Option<String> {
    match pool {
        Pool::Sqlite { .. } => None,
        Pool::Postgres { pool, .. } => {
            let mut connection = pool.manager().create().await.ok()?;
            let rows: Vec<Row> = Sql::new(POSTGRES).load(&mut connection).await.ok()?;
            rows.as_slice().first().map(holder)
        }
        Pool::Mysql { pool, .. } => {
            let mut connection = pool.manager().create().await.ok()?;
            let rows: Vec<Row> = Sql::new(ROWS).load(&mut connection).await.unwrap_or_default();
            if let Some(row) = rows.as_slice().first() {
                return Some(holder(row));
            }
            let rows: Vec<Row> = Sql::new(STATE).load(&mut connection).await.ok()?;
            rows.as_slice().first().and_then(|row| row.text(0))
        }
    }
}

fn holder(row: &Row) -> String {
    let text = |place| row.text(place).filter(|it| !it.is_empty());
    let what = text(0).map_or_else(|| "a row".to_owned(), |it| it.replace(['`', '"'], ""));
    let who = [text(3), text(2).map(|it| format!("account {it}"))];
    let since = text(4).map(|it| format!("in a transaction since {it} UTC"));
    let known: Vec<String> = who.into_iter().chain([since]).flatten().collect();
    let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
    format!("{what} is locked by session {}{known}", text(1).unwrap_or_default())
}
