//! Bearer tokens: the agent's own and its clients', hashed, compared in constant time, remembered for
//! five seconds; and Entra's (`entra`), by their signature.

pub(super) mod entra;
mod keys;
mod prove;
mod token;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{NaiveDateTime, TimeDelta};
use subtle::ConstantTimeEq;

use super::clients::{self, ACCESS_TOKEN};
use super::error::Error;
use super::secret::{generate, hash};
use crate::store::access_tokens::by_token;
use crate::store::credentials::{self, Credential};
use crate::store::sessions::{self, Session};
use crate::store::{Store, agents};
use entra::Entra;

pub use prove::prove;
pub use token::Token;

/// What a session's text begins with: it is looked for among the sessions.
const SESSION: &str = "kpw_";
/// How long a session lasts.
const SIGNED_IN: TimeDelta = TimeDelta::hours(8);
/// How long an expiry or a revocation may go unnoticed.
const REMEMBERED: Duration = Duration::from_secs(5);
/// How exact "last used" is.
const USED_EVERY: TimeDelta = TimeDelta::seconds(60);
/// How long it is known that a token was good.
const KNOWN: Duration = Duration::from_secs(3600);
/// More tokens than this are not remembered.
const MOST: usize = 1024;

/// What is remembered between requests.
#[derive(Default)]
pub(super) struct Cache {
    /// Good tokens by their hash, and when they were read.
    tokens: Mutex<HashMap<String, (Credential, Instant)>>,
    /// What was accepted, by its hash, and when.
    known: Mutex<HashMap<String, Instant>>,
    /// When the use of a token of Entra's own was last noted.
    entra: Mutex<Option<Instant>>,
}

/// Whose use is noted.
enum Used {
    /// The token of this name.
    Token(String),
    /// A token of Entra's own.
    Entra,
}

pub(super) async fn authenticate(
    store: &Store,
    cache: &Cache,
    entra: Option<&Entra>,
    presented: &str,
    now: NaiveDateTime,
) -> Result<Option<Token>, Error> {
    let hash = hash(presented);
    let token = prove_token(store, cache, entra, presented, &hash, now).await?;
    match token {
        Some(_) => cache.accept(hash),
        None => cache.forget(&hash),
    }
    Ok(token)
}

async fn prove_token(
    store: &Store,
    cache: &Cache,
    entra: Option<&Entra>,
    presented: &str,
    hash: &str,
    now: NaiveDateTime,
) -> Result<Option<Token>, Error> {
    if let Some(entra) = entra.filter(|_| entra::is_jwt(presented)) {
        let token = entra.authenticate(presented, now).await?;
        if token.is_some() && cache.is_news_of_entra() {
            note(store, Used::Entra, now);
        }
        return Ok(token);
    }
    let among = Among::of(presented);
    let row = match cache.recall(hash) {
        Some(row) => row,
        None => match read(store, hash, among).await? {
            Some(row) => {
                if among == Among::Tokens {
                    note_use(store, &row, now);
                }
                cache.remember(hash.to_owned(), row.clone());
                row
            }
            None => return Ok(None),
        },
    };
    let expired = row.expires.is_some_and(|expires| expires <= now);
    if expired || row.revoked.is_some() {
        return Ok(None);
    }
    // A scope that a later version knows opens nothing here.
    Ok(row.scope.parse().ok().map(|scope| Token { name: row.name, scope }))
}

/// What a presented text is looked for among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    /// The agent's own tokens.
    Tokens,
    /// What clients were given.
    AccessTokens,
    /// Who is signed in to the console.
    Sessions,
}

impl Among {
    fn of(presented: &str) -> Self {
        if presented.starts_with(ACCESS_TOKEN) {
            Self::AccessTokens
        } else if presented.starts_with(SESSION) {
            Self::Sessions
        } else {
            Self::Tokens
        }
    }
}

/// What has this hash: a token, whoever was given it or began a session with it.
async fn read(store: &Store, hash: &str, among: Among) -> Result<Option<Credential>, Error> {
    let found = store
        .read((hash.to_owned(), among), async |tx, (wanted, among)| match among {
            Among::Tokens => credentials::token(tx, wanted).await,
            Among::Sessions => sessions::token(tx, wanted).await,
            Among::AccessTokens => {
                let found = by_token(tx, wanted).await?;
                Ok(found.map(|(client, stored)| {
                    (Credential { name: clients::caller(&client.name), ..client }, stored)
                }))
            }
        })
        .await?;
    Ok(found.and_then(|(row, stored)| {
        bool::from(stored.as_bytes().ct_eq(hash.as_bytes())).then_some(row)
    }))
}

/// Begins a session in the console with a token that was just proved: its text; `None` where the token
/// got another secret at this moment.
pub(super) async fn sign_in(
    store: &Store,
    token: &Token,
    presented: &str,
    now: NaiveDateTime,
) -> Result<Option<String>, Error> {
    let context = (token.name.clone(), hash(presented), now);
    store
        .write(context, async |tx, (token, secret, now)| {
            // A new one for each try: of a commit whose answer was lost nobody knows the session.
            let text = generate(SESSION)?;
            let session = Session {
                hash: hash(&text),
                token: token.clone(),
                created: *now,
                expires: *now + SIGNED_IN,
            };
            let begun = sessions::begin(tx, &session, secret).await?;
            Ok::<_, Error>(begun.then_some(text))
        })
        .await
}

/// Ends a session; here at once, on other agents within five seconds.
pub(super) async fn sign_out(store: &Store, cache: &Cache, session: &str) -> Result<(), Error> {
    let hash = hash(session);
    store.write(hash.clone(), async |tx, hash| sessions::end(tx, hash).await).await?;
    cache.drop(&hash);
    Ok(())
}

fn note_use(store: &Store, row: &Credential, now: NaiveDateTime) {
    // A use in the future was noted by a clock that was ahead.
    let stale = row.last_used.is_none_or(|used| (now - used).abs() >= USED_EVERY);
    if !stale || row.revoked.is_some() || row.expires.is_some_and(|expires| expires <= now) {
        return;
    }
    note(store, Used::Token(row.name.clone()), now);
}

/// Lazily and on the side: a request doesn't wait for it.
fn note(store: &Store, used: Used, now: NaiveDateTime) {
    let store = store.clone();
    tokio::spawn(async move {
        let noted = store
            .write((used, now), async |tx, (used, now)| match used {
                Used::Token(name) => credentials::token_used(tx, name, *now).await,
                Used::Entra => agents::heard_of_entra(tx).await,
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, "a token's use could not be noted");
        }
    });
}

impl Cache {
    /// Whether this was accepted of late, and so is no stranger's guess.
    pub(super) fn knows(&self, presented: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&hash(presented)).is_some_and(|accepted| accepted.elapsed() < KNOWN)
    }

    fn drop(&self, hash: &str) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
        self.forget(hash);
    }

    fn forget(&self, hash: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }

    fn accept(&self, hash: String) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(&hash) {
            known.retain(|_, accepted| accepted.elapsed() < KNOWN);
        }
        if known.len() < MOST || known.contains_key(&hash) {
            known.insert(hash, Instant::now());
        }
    }

    /// Whether the use of a token of Entra's own is to be noted, which then counts as noted.
    fn is_news_of_entra(&self) -> bool {
        let mut noted = self.entra.lock().unwrap_or_else(PoisonError::into_inner);
        let every = USED_EVERY.to_std().unwrap_or_default();
        let news = noted.is_none_or(|noted| noted.elapsed() >= every);
        if news {
            *noted = Some(Instant::now());
        }
        news
    }

    fn recall(&self, hash: &str) -> Option<Credential> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (row, read) = tokens.get(hash)?;
        (read.elapsed() < REMEMBERED).then(|| row.clone())
    }

    fn remember(&self, hash: String, row: Credential) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST {
            tokens.retain(|_, (_, read)| read.elapsed() < REMEMBERED);
        }
        if tokens.len() < MOST {
            tokens.insert(hash, (row, Instant::now()));
        }
    }
}
