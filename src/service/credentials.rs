//! Tokens and OAuth 2.0 clients: making, listing, revoking and replacing them. A secret's text leaves
//! this module once.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::context::Scope;
use super::error::Error;
use super::secret::{generate, hash};
use crate::clock::stamp;
use crate::store::credentials::{self as rows, Credential as Stored};
use crate::store::{ErrorKind, Store};

pub use crate::store::credentials::Kind;

/// What a client's name in the log and the audit trail begins with.
pub(super) const CLIENT: &str = "client:";

/// A token or a client as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its name.
    pub name: String,
    /// What a client calls itself (RFC 6749 §2.2).
    pub client_id: Option<String>,
    /// What it, or a client's tokens, may do.
    pub scope: Scope,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it stops working.
    pub expires: Option<DateTime<Utc>>,
    /// When a token was last used, to the minute or so, or a client last given one.
    pub last_used: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked: Option<DateTime<Utc>>,
}

impl Credential {
    /// Whether it works.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| expires > now)
    }
}

/// What a caller authenticates with, as it is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// RFC 6749 §2.2; none with a token.
    pub client_id: Option<String>,
    /// The token, or a client's secret (RFC 6749 §2.3.1): `kps_` or `kpc_` and 256 random bits in
    /// base64url.
    pub text: String,
}

/// What kinds are called, and where they differ.
struct Words {
    word: &'static str,
    /// What the secret begins with.
    prefix: &'static str,
    /// The longest name: a client's has `client:` before it in the audit trail.
    longest: usize,
}

fn words(kind: Kind) -> Words {
    match kind {
        Kind::Token => Words { word: "token", prefix: "kps_", longest: 128 },
        Kind::Client => Words { word: "client", prefix: "kpc_", longest: 120 },
    }
}

/// Makes one.
///
/// # Errors
/// A name that is empty, too long or taken; the database's.
pub async fn create(
    store: &Store,
    kind: Kind,
    name: &str,
    expires: Option<DateTime<Utc>>,
    scope: Scope,
    now: DateTime<Utc>,
) -> Result<Secret, Error> {
    let Words { word, prefix, longest } = words(kind);
    if name.is_empty() || name.chars().count() > longest || name.chars().any(char::is_control) {
        return Err(message(&format!(
            "a {word}'s name has 1 to {longest} characters and no control characters"
        )));
    }
    // In the audit trail a client is `client:NAME`, and nobody else is.
    if kind == Kind::Token && name.starts_with(CLIENT) {
        return Err(message(&format!(
            "a token's name can't begin with `{CLIENT}`, by which the audit trail tells OAuth clients"
        )));
    }
    let client_id = (kind == Kind::Client).then(|| Uuid::new_v4().to_string());
    let text = generate(prefix)?;
    let row = Stored {
        name: name.to_owned(),
        client_id: client_id.clone(),
        scope: scope.to_string(),
        created: stamp(now),
        expires: expires.map(stamp),
        last_used: None,
        revoked: None,
    };
    let hash = hash(&text);
    let inserted = store
        .write((kind, row, hash), async |tx, (kind, row, hash)| {
            rows::insert(tx, *kind, row, hash).await
        })
        .await;
    match inserted {
        Ok(()) => Ok(Secret { client_id, text }),
        Err(error) if error.kind() == ErrorKind::Unique => Err(message(&format!(
            "there is a {word} `{name}` already: choose another name, or `{word} rotate {name}`"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Every one, by name.
pub async fn list(store: &Store, kind: Kind) -> Result<Vec<Credential>, Error> {
    let stored = store.read(kind, async |tx, kind| rows::list(tx, *kind).await).await?;
    stored
        .into_iter()
        .map(|row| {
            Ok(Credential {
                scope: scope_of(&row, kind)?,
                created: row.created.and_utc(),
                expires: row.expires.map(|time| time.and_utc()),
                last_used: row.last_used.map(|time| time.and_utc()),
                revoked: row.revoked.map(|time| time.and_utc()),
                name: row.name,
                client_id: row.client_id,
            })
        })
        .collect()
}

pub(super) fn scope_of(row: &Stored, kind: Kind) -> Result<Scope, Error> {
    let (name, scope, word) = (&row.name, &row.scope, words(kind).word);
    scope
        .parse()
        .map_err(|_| message(&format!("the {word} `{name}` has the unknown scope `{scope}`")))
}

/// Ends one, and a client's tokens; running agents notice within five seconds.
///
/// # Errors
/// None of that name; the database's.
pub async fn revoke(
    store: &Store,
    kind: Kind,
    name: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    known(store, kind, name).await?;
    store
        .write((kind, name.to_owned(), stamp(now)), async |tx, (kind, name, now)| {
            rows::revoke(tx, *kind, name, *now).await
        })
        .await
        .map_err(Error::from)
}

/// Gives one another secret. A client's old one ends at once; a token's, and a client's tokens, within
/// five seconds.
///
/// # Errors
/// None of that name; the database's.
pub async fn rotate(store: &Store, kind: Kind, name: &str) -> Result<Secret, Error> {
    let client_id = known(store, kind, name).await?.client_id;
    let text = generate(words(kind).prefix)?;
    store
        .write((kind, name.to_owned(), hash(&text)), async |tx, (kind, name, hash)| {
            rows::set_hash(tx, *kind, name, hash).await
        })
        .await?;
    Ok(Secret { client_id, text })
}

async fn known(store: &Store, kind: Kind, name: &str) -> Result<Stored, Error> {
    let found = store
        .read((kind, name.to_owned()), async |tx, (kind, name)| {
            rows::by_name(tx, *kind, name).await
        })
        .await?;
    let word = words(kind).word;
    found.ok_or_else(|| message(&format!("there is no {word} `{name}`: see `{word} list`")))
}

fn message(text: &str) -> Error {
    Error::Internal(text.to_owned().into())
}
