//! Values that the agent makes for new rows: UUIDs, random texts, the next number of a counter.

use std::sync::Arc;

use rand::RngExt as _;
use rand::distr::Alphanumeric;
use uuid::Uuid;

use super::dialect::for_update_alone;
use super::error::{Error, ErrorKind};
use super::relation;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Column, Columns, Counter, Made};
use crate::profile::model::Holds;

/// Columns with what is made for them. `key` is that of the resource, once it is known: what is made of
/// it is left out before.
pub(super) async fn columns(
    tx: &mut Tx,
    made: &[(Arc<Column>, Made)],
    key: Option<&Cell>,
) -> Result<Columns, Error> {
    let mut columns = Vec::with_capacity(made.len());
    for (column, made) in made {
        let cell = match (made, key) {
            (Made::Key, None) => continue,
            (Made::Key, Some(key)) => key.clone(),
            (made, _) => value(tx, made).await?,
        };
        columns.push((Arc::clone(column), cell));
    }
    Ok(columns)
}

/// One value. No statement but for a counter, which takes two.
pub(super) async fn value(tx: &mut Tx, made: &Made) -> Result<Cell, Error> {
    Ok(match made {
        Made::Uuid => Cell::Text(Uuid::new_v4().to_string()),
        Made::UuidPlain => Cell::Text(Uuid::new_v4().simple().to_string()),
        Made::Random(length) => Cell::Text(random(*length)),
        Made::Counter(counter) => next(tx, counter).await?,
        Made::Key => Cell::Null,
    })
}

fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// The next number; the counter's row is locked until the transaction ends.
async fn next(tx: &mut Tx, counter: &Counter) -> Result<Cell, Error> {
    let all = Sql::new("1 = 1");
    let read = Sql::new("SELECT ")
        .name(&counter.column)
        .append(relation::from_alone(&counter.relation))
        .append(all.clone())
        .append(for_update_alone(tx.database()));
    let rows = tx.query(read).await?;
    let broken = |what: &str| {
        let what = format!("the counter in {} {what}", counter.relation.table);
        Error::new(ErrorKind::Other, "making a key", what)
    };
    let [row] = rows.as_slice() else { return Err(broken("isn't one row")) };
    let held = row.cell(0).to_int().ok_or_else(|| broken("holds no number"))?;
    let after = held.checked_add(1).ok_or_else(|| broken("is at its end"))?;
    let sql =
        relation::update_to(&counter.relation, [relation::assigned(&counter.column, after.into())]);
    tx.execute(sql.append(all)).await?;
    Ok(Cell::Int(match counter.holds {
        Holds::Next => held,
        Holds::Last => after,
    }))
}
