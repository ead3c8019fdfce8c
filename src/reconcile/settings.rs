//! What a run needs to know of the configuration.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::snapshot::Question;
use crate::config::{Cleanup, Config, Cron, Reconcile, Retention};
use crate::mapper::Layout;
use crate::service::stamp;
use crate::store::snapshot::Due;

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
    /// `schedule.timezone`
    pub zone: Tz,
    /// Hash of configuration and profile: two equal ones mean the same behaviour.
    pub hash: String,
}

impl Settings {
    /// Takes from the configuration what runs need.
    #[must_use]
    pub fn new(config: &Config, layout: Arc<Layout>) -> Self {
        let profile = crate::profile::print(&layout.profile);
        let hash = Sha256::digest(format!("{}\n{profile}", config.hash()));
        Self {
            reconcile: config.reconcile.clone(),
            cleanup: config.cleanup.clone(),
            retention: config.retention.clone(),
            schedule: config.schedule.reconcile.clone(),
            cleanup_schedule: config.schedule.cleanup.clone(),
            zone: config.schedule.timezone,
            hash: hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            layout,
        }
    }

    /// What a run that begins now looks for.
    #[must_use]
    pub fn question(&self, now: DateTime<Utc>) -> Question {
        let due = |at: DateTime<Utc>| Due {
            strip: stamp(back(at, self.cleanup.strip_after)),
            anonymise: stamp(back(at, self.cleanup.anonymise_after)),
        };
        // Between its grace's end and the next cleanup nobody is late.
        let cleaned = match &self.cleanup_schedule {
            Some(schedule) => {
                let long_ago = back(now, Duration::from_secs(5 * 366 * 86_400));
                schedule.latest_within(long_ago, now, self.zone).unwrap_or(long_ago)
            }
            None => now,
        };
        Question {
            layout: Arc::clone(&self.layout),
            tolerate: self.reconcile.tolerate.clone(),
            due: due(now),
            overdue: due(cleaned),
        }
    }

    /// When the next scheduled run is.
    #[must_use]
    pub fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.schedule.as_ref()?.next_after(now, self.zone)
    }
}

/// A time that lies so far back; the calendar's beginning when there is none.
#[must_use]
pub fn back(now: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|duration| now.checked_sub_signed(duration))
        .unwrap_or(DateTime::UNIX_EPOCH)
}
