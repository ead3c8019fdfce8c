//! Making, listing, revoking and replacing tokens. A token's text leaves this module once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rand::TryRngCore;
use rand::rngs::OsRng;

use super::auth::hash;
use super::{Error, Scope, stamp};
use crate::store::tokens::{self as rows, TokenRow};
use crate::store::{ErrorKind, Store};

/// What a token begins with.
const TOKEN: &str = "kps_";

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it stops working.
    pub expires: Option<DateTime<Utc>>,
    /// When it was last used, to the minute or so.
    pub last_used: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked: Option<DateTime<Utc>>,
}

/// Makes a token and returns its text: `kps_` and 256 random bits in base64url.
///
/// # Errors
/// A name that is empty, too long or taken; the database's.
pub async fn create(
    store: &Store,
    name: &str,
    expires: Option<DateTime<Utc>>,
    scope: Scope,
    now: DateTime<Utc>,
) -> Result<String, Error> {
    valid_name("token", name, 128)?;
    let token = generate(TOKEN)?;
    let row = TokenRow {
        name: name.to_owned(),
        scope: scope.as_str().to_owned(),
        created: stamp(now),
        expires: expires.map(stamp),
        last_used: None,
        revoked: None,
    };
    let hash = hash(&token);
    let inserted = store
        .write(move |tx| {
            let (row, hash) = (row.clone(), hash.clone());
            Box::pin(async move { rows::insert(tx, &row, &hash).await })
        })
        .await;
    match inserted {
        Ok(()) => Ok(token),
        Err(error) if error.kind() == ErrorKind::Unique => Err(message(&format!(
            "there is a token `{name}` already: choose another name, or `token rotate {name}`"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Every token, by name.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store) -> Result<Vec<Row>, Error> {
    let tokens = store.read(|tx| Box::pin(rows::list(tx))).await?;
    tokens.into_iter().map(row).collect()
}

fn row(token: TokenRow) -> Result<Row, Error> {
    let scope = Scope::parse(&token.scope).ok_or_else(|| {
        message(&format!("the token `{}` has the unknown scope `{}`", token.name, token.scope))
    })?;
    Ok(Row {
        name: token.name,
        scope,
        created: token.created.and_utc(),
        expires: token.expires.map(|time| time.and_utc()),
        last_used: token.last_used.map(|time| time.and_utc()),
        revoked: token.revoked.map(|time| time.and_utc()),
    })
}

/// Ends a token; running agents notice within five seconds.
///
/// # Errors
/// No token of that name; the database's.
pub async fn revoke(store: &Store, name: &str, now: DateTime<Utc>) -> Result<(), Error> {
    known(store, name).await?;
    let name = name.to_owned();
    let now = stamp(now);
    store
        .write(move |tx| {
            let name = name.clone();
            Box::pin(async move { rows::revoke(tx, &name, now).await })
        })
        .await
        .map_err(Error::from)
}

/// Gives a token another text, which is returned; the old one stops working within five seconds.
///
/// # Errors
/// No token of that name; the database's.
pub async fn rotate(store: &Store, name: &str, _now: DateTime<Utc>) -> Result<String, Error> {
    known(store, name).await?;
    let token = generate(TOKEN)?;
    let (name, hash) = (name.to_owned(), hash(&token));
    store
        .write(move |tx| {
            let (name, hash) = (name.clone(), hash.clone());
            Box::pin(async move { rows::set_hash(tx, &name, &hash).await })
        })
        .await?;
    Ok(token)
}

async fn known(store: &Store, name: &str) -> Result<(), Error> {
    let wanted = name.to_owned();
    let found = store
        .read(move |tx| {
            let wanted = wanted.clone();
            Box::pin(async move { rows::by_name(tx, &wanted).await })
        })
        .await?;
    found
        .map(|_| ())
        .ok_or_else(|| message(&format!("there is no token `{name}`: see `token list`")))
}

/// A name for the log, the audit trail and the lists.
pub(super) fn valid_name(what: &str, name: &str, longest: usize) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > longest || name.chars().any(char::is_control) {
        return Err(message(&format!(
            "a {what}'s name has 1 to {longest} characters and no control characters"
        )));
    }
    Ok(())
}

/// A prefix and 256 random bits in base64url.
pub(super) fn generate(prefix: &str) -> Result<String, Error> {
    let mut secret = [0_u8; 32];
    OsRng.try_fill_bytes(&mut secret).map_err(|error| Error::Internal(Box::new(error)))?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(secret)))
}

pub(super) fn message(text: &str) -> Error {
    Error::Internal(text.to_owned().into())
}
