//! The sidecar tables' migrations, embedded per database.
//!
//! `diesel_migrations` hides the SQL it embeds, which `migrate --print` must show a DBA, and keeps
//! its books in a table that isn't named `scim_…`: hence this list and its table
//! `scim_migrations`. Migrations run in one transaction on PostgreSQL and SQLite; MariaDB commits
//! each statement of DDL by itself.

use chrono::NaiveDateTime;

use super::catalogue;
use super::error::{Error, ErrorKind};
use super::prove::account::{account, home};
use super::schema::{TABLES, scim_migrations};
use super::sidecar::Applied;
use super::sql::Sql;
use super::transaction::Tx;
use crate::profile::catalogue::Database;
use crate::profile::model::TableName;
use crate::profile::proof::quoted;

/// One step of the sidecar's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Sorts by age.
    pub version: &'static str,
    /// SQL that makes the step.
    pub up: &'static str,
    /// SQL that takes it back.
    pub down: &'static str,
}

macro_rules! migration {
    ($folder:literal, $version:literal) => {
        Migration {
            version: $version,
            up: include_str!(concat!("../../migrations/", $folder, "/", $version, "/up.sql")),
            down: include_str!(concat!("../../migrations/", $folder, "/", $version, "/down.sql")),
        }
    };
}

const SQLITE: &[Migration] = &[migration!("sqlite", "2026-11-30-000001_sidecar")];
const POSTGRES: &[Migration] = &[migration!("postgres", "2026-11-30-000001_sidecar")];
const MYSQL: &[Migration] = &[migration!("mysql", "2026-11-30-000001_sidecar")];

const BOOKS: &str = "CREATE TABLE IF NOT EXISTS scim_migrations \
    (version VARCHAR(64) NOT NULL PRIMARY KEY, applied VARCHAR(32) NOT NULL)";

/// Every migration of a database, oldest first.
pub fn all(database: Database) -> &'static [Migration] {
    match database {
        Database::Sqlite => SQLITE,
        Database::Postgres => POSTGRES,
        Database::Mysql => MYSQL,
    }
}

/// The migrations that the database doesn't have yet, oldest first.
pub async fn pending(tx: &mut Tx) -> Result<Vec<Migration>, Error> {
    let applied = applied(tx).await?;
    Ok(all(tx.database())
        .iter()
        .filter(|migration| !applied.iter().any(|version| version == migration.version))
        .copied()
        .collect())
}

/// The last migration that the database has; empty when it has none.
pub async fn latest(tx: &mut Tx) -> Result<String, Error> {
    Ok(applied(tx).await?.pop().unwrap_or_default())
}

/// Applies what is pending; what it applied. Where it was cut off half-way, which only MariaDB lets
/// happen, it goes on from there.
///
/// # Errors
/// The database's, naming the migration; [`ErrorKind::Denied`] with the GRANTs that are missing, before
/// anything is made.
pub async fn up(tx: &mut Tx, now: NaiveDateTime) -> Result<Vec<&'static str>, Error> {
    let mut done = Vec::new();
    allowed(tx).await?;
    for migration in pending(tx).await? {
        tx.batch(BOOKS).await?;
        tx.batch(migration.up)
            .await
            .map_err(|error| error.during(&format!("migration {}", migration.version)))?;
        tx.execute(book(migration.version, now)).await?;
        done.push(migration.version);
    }
    Ok(done)
}

/// On MariaDB, whether the account may read and write the tables that are about to be made: they are
/// made one by one there, and half of them would be left. It refuses for want of a right before it looks
/// whether a table is there.
async fn allowed(tx: &mut Tx) -> Result<(), Error> {
    if tx.database() != Database::Mysql {
        return Ok(());
    }
    let mut missing = Vec::new();
    for table in TABLES {
        let (name, Some(column)) = (table.name, table.columns.first()) else { continue };
        let column = column.name;
        let needs = [
            format!("EXPLAIN SELECT {column} FROM {name}"),
            format!("EXPLAIN INSERT INTO {name} ({column}) SELECT NULL FROM DUAL WHERE 1 = 0"),
            format!("EXPLAIN UPDATE {name} SET {column} = NULL WHERE 1 = 0"),
            format!("EXPLAIN DELETE FROM {name} WHERE 1 = 0"),
        ];
        for need in needs {
            let refused = tx.query(Sql::new(&need)).await.err();
            if refused.is_some_and(|error| error.kind() == ErrorKind::Denied) {
                missing.push(name);
                break;
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let (schema, to) = (quoted(Database::Mysql, &home(tx).await), account(tx).await);
    let grant = |name: &&str| {
        format!("\n  GRANT {RIGHTS} ON {schema}.{} TO {to};", quoted(Database::Mysql, name))
    };
    let missing: String = missing.iter().map(grant).collect();
    let said = format!(
        "nothing was made: MariaDB takes no CREATE TABLE back, and the account may not read and write \
         what would be made. For the database's administrator:{missing}"
    );
    Err(Error::new(ErrorKind::Denied, "the account's rights", said))
}

/// What the account needs on MariaDB of each of the agent's tables, to make them and for ever after.
const RIGHTS: &str = "CREATE, INDEX, DROP, SELECT, INSERT, UPDATE, DELETE";

/// Takes everything back, newest first: afterwards the database is as if the agent had never been
/// there. Where it, or what made the tables, was cut off half-way, which only MariaDB lets happen, it
/// takes whatever is there.
///
/// # Errors
/// The database's, naming the migration.
pub async fn down(tx: &mut Tx) -> Result<Vec<&'static str>, Error> {
    let applied = applied(tx).await?;
    let left_over = some_table(tx).await?;
    let mut done = Vec::new();
    for migration in all(tx.database()).iter().rev() {
        if left_over || applied.iter().any(|version| version == migration.version) {
            tx.batch(migration.down)
                .await
                .map_err(|error| error.during(&format!("migration {}", migration.version)))?;
            // The first migration takes the books with it.
            if has_books(tx).await? {
                let version = scim_migrations::version.is(migration.version);
                tx.execute(scim_migrations::TABLE.delete(version)).await?;
            }
            done.push(migration.version);
        }
    }
    tx.batch("DROP TABLE IF EXISTS scim_migrations").await?;
    Ok(done)
}

/// The SQL of pending migrations, for a DBA to run in one go: books and the account's grants included,
/// all of it or nothing where the database can take tables back. Empty when nothing is pending.
pub async fn print(tx: &mut Tx, now: NaiveDateTime) -> Result<String, Error> {
    let pending = pending(tx).await?;
    if pending.is_empty() {
        return Ok(String::new());
    }
    let (begin, end) = match tx.database() {
        // Its DDL commits by itself.
        Database::Mysql => ("", ""),
        Database::Postgres | Database::Sqlite => ("BEGIN;\n", "COMMIT;\n"),
    };
    let mut text = begin.to_owned();
    for migration in pending {
        let now = Applied(now).text();
        text += &format!(
            "-- {version}\n{BOOKS};\n{up}\
             INSERT INTO scim_migrations (version, applied) VALUES ({book}, {now});\n",
            version = migration.version,
            up = migration.up,
            book = literal(migration.version),
            now = literal(&now),
        );
    }
    Ok(text + &grants(tx).await + end)
}

/// What the account that asks needs of each of the agent's tables for ever after.
async fn grants(tx: &mut Tx) -> String {
    let database = tx.database();
    let schema = match database {
        Database::Sqlite => return String::new(),
        Database::Postgres => String::new(),
        Database::Mysql => quoted(database, &home(tx).await) + ".",
    };
    let to = account(tx).await;
    let names = TABLES.iter().map(|table| quoted(database, table.name));
    names
        .map(|name| format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}{name} TO {to};\n"))
        .collect()
}

/// A text as a DBA's SQL client reads it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn book(version: &str, now: NaiveDateTime) -> Sql {
    scim_migrations::TABLE
        .insert([scim_migrations::version.to(version), scim_migrations::applied.to(Applied(now))])
}

async fn applied(tx: &mut Tx) -> Result<Vec<String>, Error> {
    if !has_books(tx).await? {
        return Ok(Vec::new());
    }
    tx.rows(scim_migrations::version, Sql::new(" FROM scim_migrations ORDER BY version")).await
}

/// Whether any of the agent's tables is there, whatever the books say.
async fn some_table(tx: &mut Tx) -> Result<bool, Error> {
    let catalogue = catalogue::read(tx).await?;
    let is_there = |name: &str| {
        let name = TableName { schema: None, name: name.to_owned() };
        catalogue.table(&name).is_some()
    };
    Ok(TABLES.iter().any(|table| is_there(table.name)))
}

async fn has_books(tx: &mut Tx) -> Result<bool, Error> {
    let there = match tx.database() {
        Database::Sqlite => "SELECT 1 FROM sqlite_master WHERE name = 'scim_migrations'",
        Database::Postgres => "SELECT 1 WHERE to_regclass('scim_migrations') IS NOT NULL",
        Database::Mysql => {
            "SELECT 1 FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'scim_migrations'"
        }
    };
    Ok(!tx.query(Sql::new(there)).await?.is_empty())
}
