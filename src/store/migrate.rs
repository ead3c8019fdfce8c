//! The sidecar tables' migrations, embedded per database.
//!
//! `diesel_migrations` hides the SQL it embeds, which `migrate --print` must show a DBA, and keeps
//! its books in a table that isn't named `scim_…`: hence this list and its table
//! `scim_migrations`. Migrations run in one transaction on PostgreSQL and SQLite; MariaDB commits
//! each statement of DDL by itself.

use chrono::NaiveDateTime;

use super::error::Error;
use super::schema::scim_migrations;
use super::sidecar::Applied;
use super::sql::Sql;
use super::transaction::Tx;
use crate::profile::catalogue::Database;

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

/// Applies what is pending; what it applied.
///
/// # Errors
/// The database's, naming the migration.
pub async fn up(tx: &mut Tx, now: NaiveDateTime) -> Result<Vec<&'static str>, Error> {
    let mut done = Vec::new();
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

/// Takes everything back, newest first: afterwards the database is as if the agent had never been
/// there. Where it was cut off half-way, which only MariaDB lets happen, it goes on from there.
///
/// # Errors
/// The database's, naming the migration.
pub async fn down(tx: &mut Tx) -> Result<Vec<&'static str>, Error> {
    let applied = applied(tx).await?;
    let mut done = Vec::new();
    for migration in all(tx.database()).iter().rev() {
        if applied.iter().any(|version| version == migration.version) {
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

/// The SQL of pending migrations, books included, for a DBA to run.
pub async fn print(tx: &mut Tx, now: NaiveDateTime) -> Result<String, Error> {
    let mut text = String::new();
    for migration in pending(tx).await? {
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
    Ok(text)
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
