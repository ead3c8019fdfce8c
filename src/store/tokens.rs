//! `scim_tokens`: who may call. Only hashes are stored.

use chrono::NaiveDateTime;

use super::error::{Error, ErrorKind};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;

/// A row of `scim_tokens`, without its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its name, unique.
    pub name: String,
    /// `provision`, `read` or `admin`.
    pub scope: String,
    /// When it was made.
    pub created: NaiveDateTime,
    /// When it stops working.
    pub expires: Option<NaiveDateTime>,
    /// When it was last used, to the minute or so.
    pub last_used: Option<NaiveDateTime>,
    /// When it was revoked.
    pub revoked: Option<NaiveDateTime>,
}

const SELECT: &str =
    "SELECT name, scope, created, expires, last_used, revoked, hash FROM scim_tokens";

/// Every token, by name.
///
/// # Errors
/// The database's.
pub async fn list(tx: &mut Tx) -> Result<Vec<TokenRow>, Error> {
    let rows = tx.query(Sql::new(SELECT).raw(" ORDER BY name")).await?;
    rows.iter().map(token).collect()
}

/// The token with this hash, with the stored hash to compare in constant time.
///
/// # Errors
/// The database's.
pub async fn by_hash(tx: &mut Tx, hash: &str) -> Result<Option<(TokenRow, String)>, Error> {
    let rows = tx.query(Sql::new(SELECT).raw(" WHERE hash = ").bind(hash)).await?;
    rows.first()
        .map(|row| token(row).map(|token| (token, row.text(6).unwrap_or_default())))
        .transpose()
}

/// The token of this name.
///
/// # Errors
/// The database's.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<TokenRow>, Error> {
    let rows = tx.query(Sql::new(SELECT).raw(" WHERE name = ").bind(name)).await?;
    rows.first().map(token).transpose()
}

/// Adds a token.
///
/// # Errors
/// [`ErrorKind::Unique`] when the name is taken, and the database's.
pub async fn insert(tx: &mut Tx, token: &TokenRow, hash: &str) -> Result<(), Error> {
    let sql = Sql::new("INSERT INTO scim_tokens (name, hash, scope, created, expires) VALUES (")
        .bind(token.name.as_str())
        .raw(", ")
        .bind(hash)
        .raw(", ")
        .bind(token.scope.as_str())
        .raw(", ")
        .bind(token.created)
        .raw(", ")
        .bind(token.expires)
        .raw(")");
    tx.execute(sql).await.map(|_| ())
}

/// Gives a token another secret, and takes back a revocation.
///
/// # Errors
/// The database's.
pub async fn set_hash(tx: &mut Tx, name: &str, hash: &str) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_tokens SET revoked = NULL, last_used = NULL, hash = ")
        .bind(hash)
        .raw(" WHERE name = ")
        .bind(name);
    tx.execute(sql).await.map(|_| ())
}

/// Revokes a token.
///
/// # Errors
/// The database's.
pub async fn revoke(tx: &mut Tx, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    stamp(tx, "revoked", name, now).await
}

/// Notes a use.
///
/// # Errors
/// The database's.
pub async fn used(tx: &mut Tx, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    stamp(tx, "last_used", name, now).await
}

async fn stamp(tx: &mut Tx, column: &str, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_tokens SET ")
        .raw(column)
        .raw(" = ")
        .bind(now)
        .raw(" WHERE name = ")
        .bind(name);
    tx.execute(sql).await.map(|_| ())
}

fn token(row: &Row) -> Result<TokenRow, Error> {
    Ok(TokenRow {
        name: row.text(0).unwrap_or_default(),
        scope: row.text(1).unwrap_or_default(),
        created: row
            .time(2)
            .ok_or_else(|| Error::new(ErrorKind::Other, "scim_tokens", "a token without a time"))?,
        expires: row.time(3),
        last_used: row.time(4),
        revoked: row.time(5),
    })
}
