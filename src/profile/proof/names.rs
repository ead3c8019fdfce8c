//! Names as a person or a DBA reads them: short table names, quoted identifiers.
//!
//! For text only: statements that run are built and quoted by the store's dialects.

use crate::profile::catalogue::{Catalogue, Database};
use crate::profile::model::TableName;

/// The name without its schema where the search path finds it so.
pub(crate) fn short(catalogue: &Catalogue, name: &TableName) -> String {
    let bare = TableName { schema: None, name: name.name.clone() };
    match catalogue.table(&bare) {
        Some(found) if found.name == *name => bare.to_string(),
        _ => name.to_string(),
    }
}

/// A quoted identifier.
pub(crate) fn quoted(database: Database, name: &str) -> String {
    match database {
        Database::Mysql => format!("`{}`", name.replace('`', "``")),
        Database::Sqlite | Database::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A quoted table name, with its schema where the search path needs it.
pub(crate) fn quoted_table(catalogue: &Catalogue, name: &TableName) -> String {
    let shown = short(catalogue, name);
    let bare = quoted(catalogue.database, &name.name);
    match &name.schema {
        Some(schema) if shown != name.name => {
            format!("{}.{bare}", quoted(catalogue.database, schema))
        }
        _ => bare,
    }
}

/// A name for an index, short enough for every database (`PostgreSQL` cuts at 63 bytes).
pub(super) fn index_name(table: &TableName, columns: &[&str], suffix: &str) -> String {
    let plain: String = format!("{}_{}{suffix}", table.name, columns.join("_"))
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    plain.chars().take(60).collect()
}

/// `CREATE INDEX …` on plain columns. On `PostgreSQL` it doesn't lock kpifire out meanwhile.
pub(super) fn create_index(catalogue: &Catalogue, table: &TableName, columns: &[&str]) -> String {
    let on: Vec<String> = columns.iter().map(|name| quoted(catalogue.database, name)).collect();
    let index = index_name(table, columns, "_idx");
    create(catalogue, table, &index, &on.join(", "), "INDEX")
}

/// The same with the words between CREATE and the name given: `INDEX` or `UNIQUE INDEX`.
pub(super) fn create(
    catalogue: &Catalogue,
    table: &TableName,
    index: &str,
    on: &str,
    what: &str,
) -> String {
    let concurrently = match catalogue.database {
        Database::Postgres => " CONCURRENTLY",
        Database::Sqlite | Database::Mysql => "",
    };
    format!(
        "CREATE {what}{concurrently} {} ON {} ({on});",
        quoted(catalogue.database, index),
        quoted_table(catalogue, table)
    )
}
