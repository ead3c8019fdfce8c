//! PostgreSQL by its own driver.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use super::Result;
use super::options::Engine;
use super::statements::{Bind, Statement};

/// A connection with everything prepared.
pub struct Session {
    client: Client,
    prepared: Vec<tokio_postgres::Statement>,
}

/// Connects; the connection ends with its client.
///
/// # Errors
/// The server's.
pub async fn connect(url: &str) -> Result<Client> {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connected.map_err(|error| explain(&error))?;
    // Its error reaches the query that is under way.
    tokio::spawn(connection);
    Ok(client)
}

/// What the server says, where the driver's own text hides it.
pub fn explain(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
}

impl Session {
    /// Connects and prepares.
    ///
    /// # Errors
    /// The database's.
    pub async fn open(url: &str) -> Result<Self> {
        let client = connect(url).await?;
        let mut prepared = Vec::new();
        for statement in Statement::ALL {
            let sql = statement.sql(Engine::Postgres);
            let made = client.prepare(&sql).await;
            prepared.push(made.map_err(|error| format!("{}\nin: {sql}", explain(&error)))?);
        }
        Ok(Self { client, prepared })
    }

    /// Runs a statement without values.
    ///
    /// # Errors
    /// The database's.
    pub async fn batch(&self, sql: &str) -> Result<()> {
        Ok(self.client.batch_execute(sql).await.map_err(|error| explain(&error))?)
    }

    /// Runs a prepared statement.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute(&self, statement: Statement, binds: &[Bind]) -> Result<()> {
        let values = values(binds);
        let done = self.client.execute(self.prepared(statement)?, &borrowed(&values)).await;
        Ok(done.map(drop).map_err(|error| explain(&error))?)
    }

    /// The first column of the only row.
    ///
    /// # Errors
    /// The database's.
    pub async fn query(&self, statement: Statement, binds: &[Bind]) -> Result<Option<u32>> {
        let values = values(binds);
        let found = self.client.query_opt(self.prepared(statement)?, &borrowed(&values)).await;
        let row = found.map_err(|error| explain(&error))?;
        Ok(row.and_then(|row| u32::try_from(row.get::<_, i32>(0)).ok()))
    }

    fn prepared(&self, statement: Statement) -> Result<&tokio_postgres::Statement> {
        Ok(self.prepared.get(statement.number()).ok_or("a statement is missing in ALL")?)
    }
}

type Value<'a> = Box<dyn ToSql + Sync + Send + 'a>;

fn values(binds: &[Bind]) -> Vec<Value<'_>> {
    binds
        .iter()
        .map(|bind| match bind {
            Bind::Null => Box::new(None::<&str>) as Value<'_>,
            Bind::Key(key) => Box::new(*key),
            Bind::Text(text) => Box::new(text.as_str()),
        })
        .collect()
}

fn borrowed<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
}
