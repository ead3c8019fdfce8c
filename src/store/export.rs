//! The sidecar tables as rows that fit each of the three databases: read out a page at a time, and
//! put back.
//!
//! Owns which tables are copied and how their values become JSON and back. What a file looks like
//! is [`crate::backup`]'s. Columns and keys are those of `schema`.

use serde_json::{Map, Value};

use super::error::{Error, ErrorKind};
use super::schema::{self, TABLES};
use super::sidecar::{Described, Form, count};
use super::sql::Sql;
use super::transaction::Tx;
use super::{catalogue, dialect};
use crate::mapper::Cell;
use crate::profile::model::TableName;

pub use super::sidecar::Table;

/// Tables that hold nothing worth keeping: who works just now; the slots of row locks, which are
/// the same everywhere; and the migrations, of which an export's header names the last.
const LEFT_OUT: [Table; 4] = [
    schema::scim_lease::TABLE,
    schema::scim_agents::TABLE,
    schema::scim_name_locks::TABLE,
    schema::scim_migrations::TABLE,
];

/// Tables into which a migration puts rows: they are empty with these, and an import replaces them.
const SEEDED: [Table; 1] = [schema::scim_guard::TABLE];

/// Rows read at a time.
const PAGE: usize = 2000;

/// Values bound by one INSERT at most: SQLite takes 32,766, the others 65,535.
const BINDS: usize = 10_000;

/// A row: every column by its name. Times are UTC, `2026-11-24T08:00:00.000000`.
pub type Row = Map<String, Value>;

/// The tables that an export holds, in its order.
pub fn copied() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(|table| !LEFT_OUT.contains(table))
}

/// How many rows each table has that an export would hold; tables that aren't there are left out.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(&'static str, u64)>, Error> {
    let catalogue = catalogue::read(tx).await?;
    let mut counts = Vec::new();
    for Table { name, .. } in copied() {
        let wanted = TableName { schema: None, name: (*name).to_owned() };
        if catalogue.table(&wanted).is_some() {
            counts.push((*name, tx.scalar(count(), Sql::new(" FROM ").raw(name)).await?));
        }
    }
    Ok(counts)
}

/// [`counts`] of the tables that stand in the way of an import.
pub async fn occupied(tx: &mut Tx) -> Result<Vec<(&'static str, u64)>, Error> {
    let counts = counts(tx).await?;
    Ok(counts.into_iter().filter(|(name, rows)| *rows > 0 && !is_seeded(name)).collect())
}

fn is_seeded(name: &str) -> bool {
    SEEDED.iter().any(|table| table.name == name)
}

/// Removes what migrations put into the tables, for an import to take its place.
pub async fn unseed(tx: &mut Tx) -> Result<(), Error> {
    for table in SEEDED {
        tx.execute(Sql::new("DELETE FROM ").raw(table.name)).await?;
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
    /// The database's; a value that its column can't hold.
    pub async fn next(&mut self, tx: &mut Tx) -> Result<Vec<Row>, Error> {
        let Table { name, columns } = *self.table;
        let key: Vec<&str> = columns.iter().filter(|it| it.key).map(|it| it.name).collect();
        let names: Vec<&str> = columns.iter().map(|it| it.name).collect();
        // The key's columns stand in front.
        let mut sql = Sql::new("SELECT ").raw(&names.join(", ")).raw(" FROM ").raw(name);
        if let Some(after) = &self.after {
            sql = sql.raw(" WHERE ").append(dialect::beyond(tx.database(), &key, after));
        }
        let sql = sql.raw(" ORDER BY ").raw(&key.join(", "));
        let rows = tx.query(sql.raw(&format!(" LIMIT {PAGE}"))).await?;
        if let Some(last) = rows.last() {
            self.after = Some(last.0.iter().take(key.len()).cloned().collect());
        }
        rows.iter()
            .map(|row| {
                let values = columns.iter().zip(&row.0).map(|(column, cell)| {
                    let value = to_json(column.form, cell).ok_or_else(|| {
                        let key = row.0.iter().take(key.len()).filter_map(Cell::to_text);
                        let key = key.collect::<Vec<_>>().join(" ");
                        let Described { name: column, .. } = column;
                        let what = format!("the column `{column}` of the row `{key}` is broken");
                        Error::new(ErrorKind::Other, name, what)
                    })?;
                    Ok((column.name.to_owned(), value))
                });
                values.collect()
            })
            .collect()
    }
}

fn to_json(form: Form, cell: &Cell) -> Option<Value> {
    Some(match (form, cell) {
        (_, Cell::Null) => Value::Null,
        // SQLite keeps times as text.
        (Form::Time, cell) => {
            Value::from(cell.to_time()?.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
        }
        (Form::Int, Cell::Int(value)) => Value::from(*value),
        (Form::Text, Cell::Text(value)) => Value::from(value.as_str()),
        _ => return None,
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
        let cell = |column: &Described| {
            let name = column.name;
            let value = row.get(name).ok_or_else(|| format!("the column `{name}` is missing"))?;
            from_json(column, value)
                .ok_or_else(|| format!("the column `{name}` doesn't take such a value"))
        };
        self.columns.iter().map(cell).collect()
    }

    /// How many rows one INSERT takes.
    pub fn batch(&self) -> usize {
        BINDS / self.columns.len().max(1)
    }
}

fn from_json(column: &Described, value: &Value) -> Option<Cell> {
    Some(match (column.form, value) {
        (_, Value::Null) if column.nullable => Cell::Null,
        (Form::Time, Value::String(text)) => Cell::Time(Cell::from(text.as_str()).to_time()?),
        (Form::Int, Value::Number(number)) => Cell::Int(number.as_i64()?),
        (Form::Text, Value::String(text)) => Cell::Text(text.clone()),
        _ => return None,
    })
}

/// Puts rows into a table, at most [`Table::batch`] of them. One statement.
pub async fn insert(tx: &mut Tx, table: &Table, rows: Vec<Vec<Cell>>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = table.columns.iter().map(|column| Sql::new(column.name));
    let tuples = rows.into_iter().map(|row| {
        let values = row.into_iter().map(|cell| Sql::default().bind(cell));
        Sql::new("(").list(", ", values).raw(")")
    });
    let sql = Sql::new("INSERT INTO ")
        .raw(table.name)
        .raw(" (")
        .list(", ", columns)
        .raw(") VALUES ")
        .list(", ", tuples)
        .once();
    tx.execute(sql).await.map(|_| ())
}
