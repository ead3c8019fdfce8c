//! A relation: a table of the install's as profile and catalogue together know it, resolved once at
//! start. Pure; its SQL is the store's (`store/relation.rs`).

use std::ops::Deref;
use std::sync::Arc;

use crate::profile::catalogue::{self, Database, Table};
use crate::profile::model::TableName;

/// A column of a relation: what the catalogue says of it, and how statements spell it.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    described: catalogue::Column,
    /// Its name, quoted.
    pub(crate) spelled: String,
    /// Which database it is of.
    pub(crate) database: Database,
}

impl Deref for Column {
    type Target = catalogue::Column;

    fn deref(&self) -> &catalogue::Column {
        &self.described
    }
}

impl Column {
    fn new(database: Database, described: &catalogue::Column) -> Self {
        let spelled = quoted(database, &described.name);
        Self { spelled, database, described: described.clone() }
    }
}

/// A table and its columns.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The table, as the profile names it.
    pub table: TableName,
    /// Its name, each part quoted.
    pub(crate) spelled: String,
    /// Its columns, in the order of their names.
    pub columns: Vec<Arc<Column>>,
    /// The primary key's columns; empty when it has none.
    pub primary_key: Vec<Arc<Column>>,
}

impl Relation {
    /// A table of the catalogue, by the name that the profile gives it.
    pub(super) fn new(database: Database, table: &TableName, found: &Table) -> Self {
        let mut columns: Vec<Arc<Column>> =
            found.columns.iter().map(|it| Arc::new(Column::new(database, it))).collect();
        columns.sort_by(|one, other| one.name.cmp(&other.name));
        let named = |name: &String| columns.iter().find(|column| column.name == *name).cloned();
        let parts = table.schema.iter().chain([&table.name]);
        let quoted: Vec<String> = parts.map(|part| self::quoted(database, part)).collect();
        Self {
            primary_key: found.primary_key.iter().filter_map(named).collect(),
            table: table.clone(),
            spelled: quoted.join("."),
            columns,
        }
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Arc<Column>> {
        let found = self.columns.binary_search_by(|column| column.name.as_str().cmp(name)).ok()?;
        self.columns.get(found)
    }
}

/// Rows of a relation that a column ties to a resource's row: a foreign key, or what the profile says
/// is one.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The table whose rows point.
    pub relation: Relation,
    /// Its column that holds the key.
    pub column: Arc<Column>,
}

fn quoted(database: Database, name: &str) -> String {
    match database {
        Database::Mysql | Database::Sqlite => format!("`{}`", name.replace('`', "``")),
        Database::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}
