//! Entra's signing keys: a JSON Web Key Set (RFC 7517 §5) from a URL or a file, kept in memory. Read
//! in the background before it is old, and once when a token names a key that isn't in it. Knows
//! nothing of tokens' claims.
//!
//! Nobody can make the agent ask often: whatever tokens name, it asks at most once in
//! [`ASK_EVERY`] beyond its own schedule, and only one request waits for the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

use crate::config::Jwks;
use crate::outbound;

/// How long reading the keys may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits for them.
const PATIENCE: Duration = Duration::from_secs(3);
/// The largest key set, in bytes; Entra's has some ten thousand.
const BODY: usize = 512 * 1024;
/// The most keys in a set.
const MOST: usize = 100;
/// How often the keys are read when all is well. Entra publishes a key long before it signs by it.
const REFRESH: Duration = Duration::from_secs(60 * 60);
/// After a failure the next try comes sooner: from the first to the second of these.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
/// How often at most tokens make the agent read the keys.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// Keys that were read longer ago than this prove nothing any more.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// What an RSA modulus may have, in bits; smaller ones can be broken.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key set out of which tokens are verified.
pub(super) struct Keys {
    source: Jwks,
    issuers: [String; 2],
    client: reqwest::Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last set that was read whole, and when.
    set: Option<(KeySet, Instant)>,
    /// When a token last made the agent ask.
    asked: Option<Instant>,
    reading: bool,
    /// Whether the last try failed.
    failed: bool,
}

/// An RSA key that signatures are verified by.
pub(super) struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl PublicKey {
    /// Whether this key made that signature of the message, by RS256 (RFC 7518 §3.3).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

/// The key for a token.
pub(super) enum Found {
    /// It is this.
    Key(Arc<PublicKey>),
    /// The set has none of that id.
    Unknown,
    /// No set that is young enough can be had at the moment.
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// What to do about a key id.
enum Look {
    Found(Found),
    /// Read the keys, then look again. [`State::reading`] is set.
    Read,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    #[error("answered {0}")]
    Status(reqwest::StatusCode),
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error("the file is longer than {BODY} bytes")]
    LongFile,
    #[error("is no JSON Web Key Set: {0}")]
    Json(#[from] serde_json::Error),
    #[error("has {0} keys; at most {MOST} are taken")]
    TooMany(usize),
    #[error("has no key that can be used ({0})")]
    NoneUsable(String),
}

impl Keys {
    /// Keys that nobody has read yet. `issuers`: whose keys they must be, where a key says.
    ///
    /// # Errors
    /// No HTTPS client.
    pub fn new(source: Jwks, issuers: [String; 2]) -> Result<Arc<Self>, outbound::Error> {
        let client = outbound::client(TIMEOUT)?;
        Ok(Arc::new(Self { source, issuers, client, state: Mutex::default() }))
    }

    /// Reads the keys now and then, in the background, for as long as somebody holds them.
    pub fn keep_fresh(keys: &Arc<Self>) {
        // From here on, so that a token which comes before the first answer is told to wait.
        keys.state().reading = true;
        tokio::spawn(keep_fresh(Arc::downgrade(keys)));
    }

    /// The key with this id. Reads the set again, if that is due, when it has none.
    pub async fn find(self: &Arc<Self>, id: &str) -> Found {
        match self.look(id) {
            Look::Found(found) => return found,
            Look::Read => {}
        }
        // In a task of its own: a client that goes away doesn't spoil the answer for the others.
        let keys = Arc::clone(self);
        let reading = tokio::spawn(async move { keys.refresh().await });
        if tokio::time::timeout(PATIENCE, reading).await.is_err() {
            return Found::Unavailable { retry_after: TIMEOUT };
        }
        let state = self.state();
        match state.key(id) {
            Some(key) => Found::Key(key),
            None => state.not_there(Instant::now()),
        }
    }

    fn look(&self, id: &str) -> Look {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(key) = state.key(id) {
            return Look::Found(Found::Key(key));
        }
        if state.reading {
            return Look::Found(Found::Unavailable { retry_after: Duration::from_secs(1) });
        }
        if state.asked.is_some_and(|asked| now < asked + ASK_EVERY) {
            return Look::Found(state.not_there(now));
        }
        state.asked = Some(now);
        state.reading = true;
        Look::Read
    }

    /// Reads the keys and keeps them; what was known stays when that fails. Whether it went well.
    async fn refresh(&self) -> bool {
        self.state().reading = true;
        let reading = Reading(self);
        let read = self.read().await;
        drop(reading);
        let mut state = self.state();
        state.failed = read.is_err();
        match read {
            Ok(set) => {
                let known = state.set.as_ref().map(|(set, _)| set.ids());
                if known.as_ref() != Some(&set.ids()) {
                    let (keys, source) = (set.ids().join(", "), &self.source);
                    tracing::info!(%source, keys, "Entra's signing keys were read");
                    for why in &set.skipped {
                        tracing::info!(why, "a key of Entra's was left out");
                    }
                }
                state.set = Some((set, Instant::now()));
                true
            }
            Err(error) => {
                let consequence = match &state.set {
                    None => "Entra's tokens are answered 503 until they can be",
                    Some((_, read)) if read.elapsed() >= MAX_AGE => {
                        "those read before are too old: Entra's tokens are answered 503"
                    }
                    Some(_) => "those read before are used until they are a day old",
                };
                let source = &self.source;
                tracing::warn!(%source, %error, "Entra's signing keys can't be read; {consequence}");
                false
            }
        }
    }

    /// Reads the set from where it is.
    ///
    /// # Errors
    /// It can't be had, or is none.
    pub async fn read(&self) -> Result<KeySet, Error> {
        let text = match &self.source {
            Jwks::Url(url) => {
                let request = self.client.get(url).header("accept", "application/json");
                let answer = request.send().await.map_err(outbound::Error::from)?;
                if answer.status() != reqwest::StatusCode::OK {
                    return Err(Error::Status(answer.status()));
                }
                outbound::body(answer, BODY).await?
            }
            Jwks::File(path) => {
                let file = tokio::fs::File::open(path).await?;
                let mut text = Vec::new();
                let limit = u64::try_from(BODY).unwrap_or(u64::MAX).saturating_add(1);
                file.take(limit).read_to_end(&mut text).await?;
                if text.len() > BODY {
                    return Err(Error::LongFile);
                }
                text
            }
        };
        KeySet::parse(&text, &self.issuers)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn key(&self, id: &str) -> Option<Arc<PublicKey>> {
        let (set, _) = self.set.as_ref().filter(|(_, read)| read.elapsed() < MAX_AGE)?;
        set.keys.get(id).cloned()
    }

    /// What that means when the keys were asked for of late.
    fn not_there(&self, now: Instant) -> Found {
        let young = self.set.as_ref().is_some_and(|(_, read)| read.elapsed() < MAX_AGE);
        if young && !self.failed {
            return Found::Unknown;
        }
        let since = self.asked.map_or(ASK_EVERY, |asked| now.saturating_duration_since(asked));
        Found::Unavailable { retry_after: ASK_EVERY.saturating_sub(since) }
    }
}

/// Somebody reads the keys, until it is dropped.
struct Reading<'a>(&'a Keys);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.state().reading = false;
    }
}

async fn keep_fresh(keys: Weak<Keys>) {
    let mut retry = RETRY.0;
    while let Some(keys) = keys.upgrade() {
        let pause = if keys.refresh().await {
            retry = RETRY.0;
            REFRESH
        } else {
            let pause = retry;
            retry = (retry * 2).min(RETRY.1);
            pause
        };
        drop(keys);
        tokio::time::sleep(pause).await;
    }
}

/// Keys by their ids.
pub(super) struct KeySet {
    keys: BTreeMap<String, Arc<PublicKey>>,
    /// Why the others were left out.
    skipped: Vec<String>,
}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct RawKey {
    kid: String,
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: String,
    e: String,
    /// Microsoft's: whose tokens the key may sign.
    issuer: Option<String>,
}

impl KeySet {
    /// Takes the RSA keys that may sign tokens of these issuers; at least one.
    fn parse(text: &[u8], issuers: &[String; 2]) -> Result<Self, Error> {
        let raw: RawSet = serde_json::from_slice(text)?;
        if raw.keys.len() > MOST {
            return Err(Error::TooMany(raw.keys.len()));
        }
        let mut set = Self { keys: BTreeMap::new(), skipped: Vec::new() };
        for value in raw.keys {
            match key(&value, issuers) {
                Ok((id, key)) => {
                    set.keys.entry(id).or_insert(key);
                }
                Err(why) => set.skipped.push(why),
            }
        }
        if set.keys.is_empty() {
            let why = match set.skipped.first() {
                Some(why) => format!("the first: {why}"),
                None => "it is empty".to_owned(),
            };
            return Err(Error::NoneUsable(why));
        }
        Ok(set)
    }

    /// The ids, sorted.
    pub fn ids(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }
}

/// A key that may verify RS256 for one of the issuers, with its id; else why it may not.
fn key(value: &Value, issuers: &[String; 2]) -> Result<(String, Arc<PublicKey>), String> {
    let raw = RawKey::deserialize(value).map_err(|error| format!("no RSA key: {error}"))?;
    let why = |why: &str| Err(format!("the key {:?} {why}", raw.kid));
    if raw.kty != "RSA" {
        return why("is no RSA key");
    }
    if raw.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return why("isn't for signatures");
    }
    if raw.alg.as_deref().is_some_and(|alg| alg != "RS256") {
        return why("isn't for RS256");
    }
    if let Some(issuer) = &raw.issuer {
        // A set that several tenants share has a template there.
        let ours = issuers.iter().any(|ours| {
            let tenant = ours.split('/').nth(3).unwrap_or_default();
            issuer.replace("{tenantid}", tenant) == *ours
        });
        if !ours {
            return why("is another issuer's");
        }
    }
    let (Ok(modulus), Ok(exponent)) = (BASE64.decode(&raw.n), BASE64.decode(&raw.e)) else {
        return why("is not in base64url");
    };
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let modulus = modulus.get(zeros..).unwrap_or_default();
    let first = modulus.first().copied().unwrap_or_default();
    let first_bits = usize::try_from(8 - first.leading_zeros()).unwrap_or_default();
    let bits = modulus.len().saturating_sub(1) * 8 + first_bits;
    if !BITS.contains(&bits) {
        return Err(format!(
            "the key {:?} has {bits} bits; {} to {} are taken",
            raw.kid,
            BITS.start(),
            BITS.end()
        ));
    }
    Ok((raw.kid, Arc::new(PublicKey { modulus: modulus.to_vec(), exponent })))
}

#[cfg(test)]
mod tests;
