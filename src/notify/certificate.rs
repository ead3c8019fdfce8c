//! A word before a certificate expires: once at each of a few distances, however often and by
//! however many agents it is looked at.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Channels, Event, announce};
use crate::store::{Error, Store};

/// Days before the end at which people are told.
const STEPS: [i64; 5] = [0, 1, 3, 7, 14];

/// Tells of a certificate that expires within fourteen days. Call it as often as the certificate is
/// looked at; `name` is how an operator knows it, such as its file.
pub async fn certificate_expires(
    store: &Store,
    channels: &Channels,
    name: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(step) = step(until, now).filter(|_| !channels.is_empty()) else { return Ok(()) };
    let occasion = format!("certificate:{}:{step}", until.format("%Y-%m-%dT%H:%M:%SZ"));
    let event = Event::Certificate { name: name.to_owned(), until };
    let context = (Channels::clone(channels), occasion, event, now);
    store
        .write(context, async |tx, (channels, occasion, event, now)| {
            announce(tx, channels, occasion, event, *now).await
        })
        .await
}

/// The distance that has been reached; `None` when the end is further away than any.
fn step(until: DateTime<Utc>, now: DateTime<Utc>) -> Option<i64> {
    STEPS.into_iter().find(|days| until - now <= TimeDelta::days(*days))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distance_is_told_once() {
        let until = "2026-12-31T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let at = |days, minutes| {
            step(until, until - TimeDelta::days(days) - TimeDelta::minutes(minutes))
        };
        assert_eq!(at(14, 1), None);
        assert_eq!(at(14, 0), Some(14));
        assert_eq!(at(7, 1), Some(14));
        assert_eq!(at(3, 0), Some(3));
        assert_eq!(at(0, 1), Some(1));
        assert_eq!(at(-2, 0), Some(0), "it has expired");
    }
}
