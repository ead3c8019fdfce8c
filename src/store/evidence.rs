//! Looks at rows of tables that no profile names yet, for `profile init`: a bounded number of each,
//! every value as text, cut where it is long. What can't be read is left out: the proposal then says
//! that it has seen nothing.

use super::Store;
use super::error::Error;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::Cell;
use crate::profile::catalogue::{Database, Kind};
use crate::profile::evidence::{Evidence, Held, Look, Sample, Wanted};
use crate::profile::model::TableName;

impl Store {
    /// Adds what these looks tell to what is known.
    ///
    /// # Errors
    /// When the database goes away; a table that can't be read is no error.
    pub async fn evidence(&self, looks: Vec<Look>, known: Evidence) -> Result<Evidence, Error> {
        self.read((looks, known), async |tx, (looks, known)| {
            let mut evidence = known.clone();
            for look in looks {
                match seen(tx, look, &mut evidence).await {
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => {
                        tracing::debug!(message = error.message(), ?look, "not looked at");
                    }
                    Ok(()) => {}
                }
            }
            Ok(evidence)
        })
        .await
    }
}

async fn seen(tx: &mut Tx, look: &Look, evidence: &mut Evidence) -> Result<(), Error> {
    match look {
        Look::Rows { table, columns, order, limit } => {
            let order = order.as_deref();
            let sample =
                rows(tx, table, columns, order, usize::try_from(*limit).unwrap_or(0)).await?;
            evidence.add(table.clone(), sample);
        }
        Look::Held { table, column, target, key, values } => {
            let found = found(tx, target, key, values).await?;
            let held = Held { asked: values.len(), found };
            evidence.add_held(table.clone(), column.clone(), target.clone(), held);
        }
    }
    Ok(())
}

/// The oldest half and the newest half, where an order tells them; the first ones else.
async fn rows(
    tx: &mut Tx,
    table: &TableName,
    columns: &[Wanted],
    order: Option<&str>,
    limit: usize,
) -> Result<Sample, Error> {
    let each = order.map_or(limit, |_| limit / 2);
    let mut rows = part(tx, table, columns, order.map(|it| (it, " ASC")), each + 1).await?;
    let whole = rows.len() <= each;
    if !whole {
        rows.truncate(each);
        if let Some(order) = order {
            rows.extend(part(tx, table, columns, Some((order, " DESC")), each).await?);
        }
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    Ok(Sample::new(&names, &rows, whole))
}

async fn part(
    tx: &mut Tx,
    table: &TableName,
    columns: &[Wanted],
    order: Option<(&str, &str)>,
    limit: usize,
) -> Result<Vec<Vec<Option<String>>>, Error> {
    let database = tx.database();
    let shown = columns.iter().map(|column| text(database, column));
    // Without columns the rows are still counted.
    let one = std::iter::once(Sql::new("1"));
    let sql = Sql::new("SELECT ").list(", ", one.chain(shown)).raw(" FROM ").append(name(table));
    let sql = match order {
        Some((column, way)) => sql.raw(" ORDER BY ").ident(column).raw(way),
        None => sql,
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = tx.query(sql.raw(" LIMIT ").bind(Cell::Int(limit)).once()).await?;
    Ok(rows.iter().map(|row| (1..=columns.len()).map(|at| row.text(at)).collect()).collect())
}

/// A column as text, cut: no driver reads an impossible date, and some no other type.
fn text(database: Database, column: &Wanted) -> Sql {
    let name = Sql::default().ident(&column.name);
    let binary = column.kind == Kind::Binary;
    match database {
        Database::Sqlite => Sql::new("CASE typeof(")
            .append(name.clone())
            .raw(") WHEN 'blob' THEN '\\x' || hex(substr(")
            .append(name.clone())
            .raw(", 1, 60)) ELSE substr(CAST(")
            .append(name)
            .raw(" AS TEXT), 1, 120) END"),
        Database::Postgres if binary => {
            Sql::new("left(encode(").append(name).raw(", 'escape'), 120)")
        }
        Database::Postgres => Sql::new("left(CAST(").append(name).raw(" AS text), 120)"),
        Database::Mysql if binary => {
            Sql::new("LEFT(CONVERT(").append(name).raw(" USING utf8mb4), 120)")
        }
        Database::Mysql => Sql::new("LEFT(CAST(").append(name).raw(" AS CHAR), 120)"),
    }
}

fn name(table: &TableName) -> Sql {
    let parts = table.schema.iter().chain([&table.name]);
    Sql::default().list(".", parts.map(|part| Sql::default().ident(part)))
}

/// How many of these values are keys of a table, by the index on them.
async fn found(
    tx: &mut Tx,
    target: &TableName,
    key: &Wanted,
    values: &[String],
) -> Result<usize, Error> {
    let uuid = tx.database() == Database::Postgres && key.kind == Kind::Uuid;
    let bound = values.iter().filter_map(|value| match key.kind {
        Kind::Int | Kind::Number => Some(Sql::default().bind(Cell::Int(value.parse().ok()?))),
        Kind::Uuid if uuid => {
            Some(Sql::new("CAST(").bind(Cell::Text(value.clone())).raw(" AS uuid)"))
        }
        _ => Some(Sql::default().bind(Cell::Text(value.clone()))),
    });
    let bound: Vec<Sql> = bound.collect();
    if bound.is_empty() {
        return Ok(0);
    }
    let sql = Sql::new("SELECT count(*) FROM ")
        .append(name(target))
        .raw(" WHERE ")
        .ident(&key.name)
        .raw(" IN (")
        .list(", ", bound)
        .raw(")")
        .once();
    let rows = tx.query(sql).await?;
    let count = rows.first().map(|row| row.int(0)).unwrap_or_default();
    Ok(usize::try_from(count).unwrap_or_default())
}
