//! `scim_kept_values`: by what the kept attributes of a resource are found. Follows `scim_links.kept`,
//! in the statement's transaction; what the tokens mean is the mapper's.

use std::collections::BTreeSet;

use super::dialect::text_list;
use super::error::Error;
use super::schema::scim_kept_values::{self as kept, TABLE};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::Token;
use crate::scim::ResourceType;

/// Rows written by one statement at most.
const CHUNK: usize = 500;

/// From the tokens that a resource had to those that it has. One statement for what goes, one per 500 that
/// come; none where they are the same.
pub(super) async fn follow(
    tx: &mut Tx,
    kind: ResourceType,
    key: &str,
    had: &BTreeSet<Token>,
    has: &BTreeSet<Token>,
) -> Result<(), Error> {
    let gone: Vec<String> = had.difference(has).map(|it| it.as_str().to_owned()).collect();
    if !gone.is_empty() {
        let which = of(kind, key).raw(" AND token IN (SELECT i.item FROM ");
        let which = which.append(text_list(tx.database(), &gone)).raw(" i)");
        tx.later(TABLE.delete(which)).await?;
    }
    let come: Vec<&Token> = has.difference(had).collect();
    for chunk in come.chunks(CHUNK) {
        let rows = chunk.iter().map(|token| {
            [kept::resource_type.to(kind), kept::legacy_key.to(key), kept::token.to(token.as_str())]
        });
        let sql = TABLE.insert_all(rows);
        let database = tx.database();
        tx.later(sql.append(super::dialect::unless_there(database, kept::token.name))).await?;
    }
    Ok(())
}

/// A resource's tokens go. One statement.
pub(super) async fn forget(tx: &mut Tx, kind: ResourceType, key: &str) -> Result<(), Error> {
    tx.later(TABLE.delete(of(kind, key))).await
}

/// A resource goes by another key from now on. One statement.
pub(super) async fn rekey(
    tx: &mut Tx,
    kind: ResourceType,
    old: &str,
    new: &str,
) -> Result<(), Error> {
    tx.later(TABLE.update([kept::legacy_key.to(new)]).raw(" WHERE ").append(of(kind, old))).await
}

fn of(kind: ResourceType, key: &str) -> Sql {
    kept::resource_type.is(kind).raw(" AND ").append(kept::legacy_key.is(key))
}
