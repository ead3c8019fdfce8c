//! What the schedule begins, runs of the reconciler, cleanup and the digest: by one agent of several, reports kept as files, old records
//! removed afterwards.
//!
//! Owns what a scheduled run does beside running. When it is due is the scheduler's.

mod files;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Settings;
use super::cleanup::apply as cleanup;
use super::run::{self, Occasion, Ran};
use super::settings::back;
use crate::clock::{Clock, stamp};
use crate::config::{Config, Cron};
use crate::drift::Report;
use crate::mapper::Layout;
use crate::notify::digest;
use crate::scheduler::{CLEANUP, DIGEST, Job, RECONCILE, Turn, Worker};
use crate::store::runs::{self, Keep};
use crate::store::{Error, Store};

/// A little more than seven days.
const WEEK: Duration = Duration::from_secs(8 * 86_400);

/// What the schedule needs to run the reconciler.
#[derive(Clone)]
pub struct Reconciler {
    store: Store,
    settings: Arc<Settings>,
    reports: PathBuf,
    /// `notify.digest`, where there is somebody to get it.
    digest: Option<Cron>,
    clock: Clock,
}

impl Reconciler {
    /// A reconciler over this database.
    pub fn new(store: Store, layout: Arc<Layout>, config: &Config, clock: Clock) -> Self {
        let settings = Arc::new(Settings::new(config, layout));
        let digest = config.notify.digest.clone().filter(|_| !settings.channels.is_empty());
        Self { store, settings, reports: config.reports.dir.clone(), digest, clock }
    }

    /// What its runs go by.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The jobs of the configuration, without those whose line is empty.
    pub fn jobs(&self) -> Vec<Job> {
        let zone = self.settings.zone;
        let lines = [
            (RECONCILE, self.settings.schedule.clone()),
            (CLEANUP, self.settings.cleanup_schedule.clone()),
        ];
        let lines = lines.into_iter().chain([(DIGEST, self.digest.clone())]);
        let job = |(name, cron): (_, Option<_>)| Some(Job { name, cron: cron?, zone });
        lines.filter_map(job).collect()
    }

    async fn reconcile(&self, job: &'static str, slot: DateTime<Utc>) -> Result<Turn, Error> {
        let occasion = Occasion { slot: Some((job, slot)), ..Occasion::default() };
        let progress = Arc::default();
        match run::run(&self.store, &self.settings, &occasion, &self.clock, progress).await? {
            Ran::Report(report) => {
                tell(&report);
                files::keep(&self.reports, &report);
                self.forget().await;
            }
            Ran::Served => tracing::debug!(job, %slot, "another agent ran it"),
            Ran::Held { by, .. } => return Ok(Turn::Held { by }),
        }
        Ok(Turn::Done)
    }

    /// Removes what is older than `[retention]` says. That it can't is no reason to call the run
    /// a failure: the next one tries again.
    async fn forget(&self) {
        let now = (self.clock)();
        let retention = &self.settings.retention;
        let before = |duration| stamp(back(now, duration));
        let keep = Keep {
            audit: before(retention.audit),
            runs: before(retention.runs),
            // The thresholds count a week back.
            journal: before(retention.runs.max(WEEK)),
            findings: before(retention.findings),
            // The newest digest says which one is due next.
            notices: before(retention.runs.max(WEEK)),
            expired: stamp(now),
        };
        let mut removed = 0;
        loop {
            let some = self.store.write(keep, async |tx, keep| runs::forget(tx, *keep).await).await;
            match some {
                Ok(0) => break,
                Ok(rows) => removed += rows,
                Err(error) => {
                    tracing::warn!(%error, "old records could not be removed");
                    break;
                }
            }
        }
        if removed > 0 {
            tracing::info!(rows = removed, "old records were removed");
        }
        files::forget(&self.reports, back(now, retention.runs));
    }
}

impl Worker for Reconciler {
    type Error = Error;

    async fn last(
        &self,
        job: &'static str,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, Error> {
        if job == DIGEST {
            return digest::last(&self.store, now).await;
        }
        let last = self
            .store
            .read((job, stamp(now)), async |tx, (job, now)| runs::last_slot(tx, job, *now).await)
            .await?;
        Ok(last.map(|slot| slot.and_utc()))
    }

    async fn run(&self, job: &'static str, slot: DateTime<Utc>) -> Result<Turn, Error> {
        if job == CLEANUP {
            return cleanup::scheduled(&self.store, &self.settings, slot, &self.clock).await;
        }
        if job == DIGEST {
            digest::make(&self.store, &self.settings.channels, slot, (self.clock)()).await?;
            return Ok(Turn::Done);
        }
        self.reconcile(job, slot).await
    }
}

/// The verdict, and how many findings: names stay in the report.
fn tell(report: &Report) {
    let (run, verdict) = (report.run.id.as_str(), report.verdict.as_str());
    let findings = report.total();
    let new: u64 = report.counts.iter().map(|count| count.new).sum();
    if report.reasons.is_empty() {
        tracing::info!(run, verdict, findings, new, "reconciled");
    } else {
        let reasons = report.reasons.join("; ");
        tracing::warn!(run, verdict, findings, new, reasons, "reconciled");
    }
}
