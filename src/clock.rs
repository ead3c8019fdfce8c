//! Time: where `now` comes from, and what the sidecar keeps of it. Below every room; knows none.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, SubsecRound as _, Utc};

/// Where `now` comes from: the machine's clock, or a test's.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(Utc::now)
}

/// A time as the sidecar keeps it: UTC, microseconds.
pub(crate) fn stamp(now: DateTime<Utc>) -> NaiveDateTime {
    now.naive_utc().trunc_subsecs(6)
}
