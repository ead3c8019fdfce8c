//! A row goes into a table of the application's, and its key comes back: as each server tells it.

use std::sync::Arc;

use super::dialect::returns_rows;
use super::error::{Error, ErrorKind};
use super::relation::{self, equals, value};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Column, Columns, Relation};
use crate::profile::catalogue::{Database, Kind};

/// Inserts a row of a table; its key. One statement. MySQL tells no key: one more where it made it.
pub(super) async fn insert(
    tx: &mut Tx,
    relation: &Relation,
    key: &Arc<Column>,
    columns: &Columns,
) -> Result<Cell, Error> {
    let given = columns.iter().find(|(column, _)| column == key).map(|(_, cell)| cell.clone());
    let told = if returns_rows(tx.product()) {
        let sql = statement(tx.database(), relation, key, columns).raw(" RETURNING ").name(key);
        first(&tx.query(sql).await?)
    } else if given.is_none() && key.generated {
        counted(tx, relation, columns).await?
    } else {
        tx.execute(statement(tx.database(), relation, key, columns)).await?;
        None
    };
    match told.or(given) {
        Some(key) => Ok(key),
        None => found(tx, relation, key, columns).await,
    }
}

fn statement(database: Database, relation: &Relation, key: &Column, columns: &Columns) -> Sql {
    if columns.is_empty() {
        return relation::insert_defaults(database, relation);
    }
    // A key that is given: PostgreSQL's GENERATED ALWAYS wants it said.
    let given = columns.iter().any(|(column, _)| **column == *key);
    let overriding = given && key.generated && database == Database::Postgres;
    relation::insert(relation, columns.iter().map(|(column, _)| &**column))
        .raw(if overriding { " OVERRIDING SYSTEM VALUE VALUES (" } else { " VALUES (" })
        .list(", ", columns.iter().map(|(column, cell)| value(column, cell.clone())))
        .raw(")")
}

fn first(rows: &[Row]) -> Option<Cell> {
    rows.first().map(|row| row.cell(0).clone()).filter(|key| *key != Cell::Null)
}

/// MySQL: the number that `AUTO_INCREMENT` gave the row. None where a trigger gave it another: the
/// session's last number, which would be another row's, is forgotten by the INSERT itself.
async fn counted(
    tx: &mut Tx,
    relation: &Relation,
    columns: &Columns,
) -> Result<Option<Cell>, Error> {
    let sql = if columns.is_empty() {
        relation::insert_defaults(tx.database(), relation)
    } else {
        relation::insert(relation, columns.iter().map(|(column, _)| &**column))
            .raw(" SELECT ")
            .list(", ", columns.iter().map(|(column, cell)| value(column, cell.clone())))
            .raw(" FROM DUAL WHERE LAST_INSERT_ID(0) = 0")
    };
    tx.execute(sql).await?;
    let told = tx.query(Sql::new("SELECT LAST_INSERT_ID()")).await?;
    Ok(first(&told).filter(|number| *number != Cell::Int(0)))
}

/// The key that a default or a trigger made, where nothing tells it: the last row's that says the same.
/// Who would make another such row waits for its name's lock.
async fn found(
    tx: &mut Tx,
    relation: &Relation,
    key: &Column,
    columns: &Columns,
) -> Result<Cell, Error> {
    let said = columns.iter().filter(|(column, cell)| {
        *cell != Cell::Null && matches!(column.kind, Kind::Text | Kind::Int | Kind::Uuid)
    });
    let said = said.map(|(column, cell)| equals(column, cell));
    let sql = Sql::new("SELECT ")
        .name(key)
        .append(relation::from_alone(relation))
        .list(" AND ", said)
        .raw(" ORDER BY ")
        .name(key)
        .raw(" DESC LIMIT 1");
    first(&tx.query(sql).await?)
        .ok_or_else(|| Error::new(ErrorKind::Other, "inserting a row", "no key came back"))
}
