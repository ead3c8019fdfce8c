//! The rows of one statement as they come, however many: what is read is not held.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use diesel::connection::DefaultLoadingMode;
use diesel::{QueryResult, SqliteConnection};
use diesel_async::RunQueryDsl;
use futures_util::TryStreamExt;
use tokio::sync::mpsc;

use super::error::Error;
use super::interrupt;
use super::pool::Connection;
use super::row::Row;
use super::sql::Sql;

/// SQLite's rows that change threads at a time.
const PAGE: usize = 1000;
/// Such pages that wait to be taken.
const AHEAD: usize = 2;

/// Hands out the rows of a query in their order, while the next ones are read.
pub(super) async fn rows(
    connection: &mut Connection,
    sql: Sql,
    end: Arc<AtomicBool>,
    take: &mut (dyn FnMut(Row) + Send),
) -> Result<(), Error> {
    match connection {
        Connection::Sqlite(it) => {
            let (sender, mut pages) = mpsc::channel::<Vec<Row>>(AHEAD);
            let read = move |inner: &mut SqliteConnection| {
                let rows = diesel::RunQueryDsl::load_iter::<Row, DefaultLoadingMode>(sql, inner)?;
                // Asked again behind the last row, SQLite would begin anew.
                let mut rows = rows.fuse();
                loop {
                    let page = rows.by_ref().take(PAGE).collect::<QueryResult<Vec<Row>>>()?;
                    // Whoever took them may be gone, with the whole transaction.
                    if page.is_empty() || sender.blocking_send(page).is_err() {
                        return Ok(());
                    }
                }
            };
            let reading = it.spawn_blocking(move |inner| interrupt::until(end, || read(inner)));
            let taking = async {
                while let Some(page) = pages.recv().await {
                    page.into_iter().for_each(&mut *take);
                }
            };
            let (read, ()) = tokio::join!(reading, taking);
            read?;
        }
        Connection::Postgres(it) => {
            let mut rows = sql.load_stream::<Row>(&mut **it).await?;
            while let Some(row) = rows.try_next().await? {
                take(row);
            }
        }
        Connection::Mysql(it) => {
            let mut rows = sql.load_stream::<Row>(&mut **it).await?;
            while let Some(row) = rows.try_next().await? {
                take(row);
            }
        }
    }
    Ok(())
}
