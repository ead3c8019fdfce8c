//! SQLite as an application uses it: a reader per connection, and one writer that they share.

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{FromSql, QueryableByName};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::row::{Field as _, NamedRow};
use diesel::sql_types::{Integer, Nullable, Text, Untyped};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{Connection as _, RunQueryDsl as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::Result;
use super::options::Engine;
use super::statements::{Bind, Statement};

/// A reader, and a share in the writer.
pub struct Session {
    reader: SqliteConnection,
    writer: Arc<Mutex<SqliteConnection>>,
    /// The writer, while a transaction is open.
    open: Option<OwnedMutexGuard<SqliteConnection>>,
    statements: Arc<Vec<String>>,
}

/// The library's version.
///
/// # Errors
/// A file that can't be opened.
pub fn version(url: &str) -> Result<String> {
    let sql = "SELECT 0, sqlite_version()".to_owned();
    let rows = Prepared { sql: &sql, binds: &[] }.load::<TextRow>(&mut connect(url)?)?;
    Ok(rows.into_iter().next().and_then(|row| row.0.into_iter().nth(1)?).unwrap_or_default())
}

impl Session {
    /// Opens that many.
    ///
    /// # Errors
    /// A file that can't be opened.
    pub fn open(url: &str, sessions: usize) -> Result<Vec<Self>> {
        let writer = Arc::new(Mutex::new(connect(url)?));
        let statements = Statement::ALL.map(|statement| statement.sql(Engine::Sqlite));
        let statements = Arc::new(Vec::from(statements));
        let session = || {
            let (writer, statements) = (Arc::clone(&writer), Arc::clone(&statements));
            Ok(Self { reader: connect(url)?, writer, open: None, statements })
        };
        (0..sessions).map(|_| session()).collect()
    }

    /// Waits for the writer and begins.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin(&mut self) -> Result<()> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        writer.batch_execute("BEGIN IMMEDIATE")?;
        self.open = Some(writer);
        Ok(())
    }

    /// Ends the transaction and gives the writer back.
    ///
    /// # Errors
    /// The database's.
    pub fn end(&mut self, sql: &str) -> Result<()> {
        if let Some(mut writer) = self.open.take() {
            writer.batch_execute(sql)?;
        }
        Ok(())
    }

    /// Runs a statement in the open transaction.
    ///
    /// # Errors
    /// The database's.
    pub fn execute(&mut self, statement: Statement, binds: &[Bind]) -> Result<()> {
        let sql = self.statements.get(statement.number()).ok_or("a statement is missing in ALL")?;
        let writer = self.open.as_mut().ok_or("no transaction is open")?;
        Ok(Prepared { sql, binds }.execute(&mut **writer).map(drop)?)
    }

    /// The first column of the only row; in the transaction, when one is open.
    ///
    /// # Errors
    /// The database's.
    pub fn query(&mut self, statement: Statement, binds: &[Bind]) -> Result<Option<u32>> {
        let sql = self.statements.get(statement.number()).ok_or("a statement is missing in ALL")?;
        let connection = match &mut self.open {
            Some(writer) => &mut **writer,
            None => &mut self.reader,
        };
        let rows = Prepared { sql, binds }.load::<TextRow>(connection)?;
        let first = rows.into_iter().next().and_then(|row| row.0.into_iter().next().flatten());
        Ok(first.and_then(|key| key.parse().ok()))
    }
}

fn connect(url: &str) -> Result<SqliteConnection> {
    let mut connection = SqliteConnection::establish(url.trim_start_matches("sqlite:"))?;
    // As durable as the agent's own connections.
    connection.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA foreign_keys = ON;",
    )?;
    Ok(connection)
}

/// A statement that diesel keeps prepared by its text, which `diesel::sql_query` would not.
struct Prepared<'a> {
    sql: &'a String,
    binds: &'a [Bind],
}

impl QueryId for Prepared<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Prepared<'_> {
    type SqlType = Untyped;
}

impl<Conn> diesel::RunQueryDsl<Conn> for Prepared<'_> {}

impl QueryFragment<Sqlite> for Prepared<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut binds = self.binds.iter();
        for (index, part) in self.sql.split('?').enumerate() {
            if index > 0 {
                match binds.next() {
                    Some(Bind::Key(key)) => out.push_bind_param::<Integer, _>(key)?,
                    Some(Bind::Text(text)) => out.push_bind_param::<Text, _>(text)?,
                    Some(Bind::Null) => {
                        out.push_bind_param::<Nullable<Text>, _>(&None::<String>)?;
                    }
                    None => {}
                }
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

/// A row with every column read as text.
struct TextRow(Vec<Option<String>>);

impl QueryableByName<Sqlite> for TextRow {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> diesel::deserialize::Result<Self> {
        (0..row.field_count())
            .map(|index| {
                let field = diesel::row::Row::get(row, index).ok_or("no such column")?;
                <Option<String> as FromSql<Nullable<Text>, Sqlite>>::from_nullable_sql(
                    field.value(),
                )
            })
            .collect::<diesel::deserialize::Result<_>>()
            .map(Self)
    }
}
