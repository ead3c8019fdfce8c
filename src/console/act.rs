//! What an operator does from the console: the functions that commands call, each asked first what it
//! would come to. What was shown is what is written: who says yes says to what, and where that is no
//! longer so nothing is written.
//!
//! What takes several transactions goes on when nobody waits for it any more.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::Console;
use crate::clock::{stamp, system_clock};
use crate::drift::{Item, Kind};
use crate::reconcile::cleanup::{apply, hold, undo};
use crate::reconcile::mend;
use crate::reconcile::snapshot::Progress;
use crate::scheduler::CLEANUP;
use crate::service::credentials::{self, Credential, Secret};
use crate::service::{Error, Scope, guard};
use crate::store::{cleanup, console, findings, reports, runs};

pub use crate::reconcile::cleanup::apply::{Applied, Outcome};
pub use crate::reconcile::cleanup::hold::Why;
pub use crate::reconcile::cleanup::undo::{Kept, LOOKED_AT, Undone};
pub use crate::reconcile::mend::{Action, Mended, Written};
pub use crate::service::{Actor, Came};

/// Runs of cleanup that can be undone, so many days back.
const DAYS: i64 = 30;
/// Runs of cleanup that a page lists.
const RUNS: usize = 10;

/// A finding, ended or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The finding.
    pub item: Item,
    /// When it ended, and how.
    pub ended: Option<(DateTime<Utc>, String)>,
    /// Since when it is ignored, and why.
    pub ignored: Option<(DateTime<Utc>, Option<String>)>,
}

/// A run of cleanup that changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanupRun {
    /// Its id.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// How many steps it did.
    pub done: u64,
}

impl Console {
    /// The finding of this id. One statement.
    pub async fn finding(&self, id: &str) -> Result<Option<Finding>, Error> {
        let read =
            self.service.store().read(id.to_owned(), async |tx, id| findings::one(tx, id).await);
        Ok(read.await?.map(|stored| Finding {
            ended: stored.resolved.map(|at| {
                (at.and_utc(), stored.resolution.clone().unwrap_or_else(|| "gone".to_owned()))
            }),
            ignored: stored.ignored.clone().map(|(at, why)| (at.and_utc(), why)),
            item: reports::standing(stored),
        }))
    }

    /// What restoring or adopting a finding would come to.
    pub async fn look(
        &self,
        action: Action,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Mended, Error> {
        let layout = Arc::clone(self.service.layout());
        mend::look(self.service.store(), layout, action, id, now).await
    }

    /// Restores or adopts a finding, where that comes to what has this seal.
    pub async fn mend(
        &self,
        action: Action,
        (id, seal): (&str, &str),
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Came<Mended>, Error> {
        let (store, layout) = (self.service.store(), Arc::clone(self.service.layout()));
        let came = mend::act_as_shown(store, layout, action, (id, seal), actor, now).await;
        self.forget_figures().await;
        came
    }

    /// Ignores a finding.
    pub async fn ignore(
        &self,
        id: &str,
        reason: Option<String>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Mended, Error> {
        let (store, layout) = (self.service.store(), Arc::clone(self.service.layout()));
        let came = mend::ignore(store, layout, id, reason, actor, now).await;
        self.forget_figures().await;
        came
    }

    /// How many findings of a kind are open that nobody ignores. One statement.
    pub async fn open_of(&self, kind: Kind) -> Result<u64, Error> {
        let read = self.service.store().read((), async |tx, ()| console::open_findings(tx).await);
        Ok(read.await?.get(&kind).copied().unwrap_or_default())
    }

    /// Ignores all findings of a kind, where they are as many as were seen.
    pub async fn ignore_kind(
        &self,
        (kind, seen): (Kind, u64),
        reason: Option<String>,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Came<u64>, Error> {
        match self.open_of(kind).await? {
            0 => return Ok(Came::Already("no finding of the kind is left to ignore".to_owned())),
            open if open != seen => return Ok(Came::Changed),
            _ => {}
        }
        let console = self.clone();
        to_its_end(async move {
            let (store, layout) = (console.service.store(), Arc::clone(console.service.layout()));
            let ignored = mend::ignore_kind(store, layout, kind, reason, &actor, now).await;
            console.forget_figures().await;
            Ok(Came::Done(ignored? as u64))
        })
        .await
    }

    /// Ids of the users whom a userName or an id means.
    pub async fn meant(&self, user: &str) -> Result<Vec<String>, Error> {
        hold::meant(self.service.store(), self.service.layout(), user).await
    }

    /// Why an account is on hold. One statement.
    pub async fn held(&self, id: &str) -> Result<Why, Error> {
        let read =
            self.service.store().read(id.to_owned(), async |tx, id| cleanup::held(tx, id).await);
        Ok(read.await?)
    }

    /// Puts an account on hold, where its hold is as it was seen.
    pub async fn hold(
        &self,
        id: &str,
        reason: &str,
        seen: &Why,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Came<()>, Error> {
        hold::hold(self.service.store(), id, reason, Some(seen), actor, now).await
    }

    /// Releases an account, where its hold is as it was seen.
    pub async fn release(
        &self,
        id: &str,
        seen: &Why,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Came<()>, Error> {
        hold::release(self.service.store(), id, Some(seen), actor, now).await
    }

    /// Applies the plan of this hash.
    pub async fn apply(&self, hash: String, actor: Actor) -> Result<Outcome, Error> {
        let console = self.clone();
        to_its_end(async move {
            let (store, settings) = (console.service.store(), &console.settings);
            let (clock, progress) = (system_clock(), Progress::default());
            let came = apply::apply(store, settings, &hash, &actor, &clock, &progress).await;
            console.forget_figures().await;
            Ok(came?)
        })
        .await
    }

    /// The last runs of cleanup that did something, newest first. One statement.
    pub async fn cleanup_runs(&self, now: DateTime<Utc>) -> Result<Vec<CleanupRun>, Error> {
        let times = (stamp(now - TimeDelta::days(DAYS)), stamp(now));
        let read = self.service.store().read(times, async |tx, (since, until)| {
            runs::of_within(tx, CLEANUP, *since, *until).await
        });
        let mut runs: Vec<CleanupRun> = read
            .await?
            .into_iter()
            .map(|run| CleanupRun {
                done: run
                    .summary
                    .get("done")
                    .and_then(serde_json::Value::as_u64)
                    .unwrap_or_default(),
                at: run.started.and_utc(),
                id: run.id,
            })
            .filter(|run| run.done > 0)
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.at));
        runs.truncate(RUNS);
        Ok(runs)
    }

    /// The steps of a run, and what undoing them brings back. One statement.
    pub async fn steps_of(&self, run: &str) -> Result<Vec<Kept>, Error> {
        undo::look(self.service.store(), run).await
    }

    /// Takes a run of cleanup back.
    pub async fn undo(
        &self,
        run: String,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Vec<Undone>, Error> {
        let console = self.clone();
        to_its_end(async move {
            let (store, settings) = (console.service.store(), &console.settings);
            let undone = undo::undo(store, settings, &run, &actor, now).await;
            console.forget_figures().await;
            undone
        })
        .await
    }

    /// Lets clients disable users without a limit until a time.
    pub async fn allow(
        &self,
        until: DateTime<Utc>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Came<()>, Error> {
        let came = guard::allow(self.service.store(), until, actor, now).await;
        self.forget_figures().await;
        came
    }

    /// The token of this name, and what names the secret that it has.
    pub async fn token(&self, name: &str) -> Result<(Credential, String), Error> {
        credentials::one(self.service.store(), credentials::Kind::Token, name).await
    }

    /// Makes a token.
    pub async fn make_token(
        &self,
        name: &str,
        scope: Scope,
        expires: Option<DateTime<Utc>>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Secret, Error> {
        let (store, kind) = (self.service.store(), credentials::Kind::Token);
        credentials::create(store, kind, name, expires, scope, actor, now).await
    }

    /// Gives a token another secret, where it has the one that was seen.
    pub async fn rotate(
        &self,
        (name, seen): (&str, &str),
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Came<Secret>, Error> {
        let (store, kind) = (self.service.store(), credentials::Kind::Token);
        credentials::rotate(store, kind, name, Some(seen), actor, now).await
    }

    /// Ends a token.
    pub async fn revoke(
        &self,
        name: &str,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Came<()>, Error> {
        let (store, kind) = (self.service.store(), credentials::Kind::Token);
        credentials::revoke(store, kind, name, actor, now).await
    }

    /// What was written is to be seen at once.
    async fn forget_figures(&self) {
        self.kept.lock().await.figures = None;
    }
}

/// Does it to its end, whoever waits.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.map_err(|error| Error::Internal(Box::new(error)))?
}
