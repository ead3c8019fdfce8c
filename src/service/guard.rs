//! The guard against mass disabling: a wrong scope or an empty group in Entra disables everybody, one
//! request at a time. Over the limit the answer is 503, which Entra repeats later, until the hour is
//! over or an operator allows it.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value};
use strum::{IntoStaticStr, VariantArray};

use super::actor::{Actor, Came, Deed, done};
use super::error::Error;
use crate::clock::stamp;
use crate::config::Guard;
use crate::drift::MANY_USERS;
use crate::notify::{self, Channels, Event};
use crate::scim;
use crate::store::{self, Store, Tx, audit, guard};

/// When Entra is asked to come again.
pub const RETRY_AFTER: Duration = Duration::from_secs(900);

/// Lets one more user be disabled or deleted, or refuses. No statement without a limit; three with
/// one.
pub(super) async fn admit(tx: &mut Tx, limits: Guard, now: NaiveDateTime) -> Result<(), Error> {
    if limits.max_disables.is_none() && limits.max_percent.is_none() {
        return Ok(());
    }
    if guard::locked(tx).await?.is_some_and(|until| until > now) {
        return Ok(());
    }
    let (count, managed) = guard::counts(tx, now - TimeDelta::hours(1)).await?;
    let Some(limit) = broken(limits, count + 1, managed) else { return Ok(()) };
    Err(Error::Guarded(scim::Error::unavailable(format!(
        "{count} users were disabled or deleted within an hour, and {limit}: is the scope in Entra \
         right? If it is, `kpifire-scim guard allow` lets the rest through"
    ))))
}

/// Lets clients disable more users than the limits say, until a time.
///
/// # Errors
/// The database's; then nothing was written.
pub async fn allow(
    store: &Store,
    until: DateTime<Utc>,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Came<()>, Error> {
    let came = store.write((stamp(until), actor.clone(), now), async |tx, (until, actor, now)| {
        let before = guard::locked(tx).await?;
        if before == Some(*until) {
            return Ok(Came::Already("the guard lets everything through until then".to_owned()));
        }
        guard::allow(tx, *until).await?;
        let side = |at: Option<NaiveDateTime>| -> Map<String, Value> {
            let text = at.map(|at| at.and_utc().to_rfc3339_opts(SecondsFormat::Secs, true));
            text.into_iter().map(|text| ("allowedUntil".to_owned(), text.into())).collect()
        };
        let deed = Deed {
            operation: "guard_allow",
            user: None,
            before: side(before),
            after: side(Some(*until)),
            detail: "clients may disable users without a limit for a time",
        };
        audit::append(tx, &done(actor, &deed, *now)).await?;
        Ok::<_, store::Error>(Came::Done(()))
    });
    Ok(came.await?)
}

/// Tells people that the guard refuses, once: as long as Entra's repetitions come within an hour of
/// each other and nobody allowed more in between, they are one story. Runs in the transaction that
/// audits the refusal, before its row is written.
pub(super) async fn announce(
    tx: &mut Tx,
    channels: &Channels,
    refused: &str,
    detail: &str,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    if channels.is_empty() {
        return Ok(());
    }
    // The guard's row is locked from here on: of two refusals at once, the second sees the first.
    let allowed = guard::locked(tx).await?;
    let hour = stamp(now - TimeDelta::hours(1));
    let since = allowed.map_or(hour, |until| hour.max(until));
    if audit::any_since(tx, refused, since).await? {
        return Ok(());
    }
    let occasion = format!("guard:{}", now.format("%Y-%m-%dT%H:%M:%S%.6fZ"));
    notify::announce(tx, channels, &occasion, &Event::Guard { detail: detail.to_owned() }, now)
        .await
}

/// How the guard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum State {
    /// No limit is set.
    Off,
    /// There is room for more.
    Watching,
    /// The next user that a client disables or deletes is refused.
    Refusing,
    /// An operator lets everything through for a while.
    Allowed,
}

impl State {
    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How the guard stands, after `count` users were disabled within the hour, of `managed` ones.
pub fn state(
    limits: Guard,
    allowed_until: Option<NaiveDateTime>,
    count: u64,
    managed: u64,
    now: NaiveDateTime,
) -> State {
    if limits.max_disables.is_none() && limits.max_percent.is_none() {
        State::Off
    } else if allowed_until.is_some_and(|until| until > now) {
        State::Allowed
    } else if broken(limits, count + 1, managed).is_some() {
        State::Refusing
    } else {
        State::Watching
    }
}

/// The limit that so many would break.
fn broken(limits: Guard, count: u64, managed: u64) -> Option<String> {
    if let Some(most) = limits.max_disables.filter(|most| count > *most) {
        return Some(format!("guard.max_disables is {most}"));
    }
    let most = limits.max_percent.filter(|_| managed >= MANY_USERS)?;
    #[expect(clippy::cast_precision_loss, reason = "users are far below 2^52")]
    let share = count as f64 * 100.0 / managed as f64;
    (share > most).then(|| format!("guard.max_percent is {most} % of {managed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_users_and_shares() {
        let guard = |max_disables, max_percent| Guard { max_disables, max_percent };
        assert_eq!(broken(guard(None, None), 1000, 1000), None);
        assert_eq!(broken(guard(Some(2), None), 2, 1000), None);
        assert!(broken(guard(Some(2), None), 3, 1000).is_some());
        assert_eq!(broken(guard(None, Some(10.0)), 9, 99), None, "too few to tell");
        assert_eq!(broken(guard(None, Some(10.0)), 10, 100), None);
        assert!(broken(guard(None, Some(10.0)), 11, 100).is_some());
    }

    #[test]
    fn its_state_is_what_the_next_one_meets() {
        let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
        let two = Guard { max_disables: Some(2), max_percent: None };
        let of = |allowed, count| state(two, allowed, count, 100, now);
        assert_eq!(state(Guard::default(), None, 99, 100, now), State::Off);
        assert_eq!([of(None, 1), of(None, 2)], [State::Watching, State::Refusing]);
        assert_eq!(of(Some(now + TimeDelta::hours(1)), 9), State::Allowed);
        assert_eq!(of(Some(now), 9), State::Refusing);
    }
}
