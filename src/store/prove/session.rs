//! What a session of the agent's account is to the server: whether it may write at all, in which
//! encoding, and whether it is one session from its first statement to its last.

use super::super::error::Error;
use super::super::server::Product;
use super::super::sql::Sql;
use super::super::transaction::Tx;
use super::account::account;
use super::proven::{ok, wrong};
use crate::profile::catalogue::Database;
use crate::profile::proof::{Finding, Severity};

/// What is wrong with the session's settings.
pub(super) async fn prove(tx: &mut Tx, icu: bool) -> Result<Vec<Finding>, Error> {
    match tx.database() {
        Database::Sqlite => Ok(Vec::new()),
        Database::Postgres => postgres(tx, icu).await,
        Database::Mysql => mysql(tx).await,
    }
}

async fn postgres(tx: &mut Tx, icu: bool) -> Result<Vec<Finding>, Error> {
    let sql = "SELECT current_setting('server_encoding'), \
        current_setting('transaction_read_only') = 'on', pg_is_in_recovery(), \
        EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'), \
        current_setting('autovacuum') = 'off'";
    let rows = tx.query(Sql::new(sql)).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let account = account(tx).await;
    let mut found = Vec::new();
    let encoding = row.text(0).unwrap_or_default();
    if encoding != "UTF8" {
        found.push(wrong(
            Severity::Error,
            "encoding",
            format!("the database is encoded in {encoding}"),
            "names are compared in a form that PostgreSQL makes of UTF-8 alone, and letters beyond \
             the encoding can't be stored",
            "dump it, and restore it into a database that was made with ENCODING 'UTF8'",
        ));
    }
    if row.int(2) == 1 {
        found.push(wrong(
            Severity::Error,
            "session",
            "the server is a standby".to_owned(),
            "it takes no writes",
            "write the primary's address into `database.url`",
        ));
    } else if row.int(1) == 1 {
        found.push(wrong(
            Severity::Error,
            "session",
            "the account's transactions are read-only (default_transaction_read_only)".to_owned(),
            "each write would be answered 503",
            format!("ALTER ROLE {account} SET default_transaction_read_only = off;"),
        ));
    }
    if icu && row.int(3) == 0 {
        found.push(wrong(
            Severity::Error,
            "collation",
            "the server has no ICU: the collation \"und-x-icu\" isn't there".to_owned(),
            "names are compared by it",
            "a PostgreSQL that was built with ICU, as all packages are; then \
             SELECT pg_import_system_collations('pg_catalog');",
        ));
    }
    if found.is_empty() {
        found.push(ok("session", "it may write, in UTF-8"));
    }
    if row.int(4) == 1 {
        found.push(wrong(
            Severity::Warning,
            "autovacuum",
            "autovacuum is switched off on the whole server".to_owned(),
            "the tables that the agent changes grow for ever",
            "ALTER SYSTEM SET autovacuum = on;\nSELECT pg_reload_conf();",
        ));
    }
    Ok(found)
}

async fn mysql(tx: &mut Tx) -> Result<Vec<Finding>, Error> {
    let read_only = match tx.product() {
        Product::Mysql => "transaction_read_only",
        _ => "tx_read_only",
    };
    let sql = format!("SELECT @@global.read_only, @@session.{read_only}");
    let rows = tx.query(Sql::new(&sql)).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    // An account with READ_ONLY ADMIN writes all the same: the grants say.
    if row.int(0) == 1 {
        found.push(wrong(
            Severity::Warning,
            "session",
            "the server is read-only".to_owned(),
            "it takes no writes but an administrator's: a replica, as a rule",
            "write the primary's address into `database.url`",
        ));
    }
    if row.int(1) == 1 {
        found.push(wrong(
            Severity::Error,
            "session",
            format!("the session's transactions are read-only ({read_only})"),
            "each write would be answered 503",
            format!("SET GLOBAL {read_only} = OFF;   -- and out of the server's configuration"),
        ));
    }
    if found.is_empty() {
        found.push(ok("session", "it may write"));
    }
    Ok(found)
}

/// What one session sets for itself.
pub(super) const PROBE: &str = "SET kpifire.probe = 'pooled'";
/// And takes back.
pub(super) const UNPROBE: &str = "SET kpifire.probe = ''";

/// Whether another session, while the first one is still open, has what that one set: the two are one
/// of the server's, which a pooler hands from one to the other between statements.
pub(super) async fn is_shared(tx: &mut Tx) -> Result<bool, Error> {
    let sql = "SELECT 1 WHERE current_setting('kpifire.probe', true) = 'pooled'";
    Ok(!tx.query(Sql::new(sql)).await?.is_empty())
}

/// That the sessions are shared.
pub(super) fn shared() -> Finding {
    wrong(
        Severity::Error,
        "session",
        "a pooler gives each statement to another session of the server (transaction pooling)"
            .to_owned(),
        "the agent sets its sessions up once, prepares statements and holds locks: all of which \
         would be another's",
        "write the server's own address into `database.url`, or let the pooler keep sessions for it \
         (PgBouncer: pool_mode = session)",
    )
}
