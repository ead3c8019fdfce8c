//! `scim_tokens` and `scim_clients`: who may call. Only hashes are stored.

use chrono::NaiveDateTime;
use strum::Display;

use super::error::Error;
use super::schema::{scim_access_tokens, scim_clients, scim_sessions, scim_tokens};
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
    /// `provision`, `read` or, of a token, `admin` or `operator`.
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
    pub(super) struct TokenRow of scim_tokens {
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

/// The one of this name, with the hash of its secret. One statement.
pub async fn by_name(
    tx: &mut Tx,
    kind: Kind,
    name: &str,
) -> Result<Option<(Credential, String)>, Error> {
    one(tx, kind, kind.is_named(name)).await
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

/// Gives one another secret, takes back a revocation, and ends what was begun with the old one: a
/// client's tokens, a token's sessions. `false` where its secret isn't that of the old hash any more.
/// Two statements.
pub async fn set_hash(
    tx: &mut Tx,
    kind: Kind,
    name: &str,
    (old, new): (&str, &str),
) -> Result<bool, Error> {
    let (sets, had) = match kind {
        Kind::Token => (
            [scim_tokens::revoked.set(&None), scim_tokens::hash.to(new)],
            scim_tokens::hash.is(old),
        ),
        Kind::Client => (
            [scim_clients::revoked.set(&None), scim_clients::hash.to(new)],
            scim_clients::hash.is(old),
        ),
    };
    let named = kind.is_named(name).raw(" AND ").append(had);
    let replaced = tx.execute(kind.table().update(sets).raw(" WHERE ").append(named)).await? > 0;
    if replaced {
        end_uses(tx, kind, name).await?;
    }
    Ok(replaced)
}

/// Revokes one, and ends a client's tokens and a token's sessions; `false` where it was revoked before.
/// Two statements.
pub async fn revoke(
    tx: &mut Tx,
    kind: Kind,
    name: &str,
    now: NaiveDateTime,
) -> Result<bool, Error> {
    let set = match kind {
        Kind::Token => scim_tokens::revoked.to(now),
        Kind::Client => scim_clients::revoked.to(now),
    };
    let live = kind.is_named(name).raw(" AND revoked IS NULL");
    let revoked = tx.execute(kind.table().update([set]).raw(" WHERE ").append(live)).await? > 0;
    end_uses(tx, kind, name).await?;
    Ok(revoked)
}

async fn end_uses(tx: &mut Tx, kind: Kind, name: &str) -> Result<(), Error> {
    let begun = match kind {
        Kind::Token => scim_sessions::TABLE.delete(scim_sessions::token.is(name)),
        Kind::Client => scim_access_tokens::TABLE.delete(scim_access_tokens::client.is(name)),
    };
    tx.execute(begun).await.map(|_| ())
}

/// Notes a token's use. One statement.
pub async fn token_used(tx: &mut Tx, name: &str, now: NaiveDateTime) -> Result<(), Error> {
    let sql = scim_tokens::TABLE.update([scim_tokens::last_used.to(now)]).raw(" WHERE ");
    tx.execute(sql.append(scim_tokens::name.is(name))).await.map(|_| ())
}
