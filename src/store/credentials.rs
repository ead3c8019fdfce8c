//! `scim_tokens` and `scim_clients`: who may call. Only hashes are stored.

use chrono::NaiveDateTime;
use strum::Display;

use super::error::Error;
use super::schema::{scim_access_tokens, scim_clients, scim_tokens};
use super::sidecar::{Fields, Set, Table, fields, row};
use super::sql::Sql;
use super::transaction::Tx;

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

row! {
    struct TokenRow of scim_tokens {
        name: String = name,
        hash: String = hash,
        scope: String = scope,
        created: NaiveDateTime = created,
        expires: Option<NaiveDateTime> = expires,
        last_used: Option<NaiveDateTime> = last_used,
        revoked: Option<NaiveDateTime> = revoked,
    }
}

row! {
    pub(super) struct ClientRow of scim_clients {
        name: String = name,
        client_id: String = client_id,
        hash: String = hash,
        scope: String = scope,
        created: NaiveDateTime = created,
        expires: Option<NaiveDateTime> = expires,
        last_used: Option<NaiveDateTime> = last_used,
        revoked: Option<NaiveDateTime> = revoked,
    }
}

impl From<TokenRow> for (Credential, String) {
    fn from(row: TokenRow) -> Self {
        let TokenRow { name, hash, scope, created, expires, last_used, revoked } = row;
        let client_id = None;
        (Credential { name, client_id, scope, created, expires, last_used, revoked }, hash)
    }
}

impl From<ClientRow> for (Credential, String) {
    fn from(row: ClientRow) -> Self {
        let ClientRow { name, client_id, hash, scope, created, expires, last_used, revoked } = row;
        let client_id = Some(client_id);
        (Credential { name, client_id, scope, created, expires, last_used, revoked }, hash)
    }
}

impl Kind {
    fn table(self) -> Table {
        match self {
            Self::Token => scim_tokens::TABLE,
            Self::Client => scim_clients::TABLE,
        }
    }

    fn is_named(self, name: &str) -> Sql {
        match self {
            Self::Token => scim_tokens::name.is(name),
            Self::Client => scim_clients::name.is(name),
        }
    }

    /// Those that a condition or order leaves, with their hashes.
    async fn select(self, tx: &mut Tx, which: Sql) -> Result<Vec<(Credential, String)>, Error> {
        match self {
            Self::Token => {
                let rows =
                    tx.rows(fields::<TokenRow>(), Sql::new(" FROM scim_tokens").append(which));
                Ok(rows.await?.into_iter().map(Into::into).collect())
            }
            Self::Client => {
                let from = Sql::new(" FROM scim_clients").append(which);
                let rows = tx.rows(fields::<ClientRow>(), from);
                Ok(rows.await?.into_iter().map(Into::into).collect())
            }
        }
    }
}

/// Every one, by name. One statement.
pub async fn list(tx: &mut Tx, kind: Kind) -> Result<Vec<Credential>, Error> {
    let rows = kind.select(tx, Sql::new(" ORDER BY name")).await?;
    Ok(rows.into_iter().map(|(credential, _)| credential).collect())
}

/// The one of this name. One statement.
pub async fn by_name(tx: &mut Tx, kind: Kind, name: &str) -> Result<Option<Credential>, Error> {
    Ok(one(tx, kind, kind.is_named(name)).await?.map(|(credential, _)| credential))
}

/// The token with this hash, with the stored hash to compare in constant time. One statement.
pub async fn token(tx: &mut Tx, hash: &str) -> Result<Option<(Credential, String)>, Error> {
    one(tx, Kind::Token, scim_tokens::hash.is(hash)).await
}

/// The client of this id, with the stored hash of its secret to compare in constant time. One
/// statement.
pub async fn client(tx: &mut Tx, client_id: &str) -> Result<Option<(Credential, String)>, Error> {
    one(tx, Kind::Client, scim_clients::client_id.is(client_id)).await
}

async fn one(tx: &mut Tx, kind: Kind, which: Sql) -> Result<Option<(Credential, String)>, Error> {
    Ok(kind.select(tx, Sql::new(" WHERE ").append(which)).await?.into_iter().next())
}

/// Adds one. One statement.
///
/// # Errors
/// [`super::ErrorKind::Unique`] when the name is taken, and the database's.
pub async fn insert(
    tx: &mut Tx,
    kind: Kind,
    credential: &Credential,
    hash: &str,
) -> Result<(), Error> {
    let Credential { name, client_id, scope, created, expires, last_used, revoked } =
        credential.clone();
    let hash = hash.to_owned();
    let sets: Vec<Set> = match client_id {
        None => TokenRow { name, hash, scope, created, expires, last_used, revoked }.sets(),
        Some(client_id) => {
            ClientRow { name, client_id, hash, scope, created, expires, last_used, revoked }.sets()
        }
    };
    tx.execute(kind.table().insert(sets)).await.map(|_| ())
}

/// Gives one another secret, takes back a revocation, and ends a client's tokens. One statement, two
/// for a client.
pub async fn set_hash(tx: &mut Tx, kind: Kind, name: &str, hash: &str) -> Result<(), Error> {
    let sets = match kind {
        Kind::Token => [scim_tokens::revoked.set(&None), scim_tokens::hash.to(hash)],
        Kind::Client => [scim_clients::revoked.set(&None), scim_clients::hash.to(hash)],
    };
    let sql = kind.table().update(sets).raw(" WHERE ").append(kind.is_named(name));
    tx.execute(sql).await?;
    end_tokens(tx, kind, name).await
}

/// Revokes one, and ends a client's tokens. One statement, two for a client.
pub async fn revoke(tx: &mut Tx, kind: Kind, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    let set = match kind {
        Kind::Token => scim_tokens::revoked.to(now),
        Kind::Client => scim_clients::revoked.to(now),
    };
    tx.execute(kind.table().update([set]).raw(" WHERE ").append(kind.is_named(name))).await?;
    end_tokens(tx, kind, name).await
}

async fn end_tokens(tx: &mut Tx, kind: Kind, name: &str) -> Result<(), Error> {
    match kind {
        Kind::Token => Ok(()),
        Kind::Client => {
            let of_client = scim_access_tokens::client.is(name);
            tx.execute(scim_access_tokens::TABLE.delete(of_client)).await.map(|_| ())
        }
    }
}

/// Notes a token's use. One statement.
pub async fn token_used(tx: &mut Tx, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    let sql = scim_tokens::TABLE.update([scim_tokens::last_used.to(now)]).raw(" WHERE ");
    tx.execute(sql.append(scim_tokens::name.is(name))).await.map(|_| ())
}
