//! `reconcile.auto`: findings of chosen kinds are restored by the run itself, each in its own
//! transaction, and only when all of them fit the thresholds: over one, nothing at all is written.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Settings;
use super::mend::{self, By, Hand, Mended};
use super::outcome::Outcome;
use super::spool::Spool;
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
    let due = match due(store, settings, &outcome.found).await {
        Ok(due) => due,
        Err(error) => return outcome.blocked.push(format!("nothing was restored: {error}")),
    };
    if due.count == 0 {
        return;
    }
    match over(store, settings, due.count, outcome.managed_users(), clock).await {
        Ok(None) => {}
        Ok(Some(why)) => return outcome.blocked.push(why),
        Err(error) => return outcome.blocked.push(format!("nothing was restored: {error}")),
    }
    for (id, finding) in due.first {
        let hand = Hand {
            layout: Arc::clone(&settings.layout),
            now: clock(),
            occasion: run.to_owned(),
            by: By::Auto,
            actor: Actor::Agent,
        };
        match one(store, hand, id.clone(), finding.clone()).await {
            Ok(Mended::Done(_)) => outcome.restored(id, finding),
            // Somebody was faster: it is gone, and was not restored here.
            Ok(Mended::NoLonger(_)) => outcome.found.leave_out(&id),
            Ok(Mended::Refused(why)) => tracing::warn!(finding = id, why, "not restored"),
            Err(error) => tracing::warn!(finding = id, %error, "not restored"),
        }
    }
}

/// What may be restored.
#[derive(Default)]
struct Due {
    count: u64,
    /// All of it, unless there is more than `cleanup.max_count` allows.
    first: Vec<(String, Finding)>,
}

/// What was found of the kinds that may be restored, without what an operator ignores.
async fn due(
    store: &Store,
    settings: &Settings,
    found: &Spool,
) -> Result<Due, crate::store::Error> {
    let mut due = Due::default();
    if settings.reconcile.auto.is_empty() {
        return Ok(due);
    }
    for chunk in found.chunks() {
        let mut chunk = chunk.map_err(|error| crate::store::Error::unkept(&error))?;
        chunk.retain(|_, finding| settings.reconcile.auto.contains(&finding.kind));
        if chunk.is_empty() {
            continue;
        }
        let ids: Vec<String> = chunk.keys().cloned().collect();
        let known = store.read(ids, async |tx, ids| findings::known(tx, ids).await).await?;
        chunk.retain(|id, _| known.get(id).is_none_or(|known| known.ignored.is_none()));
        due.count += chunk.len() as u64;
        if due.count <= settings.cleanup.max_count {
            due.first.extend(chunk);
        }
    }
    Ok(due)
}

/// The threshold that restoring all of them would break.
async fn over(
    store: &Store,
    settings: &Settings,
    due: u64,
    managed: u64,
    clock: &Clock,
) -> Result<Option<String>, crate::store::Error> {
    let week = stamp(clock() - TimeDelta::days(7));
    let before = store
        .read(week, async |tx, week| {
            audit::count_beginning(tx, "restore", By::Auto.beginning(), *week).await
        })
        .await?;
    let count = due + before;
    let cleanup = &settings.cleanup;
    let of = format!("{due} to restore now and {before} in the last 7 days");
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
