//! When the daemon's jobs run.
//!
//! Owns the waiting and the catching up. What a job does, which slots were run, and that one agent
//! of several does it are the [`Worker`]'s; when a line is due is [`Cron`]'s.
//!
//! A slot is a time at which a job's line is due. Slots that passed while nobody was there (the
//! daemon was down, the machine slept, another job took long) are caught up together: the newest of
//! them runs, once.

use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures_util::FutureExt as _;

use crate::clock::Clock;
use crate::config::Cron;

/// The clock is read this often, as it may be set and the machine may sleep.
const LOOK: Duration = Duration::from_secs(30);
/// While another agent is at a slot, it is asked this often whether it still is: it may have died.
const HELD_LOOK: Duration = Duration::from_secs(5);

/// Runs of the reconciler. A job's name is what leases, `scim_runs.job` and the log know it by.
pub const RECONCILE: &str = "reconcile";
/// Cleanup of users whom Entra disabled.
pub const CLEANUP: &str = "cleanup";
/// The digest of a week, for `[notify]`.
pub const DIGEST: &str = "digest";

/// Something to do at certain times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What the worker and the log know it by.
    pub name: &'static str,
    /// When.
    pub cron: Cron,
    /// Whose clock the line means.
    pub zone: Tz,
}

/// What became of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It was run, here or elsewhere.
    Done,
    /// Somebody else is at it. Should they die, it is to be run here.
    Held {
        /// Who.
        by: String,
    },
}

/// Does the jobs.
pub trait Worker: Sync {
    /// Why it couldn't.
    type Error: Display;

    /// The last slot of this job, up to `now`, that any agent ran; `None` when the job never ran, in
    /// which case nothing was missed. A later one was run by a clock that was ahead, and hides no slot.
    fn last(
        &self,
        job: &'static str,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Option<DateTime<Utc>>, Self::Error>> + Send;

    /// Runs the job for a slot. Other agents may be told the same at the same time: whoever gets
    /// the job's lease asks once more whether the slot was run.
    fn run(
        &self,
        job: &'static str,
        slot: DateTime<Utc>,
    ) -> impl Future<Output = Result<Turn, Self::Error>> + Send;
}

/// Runs each job at its slots, one job after another, until `shutdown` resolves. A job that is
/// running then is waited for: how long is the caller's choice.
pub async fn run<W: Worker>(
    jobs: Vec<Job>,
    worker: &W,
    clock: Clock,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let mut planned: Vec<Planned> = jobs.into_iter().map(Planned::new).collect();
    loop {
        for job in &mut planned {
            if shutdown.as_mut().now_or_never().is_some() {
                return;
            }
            job.run_if_due(worker, &clock).await;
        }
        tokio::select! {
            () = shutdown.as_mut() => return,
            () = tokio::time::sleep(wait(&planned, clock())) => {}
        }
    }
}

/// Until the next slot of any job, or the next look at the clock.
fn wait(planned: &[Planned], now: DateTime<Utc>) -> Duration {
    let next = planned.iter().filter_map(|it| it.job.cron.next_after(now, it.job.zone)).min();
    let look = if planned.iter().any(|it| it.held.is_some()) { HELD_LOOK } else { LOOK };
    next.and_then(|next| (next - now).to_std().ok()).map_or(look, |until| until.min(look))
}

struct Planned {
    job: Job,
    /// Slots up to this time need no more thought; unknown until the worker has answered.
    done: Option<DateTime<Utc>>,
    /// The slot that somebody else is at.
    held: Option<DateTime<Utc>>,
    answers: Answers,
}

/// Whether the worker's last answer to "which slot was run" was one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    Given,
    Missing,
}

impl Planned {
    fn new(job: Job) -> Self {
        Self { job, done: None, held: None, answers: Answers::Given }
    }

    async fn run_if_due<W: Worker>(&mut self, worker: &W, clock: &Clock) {
        let job = self.job.name;
        match self.due(worker, clock()).await {
            Ok(None) => (self.answers, self.held) = (Answers::Given, None),
            Ok(Some(slot)) => {
                self.answers = Answers::Given;
                let seen = self.held == Some(slot);
                if let Turn::Held { by } = run_logged(worker, job, slot, seen, clock).await {
                    if !seen {
                        tracing::info!(job, %slot, by, "another run is under way");
                    }
                    self.held = Some(slot);
                    return;
                }
                // Also when it fails: the next try is at the next slot.
                (self.done, self.held) = (Some(slot), None);
            }
            Err(error) => {
                // Asked again at the next look, so the slot isn't lost; said once.
                if self.answers == Answers::Given {
                    tracing::warn!(job, %error, "which slot was run last can't be told; retrying");
                }
                self.answers = Answers::Missing;
            }
        }
    }

    /// The newest slot that has come and that nobody has run.
    async fn due<W: Worker>(
        &mut self,
        worker: &W,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, W::Error> {
        let done = match self.done {
            Some(done) => done,
            None => worker.last(self.job.name, now).await?.unwrap_or(now),
        };
        // Where a clock was set back, slots come again; those that were run are known below.
        let done = *self.done.insert(done.min(now));
        let Some(slot) = self.job.cron.latest_within(done, now, self.job.zone) else {
            return Ok(None);
        };
        if worker.last(self.job.name, now).await?.is_some_and(|last| last >= slot) {
            self.done = Some(slot);
            return Ok(None);
        }
        Ok(Some(slot))
    }
}

/// Runs a slot. Where it fails or panics, it is done all the same.
async fn run_logged<W: Worker>(
    worker: &W,
    job: &'static str,
    slot: DateTime<Utc>,
    seen: bool,
    clock: &Clock,
) -> Turn {
    let late = clock() - slot;
    if late > TimeDelta::minutes(1) && !seen {
        tracing::info!(job, %slot, "a missed slot is caught up");
    }
    // One job's bug must not stop the others.
    match AssertUnwindSafe(worker.run(job, slot)).catch_unwind().await {
        Ok(Ok(turn)) => return turn,
        Ok(Err(error)) => tracing::error!(job, %slot, %error, "a job failed"),
        // The panic hook has logged the place and the message.
        Err(_) => tracing::error!(job, %slot, "a job panicked"),
    }
    Turn::Done
}

#[cfg(test)]
mod tests;
