//! The weekly digest: a job of the schedule that counts what the week was and puts it into the
//! outbox. Its slot is its occasion, so that one of several agents makes it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Channels, Digest, Event, announce};
use crate::clock::stamp;
use crate::scheduler::CLEANUP;
use crate::store::{Error, Store, Tx, audit, notices, runs};

const PREFIX: &str = "digest:";
const TIME: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The slot of the last digest, up to `now`, that any agent made.
pub async fn last(store: &Store, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Error> {
    let last = store
        .read(occasion(now), async |tx, now| notices::last_occasion(tx, PREFIX, now).await)
        .await?;
    let time = last.as_deref().and_then(|occasion| occasion.strip_prefix(PREFIX));
    Ok(time.and_then(|time| time.parse().ok()))
}

/// Makes the digest of a slot, unless another agent did.
pub async fn make(
    store: &Store,
    channels: &Channels,
    slot: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    store
        .write((Channels::clone(channels), slot, now), async |tx, (channels, slot, now)| {
            let event = Event::Digest(week(tx, *now).await?);
            announce(tx, channels, &occasion(*slot), &event, *now).await
        })
        .await
}

fn occasion(slot: DateTime<Utc>) -> String {
    format!("{PREFIX}{}", slot.format(TIME))
}

async fn week(tx: &mut Tx, now: DateTime<Utc>) -> Result<Digest, Error> {
    let since = now - TimeDelta::days(7);
    let mut digest = Digest { since, until: now, ..Digest::default() };
    for run in runs::begun_within(tx, stamp(since), stamp(now)).await? {
        digest.run = Some(run.id.clone());
        digest.restored += number(&run.summary, "/scope/restored");
        digest.resolved += run
            .summary
            .get("resolved")
            .and_then(Value::as_object)
            .map_or(0, |kinds| kinds.values().filter_map(Value::as_u64).sum());
        *digest.runs.entry(run.verdict).or_default() += 1;
    }
    digest.writes = audit::outcomes(tx, stamp(since)).await?;
    for run in runs::of_within(tx, CLEANUP, stamp(since), stamp(now)).await? {
        digest.cleaned += number(&run.summary, "/done");
    }
    Ok(digest)
}

fn number(summary: &Value, pointer: &str) -> u64 {
    summary.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}
