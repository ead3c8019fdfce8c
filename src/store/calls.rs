//! Statements of the application's own that the profile calls: its text, with every parameter bound.

use serde_json::Value;

use super::error::Error;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Column, MemberRelation};
use crate::profile::catalogue::Database;
use crate::profile::model::{CallPiece, Moment};

/// A call, with what is bound for each of its parameters.
pub(super) fn statement(pieces: &[CallPiece], bound: impl Fn(&CallPiece) -> Sql) -> Sql {
    pieces.iter().fold(Sql::default(), |sql, piece| match piece {
        CallPiece::Sql(text) => sql.raw(text),
        piece => sql.append(bound(piece)),
    })
}

/// A key, in the type of its column: a function is chosen by the types of its arguments.
pub(super) fn key(column: &Column, key: &Cell) -> Sql {
    let bound = Sql::default().bind(key.clone());
    match column.database {
        Database::Postgres => {
            Sql::new("CAST(").append(bound).raw(" AS ").raw(&column.type_name).raw(")")
        }
        Database::Sqlite | Database::Mysql => bound,
    }
}

/// An attribute's value as an argument.
pub(super) fn argument(value: Option<&Value>) -> Cell {
    match value {
        None | Some(Value::Null) => Cell::Null,
        Some(Value::Bool(flag)) => Cell::Bool(*flag),
        Some(Value::Number(number)) if number.is_i64() => number.as_i64().into(),
        Some(Value::String(text)) => Cell::from(text.as_str()),
        Some(other) => Cell::Text(other.to_string()),
    }
}

/// Calls what the profile has for memberships that came or went. A statement each; none where there is
/// nothing to call.
pub(super) async fn memberships(
    tx: &mut Tx,
    members: &MemberRelation,
    moment: Moment,
    edges: impl IntoIterator<Item = (Cell, Cell)>,
) -> Result<(), Error> {
    let Some(pieces) = members.calls.get(&moment) else { return Ok(()) };
    for (group, user) in edges {
        let sql = statement(pieces, |piece| match piece {
            CallPiece::Group => key(&members.group, &group),
            _ => key(&members.user, &user),
        });
        tx.execute(sql).await?;
    }
    Ok(())
}
