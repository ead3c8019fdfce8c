//! A throwaway database per test, on any of the four engines.
//!
//! SQLite is a file in a temporary folder; the others' databases are created on the servers that
//! `KPIFIRE_TEST_POSTGRES_URL`, `KPIFIRE_TEST_MYSQL_URL` (MariaDB) and `KPIFIRE_TEST_MYSQL8_URL` (MySQL)
//! name, and dropped by the reaper.

use std::path::PathBuf;

use super::reaper;
use super::sql::{self, Row, Want};
use super::template::{self, Source, Template};

/// One of the databases that the agent runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    Mariadb,
    /// MySQL.
    Mysql,
}

impl Engine {
    /// How files under `tests/fixtures` call it, and `database.url`: its dialect.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mariadb | Self::Mysql => "mysql",
        }
    }

    /// MariaDB or MySQL.
    pub fn speaks_mysql(self) -> bool {
        matches!(self, Self::Mariadb | Self::Mysql)
    }

    /// The URL of the server's maintenance database; none for a file. Not set is a failure, never a
    /// skip.
    pub(super) fn server(self) -> Option<String> {
        let variable = match self {
            Self::Sqlite => return None,
            Self::Postgres => "KPIFIRE_TEST_POSTGRES_URL",
            Self::Mariadb => "KPIFIRE_TEST_MYSQL_URL",
            Self::Mysql => "KPIFIRE_TEST_MYSQL8_URL",
        };
        Some(std::env::var(variable).unwrap_or_else(|_| {
            panic!(
                "{variable} is not set: this test needs a server where it may create databases. \
                 `tests/run` starts throwaway servers and sets it; by hand: \
                 {variable}={}://USER:PASSWORD@127.0.0.1:PORT/DATABASE",
                self.name()
            )
        }))
    }
}

/// A database that lives as long as its test.
#[derive(Debug)]
pub struct Database {
    /// Which engine it is on.
    pub engine: Engine,
    /// What `database.url` says to reach it.
    pub url: String,
    /// Its name on the server.
    pub name: String,
    /// The token that it was made with, where it was.
    pub token: Option<String>,
    /// Whether the reaper must hear that it isn't needed any more.
    reaped: bool,
    folder: tempfile::TempDir,
}

impl Database {
    /// An empty database.
    pub async fn empty(engine: Engine) -> Self {
        let mut database = Self::unmade(engine, engine.server());
        database.make(&format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    /// The reference install with its seed rows: `tests/fixtures/legacy`.
    pub async fn reference(engine: Engine) -> Self {
        Self::copy(engine, template::reference(engine).await).await
    }

    /// The same, migrated and with a token.
    pub async fn ready(engine: Engine) -> Self {
        Self::copy(engine, template::ready(engine).await).await
    }

    /// The reference install, but for something in the text of its tables.
    pub async fn reference_but(engine: Engine, from: &str, to: &str) -> Self {
        let tables = reference_tables(engine);
        assert!(tables.contains(from), "{from}");
        let database = Self::empty(engine).await;
        database.fill(&tables.replace(from, to)).await;
        database
    }

    /// The reference install on a server of the caller's, which goes with all its databases.
    pub async fn reference_on(engine: Engine, server: &str) -> Self {
        let database = Self::unmade(engine, Some(server.to_owned()));
        let create = format!("CREATE DATABASE {}", database.name);
        sql::on_server(engine, server, &create).await.unwrap();
        database.fill(reference_tables(engine)).await;
        database
    }

    async fn copy(engine: Engine, template: &Template) -> Self {
        let mut database = Self::unmade(engine, engine.server());
        database.token.clone_from(&template.token);
        let name = &database.name;
        match &template.source {
            Source::File(bytes) => std::fs::write(database.path(), bytes).unwrap(),
            Source::Clause(clause) => {
                database.make(&format!("CREATE DATABASE {name} {clause}")).await;
            }
            Source::Statements(sql) => {
                database.make(&format!("CREATE DATABASE {name}; USE {name}; {sql}")).await;
            }
        }
        database
    }

    /// As it is known before it is there.
    fn unmade(engine: Engine, server: Option<String>) -> Self {
        let name = format!("kpifire_{}", uuid::Uuid::new_v4().simple());
        let folder = tempfile::tempdir().unwrap();
        let url = match server {
            Some(server) => with_database(&server, &name),
            None => format!("sqlite:{}", folder.path().join("kpifire.db").display()),
        };
        Self { engine, url, name, token: None, reaped: false, folder }
    }

    /// Makes it on its server, or its file.
    async fn make(&mut self, sql: &str) {
        if self.engine == Engine::Sqlite {
            std::fs::File::create(self.path()).unwrap();
        }
        if let Some(server) = self.engine.server() {
            reaper::expect(self.engine, &self.name);
            self.reaped = true;
            sql::on_server(self.engine, &server, sql).await.unwrap();
        }
    }

    /// The tables and rows of the reference install, put into an empty database.
    pub(super) async fn fill(&self, tables: &str) {
        self.execute(tables).await;
        self.execute(include_str!("../fixtures/legacy/seed.sql")).await;
        if self.engine == Engine::Postgres {
            self.execute(include_str!("../fixtures/legacy/postgres-after-seed.sql")).await;
        }
    }

    /// Stays until the run is over: its name.
    pub(super) fn keep(mut self) -> String {
        self.reaped = false;
        self.name.clone()
    }

    /// SQLite's file.
    pub fn path(&self) -> &str {
        self.url.trim_start_matches("sqlite:")
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
            Engine::Sqlite => sql::sqlite(self.path().to_owned(), sql.to_owned(), want).await,
            _ => sql::on_server(self.engine, &self.url, sql).await,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.reaped {
            reaper::reap(self.engine, &self.name);
        }
    }
}

/// kpifire's tables.
pub(super) fn reference_tables(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => include_str!("../fixtures/legacy/sqlite.sql"),
        Engine::Postgres => include_str!("../fixtures/legacy/postgres.sql"),
        Engine::Mariadb | Engine::Mysql => include_str!("../fixtures/legacy/mysql.sql"),
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
