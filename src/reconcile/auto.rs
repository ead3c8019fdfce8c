//! `reconcile.auto`: findings of chosen kinds are restored by the run itself, each in its own
//! transaction, and only when all of them fit the thresholds: over one, nothing at all is written.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Settings;
use super::mend::{self, By, Hand, Mended};
use super::outcome::Outcome;
use crate::clock::{Clock, stamp};
use crate::drift::{Finding, MANY_USERS, percent};
use crate::service::{Actor, Error};
use crate::store::{Store, audit, findings};

/// Restores what may be; what was restored is taken out of what was found.
pub(super) async fn restore(
    store: &Store,
    settings: &Settings,
    run: &str,
    outcome: &mut Outcome,
    clock: &Clock,
) {
    let due: Vec<(String, Finding)> = outcome
        .found
        .iter()
        .filter(|(_, finding)| settings.reconcile.auto.contains(&finding.kind))
        .map(|(id, finding)| (id.clone(), finding.clone()))
        .collect();
    if due.is_empty() {
        return;
    }
    let due = match spared(store, due).await {
        Ok(due) => due,
        Err(error) => return outcome.blocked.push(format!("nothing was restored: {error}")),
    };
    match over(store, settings, &due, outcome.managed_users(), clock).await {
        Ok(None) => {}
        Ok(Some(why)) => return outcome.blocked.push(why),
        Err(error) => return outcome.blocked.push(format!("nothing was restored: {error}")),
    }
    for (id, finding) in due {
        let hand = Hand {
            layout: Arc::clone(&settings.layout),
            now: clock(),
            occasion: run.to_owned(),
            by: By::Auto,
            actor: Actor::Agent,
        };
        match one(store, hand, id.clone(), finding).await {
            Ok(Mended::Done(_)) => outcome.restored(&id),
            // Somebody was faster: it is gone, and was not restored here.
            Ok(Mended::NoLonger(_)) => drop(outcome.found.remove(&id)),
            Ok(Mended::Refused(why)) => tracing::warn!(finding = id, why, "not restored"),
            Err(error) => tracing::warn!(finding = id, %error, "not restored"),
        }
    }
}

/// Without those that an operator ignores.
async fn spared(
    store: &Store,
    due: Vec<(String, Finding)>,
) -> Result<Vec<(String, Finding)>, crate::store::Error> {
    let open = store.read((), async |tx, ()| findings::open(tx).await).await?;
    let ignored = |id: &str| open.iter().any(|it| it.id == id && it.ignored.is_some());
    Ok(due.into_iter().filter(|(id, _)| !ignored(id)).collect())
}

/// The threshold that restoring all of them would break.
async fn over(
    store: &Store,
    settings: &Settings,
    due: &[(String, Finding)],
    managed: u64,
    clock: &Clock,
) -> Result<Option<String>, crate::store::Error> {
    let week = stamp(clock() - TimeDelta::days(7));
    let before = store
        .read(week, async |tx, week| {
            audit::count_beginning(tx, "restore", By::Auto.beginning(), *week).await
        })
        .await?;
    let count = due.len() as u64 + before;
    let cleanup = &settings.cleanup;
    let of = format!("{} to restore now and {before} in the last 7 days", due.len());
    if count > cleanup.max_count {
        return Ok(Some(format!(
            "reconcile.auto restored nothing: {count} ({of}) of {} (cleanup.max_count); read the \
             report and restore by hand",
            cleanup.max_count
        )));
    }
    let share = percent(count, managed);
    if managed >= MANY_USERS && share > cleanup.max_percent {
        return Ok(Some(format!(
            "reconcile.auto restored nothing: {share:.1} % of the managed users ({of}) of {} % \
             (cleanup.max_percent); read the report and restore by hand",
            cleanup.max_percent
        )));
    }
    Ok(None)
}

async fn one(store: &Store, hand: Hand, id: String, finding: Finding) -> Result<Mended, Error> {
    store
        .write((hand, id, finding), async |tx, (hand, id, finding)| {
            let mended = mend::restore(tx, hand, finding).await?;
            if matches!(mended, Mended::Done(_)) {
                let ids = std::slice::from_ref(id);
                findings::resolve(tx, ids, "restored", stamp(hand.now)).await?;
            }
            Ok::<_, Error>(mended)
        })
        .await
        .map_err(Error::explained)
}
