//! What a run needs to know of the configuration.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::clock::stamp;
use crate::config::{Cleanup, Config, Cron, Reconcile, Retention};
use crate::digest;
use crate::mapper::Layout;
use crate::notify::{self, Channels};
use crate::scheduler::{CLEANUP, RECONCILE};
use crate::store::grace::Due;

/// The settings of runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The install.
    pub layout: Arc<Layout>,
    /// `[reconcile]`
    pub reconcile: Reconcile,
    /// `[cleanup]`
    pub cleanup: Cleanup,
    /// `[retention]`
    pub retention: Retention,
    /// `schedule.reconcile`
    pub schedule: Option<Cron>,
    /// `schedule.cleanup`
    pub cleanup_schedule: Option<Cron>,
    /// Whom runs tell.
    pub channels: Channels,
    /// `schedule.timezone`
    pub zone: Tz,
    /// Hash of what decides about cleanup: `[cleanup]`, `[reconcile]` and the profile. Agents of one
    /// database should have the same.
    pub policy: String,
}

impl Settings {
    /// Takes from the configuration what runs need.
    pub fn new(config: &Config, layout: Arc<Layout>) -> Self {
        let profile = crate::profile::print(&layout.profile);
        let hash = digest::of(&format!("{}\n{profile}", config.policy()));
        Self {
            reconcile: config.reconcile.clone(),
            cleanup: config.cleanup.clone(),
            retention: config.retention.clone(),
            schedule: config.schedule.reconcile.clone(),
            cleanup_schedule: config.schedule.cleanup.clone(),
            channels: notify::channels(&config.notify),
            zone: config.schedule.timezone,
            policy: hash.chars().take(16).collect(),
            layout,
        }
    }

    /// Until when each stage of cleanup is due at a time.
    pub fn due(&self, now: DateTime<Utc>) -> Due {
        Due {
            strip: stamp(back(now, self.cleanup.strip_after)),
            anonymise: stamp(back(now, self.cleanup.anonymise_after)),
            delete: self.cleanup.delete_after.map(|after| stamp(back(now, after))),
        }
    }

    /// Until when it was due at the last time that cleanup stood on the schedule: between its
    /// grace's end and the next cleanup nobody is late.
    pub fn overdue(&self, now: DateTime<Utc>) -> Due {
        let Some(schedule) = &self.cleanup_schedule else { return self.due(now) };
        let long_ago = back(now, Duration::from_secs(5 * 366 * 86_400));
        self.due(schedule.latest_within(long_ago, now, self.zone).unwrap_or(long_ago))
    }

    /// When the schedule next runs the reconciler and cleanup.
    pub fn next_runs(&self, now: DateTime<Utc>) -> Vec<(&'static str, DateTime<Utc>)> {
        let lines = [(RECONCILE, &self.schedule), (CLEANUP, &self.cleanup_schedule)];
        let next = |(job, line): (_, &Option<Cron>)| {
            Some((job, line.as_ref()?.next_after(now, self.zone)?))
        };
        lines.into_iter().filter_map(next).collect()
    }

    /// When the next scheduled run is.
    pub fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.schedule.as_ref()?.next_after(now, self.zone)
    }
}

/// A time that lies so far back; the calendar's beginning when there is none.
pub fn back(now: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|duration| now.checked_sub_signed(duration))
        .unwrap_or(DateTime::UNIX_EPOCH)
}
