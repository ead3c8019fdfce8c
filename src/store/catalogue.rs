//! Reads what the live database says of its tables. One file per database, with what it is asked and
//! how it describes a column; what is made of the answers, a plain [`Catalogue`], is the same for all.

mod mysql;
mod postgres;
mod source;
mod sqlite;

use std::collections::BTreeMap;

use source::Source;

use super::error::Error;
use super::prove::account::account;
use super::row::Row;
use super::server::Product;
use super::sql::Sql;
use super::transaction::Tx;
use crate::profile::catalogue::{
    Catalogue, Database, ForeignKey, Index, PartialIndex, Table, Traits, View,
};
use crate::profile::model::TableName;

/// Every table the connection sees.
pub(super) async fn read(tx: &mut Tx) -> Result<Catalogue, Error> {
    let source = match tx.product() {
        Product::Sqlite => &sqlite::SOURCE,
        Product::Postgres => &postgres::SOURCE,
        Product::Mariadb => &mysql::MARIADB,
        Product::Mysql => &mysql::MYSQL,
    };
    ask(tx, source).await.map_err(|error| error.during("reading the catalogue"))
}

async fn ask(tx: &mut Tx, source: &Source) -> Result<Catalogue, Error> {
    let mut tables = Tables::default();
    for row in tx.query(Sql::new(source.columns)).await? {
        if let Some(table) = name(&row) {
            tables.table(table).columns.push((source.column)(&row));
        }
    }
    for row in tx.query(Sql::new(source.indexes)).await? {
        tables.index(&row, (source.indexed)(&row), (source.predicate)(&row));
    }
    let mut keys = BTreeMap::new();
    for row in tx.query(Sql::new(source.foreign_keys)).await? {
        tables.foreign_key(&mut keys, &row);
    }
    for row in tx.query(Sql::new(source.tables)).await? {
        tables.traits(&row);
    }
    for row in tx.query(Sql::new(source.triggers)).await? {
        if let (Some(table), Some(trigger)) = (tables.known(&row), row.text(2)) {
            table.traits.triggers.push(trigger);
        }
    }
    if let Some(checks) = source.checks {
        for row in tx.query(Sql::new(checks)).await? {
            if let (Some(table), Some(column), Some(check)) =
                (tables.known(&row), row.text(2), row.text(3))
            {
                table.traits.column_checks.insert(column, check);
            }
        }
    }
    let account = match tx.database() {
        Database::Sqlite => String::new(),
        Database::Postgres | Database::Mysql => account(tx).await,
    };
    let search_path = tx.query(Sql::new(source.search_path)).await?;
    let version = tx.query(Sql::new(source.version)).await?;
    Ok(Catalogue {
        database: tx.database(),
        account,
        version: version.first().and_then(|row| row.text(0)).unwrap_or_default(),
        search_path: search_path.iter().filter_map(|row| row.text(0)).collect(),
        tables: tables.0,
    })
}

/// The table that a row of a [`Source`] is of.
fn name(row: &Row) -> Option<TableName> {
    Some(TableName { schema: row.text(0), name: row.text(1)? })
}

/// Tables under construction: rows of catalogue queries come flat.
#[derive(Default)]
struct Tables(BTreeMap<TableName, Table>);

impl Tables {
    fn table(&mut self, name: TableName) -> &mut Table {
        self.0.entry(name.clone()).or_insert_with(|| Table {
            name,
            columns: Vec::new(),
            primary_key: Vec::new(),
            indexes: Vec::new(),
            partial_indexes: Vec::new(),
            foreign_keys: Vec::new(),
            traits: Traits::default(),
        })
    }

    /// The table that a row is of, where it has columns.
    fn known(&mut self, row: &Row) -> Option<&mut Table> {
        self.0.get_mut(&name(row)?)
    }

    /// Says what a table is besides its columns and keys.
    fn traits(&mut self, row: &Row) {
        let Some(table) = self.known(row) else { return };
        let is = |index| row.int(index) == 1;
        table.traits = Traits {
            view: row.text(2).map(|kind| View { writable: kind != "n", by_triggers: kind == "t" }),
            engine: row.text(3),
            no_transactions: is(4),
            row_security: is(5),
            has_children: is(6),
            inherits: is(7),
            triggers: Vec::new(),
            no_autovacuum: is(8),
            column_checks: BTreeMap::new(),
            comment: row.text(9).filter(|text| !text.is_empty()),
        };
    }

    /// Adds a column to an index, which its first column makes.
    fn index(&mut self, row: &Row, indexed: Option<String>, predicate: Option<String>) {
        let Some(table) = self.known(row) else { return };
        let (Some(column), unique, primary) = (indexed, row.int(4) == 1, row.int(5) == 1) else {
            return;
        };
        if primary {
            table.primary_key.push(column.clone());
        }
        let Some(name) = row.text(2) else { return };
        if let Some(predicate) = predicate {
            let partial = &mut table.partial_indexes;
            match partial.iter_mut().find(|it| it.index.name == name) {
                Some(it) => it.index.columns.push(column),
                None => partial.push(PartialIndex {
                    index: Index { name, columns: vec![column], unique },
                    predicate,
                }),
            }
            return;
        }
        match table.indexes.iter_mut().find(|index| index.name == name) {
            Some(index) => index.columns.push(column),
            None => table.indexes.push(Index { name, columns: vec![column], unique }),
        }
    }

    /// Adds a pair of columns to a foreign key; `known` tells where one is that has some already.
    fn foreign_key(&mut self, known: &mut BTreeMap<(TableName, String), usize>, row: &Row) {
        let (Some(table), Some(id), Some(target)) = (name(row), row.text(2), row.text(5)) else {
            return;
        };
        let Some(keys) = self.0.get_mut(&table).map(|table| &mut table.foreign_keys) else {
            return;
        };
        let (column, target_column) = (row.text(3), row.text(6));
        let at = *known.entry((table.clone(), id)).or_insert(keys.len());
        if let Some(key) = keys.get_mut(at) {
            key.columns.extend(column);
            key.target_columns.extend(target_column);
        } else {
            keys.push(ForeignKey {
                table,
                columns: column.into_iter().collect(),
                target: TableName { schema: row.text(4), name: target },
                target_columns: target_column.into_iter().collect(),
                on_delete: row.text(7).unwrap_or_default(),
                on_update: row.text(8).unwrap_or_default(),
            });
        }
    }
}
