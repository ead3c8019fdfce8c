//! Rows whose foreign keys find nothing: what SQLite proves only at the commit, where a key is deferred.

use super::super::error::Error;
use super::super::sql::Sql;
use super::super::transaction::Tx;
use crate::profile::catalogue::Database;

/// The rows that point at nothing, as table, row and the table pointed at. Empty elsewhere than on SQLite:
/// there each part of a transaction proves its own.
///
/// # Errors
/// The database's.
pub async fn rows(tx: &mut Tx) -> Result<Vec<[String; 3]>, Error> {
    if tx.database() != Database::Sqlite {
        return Ok(Vec::new());
    }
    let sql =
        "SELECT \"table\", CAST(COALESCE(rowid, '') AS TEXT), parent FROM pragma_foreign_key_check";
    let found = tx.query(Sql::new(sql)).await?;
    Ok(found.iter().map(|row| [0, 1, 2].map(|at| row.text(at).unwrap_or_default())).collect())
}
