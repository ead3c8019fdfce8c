//! The sidecar tables as rows that fit each of the three databases: read out a page at a time, and
//! put back.
//!
//! Owns which tables are copied and how their values become JSON and back. What a file looks like
//! is [`crate::backup`]'s. Columns and keys are the catalogue's: a migration adds its table to
//! `SIDECAR` in `prove.rs`, and nothing here.

use serde_json::{Map, Number, Value};

use super::error::{Error, ErrorKind};
use super::prove::SIDECAR;
use super::sql::Sql;
use super::transaction::Tx;
use super::{catalogue, dialect};
use crate::mapper::Cell;
use crate::profile::catalogue::{Catalogue, Column, Kind};
use crate::profile::model::TableName;

/// Tables that hold nothing worth keeping: who works just now; the slots of row locks, which are
/// the same everywhere; and the migrations, of which an export's header names the last.
pub const LEFT_OUT: [&str; 4] = ["scim_lease", "scim_agents", "scim_name_locks", "scim_migrations"];

/// Tables into which a migration puts rows: they are empty with these, and an import replaces them.
const SEEDED: [&str; 1] = ["scim_guard"];

/// Rows read at a time.
const PAGE: usize = 2000;

/// Values bound by one INSERT at most: SQLite takes 32,766, the others 65,535.
const BINDS: usize = 10_000;

/// A row: every column by its name. Times are UTC, `2026-11-24T08:00:00.000000`.
pub type Row = Map<String, Value>;

/// A sidecar table as the live database has it.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    columns: Vec<Column>,
    key: Vec<String>,
}

/// The tables that an export holds, in its order.
pub fn copied() -> impl Iterator<Item = &'static str> {
    SIDECAR.into_iter().filter(|name| !LEFT_OUT.contains(name))
}

/// The tables that an export holds, as the live database has them.
///
/// # Errors
/// The database's; a table that isn't there.
pub async fn tables(tx: &mut Tx) -> Result<Vec<Table>, Error> {
    let catalogue = catalogue::read(tx).await?;
    copied().map(|name| table(&catalogue, name)).collect()
}

fn table(catalogue: &Catalogue, name: &'static str) -> Result<Table, Error> {
    let wanted = TableName { schema: None, name: name.to_owned() };
    let Some(found) = catalogue.table(&wanted).filter(|table| !table.primary_key.is_empty()) else {
        return Err(Error::new(ErrorKind::Other, name, "the table or its primary key is missing"));
    };
    Ok(Table { name, columns: found.columns.clone(), key: found.primary_key.clone() })
}

/// How many rows each table has that an export would hold; tables that aren't there are left out.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(&'static str, u64)>, Error> {
    let catalogue = catalogue::read(tx).await?;
    let mut counts = Vec::new();
    for name in copied().filter(|name| table(&catalogue, name).is_ok()) {
        let rows = tx.query(Sql::new("SELECT COUNT(*) FROM ").ident(name)).await?;
        let rows = rows.first().map_or(0, |row| row.int(0));
        counts.push((name, u64::try_from(rows).unwrap_or_default()));
    }
    Ok(counts)
}

/// [`counts`] of the tables that stand in the way of an import.
pub async fn occupied(tx: &mut Tx) -> Result<Vec<(&'static str, u64)>, Error> {
    let counts = counts(tx).await?;
    Ok(counts.into_iter().filter(|(name, rows)| *rows > 0 && !SEEDED.contains(name)).collect())
}

/// Removes what migrations put into the tables, for an import to take its place.
pub async fn unseed(tx: &mut Tx) -> Result<(), Error> {
    for name in SEEDED {
        tx.execute(Sql::new("DELETE FROM ").ident(name)).await?;
    }
    Ok(())
}

/// A table's rows in the order of its key, a page at a time.
pub struct Rows<'t> {
    table: &'t Table,
    after: Option<Vec<Cell>>,
}

impl<'t> Rows<'t> {
    /// Begins before the first row.
    pub fn new(table: &'t Table) -> Self {
        Self { table, after: None }
    }

    /// The next rows; none at the end. One statement.
    ///
    /// # Errors
    /// The database's; a value that JSON can't hold.
    pub async fn next(&mut self, tx: &mut Tx) -> Result<Vec<Row>, Error> {
        let Table { name, columns, key } = self.table;
        let columns_of = |names: &[String]| {
            let names = names.iter().map(|name| Sql::default().ident(name));
            Sql::default().list(", ", names.collect::<Vec<_>>())
        };
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        // The key once more in front: it is where the next page begins.
        let mut sql = Sql::new("SELECT ")
            .append(columns_of(key))
            .raw(", ")
            .append(columns_of(&names))
            .raw(" FROM ")
            .ident(name);
        if let Some(after) = &self.after {
            sql = sql.raw(" WHERE ").append(dialect::beyond(tx.database(), key, after));
        }
        let sql = sql.raw(" ORDER BY ").append(columns_of(key));
        let rows = tx.query(sql.raw(&format!(" LIMIT {PAGE}"))).await?;
        if let Some(last) = rows.last() {
            self.after = Some(last.0.iter().take(key.len()).cloned().collect());
        }
        rows.iter()
            .map(|row| {
                let cells = row.0.iter().skip(key.len());
                let values = columns.iter().zip(cells).map(|(column, cell)| {
                    let value = to_json(column.kind, cell).ok_or_else(|| {
                        let what = format!("column {} holds what JSON can't", column.name);
                        Error::new(ErrorKind::Other, name, what)
                    })?;
                    Ok((column.name.clone(), value))
                });
                values.collect()
            })
            .collect()
    }
}

fn to_json(kind: Kind, cell: &Cell) -> Option<Value> {
    Some(match cell {
        Cell::Null => Value::Null,
        // SQLite keeps times as text.
        _ if kind == Kind::Timestamp => {
            Value::from(cell.to_time()?.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
        }
        Cell::Bool(value) => Value::from(*value),
        Cell::Int(value) if kind == Kind::Bool => Value::from(*value != 0),
        Cell::Int(value) => Value::from(*value),
        Cell::Number(value) => Value::Number(Number::from_f64(*value)?),
        Cell::Text(value) => Value::from(value.as_str()),
        Cell::Time(_) | Cell::Bytes(_) => return None,
    })
}

impl Table {
    /// A row as this database takes it.
    ///
    /// # Errors
    /// What is wrong, naming the column.
    pub fn cells(&self, row: &Row) -> Result<Vec<Cell>, String> {
        let known = |name: &str| self.columns.iter().any(|column| column.name == name);
        if let Some(unknown) = row.keys().find(|name| !known(name)) {
            return Err(format!("{} has no column `{unknown}`", self.name));
        }
        let cell = |column: &Column| {
            let Column { name, kind, .. } = column;
            let value = row.get(name).ok_or_else(|| format!("the column `{name}` is missing"))?;
            from_json(*kind, value)
                .ok_or_else(|| format!("the column `{name}` doesn't take such a value"))
        };
        self.columns.iter().map(cell).collect()
    }

    /// How many rows one INSERT takes.
    pub fn batch(&self) -> usize {
        BINDS / self.columns.len().max(1)
    }
}

fn from_json(kind: Kind, value: &Value) -> Option<Cell> {
    Some(match (kind, value) {
        (_, Value::Null) => Cell::Null,
        (Kind::Timestamp, Value::String(text)) => Cell::Time(Cell::from(text.as_str()).to_time()?),
        (Kind::Bool, Value::Bool(value)) => Cell::Bool(*value),
        (Kind::Bool, Value::Number(number)) => Cell::Bool(number.as_i64()? != 0),
        (Kind::Int, Value::Bool(value)) => Cell::Int(i64::from(*value)),
        (Kind::Int, Value::Number(number)) => Cell::Int(number.as_i64()?),
        (Kind::Number, Value::Number(number)) => Cell::Number(number.as_f64()?),
        (Kind::Text, Value::String(text)) => Cell::Text(text.clone()),
        _ => return None,
    })
}

/// Puts rows into a table, at most [`Table::batch`] of them. One statement.
pub async fn insert(tx: &mut Tx, table: &Table, rows: Vec<Vec<Cell>>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = table.columns.iter().map(|column| Sql::default().ident(&column.name));
    let tuples = rows.into_iter().map(|row| {
        let values = row.into_iter().map(|cell| Sql::default().bind(cell));
        Sql::new("(").list(", ", values).raw(")")
    });
    let sql = Sql::new("INSERT INTO ")
        .ident(table.name)
        .raw(" (")
        .list(", ", columns)
        .raw(") VALUES ")
        .list(", ", tuples)
        .once();
    tx.execute(sql).await.map(|_| ())
}
