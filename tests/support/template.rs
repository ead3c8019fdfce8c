//! What tests' databases begin as, made once in a run and copied: tables, migrations and a token
//! made anew for each test took longer than the tests.

use tokio::sync::OnceCell;

use super::database::reference_tables;
use super::{Database, Engine, Install, sql};

/// A database to copy.
#[derive(Debug)]
pub struct Template {
    /// What a copy is made of.
    pub source: Source,
    /// The token that is in it.
    pub token: Option<String>,
}

/// What a copy is made of: each engine's fastest way.
#[derive(Debug)]
pub enum Source {
    /// A file's bytes.
    File(Vec<u8>),
    /// What PostgreSQL's CREATE DATABASE says to copy.
    Clause(String),
    /// Statements for MariaDB and MySQL, which copy no databases.
    Statements(String),
}

/// The reference install with its seed rows: `tests/fixtures/legacy`.
pub async fn reference(engine: Engine) -> &'static Template {
    static MADE: [OnceCell<Template>; 4] = [const { OnceCell::const_new() }; 4];
    let make = || async {
        let database = Database::empty(engine).await;
        database.fill(reference_tables(engine)).await;
        Template::of(database, None).await
    };
    MADE[engine as usize].get_or_init(make).await
}

/// The same, migrated and with a token, both by the program itself.
pub async fn ready(engine: Engine) -> &'static Template {
    static MADE: [OnceCell<Template>; 4] = [const { OnceCell::const_new() }; 4];
    let make = || async {
        let install = Install::new(Database::reference(engine).await);
        let token = install.prepare();
        Template::of(install.database, Some(token)).await
    };
    MADE[engine as usize].get_or_init(make).await
}

impl Template {
    async fn of(database: Database, token: Option<String>) -> Self {
        let source = match database.engine {
            Engine::Sqlite => Source::File(std::fs::read(database.path()).unwrap()),
            Engine::Postgres => Source::Clause(clause(database).await),
            Engine::Mariadb | Engine::Mysql => Source::Statements(dump(&database).await),
        };
        Self { source, token }
    }
}

/// The database stays until the run is over, as no test's.
async fn clause(database: Database) -> String {
    let version = database.value("SHOW server_version_num").await.unwrap();
    // Before version 15 files are copied anyway; since then each block goes through the log, unless
    // this is said.
    let strategy = if *version >= *"150000" { " STRATEGY file_copy" } else { "" };
    format!("TEMPLATE {}{strategy}", database.keep())
}

/// The statements that make a database's tables and rows.
async fn dump(database: &Database) -> String {
    let mut statements = vec!["SET foreign_key_checks = 0".to_owned()];
    for table in database.rows(sql::tables(database.engine)).await {
        let table = table[0].as_deref().unwrap();
        let made = database.rows(&format!("SHOW CREATE TABLE \"{table}\"")).await;
        statements.push(made[0][1].clone().unwrap());
        let rows = database.rows(&format!("SELECT * FROM \"{table}\"")).await;
        let rows: Vec<_> = rows.iter().map(|row| format!("({})", literals(row))).collect();
        if !rows.is_empty() {
            statements.push(format!("INSERT INTO \"{table}\" VALUES {}", rows.join(", ")));
        }
    }
    statements.join("; ")
}

fn literals(row: &sql::Row) -> String {
    let literal = |value: &Option<String>| match value {
        Some(value) => format!("'{}'", value.replace('\'', "''")),
        None => "NULL".to_owned(),
    };
    row.iter().map(literal).collect::<Vec<_>>().join(", ")
}
