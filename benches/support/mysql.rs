//! MariaDB by its own driver.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Params, Value};

use super::Result;
use super::options::Engine;
use super::statements::{Bind, Statement};

/// A connection with everything prepared.
pub struct Session {
    connection: Conn,
    prepared: Vec<mysql_async::Statement>,
}

/// Connects.
///
/// # Errors
/// The server's.
pub async fn connect(url: &str) -> Result<Conn> {
    let options = mysql_async::Opts::from_url(url)?;
    // The agent's isolation, so that locks are held alike.
    let setup = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
    let options = mysql_async::OptsBuilder::from_opts(options).init(vec![setup]);
    Ok(Conn::new(options).await?)
}

impl Session {
    /// Connects and prepares.
    ///
    /// # Errors
    /// The database's.
    pub async fn open(url: &str) -> Result<Self> {
        let mut connection = connect(url).await?;
        let mut prepared = Vec::new();
        for statement in Statement::ALL {
            let sql = statement.sql(Engine::Mysql);
            let made = connection.prep(&sql).await;
            prepared.push(made.map_err(|error| format!("{error}\nin: {sql}"))?);
        }
        Ok(Self { connection, prepared })
    }

    /// Runs a statement without values.
    ///
    /// # Errors
    /// The database's.
    pub async fn batch(&mut self, sql: &str) -> Result<()> {
        Ok(self.connection.query_drop(sql).await?)
    }

    /// Runs a prepared statement.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute(&mut self, statement: Statement, binds: &[Bind]) -> Result<()> {
        let prepared = self.prepared(statement)?;
        Ok(self.connection.exec_drop(prepared, values(binds)).await?)
    }

    /// The first column of the only row.
    ///
    /// # Errors
    /// The database's.
    pub async fn query(&mut self, statement: Statement, binds: &[Bind]) -> Result<Option<u32>> {
        let prepared = self.prepared(statement)?;
        let row: Option<mysql_async::Row> =
            self.connection.exec_first(prepared, values(binds)).await?;
        Ok(row.and_then(|row| row.get::<u32, _>(0)))
    }

    fn prepared(&self, statement: Statement) -> Result<mysql_async::Statement> {
        Ok(self.prepared.get(statement.number()).ok_or("a statement is missing in ALL")?.clone())
    }
}

fn values(binds: &[Bind]) -> Params {
    let values = binds.iter().map(|bind| match bind {
        Bind::Null => Value::NULL,
        Bind::Key(key) => Value::Int(i64::from(*key)),
        Bind::Text(text) => Value::Bytes(text.clone().into_bytes()),
    });
    Params::Positional(values.collect())
}
