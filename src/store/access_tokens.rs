//! `scim_access_tokens`: what OAuth 2.0 clients were given. Only hashes are stored.

use chrono::NaiveDateTime;

use super::credentials::{ClientRow, Credential};
use super::error::Error;
use super::schema::{scim_access_tokens, scim_clients};
use super::sidecar::{Fields, fields_of, row};
use super::sql::Sql;
use super::transaction::Tx;

/// Notes that a client is given a token, which locks its row: tokens of one client are issued one
/// after the other. False when its secret is another or it was revoked since it was read. One
/// statement.
pub async fn used(tx: &mut Tx, name: &str, hash: &str, now: NaiveDateTime) -> Result<bool, Error> {
    let sql = scim_clients::TABLE
        .update([scim_clients::last_used.to(now)])
        .raw(" WHERE revoked IS NULL AND ")
        .append(scim_clients::name.is(name))
        .raw(" AND ")
        .append(scim_clients::hash.is(hash));
    tx.execute(sql).await.map(|rows| rows > 0)
}

row! {
    /// An access token to be.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Issued of scim_access_tokens {
        /// SHA-256 of its text, in hex.
        pub hash: String = hash,
        /// The client's name.
        pub client: String = client,
        /// When it is made.
        pub created: NaiveDateTime = created,
        /// When it stops working.
        pub expires: NaiveDateTime = expires,
    }
}

/// Adds an access token. The client's expired ones go, and the oldest beyond `most`, the new one
/// counted. Three statements.
pub async fn issue(tx: &mut Tx, token: &Issued, most: u32) -> Result<(), Error> {
    let of_client = || scim_access_tokens::client.is(token.client.as_str());
    let expired = of_client().raw(" AND expires <= ").bind(token.created);
    tx.later(scim_access_tokens::TABLE.delete(expired)).await?;
    // MariaDB takes a LIMIT only in a derived table, and an OFFSET only behind a LIMIT.
    let hash = || scim_access_tokens::hash.sql();
    let oldest = hash()
        .raw(" IN (SELECT ")
        .append(hash())
        .raw(" FROM (SELECT ")
        .append(hash())
        .raw(" FROM scim_access_tokens WHERE ")
        .append(of_client())
        .raw(" ORDER BY created DESC, hash LIMIT 1000000 OFFSET ")
        .bind(i64::from(most.saturating_sub(1)))
        .raw(") AS oldest)");
    tx.later(scim_access_tokens::TABLE.delete(oldest)).await?;
    tx.later(scim_access_tokens::TABLE.insert(token.sets())).await
}

/// The client that was given the token with this hash, as it stands for that token: it expires when
/// the first of them does. With the token's stored hash to compare in constant time. One statement.
pub async fn by_token(tx: &mut Tx, hash: &str) -> Result<Option<(Credential, String)>, Error> {
    let wanted = (
        fields_of::<ClientRow>("c."),
        scim_access_tokens::hash.of("t"),
        scim_access_tokens::expires.of("t"),
    );
    let found =
        Sql::new(" FROM scim_access_tokens t JOIN scim_clients c ON c.name = t.client WHERE ")
            .append(scim_access_tokens::hash.of("t").is(hash));
    let Some((client, hash, expires)) = tx.first(wanted, found).await? else { return Ok(None) };
    let (mut client, _) = client.into();
    client.expires = Some(client.expires.map_or(expires, |it| it.min(expires)));
    Ok(Some((client, hash)))
}

/// Whether any client may be given a token. One statement.
pub async fn any(tx: &mut Tx, now: NaiveDateTime) -> Result<bool, Error> {
    let live = " FROM scim_clients WHERE revoked IS NULL AND (expires IS NULL OR expires > ";
    tx.any(Sql::new(live).bind(now).raw(") LIMIT 1")).await
}
