//! `scim_access_tokens`: what OAuth 2.0 clients were given. Only hashes are stored.

use chrono::NaiveDateTime;

use super::credentials::{Credential, Kind, credential};
use super::error::{Error, ErrorKind};
use super::sql::Sql;
use super::transaction::Tx;

/// Notes that a client is given a token, which locks its row: tokens of one client are issued one
/// after the other. False when its secret is another or it was revoked since it was read. One
/// statement.
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

/// The client that was given the token with this hash, as it stands for that token: it expires when
/// the first of them does. With the token's stored hash to compare in constant time. One statement.
pub async fn by_token(tx: &mut Tx, hash: &str) -> Result<Option<(Credential, String)>, Error> {
    let sql = Sql::new(
        "SELECT c.name, c.scope, c.created, c.expires, c.last_used, c.revoked, t.hash, c.client_id, \
         t.expires FROM scim_access_tokens t JOIN scim_clients c ON c.name = t.client \
         WHERE t.hash = ",
    );
    let rows = tx.query(sql.bind(hash)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut client = credential(row, Kind::Client)?;
    let expires = row.time(8).ok_or_else(|| {
        Error::new(ErrorKind::Other, "scim_access_tokens", "a row without a time")
    })?;
    client.expires = Some(client.expires.map_or(expires, |it| it.min(expires)));
    Ok(Some((client, row.text(6).unwrap_or_default())))
}

/// Whether any client may be given a token. One statement.
pub async fn any(tx: &mut Tx, now: NaiveDateTime) -> Result<bool, Error> {
    let sql = Sql::new(
        "SELECT 1 FROM scim_clients WHERE revoked IS NULL AND (expires IS NULL OR expires > ",
    );
    Ok(!tx.query(sql.bind(now).raw(") LIMIT 1")).await?.is_empty())
}
