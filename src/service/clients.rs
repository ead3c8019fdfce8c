//! OAuth 2.0 clients: making, listing, revoking and replacing them, and what they are given. A
//! secret's text leaves this module once, and so does a token's.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::auth::hash;
use super::tokens::{generate, message, valid_name};
use super::{Error, Scope, stamp};
use crate::store::clients::{self as rows, ClientRow, Issued};
use crate::store::{ErrorKind, Store};

/// How many tokens of one client work at a time; the oldest ends when another is issued.
const MOST_TOKENS: u32 = 100;
/// What the secret of a client begins with.
const SECRET: &str = "kpc_";
/// What an access token begins with: it is looked for among the clients' tokens.
pub(super) const ACCESS_TOKEN: &str = "kpa_";
/// The longest name: with `client:` before it, it is a token's name in the audit trail.
const LONGEST_NAME: usize = 120;

/// A client as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it calls itself.
    pub client_id: String,
    /// What its tokens may do.
    pub scope: Scope,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it stops working.
    pub expires: Option<DateTime<Utc>>,
    /// When it was last given a token.
    pub last_used: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked: Option<DateTime<Utc>>,
}

/// What a client authenticates with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// RFC 6749 §2.2
    pub client_id: String,
    /// RFC 6749 §2.3.1; 256 random bits.
    pub client_secret: String,
}

/// What a client is given (RFC 6749 §5.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// The client, as the log and the audit trail name it.
    pub name: String,
    /// The token.
    pub access_token: String,
    /// How long it works, from now on.
    pub expires_in: Duration,
    /// What it may do.
    pub scope: Scope,
}

/// What became of a request for a token.
#[derive(Clone, PartialEq, Eq)]
pub enum Issue {
    /// This.
    Granted(Grant),
    /// The client asks for a scope that isn't its own.
    WrongScope,
    /// The id or the secret isn't, or isn't any more, a client's.
    Unknown,
}

/// Makes a client.
///
/// # Errors
/// A name that is empty, too long or taken; the database's.
pub async fn create(
    store: &Store,
    name: &str,
    expires: Option<DateTime<Utc>>,
    scope: Scope,
    now: DateTime<Utc>,
) -> Result<Credentials, Error> {
    valid_name("client", name, LONGEST_NAME)?;
    let client_id = Uuid::new_v4().to_string();
    let client_secret = generate(SECRET)?;
    let row = ClientRow {
        name: name.to_owned(),
        client_id: client_id.clone(),
        scope: scope.as_str().to_owned(),
        created: stamp(now),
        expires: expires.map(stamp),
        last_used: None,
        revoked: None,
    };
    let hash = hash(&client_secret);
    let inserted = store
        .write(move |tx| {
            let (row, hash) = (row.clone(), hash.clone());
            Box::pin(async move { rows::insert(tx, &row, &hash).await })
        })
        .await;
    match inserted {
        Ok(()) => Ok(Credentials { client_id, client_secret }),
        Err(error) if error.kind() == ErrorKind::Unique => Err(message(&format!(
            "there is a client `{name}` already: choose another name, or `client rotate {name}`"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Every client, by name.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store) -> Result<Vec<Row>, Error> {
    let clients = store.read(|tx| Box::pin(rows::list(tx))).await?;
    clients.into_iter().map(row).collect()
}

fn row(client: ClientRow) -> Result<Row, Error> {
    Ok(Row {
        scope: scope_of(&client)?,
        created: client.created.and_utc(),
        expires: client.expires.map(|time| time.and_utc()),
        last_used: client.last_used.map(|time| time.and_utc()),
        revoked: client.revoked.map(|time| time.and_utc()),
        name: client.name,
        client_id: client.client_id,
    })
}

fn scope_of(client: &ClientRow) -> Result<Scope, Error> {
    let (name, scope) = (&client.name, &client.scope);
    Scope::parse(scope)
        .ok_or_else(|| message(&format!("the client `{name}` has the unknown scope `{scope}`")))
}

/// Ends a client and its tokens; running agents notice within five seconds.
///
/// # Errors
/// No client of that name; the database's.
pub async fn revoke(store: &Store, name: &str, now: DateTime<Utc>) -> Result<(), Error> {
    known(store, name).await?;
    let (name, now) = (name.to_owned(), stamp(now));
    store
        .write(move |tx| {
            let name = name.clone();
            Box::pin(async move { rows::revoke(tx, &name, now).await })
        })
        .await
        .map_err(Error::from)
}

/// Gives a client another secret. The old one ends at once, and the tokens within five seconds.
///
/// # Errors
/// No client of that name; the database's.
pub async fn rotate(store: &Store, name: &str) -> Result<Credentials, Error> {
    let client_id = known(store, name).await?.client_id;
    let client_secret = generate(SECRET)?;
    let (name, hash) = (name.to_owned(), hash(&client_secret));
    store
        .write(move |tx| {
            let (name, hash) = (name.clone(), hash.clone());
            Box::pin(async move { rows::set_hash(tx, &name, &hash).await })
        })
        .await?;
    Ok(Credentials { client_id, client_secret })
}

async fn known(store: &Store, name: &str) -> Result<ClientRow, Error> {
    let wanted = name.to_owned();
    let found = store
        .read(move |tx| {
            let wanted = wanted.clone();
            Box::pin(async move { rows::by_name(tx, &wanted).await })
        })
        .await?;
    found.ok_or_else(|| message(&format!("there is no client `{name}`: see `client list`")))
}

/// A client's token. One transaction of five statements; one statement where none is given.
pub(super) async fn issue(
    store: &Store,
    credentials: &Credentials,
    scope: Option<&str>,
    lifetime: Duration,
    now: DateTime<Utc>,
) -> Result<Issue, Error> {
    let Credentials { client_id, client_secret } = credentials;
    // What can't be an id isn't worth asking for, and not every database could take it.
    if Uuid::try_parse(client_id).is_err() {
        return Ok(Issue::Unknown);
    }
    let (client_id, hash) = (client_id.clone(), hash(client_secret));
    let scope = scope.map(str::to_owned);
    store
        .write(move |tx| {
            let (client_id, hash, scope) = (client_id.clone(), hash.clone(), scope.clone());
            Box::pin(async move {
                let Some((client, stored)) = rows::by_id(tx, &client_id).await? else {
                    return Ok(Issue::Unknown);
                };
                let right = bool::from(stored.as_bytes().ct_eq(hash.as_bytes()));
                let now = stamp(now);
                let over = client.expires.is_some_and(|expires| expires <= now);
                if !right || over || client.revoked.is_some() {
                    return Ok(Issue::Unknown);
                }
                if scope.is_some_and(|scope| scope != client.scope) {
                    return Ok(Issue::WrongScope);
                }
                // The secret may have been replaced in between.
                if !rows::used(tx, &client.name, &hash, now).await? {
                    return Ok(Issue::Unknown);
                }
                // A new one for each try: of a commit whose answer was lost nobody knows the token.
                let access_token = generate(ACCESS_TOKEN)?;
                let lifetime = TimeDelta::from_std(lifetime).unwrap_or_default();
                let expires = client.expires.map_or(now + lifetime, |it| it.min(now + lifetime));
                let token = Issued {
                    hash: super::auth::hash(&access_token),
                    client: client.name.clone(),
                    created: now,
                    expires,
                };
                rows::issue(tx, &token, MOST_TOKENS).await?;
                Ok(Issue::Granted(Grant {
                    name: caller(&client.name),
                    access_token,
                    expires_in: (expires - now).to_std().unwrap_or_default(),
                    scope: scope_of(&client)?,
                }))
            })
        })
        .await
}

/// How the log and the audit trail name a client.
pub(super) fn caller(name: &str) -> String {
    format!("client:{name}")
}
