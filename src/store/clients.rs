//! `scim_clients` and `scim_access_tokens`: OAuth 2.0 clients, and what they were given. Only hashes
//! are stored.

use chrono::NaiveDateTime;

use super::error::{Error, ErrorKind};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;

/// A row of `scim_clients`, without its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// Its name, unique.
    pub name: String,
    /// What it calls itself, unique.
    pub client_id: String,
    /// `provision` or `read`: the scope of its tokens.
    pub scope: String,
    /// When it was made.
    pub created: NaiveDateTime,
    /// When it and its tokens stop working.
    pub expires: Option<NaiveDateTime>,
    /// When it was last given a token.
    pub last_used: Option<NaiveDateTime>,
    /// When it was revoked.
    pub revoked: Option<NaiveDateTime>,
}

const SELECT: &str =
    "SELECT name, client_id, scope, created, expires, last_used, revoked, hash FROM scim_clients";

/// Every client, by name. One statement.
///
/// # Errors
/// The database's.
pub async fn list(tx: &mut Tx) -> Result<Vec<ClientRow>, Error> {
    let rows = tx.query(Sql::new(SELECT).raw(" ORDER BY name")).await?;
    rows.iter().map(client).collect()
}

/// The client of this id, with the stored hash of its secret to compare in constant time. One
/// statement.
///
/// # Errors
/// The database's.
pub async fn by_id(tx: &mut Tx, client_id: &str) -> Result<Option<(ClientRow, String)>, Error> {
    let rows = tx.query(Sql::new(SELECT).raw(" WHERE client_id = ").bind(client_id)).await?;
    rows.first()
        .map(|row| client(row).map(|client| (client, row.text(7).unwrap_or_default())))
        .transpose()
}

/// The client of this name. One statement.
///
/// # Errors
/// The database's.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<ClientRow>, Error> {
    let rows = tx.query(Sql::new(SELECT).raw(" WHERE name = ").bind(name)).await?;
    rows.first().map(client).transpose()
}

/// Adds a client. One statement.
///
/// # Errors
/// [`ErrorKind::Unique`] when the name is taken, and the database's.
pub async fn insert(tx: &mut Tx, client: &ClientRow, hash: &str) -> Result<(), Error> {
    let columns =
        "INSERT INTO scim_clients (name, client_id, hash, scope, created, expires) VALUES (";
    let sql = Sql::new(columns)
        .bind(client.name.as_str())
        .raw(", ")
        .bind(client.client_id.as_str())
        .raw(", ")
        .bind(hash)
        .raw(", ")
        .bind(client.scope.as_str())
        .raw(", ")
        .bind(client.created)
        .raw(", ")
        .bind(client.expires)
        .raw(")");
    tx.execute(sql).await.map(|_| ())
}

/// Gives a client another secret, takes back a revocation, and ends its tokens. Two statements.
///
/// # Errors
/// The database's.
pub async fn set_hash(tx: &mut Tx, name: &str, hash: &str) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_clients SET revoked = NULL, last_used = NULL, hash = ")
        .bind(hash)
        .raw(" WHERE name = ")
        .bind(name);
    tx.execute(sql).await?;
    end_tokens(tx, name).await
}

/// Revokes a client and ends its tokens. Two statements.
///
/// # Errors
/// The database's.
pub async fn revoke(tx: &mut Tx, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_clients SET revoked = ").bind(now).raw(" WHERE name = ");
    tx.execute(sql.bind(name)).await?;
    end_tokens(tx, name).await
}

async fn end_tokens(tx: &mut Tx, name: &str) -> Result<(), Error> {
    let sql = Sql::new("DELETE FROM scim_access_tokens WHERE client = ").bind(name);
    tx.execute(sql).await.map(|_| ())
}

/// Notes that a client is given a token, which locks its row: tokens of one client are issued one
/// after the other. False when its secret is another or it was revoked since it was read. One
/// statement.
///
/// # Errors
/// The database's.
pub async fn used(tx: &mut Tx, name: &str, hash: &str, now: NaiveDateTime) -> Result<bool, Error> {
    let sql = Sql::new("UPDATE scim_clients SET last_used = ")
        .bind(now)
        .raw(" WHERE revoked IS NULL AND name = ")
        .bind(name)
        .raw(" AND hash = ")
        .bind(hash);
    tx.execute(sql).await.map(|rows| rows > 0)
}

/// An access token to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// SHA-256 of its text, in hex.
    pub hash: String,
    /// The client's name.
    pub client: String,
    /// When it is made.
    pub created: NaiveDateTime,
    /// When it stops working.
    pub expires: NaiveDateTime,
}

/// Adds an access token. The client's expired ones go, and the oldest beyond `most`, the new one
/// counted. Three statements.
///
/// # Errors
/// The database's.
pub async fn issue(tx: &mut Tx, token: &Issued, most: u32) -> Result<(), Error> {
    let sql = Sql::new("DELETE FROM scim_access_tokens WHERE client = ")
        .bind(token.client.as_str())
        .raw(" AND expires <= ")
        .bind(token.created);
    tx.later(sql).await?;
    // MariaDB takes a LIMIT only in a derived table, and an OFFSET only behind a LIMIT.
    let sql = Sql::new(
        "DELETE FROM scim_access_tokens WHERE hash IN (SELECT hash FROM \
         (SELECT hash FROM scim_access_tokens WHERE client = ",
    )
    .bind(token.client.as_str())
    .raw(" ORDER BY created DESC, hash LIMIT 1000000 OFFSET ")
    .bind(i64::from(most.saturating_sub(1)))
    .raw(") AS oldest)");
    tx.later(sql).await?;
    let sql = Sql::new("INSERT INTO scim_access_tokens (hash, client, created, expires) VALUES (")
        .bind(token.hash.as_str())
        .raw(", ")
        .bind(token.client.as_str())
        .raw(", ")
        .bind(token.created)
        .raw(", ")
        .bind(token.expires)
        .raw(")");
    tx.later(sql).await
}

/// The client that was given the token with this hash, until when the token works, and its stored
/// hash to compare in constant time. One statement.
///
/// # Errors
/// The database's.
pub async fn by_token(
    tx: &mut Tx,
    hash: &str,
) -> Result<Option<(ClientRow, NaiveDateTime, String)>, Error> {
    let sql = Sql::new(
        "SELECT c.name, c.client_id, c.scope, c.created, c.expires, c.last_used, c.revoked, \
         t.hash, t.expires FROM scim_access_tokens t JOIN scim_clients c ON c.name = t.client \
         WHERE t.hash = ",
    );
    let rows = tx.query(sql.bind(hash)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let expires = row.time(8).ok_or_else(|| no_time("scim_access_tokens"))?;
    Ok(Some((client(row)?, expires, row.text(7).unwrap_or_default())))
}

/// Whether any client may be given a token. One statement.
///
/// # Errors
/// The database's.
pub async fn any(tx: &mut Tx, now: NaiveDateTime) -> Result<bool, Error> {
    let sql = Sql::new(
        "SELECT 1 FROM scim_clients WHERE revoked IS NULL AND (expires IS NULL OR expires > ",
    );
    Ok(!tx.query(sql.bind(now).raw(") LIMIT 1")).await?.is_empty())
}

fn client(row: &Row) -> Result<ClientRow, Error> {
    Ok(ClientRow {
        name: row.text(0).unwrap_or_default(),
        client_id: row.text(1).unwrap_or_default(),
        scope: row.text(2).unwrap_or_default(),
        created: row.time(3).ok_or_else(|| no_time("scim_clients"))?,
        expires: row.time(4),
        last_used: row.time(5),
        revoked: row.time(6),
    })
}

fn no_time(table: &'static str) -> Error {
    Error::new(ErrorKind::Other, table, "a row without a time")
}
