//! What is done about a finding: `restore` writes what Entra asserted, `adopt` takes what kpifire
//! has for what Entra asserted. Each works inside the caller's transaction, on one row, which it
//! locks and reads again: what is no longer so is left alone. Every change is audited.

mod adopt;
mod hand;
mod restore;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Map;

use crate::drift::Kind;
use crate::mapper::Layout;
use crate::service::{Actor, Came, Error};
use crate::store::findings::{self, Stored};
use crate::store::{self, Store, Tx, console};
use hand::{Noted, note, only};

pub use adopt::adopt;
pub use hand::{By, Hand, Mended, Written};
pub use restore::restore;

/// What an operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// kpifire as Entra asserted.
    Restore,
    /// What kpifire has as asserted.
    Adopt,
}

impl Action {
    fn by(self) -> By {
        match self {
            Self::Restore => By::Restore,
            Self::Adopt => By::Adopt,
        }
    }

    fn resolution(self) -> &'static str {
        match self {
            Self::Restore => "restored",
            Self::Adopt => "adopted",
        }
    }
}

/// Restores or adopts the finding of this id, in one transaction, and ends its life.
///
/// # Errors
/// The database's; then nothing was written.
pub async fn act(
    store: &Store,
    layout: Arc<Layout>,
    action: Action,
    id: &str,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Mended, Error> {
    let context = (Hand::of(actor, layout, action.by(), now), action, id.to_owned());
    store
        .write(context, async |tx, (hand, action, id)| mended(tx, hand, *action, id).await)
        .await
        .map_err(Error::explained)
}

/// What [`act`] would come to now: it is done, and taken back.
///
/// # Errors
/// The database's.
pub async fn look(
    store: &Store,
    layout: Arc<Layout>,
    action: Action,
    id: &str,
    now: DateTime<Utc>,
) -> Result<Mended, Error> {
    let hand = Hand::of(&Actor::Agent, layout, action.by(), now);
    let looked = store
        .write((hand, action, id.to_owned()), async |tx, (hand, action, id)| {
            // An error, and so all of it is rolled back.
            Err::<Mended, _>(TakenBack::Shown(mended(tx, hand, *action, id).await?))
        })
        .await;
    looked.or_else(TakenBack::shown)
}

/// [`act`], where it comes to what was shown: to what has this seal.
///
/// # Errors
/// The database's; then nothing was written.
pub async fn act_as_shown(
    store: &Store,
    layout: Arc<Layout>,
    action: Action,
    (id, seal): (&str, &str),
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Came<Mended>, Error> {
    let hand = Hand::of(actor, layout, action.by(), now);
    let context = (hand, action, id.to_owned(), seal.to_owned());
    let acted = store
        .write(context, async |tx, (hand, action, id, seal)| {
            match mended(tx, hand, *action, id).await? {
                Mended::Done(written) if written.seal() != *seal => {
                    Err(TakenBack::Shown(Mended::Done(written)))
                }
                mended => Ok(mended),
            }
        })
        .await;
    match acted {
        Ok(mended) => Ok(Came::Done(mended)),
        Err(TakenBack::Shown(_)) => Ok(Came::Changed),
        Err(TakenBack::Failed(error)) => Err(error.explained()),
    }
}

/// Why a transaction is rolled back.
enum TakenBack {
    /// It was only to be seen what it comes to.
    Shown(Mended),
    Failed(Error),
}

impl TakenBack {
    fn shown(self) -> Result<Mended, Error> {
        match self {
            Self::Shown(mended) => Ok(mended),
            Self::Failed(error) => Err(error.explained()),
        }
    }
}

impl From<Error> for TakenBack {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<store::Error> for TakenBack {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl store::Failure for TakenBack {
    fn database(&self) -> Option<&store::Error> {
        match self {
            Self::Failed(error) => error.database(),
            Self::Shown(_) => None,
        }
    }
}

async fn mended(tx: &mut Tx, hand: &Hand, action: Action, id: &str) -> Result<Mended, Error> {
    let stored = match open(tx, id).await? {
        Ok(stored) => stored,
        Err(mended) => return Ok(mended),
    };
    let mended = match action {
        Action::Restore => restore(tx, hand, &stored.finding).await?,
        Action::Adopt => adopt(tx, hand, &stored.finding).await?,
    };
    let resolution = match &mended {
        Mended::Done(_) => action.resolution(),
        Mended::NoLonger(_) => "gone",
        Mended::Refused(_) => return Ok(mended),
    };
    let ids = [id.to_owned()];
    findings::resolve(tx, &ids, resolution, hand.stamp()).await?;
    Ok(mended)
}

/// Marks the finding of this id as one that is accepted as it is: counted, and no longer listed.
///
/// # Errors
/// The database's; then nothing was written.
pub async fn ignore(
    store: &Store,
    layout: Arc<Layout>,
    id: &str,
    reason: Option<String>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Mended, Error> {
    let context = (Hand::of(actor, layout, By::Ignore, now), id.to_owned(), reason);
    store
        .write(context, async |tx, (hand, id, reason)| {
            let stored = match open(tx, id).await? {
                Ok(stored) => stored,
                Err(mended) => return Ok(mended),
            };
            if stored.ignored.as_ref().is_some_and(|(_, why)| why == reason) {
                return Ok(Mended::no_longer("it is ignored already, for the same reason"));
            }
            let noted = ignored(tx, hand, &stored, reason.as_ref()).await?;
            Ok(noted.done("ignored until it ends by itself"))
        })
        .await
}

/// Findings of a kind that one transaction marks.
const PAGE: i64 = 500;

/// Marks all open findings of a kind, as [`ignore`] does one; how many. Those that come later aren't.
///
/// # Errors
/// The database's; then the pages before are written.
pub async fn ignore_kind(
    store: &Store,
    layout: Arc<Layout>,
    kind: Kind,
    reason: Option<String>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    let hand = Hand::of(actor, layout, By::Ignore, now);
    let mut all = 0;
    loop {
        let context = (hand.clone(), kind, reason.clone());
        let page = store
            .write(context, async |tx, (hand, kind, reason)| {
                let page = console::findings_page(tx, Some(*kind), &[], None, PAGE).await?;
                for stored in &page {
                    ignored(tx, hand, stored, reason.as_ref()).await?;
                }
                Ok::<_, Error>(page.len())
            })
            .await?;
        if page == 0 {
            return Ok(all);
        }
        all += page;
    }
}

async fn ignored(
    tx: &mut Tx,
    hand: &Hand,
    stored: &Stored,
    reason: Option<&String>,
) -> Result<Noted, Error> {
    findings::ignore(tx, &stored.id, reason.map(String::as_str), hand.stamp()).await?;
    let after = only("reason", &reason.cloned().into());
    note(tx, hand, "ignore", &stored.finding, Map::new(), after).await
}

/// The finding of this id, locked, while it is open.
async fn open(tx: &mut Tx, id: &str) -> Result<Result<Stored, Mended>, Error> {
    let Some(stored) = findings::locked(tx, id).await? else {
        return Ok(Err(Mended::refused(
            "there is no finding of this id: `kpifire-scim drift list` shows those there are",
        )));
    };
    if let Some(at) = stored.resolved {
        let how = stored.resolution.as_deref().unwrap_or("gone");
        let at = at.format("%Y-%m-%d %H:%M:%S UTC");
        return Ok(Err(Mended::no_longer(format!("it ended at {at} ({how})"))));
    }
    Ok(Ok(stored))
}
