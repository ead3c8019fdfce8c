//! Tokens that Entra itself issues: JSON Web Tokens (RFC 7519) signed by RS256, and by nothing else
//! whatever a token says of itself (RFC 8725 §3.1). Knows no HTTP and no database.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDateTime;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::keys::{Found, Keys};
use super::token::Token;
use crate::config::Cloud;
use crate::service::context::Scope;
use crate::service::error::Error;
use crate::{config, outbound};

/// The longest token, in bytes; Entra's have some two thousand.
const LONGEST: usize = 16 * 1024;

/// One tenant's tokens.
pub struct Entra {
    settings: config::Entra,
    issuers: [String; 2],
    pub(super) keys: Arc<Keys>,
}

impl Entra {
    /// A verifier that has no keys yet.
    ///
    /// # Errors
    /// No HTTPS client.
    pub fn new(settings: config::Entra) -> Result<Self, outbound::Error> {
        let issuers = issuers(settings.tenant, settings.cloud);
        let keys = Keys::new(settings.jwks.clone(), issuers.clone())?;
        Ok(Self { settings, issuers, keys })
    }

    /// The same, and its keys are kept fresh in the background.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn start(settings: config::Entra) -> Result<Self, outbound::Error> {
        let entra = Self::new(settings)?;
        Keys::keep_fresh(&entra.keys);
        Ok(entra)
    }

    /// What it was made of.
    pub fn settings(&self) -> &config::Entra {
        &self.settings
    }

    /// The caller whose token this is; `None` when it isn't good.
    ///
    /// # Errors
    /// [`Error::Keys`] while there are no keys to tell by.
    pub async fn authenticate(
        &self,
        token: &str,
        now: NaiveDateTime,
    ) -> Result<Option<Token>, Error> {
        let signed = match Signed::parse(token) {
            Ok(signed) => signed,
            Err(why) => return Ok(refused(&why)),
        };
        let key = match self.keys.find(&signed.key_id).await {
            Found::Key(key) => key,
            Found::Unknown => return Ok(refused("no key has its id")),
            Found::Unavailable { retry_after } => return Err(Error::Keys { retry_after }),
        };
        let signature = URL_SAFE_NO_PAD.decode(signed.signature).unwrap_or_default();
        if !key.verifies(signed.message.as_bytes(), &signature) {
            return Ok(refused("the signature is not the key's"));
        }
        let checked = Claims::parse(signed.claims).and_then(|claims| self.check(&claims, now));
        match checked {
            Ok(()) => {
                let name = format!("entra:{}", self.settings.tenant);
                Ok(Some(Token { name, scope: Scope::Provision }))
            }
            Err(why) => Ok(refused(&why)),
        }
    }

    /// RFC 7519 §4.1, and Microsoft's `tid`, `appid` (tokens of version 1) and `azp` (version 2).
    fn check(&self, claims: &Claims, now: NaiveDateTime) -> Result<(), String> {
        let config::Entra { tenant, audience, app, leeway, .. } = &self.settings;
        if !self.issuers.contains(&claims.iss) {
            return Err(format!("its issuer {} is not auth.entra.tenant", quoted(&claims.iss)));
        }
        if let Some(other) = claims.tid.as_ref().filter(|it| it.parse::<Uuid>() != Ok(*tenant)) {
            return Err(format!("its tenant {} is not auth.entra.tenant", quoted(other)));
        }
        if claims.aud != *audience {
            return Err(format!("its audience {} is not auth.entra.audience", quoted(&claims.aud)));
        }
        if let Some(wanted) = app {
            let mut apps = [&claims.appid, &claims.azp].into_iter().flatten().peekable();
            if apps.peek().is_none() {
                return Err("it names no application, and auth.entra.app is set".to_owned());
            }
            if let Some(other) = apps.find(|it| it.parse::<Uuid>() != Ok(*wanted)) {
                return Err(format!("its application {} is not auth.entra.app", quoted(other)));
            }
        }
        times(claims, now, *leeway)
    }
}

/// RFC 7519 §4.1.4 to §4.1.6.
fn times(claims: &Claims, now: NaiveDateTime, leeway: Duration) -> Result<(), String> {
    let now = now.and_utc().timestamp();
    let leeway = i64::try_from(leeway.as_secs()).unwrap_or_default();
    if now >= claims.exp.saturating_add(leeway) {
        let ago = now.saturating_sub(claims.exp);
        return Err(format!("it expired {ago} s ago (auth.entra.leeway is {leeway} s)"));
    }
    for (what, time) in [("is valid", claims.nbf), ("was issued", claims.iat)] {
        if let Some(time) = time.filter(|time| *time > now.saturating_add(leeway)) {
            let ahead = time.saturating_sub(now);
            return Err(format!(
                "it {what} only in {ahead} s (auth.entra.leeway is {leeway} s): are the clocks right?"
            ));
        }
    }
    Ok(())
}

/// The two forms in which Entra names a tenant as issuer: version 1 and version 2 of its tokens.
fn issuers(tenant: Uuid, cloud: Cloud) -> [String; 2] {
    [
        format!("https://{}/{tenant}/", cloud.token_service()),
        format!("https://{}/{tenant}/v2.0", cloud.sign_in()),
    ]
}

/// Whether it has a JSON Web Token's form: three parts of base64url, with dots between them. None of
/// the agent's own tokens has a dot.
pub(super) fn is_jwt(token: &str) -> bool {
    let mut parts = 0;
    let plain = token.split('.').all(|part| {
        parts += 1;
        !part.is_empty() && part.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    });
    plain && parts == 3
}

/// A token's parts before anything is believed of them.
struct Signed<'a> {
    message: &'a str,
    claims: &'a str,
    signature: &'a str,
    key_id: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Signed<'a> {
    fn parse(token: &'a str) -> Result<Self, String> {
        if token.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let parts = token
            .rsplit_once('.')
            .and_then(|(message, signature)| Some((message, signature, message.split_once('.')?)));
        let Some((message, signature, (header, claims))) = parts else {
            return Err("it is no JSON Web Token".to_owned());
        };
        let header: Header = decoded(header)?;
        if header.alg != "RS256" {
            return Err(format!("its algorithm is {}, not RS256", quoted(&header.alg)));
        }
        // RFC 7515 §4.1.11: an extension that must be understood, and isn't.
        if header.crit.is_some() {
            return Err("its header has critical extensions".to_owned());
        }
        let key_id = header.kid.ok_or("it names no key")?;
        Ok(Self { message, claims, signature, key_id })
    }
}

/// What a token claims. A claim of another type than these makes the token none.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    tid: Option<String>,
    appid: Option<String>,
    azp: Option<String>,
}

impl Claims {
    fn parse(part: &str) -> Result<Self, String> {
        decoded(part)
    }
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, String> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| "a part is not in base64url".to_owned())?;
    // serde_json's message may quote a claim, which may name a person.
    serde_json::from_slice(&json).map_err(|error| {
        let kind = if error.is_data() {
            "lacks a claim, or has one of another type"
        } else {
            "is no JSON"
        };
        format!("a part {kind}")
    })
}

/// What somebody else wrote, as the log shows it.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    format!("{short:?}")
}

fn refused(why: &str) -> Option<Token> {
    tracing::info!(why, "a token of Entra's was refused");
    None
}

#[cfg(test)]
mod tests;
