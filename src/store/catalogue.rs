//! Reads what the live database says of its tables. One file per database; each returns the same
//! plain [`Catalogue`].

mod mysql;
mod postgres;
mod sqlite;

use std::collections::BTreeMap;

use super::error::Error;
use super::sql::Sql;
use super::transaction::Tx;
use crate::profile::catalogue::{Catalogue, Column, Database, ForeignKey, Index, Table};
use crate::profile::model::TableName;

/// Every table the connection sees.
pub(super) async fn read(tx: &mut Tx) -> Result<Catalogue, Error> {
    match tx.database() {
        Database::Sqlite => sqlite::read(tx).await,
        Database::Postgres => postgres::read(tx).await,
        Database::Mysql => mysql::read(tx).await,
    }
    .map_err(|error| error.during("reading the catalogue"))
}

/// Tables under construction: rows of catalogue queries come flat.
#[derive(Default)]
struct Tables(BTreeMap<TableName, Table>);

impl Tables {
    fn table(&mut self, schema: Option<String>, name: String) -> &mut Table {
        let name = TableName { schema, name };
        self.0.entry(name.clone()).or_insert_with(|| Table {
            name,
            columns: Vec::new(),
            primary_key: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
        })
    }

    fn column(&mut self, schema: Option<String>, table: String, column: Column) {
        self.table(schema, table).columns.push(column);
    }

    /// Adds a column to an index, which its first column makes.
    fn index(&mut self, table: &TableName, name: &str, column: String, unique: bool) {
        let Some(table) = self.0.get_mut(table) else { return };
        match table.indexes.iter_mut().find(|index| index.name == name) {
            Some(index) => index.columns.push(column),
            None => {
                table.indexes.push(Index { name: name.to_owned(), columns: vec![column], unique });
            }
        }
    }

    /// Adds a pair of columns to a foreign key; `group` tells keys of one table apart.
    fn foreign_key(&mut self, group: &mut BTreeMap<String, usize>, id: &str, key: ForeignKey) {
        let Some(table) = self.0.get_mut(&key.table) else { return };
        let slot = format!("{}/{id}", key.table);
        if let Some(found) = group.get(&slot).and_then(|at| table.foreign_keys.get_mut(*at)) {
            found.columns.extend(key.columns);
            found.target_columns.extend(key.target_columns);
        } else {
            group.insert(slot, table.foreign_keys.len());
            table.foreign_keys.push(key);
        }
    }
}

async fn version(tx: &mut Tx, sql: &str) -> Result<String, Error> {
    let rows = tx.query(Sql::new(sql)).await?;
    Ok(rows.first().and_then(|row| row.text(0)).unwrap_or_default())
}
