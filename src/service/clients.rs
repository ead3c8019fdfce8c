//! What OAuth 2.0 clients are given. A token's text leaves this module once.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::context::Scope;
use super::credentials::{CLIENT, Kind, scope_of};
use super::error::Error;
use super::secret::{self, generate, hash};
use crate::clock::stamp;
use crate::store::access_tokens::{self as rows, Issued};
use crate::store::credentials::{Credential, client};
use crate::store::{Store, Tx};

/// How many tokens of one client work at a time; the oldest ends when another is issued.
const MOST_TOKENS: u32 = 100;
/// What an access token begins with: it is looked for among the clients' tokens.
pub(super) const ACCESS_TOKEN: &str = "kpa_";

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

/// A client's token. One statement where none is given, which takes no writer; else a transaction of
/// four more.
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
    let (hash, now) = (hash(client_secret), stamp(now));
    let found = store.read(client_id.clone(), async |tx, id| client(tx, id).await).await?;
    let Some((client, stored)) = found else { return Ok(Issue::Unknown) };
    let right = bool::from(stored.as_bytes().ct_eq(hash.as_bytes()));
    let over = client.expires.is_some_and(|expires| expires <= now);
    if !right || over || client.revoked.is_some() {
        return Ok(Issue::Unknown);
    }
    if scope.is_some_and(|scope| *scope != client.scope) {
        return Ok(Issue::WrongScope);
    }
    let lifetime = TimeDelta::from_std(lifetime).unwrap_or_default();
    let store = store.on_behalf_of(&caller(&client.name));
    store.write(Proven { client, hash, lifetime, now }, granted).await
}

/// A client whose secret was right, and for how long it is given a token.
struct Proven {
    client: Credential,
    hash: String,
    lifetime: TimeDelta,
    now: NaiveDateTime,
}

async fn granted(tx: &mut Tx, proven: &Proven) -> Result<Issue, Error> {
    let Proven { client, hash, lifetime, now } = proven;
    // The secret may have been replaced in between.
    if !rows::used(tx, &client.name, hash, *now).await? {
        return Ok(Issue::Unknown);
    }
    // A new one for each try: of a commit whose answer was lost nobody knows the token.
    let access_token = generate(ACCESS_TOKEN)?;
    let end = *now + *lifetime;
    let expires = client.expires.map_or(end, |it| it.min(end));
    let token = Issued {
        hash: secret::hash(&access_token),
        client: client.name.clone(),
        created: *now,
        expires,
    };
    rows::issue(tx, &token, MOST_TOKENS).await?;
    Ok(Issue::Granted(Grant {
        name: caller(&client.name),
        access_token,
        expires_in: (expires - *now).to_std().unwrap_or_default(),
        scope: scope_of(client, Kind::Client)?,
    }))
}

/// How the log and the audit trail name a client.
pub(super) fn caller(name: &str) -> String {
    format!("{CLIENT}{name}")
}
