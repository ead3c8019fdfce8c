//! Accounts that cleanup leaves alone until an operator releases them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::read::find_user;
use crate::clock::stamp;
use crate::mapper::{Layout, Record};
use crate::service::{Actor, Came, Deed, Error, done};
use crate::store::{self, Store, Tx, audit, cleanup};

/// Why a hold was, or shall be.
pub type Why = Option<String>;

/// Ids of the users whom a userName or an id means.
///
/// # Errors
/// The database's.
pub async fn meant(store: &Store, layout: &Arc<Layout>, user: &str) -> Result<Vec<String>, Error> {
    let context = (Arc::clone(layout), user.to_owned());
    let found =
        store.read(context, async |tx, (layout, name)| find_user(tx, layout, name).await).await?;
    Ok(found.iter().map(Record::key_text).collect())
}

/// Puts an account on hold, or changes the reason; with `seen`, only where the hold is still as it was
/// seen.
///
/// # Errors
/// The database's; then nothing was written.
pub async fn hold(
    store: &Store,
    id: &str,
    reason: &str,
    seen: Option<&Why>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Came<()>, Error> {
    put(store, id, Some(reason), seen, actor, now).await
}

/// Lets cleanup have an account again; with `seen`, only where the hold is still as it was seen.
///
/// # Errors
/// The database's; then nothing was written.
pub async fn release(
    store: &Store,
    id: &str,
    seen: Option<&Why>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Came<()>, Error> {
    put(store, id, None, seen, actor, now).await
}

/// A hold to be, or its end.
struct Wanted {
    id: String,
    reason: Why,
    seen: Option<Why>,
    actor: Actor,
    now: DateTime<Utc>,
}

async fn put(
    store: &Store,
    id: &str,
    reason: Option<&str>,
    seen: Option<&Why>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Came<()>, Error> {
    let wanted = Wanted {
        id: id.to_owned(),
        reason: reason.map(str::to_owned),
        seen: seen.cloned(),
        actor: actor.clone(),
        now,
    };
    Ok(store.write(wanted, within).await?)
}

async fn within(tx: &mut Tx, wanted: &Wanted) -> Result<Came<()>, store::Error> {
    let Wanted { id, reason, seen, actor, now } = wanted;
    let held = cleanup::held(tx, id).await?;
    if held == *reason {
        let already = if held.is_some() { "is on hold already" } else { "was not on hold" };
        return Ok(Came::Already(already.to_owned()));
    }
    if seen.as_ref().is_some_and(|seen| *seen != held) {
        return Ok(Came::Changed);
    }
    let operation = if let Some(reason) = reason {
        cleanup::hold(tx, id, reason, stamp(*now)).await?;
        "hold"
    } else {
        cleanup::release(tx, id).await?;
        "release"
    };
    let side = |why: &Why| -> Map<String, Value> {
        why.iter().map(|why| ("hold".to_owned(), Value::from(why.as_str()))).collect()
    };
    let (before, after) = (side(&held), side(reason));
    let deed = Deed { operation, user: Some(id), before, after, detail: "cleanup" };
    audit::append(tx, &done(actor, &deed, *now)).await?;
    Ok(Came::Done(()))
}
