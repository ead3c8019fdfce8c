//! What the demo asks of its own database beyond SCIM: running a script, and reading rows as text.
//!
//! Knows no table: the SQL is literal text that the demo embeds, never a value or a profile's name.

use super::Store;
use super::error::Error;
use super::sql::Sql;

/// Runs literal SQL of several statements in one transaction.
///
/// # Errors
/// The database's; then nothing was done.
pub async fn execute_script(store: &Store, sql: &'static str) -> Result<(), Error> {
    store.write(sql, async |tx, sql| tx.batch(sql).await).await
}

/// The rows of a literal query, NULL as the empty text.
pub async fn rows(store: &Store, sql: &'static str) -> Result<Vec<Vec<String>>, Error> {
    store
        .read(sql, async |tx, sql| {
            let rows = tx.query(Sql::new(sql)).await?;
            let text = |row: &super::row::Row| {
                (0..row.0.len()).map(|index| row.text(index).unwrap_or_default()).collect()
            };
            Ok(rows.iter().map(text).collect())
        })
        .await
}
