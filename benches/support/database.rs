//! A throwaway database: the reference install of `tests/fixtures/legacy` on any engine.

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel::sqlite::SqliteConnection;
use mysql_async::prelude::Queryable as _;

use super::options::Engine;
use super::{Result, mysql, postgres, sqlite};

/// Made empty, gone at the end.
#[derive(Debug)]
pub struct Database {
    /// Which engine it is on.
    pub engine: Engine,
    /// What the agent's `database.url` says.
    pub url: String,
    /// The URL of the server's own database; SQLite has none.
    server: Option<String>,
    name: String,
    folder: tempfile::TempDir,
}

impl Database {
    /// Creates it, with kpifire's tables and the seed's rows.
    ///
    /// # Errors
    /// A server that isn't there or refuses.
    pub async fn create(engine: Engine, server: Option<&str>) -> Result<Self> {
        let name = format!("kpifire_bench_{}", uuid::Uuid::new_v4().simple());
        let folder = tempfile::tempdir()?;
        let url = match server {
            None => format!("sqlite:{}", folder.path().join("kpifire.db").display()),
            Some(server) => {
                execute(engine, server, &format!("CREATE DATABASE {name}")).await?;
                // Both sides in the clear: the agent asks for TLS of itself, and PostgreSQL's own
                // driver, as the bare side uses it, doesn't.
                let url = with_database(server, &name)?;
                match engine {
                    Engine::Postgres if !url.contains("sslmode=") => {
                        format!("{url}{}sslmode=disable", if url.contains('?') { '&' } else { '?' })
                    }
                    _ => url,
                }
            }
        };
        let server = server.map(str::to_owned);
        let database = Self { engine, url, server, name, folder };
        match database.fill().await {
            Ok(()) => Ok(database),
            Err(error) => {
                database.remove().await?;
                Err(error)
            }
        }
    }

    async fn fill(&self) -> Result<()> {
        let tables = match self.engine {
            Engine::Sqlite => include_str!("../../tests/fixtures/legacy/sqlite.sql"),
            Engine::Postgres => include_str!("../../tests/fixtures/legacy/postgres.sql"),
            Engine::Mysql => include_str!("../../tests/fixtures/legacy/mysql.sql"),
        };
        self.execute(tables).await?;
        self.execute(include_str!("../../tests/fixtures/legacy/seed.sql")).await
    }

    /// A folder that goes with it.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Runs statements.
    ///
    /// # Errors
    /// What the database refuses, with the statement.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        execute(self.engine, &self.url, sql).await
    }

    /// The server's version and what decides how long a commit takes.
    ///
    /// # Errors
    /// The database's.
    pub async fn description(&self) -> Result<String> {
        match self.engine {
            Engine::Sqlite => {
                Ok(format!("SQLite {}, WAL, synchronous = FULL", sqlite::version(&self.url)?))
            }
            Engine::Postgres => {
                let client = postgres::connect(&self.url).await?;
                let sql = "SELECT split_part(current_setting('server_version'), ' ', 1), \
                           current_setting('fsync'), current_setting('synchronous_commit')";
                let row = client.query_one(sql, &[]).await?;
                let text = |index: usize| row.get::<_, String>(index);
                Ok(format!(
                    "PostgreSQL {}, fsync = {}, synchronous_commit = {}",
                    text(0),
                    text(1),
                    text(2)
                ))
            }
            Engine::Mysql => {
                let mut connection = mysql::connect(&self.url).await?;
                let sql = "SELECT version(), @@innodb_flush_log_at_trx_commit, @@log_bin";
                let row: Option<(String, u8, u8)> = connection.query_first(sql).await?;
                connection.disconnect().await?;
                let (version, flush, log) = row.ok_or("MariaDB doesn't say its version")?;
                Ok(format!(
                    "MariaDB {version}, innodb_flush_log_at_trx_commit = {flush}, log_bin = {log}"
                ))
            }
        }
    }

    /// Drops it.
    ///
    /// # Errors
    /// The server's, naming the database that is left behind.
    pub async fn remove(mut self) -> Result<()> {
        let Some(server) = self.server.take() else { return Ok(()) };
        let dropped = execute(self.engine, &server, &drop_statement(self.engine, &self.name)).await;
        dropped
            .map_err(|error| format!("{} is left behind on the server: {error}", self.name).into())
    }
}

impl Drop for Database {
    /// When the run was interrupted: from a thread of its own, since this one's runtime may be going.
    fn drop(&mut self) {
        let Some(server) = self.server.take() else { return };
        let (engine, sql) = (self.engine, drop_statement(self.engine, &self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(engine, &server, &sql))
        });
        match dropped.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("{} is left behind on the server: {error}", self.name),
            Err(_) => eprintln!("{} is left behind on the server", self.name),
        }
    }
}

fn drop_statement(engine: Engine, name: &str) -> String {
    match engine {
        Engine::Postgres => format!("DROP DATABASE {name} WITH (FORCE)"),
        Engine::Sqlite | Engine::Mysql => format!("DROP DATABASE {name}"),
    }
}

async fn execute(engine: Engine, url: &str, sql: &str) -> Result<()> {
    let shown = sql.chars().take(200).collect::<String>();
    let failed = |error: String| format!("{error}\nin: {shown}");
    match engine {
        Engine::Sqlite => {
            let mut connection = SqliteConnection::establish(url.trim_start_matches("sqlite:"))?;
            connection.batch_execute(sql).map_err(|error| failed(error.to_string()))?;
        }
        Engine::Postgres => {
            let client = postgres::connect(url).await?;
            let done = client.batch_execute(sql).await;
            done.map_err(|error| failed(postgres::explain(&error)))?;
        }
        Engine::Mysql => {
            let mut connection = mysql::connect(url).await?;
            connection.query_drop(sql).await.map_err(|error| failed(error.to_string()))?;
            connection.disconnect().await?;
        }
    }
    Ok(())
}

/// `url` with its path replaced by another database's name.
fn with_database(url: &str, name: &str) -> Result<String> {
    let (base, query) =
        url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let (scheme, rest) = base
        .split_once("://")
        .ok_or_else(|| format!("{url} is no server's URL: SCHEME://USER@HOST/DATABASE is one"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{scheme}://{authority}/{name}{query}"))
}
