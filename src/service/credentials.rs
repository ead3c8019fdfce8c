//! Tokens and OAuth 2.0 clients: making, listing, revoking and replacing them. A secret's text leaves
//! this module once.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::actor::{Actor, Came, Deed, done};
use super::context::Scope;
use super::error::Error;
use super::secret::{generate, hash};
use crate::clock::stamp;
use crate::digest;
use crate::store::audit::{self, OPERATOR};
use crate::store::credentials::{self as rows, Credential as Stored};
use crate::store::{ErrorKind, Store, Tx};

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
    actor: &Actor,
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
    if kind == Kind::Token && name.starts_with(OPERATOR) {
        return Err(message(&format!(
            "a token's name can't begin with `{OPERATOR}`, by which the audit trail tells who acted in \
             the console"
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
        .write((kind, row, hash, actor.clone(), now), async |tx, (kind, row, hash, actor, now)| {
            rows::insert(tx, *kind, row, hash).await?;
            let mut after = named(&row.name);
            after.insert("scope".to_owned(), row.scope.clone().into());
            let expires =
                row.expires.map(|at| at.and_utc().to_rfc3339_opts(SecondsFormat::Secs, true));
            after.insert("expires".to_owned(), expires.into());
            note(tx, actor, *kind, Verb::Create, (Map::new(), after), *now).await
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
    stored.into_iter().map(|row| listed(row, kind)).collect()
}

fn listed(row: Stored, kind: Kind) -> Result<Credential, Error> {
    Ok(Credential {
        scope: scope_of(&row, kind)?,
        created: row.created.and_utc(),
        expires: row.expires.map(|time| time.and_utc()),
        last_used: row.last_used.map(|time| time.and_utc()),
        revoked: row.revoked.map(|time| time.and_utc()),
        name: row.name,
        client_id: row.client_id,
    })
}

pub(super) fn scope_of(row: &Stored, kind: Kind) -> Result<Scope, Error> {
    let (name, scope, word) = (&row.name, &row.scope, words(kind).word);
    scope
        .parse()
        .map_err(|_| message(&format!("the {word} `{name}` has the unknown scope `{scope}`")))
}

/// One as it stands, and what names the secret that it has: [`rotate`] and [`revoke`] take it.
///
/// # Errors
/// None of that name; the database's.
pub async fn one(store: &Store, kind: Kind, name: &str) -> Result<(Credential, String), Error> {
    let (row, hash) = known(store, kind, name).await?;
    Ok((listed(row, kind)?, version(&hash)))
}

/// Ends one, and what was begun with it: a client's tokens, a token's sessions. Running agents notice
/// within five seconds.
///
/// # Errors
/// None of that name; the database's.
pub async fn revoke(
    store: &Store,
    kind: Kind,
    name: &str,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Came<()>, Error> {
    known(store, kind, name).await?;
    store
        .write((kind, name.to_owned(), actor.clone(), now), async |tx, (kind, name, actor, now)| {
            if !rows::revoke(tx, *kind, name, stamp(*now)).await? {
                return Ok(Came::Already("it is revoked already".to_owned()));
            }
            note(tx, actor, *kind, Verb::Revoke, (named(name), Map::new()), *now).await?;
            Ok::<_, Error>(Came::Done(()))
        })
        .await
}

/// Gives one another secret, where it still has the one that was `seen`. A client's old one ends at
/// once; a token's, and what was begun with either, within five seconds.
///
/// # Errors
/// None of that name; the database's.
pub async fn rotate(
    store: &Store,
    kind: Kind,
    name: &str,
    seen: Option<&str>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Came<Secret>, Error> {
    let (row, old) = known(store, kind, name).await?;
    if seen.is_some_and(|seen| seen != version(&old)) {
        return Ok(Came::Changed);
    }
    let text = generate(words(kind).prefix)?;
    let hashes = (old, hash(&text));
    let context = (kind, row.name, hashes, actor.clone(), now);
    let replaced = store
        .write(context, async |tx, (kind, name, (old, new), actor, now)| {
            let replaced = rows::set_hash(tx, *kind, name, (old, new)).await?;
            if replaced {
                note(tx, actor, *kind, Verb::Rotate, (Map::new(), named(name)), *now).await?;
            }
            Ok::<_, Error>(replaced)
        })
        .await?;
    let secret = Secret { client_id: row.client_id, text };
    Ok(if replaced { Came::Done(secret) } else { Came::Changed })
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Create,
    Rotate,
    Revoke,
}

async fn note(
    tx: &mut Tx,
    actor: &Actor,
    kind: Kind,
    verb: Verb,
    (before, after): (Map<String, Value>, Map<String, Value>),
    now: DateTime<Utc>,
) -> Result<(), crate::store::Error> {
    let (operation, detail) = match (kind, verb) {
        (Kind::Token, Verb::Create) => ("token_create", "a token was made"),
        (Kind::Token, Verb::Rotate) => ("token_rotate", "a token's text was replaced"),
        (Kind::Token, Verb::Revoke) => ("token_revoke", "a token was revoked"),
        (Kind::Client, Verb::Create) => ("client_create", "a client was made"),
        (Kind::Client, Verb::Rotate) => ("client_rotate", "a client's secret was replaced"),
        (Kind::Client, Verb::Revoke) => ("client_revoke", "a client was revoked"),
    };
    let deed = Deed { operation, user: None, before, after, detail };
    audit::append(tx, &done(actor, &deed, now)).await
}

fn named(name: &str) -> Map<String, Value> {
    Map::from_iter([("name".to_owned(), name.into())])
}

/// Names a secret by its hash, of which nothing can be told from it.
fn version(hash: &str) -> String {
    digest::of_parts(["secret", hash], 8)
}

async fn known(store: &Store, kind: Kind, name: &str) -> Result<(Stored, String), Error> {
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
