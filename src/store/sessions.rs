//! `scim_sessions`: who is signed in to the console. Only hashes are stored.

use chrono::NaiveDateTime;

use super::credentials::{Credential, TokenRow};
use super::error::Error;
use super::schema::{scim_sessions, scim_tokens};
use super::sidecar::{Fields, fields_of, row};
use super::sql::Sql;
use super::transaction::Tx;

row! {
    /// A session to be.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Session of scim_sessions {
        /// SHA-256 of its text, in hex.
        pub hash: String = hash,
        /// The name of the token that it was begun with.
        pub token: String = token,
        /// When it began.
        pub created: NaiveDateTime = created,
        /// When it ends.
        pub expires: NaiveDateTime = expires,
    }
}

/// Begins a session, while the token still has the secret of this hash: the token's row is locked, so
/// that a rotation under way ends what it doesn't see. Two statements.
pub async fn begin(tx: &mut Tx, session: &Session, secret: &str) -> Result<bool, Error> {
    let token = scim_tokens::TABLE
        .update([scim_tokens::last_used.to(session.created)])
        .raw(" WHERE revoked IS NULL AND ")
        .append(scim_tokens::name.is(session.token.as_str()))
        .raw(" AND ")
        .append(scim_tokens::hash.is(secret));
    if tx.execute(token).await? == 0 {
        return Ok(false);
    }
    tx.later(scim_sessions::TABLE.insert(session.sets())).await?;
    Ok(true)
}

/// The token that the session of this hash was begun with, as it stands for the session: it expires
/// when the first of them does. With the session's stored hash to compare in constant time. One
/// statement.
pub async fn token(tx: &mut Tx, hash: &str) -> Result<Option<(Credential, String)>, Error> {
    let wanted =
        (fields_of::<TokenRow>("t."), scim_sessions::hash.of("s"), scim_sessions::expires.of("s"));
    let found = Sql::new(" FROM scim_sessions s JOIN scim_tokens t ON t.name = s.token WHERE ")
        .append(scim_sessions::hash.of("s").is(hash));
    let Some((token, hash, expires)) = tx.first(wanted, found).await? else { return Ok(None) };
    let (mut token, _) = token.into();
    token.expires = Some(token.expires.map_or(expires, |it: NaiveDateTime| it.min(expires)));
    Ok(Some((token, hash)))
}

/// Ends a session. One statement.
pub async fn end(tx: &mut Tx, hash: &str) -> Result<(), Error> {
    tx.execute(scim_sessions::TABLE.delete(scim_sessions::hash.is(hash))).await.map(|_| ())
}
