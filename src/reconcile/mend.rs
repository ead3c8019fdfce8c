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
use crate::service::Error;
use crate::store::findings::{self, Stored};
use crate::store::{Store, Tx, console};
use hand::{note, only};

pub use adopt::adopt;
pub use hand::{By, Hand, Mended};
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
    now: DateTime<Utc>,
) -> Result<Mended, Error> {
    let context = (Hand::of_command(layout, action.by(), now), action, id.to_owned());
    store
        .write(context, async |tx, (hand, action, id)| {
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
            let ids = std::slice::from_ref(id);
            findings::resolve(tx, ids, resolution, hand.stamp()).await?;
            Ok(mended)
        })
        .await
        .map_err(Error::explained)
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
    now: DateTime<Utc>,
) -> Result<Mended, Error> {
    let context = (Hand::of_command(layout, By::Ignore, now), id.to_owned(), reason);
    store
        .write(context, async |tx, (hand, id, reason)| {
            let stored = match open(tx, id).await? {
                Ok(stored) => stored,
                Err(mended) => return Ok(mended),
            };
            findings::ignore(tx, id, reason.as_deref(), hand.stamp()).await?;
            let after = only("reason", &reason.clone().into());
            note(tx, hand, "ignore", &stored.finding, Map::new(), after).await?;
            Ok(Mended::done("ignored until it ends by itself"))
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
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    let hand = Hand::of_command(layout, By::Ignore, now);
    let mut ignored = 0;
    loop {
        let context = (hand.clone(), kind, reason.clone());
        let page = store
            .write(context, async |tx, (hand, kind, reason)| {
                let page = console::findings_page(tx, Some(*kind), &[], None, PAGE).await?;
                for stored in &page {
                    findings::ignore(tx, &stored.id, reason.as_deref(), hand.stamp()).await?;
                    let after = only("reason", &reason.clone().into());
                    note(tx, hand, "ignore", &stored.finding, Map::new(), after).await?;
                }
                Ok::<_, Error>(page.len())
            })
            .await?;
        if page == 0 {
            return Ok(ignored);
        }
        ignored += page;
    }
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
