//! What requests and audited writes say of Entra: rates, cycles, the way to quarantine. Pure; what is
//! estimated is called so.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::console::Write;

/// Entra's requests come in bursts. A pause of more minutes than this ends one.
const PAUSE: i64 = 5;
/// Entra quarantines a job when more than this share of its calls fails …
const QUARANTINE_PERCENT: u64 = 40;
/// … and there are so many.
const QUARANTINE_FROM: u64 = 5_000;
/// A share of failures from which somebody should look.
const WORRYING_PERCENT: u64 = 10;

/// What came in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Requests.
    pub requests: u64,
    /// Of them, those that failed: what Entra counts against a job. A 404 is none, since Entra asks
    /// for what may be gone.
    pub failed: u64,
    /// Of the failed, those without a good token.
    pub unauthorised: u64,
}

impl Minute {
    fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            failed: self.failed + other.failed,
            unauthorised: self.unauthorised + other.unauthorised,
        }
    }

    /// The share of failures, in percent, rounded down.
    pub fn failed_percent(self) -> u64 {
        (self.failed * 100).checked_div(self.requests).unwrap_or_default()
    }
}

/// Minutes since 1970, with what came in each.
pub type Minutes = BTreeMap<i64, Minute>;

/// The minute of a time.
pub fn minute(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

/// Audited writes by the minute.
pub fn of_writes(writes: &[Write]) -> Minutes {
    let mut minutes = Minutes::new();
    for write in writes {
        let entry = minutes.entry(minute(write.at.and_utc())).or_default();
        entry.requests += 1;
        entry.failed += u64::from(write.outcome != "done");
    }
    minutes
}

/// Two views of the same traffic as one: of each minute, whichever saw more. Nothing is counted twice;
/// what only one of several agents saw may be missing.
pub fn merged(one: &Minutes, other: &Minutes) -> Minutes {
    let mut all = one.clone();
    for (at, seen) in other {
        let entry = all.entry(*at).or_default();
        entry.requests = entry.requests.max(seen.requests);
        entry.failed = entry.failed.max(seen.failed);
        entry.unauthorised = entry.unauthorised.max(seen.unauthorised);
    }
    all
}

/// What came in the last minutes, the one under way included.
pub fn within(minutes: &Minutes, now: DateTime<Utc>, last: i64) -> Minute {
    let from = minute(now) - last + 1;
    minutes.range(from..).map(|(_, it)| *it).fold(Minute::default(), Minute::plus)
}

/// A burst of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    /// The minute it began.
    pub began: DateTime<Utc>,
    /// The last minute with a request.
    pub last: DateTime<Utc>,
    /// What came.
    pub seen: Minute,
}

impl Cycle {
    /// Whether requests may still come: the last came within the pause that ends a burst.
    pub fn under_way(&self, now: DateTime<Utc>) -> bool {
        minute(now) - minute(self.last) <= PAUSE
    }

    /// Minutes from its beginning to its last request, at least one.
    pub fn minutes(&self) -> u64 {
        u64::try_from(minute(self.last) - minute(self.began)).unwrap_or_default() + 1
    }
}

/// The bursts, oldest first.
pub fn cycles(minutes: &Minutes) -> Vec<Cycle> {
    let mut cycles: Vec<Cycle> = Vec::new();
    for (at, seen) in minutes.iter().filter(|(_, seen)| seen.requests > 0) {
        let Some(time) = DateTime::from_timestamp(at * 60, 0) else { continue };
        match cycles.last_mut() {
            Some(cycle) if at - minute(cycle.last) <= PAUSE => {
                cycle.last = time;
                cycle.seen = cycle.seen.plus(*seen);
            }
            _ => cycles.push(Cycle { began: time, last: time, seen: *seen }),
        }
    }
    cycles
}

/// How near Entra is to quarantining the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// Nothing came that could tell.
    Unknown,
    /// Calls succeed.
    Fine,
    /// Some fail.
    Worrying,
    /// So many fail that Entra quarantines the job once it has made enough calls.
    Likely,
    /// So many fail, and enough calls were made; or no call has a good token.
    Expected,
}

/// Judges what came.
pub fn forecast(seen: Minute) -> Forecast {
    let share = seen.failed_percent();
    if seen.requests == 0 {
        Forecast::Unknown
    } else if seen.unauthorised == seen.requests
        || (share > QUARANTINE_PERCENT && seen.requests >= QUARANTINE_FROM)
    {
        Forecast::Expected
    } else if share > QUARANTINE_PERCENT {
        Forecast::Likely
    } else if share >= WORRYING_PERCENT {
        Forecast::Worrying
    } else {
        Forecast::Fine
    }
}

/// Refused writes of the last day among those at hand, by why, the most frequent first.
pub fn refusals(writes: &[Write], now: DateTime<Utc>) -> Vec<(String, u64)> {
    let since = now.naive_utc() - TimeDelta::days(1);
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for write in writes.iter().filter(|it| it.outcome != "done" && it.at >= since) {
        let kind = write.resource_type.as_deref().unwrap_or("resource");
        let reason = format!("{} {kind}: {}", write.operation, write.outcome);
        *counted.entry(reason).or_default() += 1;
    }
    let mut counted: Vec<(String, u64)> = counted.into_iter().collect();
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn seen(requests: u64, failed: u64) -> Minute {
        Minute { requests, failed, unauthorised: 0 }
    }

    #[test]
    fn a_pause_ends_a_cycle() {
        let now = at("2026-11-25T12:00:30Z");
        let this = minute(now);
        let minutes = Minutes::from([
            (this - 60, seen(100, 0)),
            (this - 56, seen(20, 2)),
            (this - 50, seen(7, 0)),
            (this - 4, seen(3, 1)),
        ]);
        let cycles = cycles(&minutes);
        let sizes: Vec<u64> = cycles.iter().map(|cycle| cycle.seen.requests).collect();
        assert_eq!(sizes, [120, 7, 3]);
        assert_eq!(cycles[0].minutes(), 5);
        assert!(!cycles[1].under_way(now) && cycles[2].under_way(now));
        assert_eq!(within(&minutes, now, 5), seen(3, 1));
        assert_eq!(within(&minutes, now, 61), seen(130, 3));
        assert_eq!(within(&minutes, now, 60), seen(30, 3));
    }

    #[test]
    fn nothing_is_counted_twice() {
        let one = Minutes::from([(1, seen(10, 0)), (2, seen(1, 1))]);
        let other = Minutes::from([(1, seen(4, 2)), (3, seen(5, 0))]);
        let both = Minutes::from([(1, seen(10, 2)), (2, seen(1, 1)), (3, seen(5, 0))]);
        assert_eq!(merged(&one, &other), both);
    }

    #[test]
    fn quarantine_wants_a_share_and_a_number() {
        assert_eq!(forecast(seen(0, 0)), Forecast::Unknown);
        assert_eq!(forecast(seen(5_000, 499)), Forecast::Fine);
        assert_eq!(forecast(seen(100, 10)), Forecast::Worrying);
        assert_eq!(forecast(seen(100, 40)), Forecast::Worrying);
        assert_eq!(forecast(seen(100, 41)), Forecast::Likely);
        assert_eq!(forecast(seen(5_000, 2_050)), Forecast::Expected);
        let locked_out = Minute { requests: 3, failed: 3, unauthorised: 3 };
        assert_eq!(forecast(locked_out), Forecast::Expected);
    }
}
