//! When a line is next due, across clock changes.
//!
//! The crate `cron` looks for local times as if they were UTC, where every time exists once; what a
//! local time is in the zone is decided here.

use chrono::{DateTime, Datelike as _, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::{GapInfo, Tz};

use super::{Cron, Hours, YEAR};

/// Before the first second that a line can name, in any time zone.
const BEFORE_ALL: i64 = -2 * 86_400;
/// No zone changes its clock back within this.
const BETWEEN_CHANGES: i64 = 6 * 3600;

impl Cron {
    /// The first time after `after` at which the line is due on the clock of `zone`, or `None` when
    /// it isn't before the year 2101.
    ///
    /// A line that names hours means times of the day: a time that the clock skips is due at the
    /// first minute after the gap, all skipped ones together once; a time that the clock repeats is
    /// due the first time. A line with every hour means an interval (each hour, every ten minutes):
    /// it is due whenever the clock matches, so that no real hour is left out and none gets more.
    pub fn next_after(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        // Also keeps the arithmetic off the calendar's ends.
        if after.year() > i32::try_from(YEAR.max).ok()? {
            return None;
        }
        let after = DateTime::from_timestamp(after.timestamp().max(BEFORE_ALL), 0)?;
        match self.hours {
            Hours::Some => self.next_time_of_day(after, zone),
            Hours::Every => self.next_of_interval(after, zone),
        }
    }

    /// The times at which the line is due after `after`, one after the other.
    pub fn upcoming(
        &self,
        after: DateTime<Utc>,
        zone: Tz,
    ) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        let next = move |after: &DateTime<Utc>| self.next_after(*after, zone);
        std::iter::successors(next(&after), next)
    }

    /// The last time at which the line is due after `after` and not after `until`.
    pub fn latest_within(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
        zone: Tz,
    ) -> Option<DateTime<Utc>> {
        let due = |after| self.next_after(after, zone).filter(|next| *next <= until);
        // A line may be due every second and `after` years ago: halve, don't walk.
        let mut latest = due(after)?;
        let mut none_after = until;
        while none_after - latest > TimeDelta::seconds(1) {
            let middle = latest + (none_after - latest) / 2;
            match due(middle) {
                Some(later) => latest = later,
                None => none_after = middle,
            }
        }
        Some(due(latest).unwrap_or(latest))
    }

    pub(super) fn is_ever_due(&self) -> bool {
        DateTime::from_timestamp(BEFORE_ALL, 0)
            .is_some_and(|start| self.next_match(start).is_some())
    }

    /// The first local time after `local` that matches the fields; both written as if in UTC.
    fn next_match(&self, local: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.schedules.iter().filter_map(|schedule| schedule.after(&local).next()).min()
    }

    fn next_time_of_day(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        // Earlier local times came earlier, those of a gap at its end: none needs a look.
        let mut local = after + offset(after, zone);
        loop {
            local = self.next_match(local)?;
            // In the second pass of a repeated hour, its local times have had their turn.
            if let Some(due) = first_or_after_gap(local, zone).filter(|due| *due > after) {
                return Some(due);
            }
        }
    }

    fn next_of_interval(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let mut from = after;
        let mut offset = offset(after, zone);
        loop {
            let due = self.next_match(from + offset)? - offset;
            match first_change(offset, from, due, zone) {
                None => return Some(due),
                // On with the new offset; the moment of the change itself may match.
                Some((change, then)) => {
                    from = change - TimeDelta::seconds(1);
                    offset = then;
                }
            }
        }
    }
}

fn offset(at: DateTime<Utc>, zone: Tz) -> TimeDelta {
    let seconds = zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    TimeDelta::seconds(seconds.into())
}

/// When the zone's clock first shows `local`, or, where it skips that, the end of the gap.
fn first_or_after_gap(local: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    let local = local.naive_utc();
    let shown = zone.from_local_datetime(&local).earliest();
    let shown = shown.or_else(|| GapInfo::new(&local, &zone).and_then(|gap| gap.end));
    shown.map(|shown| shown.to_utc())
}

/// The first time after `from`, up to `to`, at which the zone's offset isn't `offset`, and the
/// offset it has then.
fn first_change(
    offset: TimeDelta,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    zone: Tz,
) -> Option<(DateTime<Utc>, TimeDelta)> {
    let changed = |at: i64| {
        let at = DateTime::from_timestamp(at, 0)?;
        let then = self::offset(at, zone);
        (then != offset).then_some((at, then))
    };
    let (mut same, to) = (from.timestamp(), to.timestamp());
    let mut other = loop {
        let probe = (same + BETWEEN_CHANGES).min(to);
        if changed(probe).is_some() {
            break probe;
        }
        if probe == to {
            return None;
        }
        same = probe;
    };
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        if changed(middle).is_some() { other = middle } else { same = middle }
    }
    changed(other)
}
