//! A throwaway database per test, on any of the three engines.
//!
//! SQLite is a file in a temporary folder; PostgreSQL and MariaDB databases are created on the
//! servers that `KPIFIRE_TEST_POSTGRES_URL` and `KPIFIRE_TEST_MYSQL_URL` name, and dropped at the end.

use std::path::PathBuf;

use super::sql::{self, Row, Want};

/// One of the databases that the agent runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB or MySQL.
    Mysql,
}

impl Engine {
    /// How files under `tests/fixtures` call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }

    /// The URL of the server's maintenance database. Not set is a failure, never a skip.
    fn server(self) -> String {
        let variable = match self {
            Self::Sqlite => unreachable!("SQLite has no server"),
            Self::Postgres => "KPIFIRE_TEST_POSTGRES_URL",
            Self::Mysql => "KPIFIRE_TEST_MYSQL_URL",
        };
        std::env::var(variable).unwrap_or_else(|_| {
            panic!(
                "{variable} is not set: this test needs a server where it may create databases. \
                 `tests/run` starts throwaway servers and sets it; by hand: \
                 {variable}={}://USER:PASSWORD@127.0.0.1:PORT/DATABASE",
                self.name()
            )
        })
    }
}

/// A database that lives as long as its test.
#[derive(Debug)]
pub struct Database {
    /// Which engine it is on.
    pub engine: Engine,
    /// What `database.url` says to reach it.
    pub url: String,
    /// The server's maintenance database; none for a file.
    server: Option<String>,
    name: String,
    folder: tempfile::TempDir,
}

impl Database {
    /// An empty database.
    pub async fn empty(engine: Engine) -> Self {
        let server = (engine != Engine::Sqlite).then(|| engine.server());
        Self::empty_on(engine, server).await
    }

    async fn empty_on(engine: Engine, server: Option<String>) -> Self {
        let name = format!("kpifire_{}", uuid::Uuid::new_v4().simple());
        let folder = tempfile::tempdir().unwrap();
        let create = format!("CREATE DATABASE {name}");
        let url = match (engine, &server) {
            (Engine::Postgres, Some(server)) => {
                sql::postgres(server, &create).await.unwrap();
                with_database(server, &name)
            }
            (Engine::Mysql, Some(server)) => {
                sql::mysql(server, &create).await.unwrap();
                with_database(server, &name)
            }
            _ => format!("sqlite:{}", folder.path().join("kpifire.db").display()),
        };
        Self { engine, url, server, name, folder }
    }

    /// The reference install with its seed rows: `tests/fixtures/legacy`.
    pub async fn reference(engine: Engine) -> Self {
        Self::empty(engine).await.with_reference(str::to_owned).await
    }

    /// The same, but for something in the text of its tables.
    pub async fn reference_but(engine: Engine, from: &str, to: &str) -> Self {
        let changed = |tables: &str| {
            assert!(tables.contains(from), "{from}");
            tables.replace(from, to)
        };
        Self::empty(engine).await.with_reference(changed).await
    }

    /// The same on a server of the caller's, which goes with all its databases.
    pub async fn reference_on(engine: Engine, server: &str) -> Self {
        let mut database = Self::empty_on(engine, Some(server.to_owned())).await;
        database.server = None;
        database.with_reference(str::to_owned).await
    }

    async fn with_reference(self, as_changed: impl Fn(&str) -> String) -> Self {
        let (engine, database) = (self.engine, self);
        let tables = match engine {
            Engine::Sqlite => include_str!("../fixtures/legacy/sqlite.sql"),
            Engine::Postgres => include_str!("../fixtures/legacy/postgres.sql"),
            Engine::Mysql => include_str!("../fixtures/legacy/mysql.sql"),
        };
        database.execute(&as_changed(tables)).await;
        database.execute(include_str!("../fixtures/legacy/seed.sql")).await;
        if engine == Engine::Postgres {
            database.execute(include_str!("../fixtures/legacy/postgres-after-seed.sql")).await;
        }
        database
    }

    /// A folder that goes with the database.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Where the server listens: what a proxy puts itself in front of.
    pub fn server_address(&self) -> String {
        let after_scheme = self.url.split_once("://").expect("a server's URL").1;
        let authority = after_scheme.split(['/', '?']).next().unwrap();
        authority.rsplit('@').next().unwrap().to_owned()
    }

    /// Reaches this database at another server from now on.
    pub fn move_to(&mut self, server: &str) {
        self.url = with_database(server, &self.name);
    }

    /// The URL that reaches this database by way of another address.
    pub fn url_through(&self, address: std::net::SocketAddr) -> String {
        self.url.replacen(&self.server_address(), &address.to_string(), 1)
    }

    /// Runs statements; panics when the database refuses one.
    pub async fn execute(&self, sql: &str) {
        if let Err(error) = self.try_execute(sql).await {
            panic!("{error}\nin: {sql}");
        }
    }

    /// Runs statements.
    pub async fn try_execute(&self, sql: &str) -> Result<(), String> {
        self.run(sql, Want::Nothing).await.map(drop)
    }

    /// The rows of a SELECT, every value as text.
    pub async fn rows(&self, sql: &str) -> Vec<Row> {
        self.run(sql, Want::Rows).await.unwrap_or_else(|error| panic!("{error}\nin: {sql}"))
    }

    /// The first column of a SELECT's only row; NULL and no row are both `None`.
    pub async fn value(&self, sql: &str) -> Option<String> {
        let mut rows = self.rows(sql).await;
        assert!(rows.len() < 2, "one row expected of {sql}: {rows:?}");
        rows.pop().and_then(|mut row| row.swap_remove(0))
    }

    /// The number that a `SELECT count(*)` answers.
    pub async fn count(&self, from_where: &str) -> u64 {
        let sql = format!("SELECT count(*) FROM {from_where}");
        self.value(&sql).await.expect("a count").parse().expect("a number")
    }

    /// Whether nobody holds SQLite's write lock.
    pub async fn is_free_to_write(&self) -> bool {
        let sql = "PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; ROLLBACK";
        match self.try_execute(sql).await {
            Ok(()) => true,
            Err(error) if error.contains("locked") => false,
            Err(error) => panic!("{error}"),
        }
    }

    async fn run(&self, sql: &str, want: Want) -> Result<Vec<Row>, String> {
        match self.engine {
            Engine::Sqlite => {
                let path = self.url.trim_start_matches("sqlite:").to_owned();
                sql::sqlite(path, sql.to_owned(), want).await
            }
            Engine::Postgres => sql::postgres(&self.url, sql).await,
            Engine::Mysql => sql::mysql(&self.url, sql).await,
        }
    }
}

impl Drop for Database {
    /// Drops the database on its server, from a thread of its own: the test's runtime may be gone.
    fn drop(&mut self) {
        let (engine, name) = (self.engine, self.name.clone());
        let Some(server) = self.server.take() else { return };
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                match engine {
                    Engine::Postgres => {
                        sql::postgres(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await
                    }
                    _ => sql::mysql(&server, &format!("DROP DATABASE {name}")).await,
                }
                .map_err(std::io::Error::other)
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("{} is left behind on the server: {error}", self.name);
        }
    }
}

/// `url` with its path replaced by another database's name.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = base.find("://").expect("a URL with a scheme") + 3;
    let end = base[authority..].find('/').map_or(base.len(), |slash| authority + slash);
    format!("{}/{name}{query}", &base[..end])
}
