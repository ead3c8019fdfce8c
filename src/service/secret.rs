//! The text of tokens and secrets: how it is made, and what a table holds in its place. Knows neither
//! whose they are nor where they lie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::SysRng;

use super::error::Error;
use crate::digest;

/// A prefix and 256 random bits in base64url.
pub(super) fn generate(prefix: &str) -> Result<String, Error> {
    let mut secret = [0_u8; 32];
    SysRng.try_fill_bytes(&mut secret).map_err(|error| Error::Internal(Box::new(error)))?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(secret)))
}

/// The SHA-256 of such a text, in hex.
pub(super) fn hash(text: &str) -> String {
    digest::of(text)
}
