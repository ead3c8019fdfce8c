//! Several statements in one trip to PostgreSQL, which runs them in the order they were sent.
//!
//! What fails in a transaction fails everything after it, a COMMIT included, which then rolls back:
//! nothing commits that didn't run through. SQLite makes no trips, and MariaDB's driver waits for
//! each answer.

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{join, join_all};

use super::error::Error;
use super::row::Row;
use super::sql::Sql;

/// A statement of which nothing is wanted but that it doesn't fail.
pub(super) struct Later {
    /// The statement.
    pub sql: Sql,
    /// What its failure means.
    pub explain: fn(Error) -> Error,
}

/// Sends statements and a query behind them; the query's rows, or the first failure.
pub(super) async fn query(
    connection: &AsyncPgConnection,
    before: Vec<Later>,
    sql: Sql,
) -> Result<Vec<Row>, Error> {
    let mut last = connection;
    let (before, rows) = join(all(connection, before), sql.load::<Row>(&mut last)).await;
    before?;
    rows.map_err(Error::from)
}

/// Sends statements and one more; the rows that it touched, or the first failure.
pub(super) async fn execute(
    connection: &AsyncPgConnection,
    before: Vec<Later>,
    sql: Sql,
) -> Result<usize, Error> {
    let mut last = connection;
    let (before, touched) = join(all(connection, before), sql.execute(&mut last)).await;
    before?;
    touched.map_err(Error::from)
}

/// Polled in their order, which is the order in which they reach the statement cache's queue and,
/// from there, the socket: also while one of them is still being prepared.
async fn all(connection: &AsyncPgConnection, statements: Vec<Later>) -> Result<(), Error> {
    let sent = statements.into_iter().map(|it| async move {
        let mut connection = connection;
        it.sql.execute(&mut connection).await.map_err(|error| (it.explain)(error.into()))
    });
    join_all(sent).await.into_iter().try_for_each(|outcome| outcome.map(|_| ()))
}
