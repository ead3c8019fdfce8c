//! `scim_tokens` and `scim_clients`: who may call. Only hashes are stored.

use chrono::NaiveDateTime;
use strum::Display;

use super::error::{Error, ErrorKind};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::Cell;

/// Which of the two tables, which are the same but for a client's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// A token of the agent's own.
    Token,
    /// An OAuth 2.0 client, who is given tokens.
    Client,
}

/// A row of either, without its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its name, unique.
    pub name: String,
    /// What a client calls itself, unique.
    pub client_id: Option<String>,
    /// `provision`, `read` or, of a token, `admin`.
    pub scope: String,
    /// When it was made.
    pub created: NaiveDateTime,
    /// When it stops working; a client's tokens too.
    pub expires: Option<NaiveDateTime>,
    /// When a token was last used, to the minute or so, or a client last given one.
    pub last_used: Option<NaiveDateTime>,
    /// When it was revoked.
    pub revoked: Option<NaiveDateTime>,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Token => "scim_tokens",
            Self::Client => "scim_clients",
        }
    }

    fn select(self) -> Sql {
        let columns = match self {
            Self::Token => "name, scope, created, expires, last_used, revoked, hash",
            Self::Client => "name, scope, created, expires, last_used, revoked, hash, client_id",
        };
        Sql::new("SELECT ").raw(columns).raw(" FROM ").raw(self.table())
    }
}

/// Every one, by name. One statement.
pub async fn list(tx: &mut Tx, kind: Kind) -> Result<Vec<Credential>, Error> {
    let rows = tx.query(kind.select().raw(" ORDER BY name")).await?;
    rows.iter().map(|row| credential(row, kind)).collect()
}

/// The one of this name. One statement.
pub async fn by_name(tx: &mut Tx, kind: Kind, name: &str) -> Result<Option<Credential>, Error> {
    Ok(one(tx, kind, " WHERE name = ", name).await?.map(|(credential, _)| credential))
}

/// The token with this hash, with the stored hash to compare in constant time. One statement.
pub async fn token(tx: &mut Tx, hash: &str) -> Result<Option<(Credential, String)>, Error> {
    one(tx, Kind::Token, " WHERE hash = ", hash).await
}

/// The client of this id, with the stored hash of its secret to compare in constant time. One
/// statement.
pub async fn client(tx: &mut Tx, client_id: &str) -> Result<Option<(Credential, String)>, Error> {
    one(tx, Kind::Client, " WHERE client_id = ", client_id).await
}

async fn one(
    tx: &mut Tx,
    kind: Kind,
    condition: &str,
    value: &str,
) -> Result<Option<(Credential, String)>, Error> {
    let rows = tx.query(kind.select().raw(condition).bind(value)).await?;
    rows.first()
        .map(|row| Ok((credential(row, kind)?, row.text(6).unwrap_or_default())))
        .transpose()
}

/// Adds one. One statement.
///
/// # Errors
/// [`ErrorKind::Unique`] when the name is taken, and the database's.
pub async fn insert(
    tx: &mut Tx,
    kind: Kind,
    credential: &Credential,
    hash: &str,
) -> Result<(), Error> {
    let mut names = "name, hash, scope, created, expires".to_owned();
    let mut values = vec![
        Sql::default().bind(credential.name.as_str()),
        Sql::default().bind(hash),
        Sql::default().bind(credential.scope.as_str()),
        Sql::default().bind(credential.created),
        Sql::default().bind(credential.expires),
    ];
    if let Some(client_id) = &credential.client_id {
        names.push_str(", client_id");
        values.push(Sql::default().bind(client_id.as_str()));
    }
    let sql = Sql::new("INSERT INTO ").raw(kind.table()).raw(" (").raw(&names).raw(") VALUES (");
    tx.execute(sql.list(", ", values).raw(")")).await.map(|_| ())
}

/// Gives one another secret, takes back a revocation, and ends a client's tokens. One statement, two
/// for a client.
pub async fn set_hash(tx: &mut Tx, kind: Kind, name: &str, hash: &str) -> Result<(), Error> {
    let sql = Sql::new("UPDATE ").raw(kind.table()).raw(" SET revoked = NULL, hash = ").bind(hash);
    tx.execute(sql.raw(" WHERE name = ").bind(name)).await?;
    end_tokens(tx, kind, name).await
}

/// Revokes one, and ends a client's tokens. One statement, two for a client.
pub async fn revoke(tx: &mut Tx, kind: Kind, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    let sql = Sql::new("UPDATE ").raw(kind.table()).raw(" SET revoked = ").bind(now);
    tx.execute(sql.raw(" WHERE name = ").bind(name)).await?;
    end_tokens(tx, kind, name).await
}

async fn end_tokens(tx: &mut Tx, kind: Kind, name: &str) -> Result<(), Error> {
    match kind {
        Kind::Token => Ok(()),
        Kind::Client => {
            let sql = Sql::new("DELETE FROM scim_access_tokens WHERE client = ").bind(name);
            tx.execute(sql).await.map(|_| ())
        }
    }
}

/// Notes a token's use. One statement.
pub async fn token_used(tx: &mut Tx, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_tokens SET last_used = ").bind(now).raw(" WHERE name = ");
    tx.execute(sql.bind(name)).await.map(|_| ())
}

/// A row whose first columns are those of [`Kind::select`], and whose eighth is a client's id.
pub(super) fn credential(row: &Row, kind: Kind) -> Result<Credential, Error> {
    let no_time = || Error::new(ErrorKind::Other, kind.table(), "a row without a time");
    // What can't be read as a time is not "never": the end of a token must not get lost.
    let optional = |index| match row.cell(index) {
        Cell::Null => Ok(None),
        _ => row.time(index).map(Some).ok_or_else(no_time),
    };
    Ok(Credential {
        name: row.text(0).unwrap_or_default(),
        scope: row.text(1).unwrap_or_default(),
        created: row.time(2).ok_or_else(no_time)?,
        expires: optional(3)?,
        last_used: optional(4)?,
        revoked: optional(5)?,
        client_id: row.text(7),
    })
}
