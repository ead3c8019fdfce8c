//! Carrying out a plan, and nothing but a plan: under a lease, step by step, each in a transaction
//! of its own, until it is done or too much goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::read::plan_now;
use super::steps::{self, Hand};
use crate::clock::{Clock, stamp};
use crate::drift::plan::{
    Cause, Deferral, Plan, Readiness, Reason, Stage, Step, by_stage, counted,
};
use crate::lease::{self, Lease, Leased};
use crate::notify::{self, Channels, Event};
use crate::reconcile::Settings;
use crate::reconcile::snapshot::Progress;
use crate::scheduler::{CLEANUP, Turn};
use crate::service::{self, Actor};
use crate::store::lease::require;
use crate::store::runs::{self, RunRow};
use crate::store::{Error, Store};

/// So many accounts in a row that can't be cleaned stop the run.
const ERRORS_IN_A_ROW: usize = 5;
/// From so many accounts on, errors on more than a tenth of them stop the run.
const ENOUGH_TO_TELL: usize = 10;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// Names the run: what `cleanup undo` takes.
    pub run: String,
    /// Steps done, by stage.
    pub done: BTreeMap<Stage, u64>,
    /// Steps of the plan that could not be done, and why.
    pub deferred: Vec<Deferral>,
    /// Why the run stopped before its end.
    pub stopped: Option<String>,
}

impl Applied {
    /// How many steps were done.
    pub fn steps(&self) -> u64 {
        self.done.values().sum()
    }
}

/// What became of wanting to apply.
#[derive(Debug)]
pub enum Outcome {
    /// It was done, as far as it could be.
    Applied(Applied),
    /// Nothing is due.
    Empty,
    /// The plan would now be another one: it has this hash.
    Differs(String),
    /// Nothing was written.
    Blocked(Plan),
    /// Somebody else is at it.
    Held {
        /// Who.
        by: String,
        /// Until when, unless renewed; UTC.
        until: NaiveDateTime,
    },
}

/// Applies the plan of this hash.
///
/// # Errors
/// The database's, before the first step.
pub async fn apply(
    store: &Store,
    settings: &Arc<Settings>,
    hash: &str,
    actor: &Actor,
    clock: &Clock,
    progress: &Progress,
) -> Result<Outcome, Error> {
    under_lease(store, |lease| async move {
        let plan = current(store, settings, clock()).await?;
        if plan.verdict == Readiness::Empty {
            return Ok(Outcome::Empty);
        }
        if plan.hash != hash {
            return Ok(Outcome::Differs(plan.hash));
        }
        if plan.verdict == Readiness::Blocked {
            return Ok(Outcome::Blocked(plan));
        }
        let run = Uuid::now_v7().to_string();
        let by = (actor, &lease);
        let applied = carry_out(store, settings, &plan, &run, by, clock, progress).await;
        let verdict = if applied.stopped.is_some() { "STOPPED" } else { "DONE" };
        record(store, settings, &plan, Some(&applied), verdict, None, clock()).await?;
        Ok(Outcome::Applied(applied))
    })
    .await
}

/// What the schedule does at its slot: applies what fits the thresholds; the first time with a
/// configuration or profile it only plans.
///
/// # Errors
/// The database's, before the first step.
pub async fn scheduled(
    store: &Store,
    settings: &Arc<Settings>,
    slot: DateTime<Utc>,
    clock: &Clock,
) -> Result<Turn, Error> {
    let outcome = under_lease(store, |lease| async move {
        let started = clock();
        let (served, last) = store
            .read((stamp(slot), stamp(started)), async |tx, (slot, now)| {
                let served = runs::served(tx, CLEANUP, *slot, *now).await?;
                Ok::<_, Error>((served, runs::last_of(tx, CLEANUP).await?))
            })
            .await?;
        if served {
            return Ok(Outcome::Empty);
        }
        let plan = current(store, settings, started).await?;
        let known = last.is_some_and(|run| run.config_hash == settings.policy);
        let (applied, verdict) = match plan.verdict {
            Readiness::Empty => (None, "EMPTY"),
            Readiness::Blocked => (None, "BLOCKED"),
            Readiness::Ready if !known => (None, "PLANNED"),
            Readiness::Ready => {
                let run = Uuid::now_v7().to_string();
                // Known before anything is done: `cleanup undo` takes it.
                tracing::info!(run, planned = plan.steps.len(), "cleanup begins");
                let progress = Progress::default();
                let by = (&Actor::Agent, &lease);
                let applied = carry_out(store, settings, &plan, &run, by, clock, &progress).await;
                let verdict = if applied.stopped.is_some() { "STOPPED" } else { "DONE" };
                (Some(applied), verdict)
            }
        };
        tell(&plan, applied.as_ref(), verdict);
        record(store, settings, &plan, applied.as_ref(), verdict, Some(slot), started).await?;
        Ok(Outcome::Empty)
    });
    Ok(match outcome.await? {
        Outcome::Held { by, .. } => Turn::Held { by },
        _ => Turn::Done,
    })
}

async fn under_lease<Run>(store: &Store, work: impl FnOnce(Lease) -> Run) -> Result<Outcome, Error>
where
    Run: Future<Output = Result<Outcome, Error>>,
{
    Ok(match lease::under_lease(store, CLEANUP, &lease::holder(), work).await? {
        Leased::Ran(outcome) => outcome,
        Leased::Held { by, until } => Outcome::Held { by, until },
    })
}

/// The plan as of now.
pub async fn current(
    store: &Store,
    settings: &Arc<Settings>,
    now: DateTime<Utc>,
) -> Result<Plan, Error> {
    let context = (Arc::clone(settings), now);
    store.snapshot(context, async |tx, (settings, now)| plan_now(tx, settings, *now).await).await
}

async fn carry_out(
    store: &Store,
    settings: &Arc<Settings>,
    plan: &Plan,
    run: &str,
    (actor, lease): (&Actor, &Lease),
    clock: &Clock,
    progress: &Progress,
) -> Applied {
    let mut applied =
        Applied { run: run.to_owned(), done: BTreeMap::new(), deferred: Vec::new(), stopped: None };
    // The account whose steps are being done, and the last with one that could not be done: what
    // comes after it waits. A plan has an account's steps one after another.
    let (mut account, mut left) = (None, None);
    let (mut tried, mut failed, mut in_a_row) = (0, 0, 0);
    for step in &plan.steps {
        progress.step();
        if left == Some(&step.scim_id) {
            continue;
        }
        if account.replace(&step.scim_id) != Some(&step.scim_id) {
            tried += 1;
        }
        let hand = Hand {
            settings: Arc::clone(settings),
            run: run.to_owned(),
            now: clock(),
            actor: actor.clone(),
        };
        let reason = match one(store, hand, step, lease).await {
            Ok(Ok(())) => {
                in_a_row = 0;
                *applied.done.entry(step.stage).or_default() += 1;
                continue;
            }
            Ok(Err(reason)) => reason,
            Err(error) => {
                in_a_row += 1;
                failed += 1;
                Reason::new(Cause::Error, error.for_operator())
            }
        };
        left = Some(&step.scim_id);
        applied.deferred.push(Deferral {
            stage: step.stage,
            scim_id: step.scim_id.clone(),
            name: step.name.clone(),
            reason,
        });
        applied.stopped = too_much(in_a_row, failed, tried);
        if applied.stopped.is_some() {
            break;
        }
    }
    applied
}

pub(super) fn too_much(in_a_row: usize, failed: usize, tried: usize) -> Option<String> {
    if in_a_row >= ERRORS_IN_A_ROW {
        return Some(format!("{in_a_row} accounts in a row could not be cleaned"));
    }
    (tried >= ENOUGH_TO_TELL && failed * 10 > tried)
        .then(|| format!("{failed} of {tried} accounts could not be cleaned, which is over 10 %"))
}

async fn one(
    store: &Store,
    hand: Hand,
    step: &Step,
    lease: &Lease,
) -> Result<Result<(), Reason>, service::Error> {
    store
        .write((hand, step.clone(), lease.clone()), async |tx, (hand, step, lease)| {
            // An agent that was thought dead must not work beside its successor.
            require(tx, lease).await?;
            steps::run(tx, hand, step).await
        })
        .await
}

/// The run's row.
async fn record(
    store: &Store,
    settings: &Settings,
    plan: &Plan,
    applied: Option<&Applied>,
    verdict: &str,
    slot: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let (failed, failures) =
        applied.map_or((0, Vec::new()), |applied| notify::Cleanup::failures(&applied.deferred));
    let mut reasons = plan.reasons.clone();
    reasons.extend(applied.and_then(|applied| applied.stopped.clone()));
    let event = Event::Cleanup(notify::Cleanup {
        run: applied.filter(|it| !it.done.is_empty()).map(|applied| applied.run.clone()),
        verdict: verdict.to_owned(),
        planned: plan.steps.len() as u64,
        done: applied.map_or(0, Applied::steps),
        reasons,
        failed,
        failures,
    });
    let row = RunRow {
        id: applied.map_or_else(|| Uuid::now_v7().to_string(), |applied| applied.run.clone()),
        started: stamp(now),
        finished: stamp(now),
        verdict: verdict.to_owned(),
        config_hash: settings.policy.clone(),
        summary: json!({
            "hash": plan.hash,
            "reasons": plan.reasons,
            "planned": plan.steps.len(),
            "deferred": plan.deferred.len() + applied.map_or(0, |it| it.deferred.len()),
            "done": applied.map_or(0, Applied::steps),
            "failed": failed,
            "stopped": applied.and_then(|applied| applied.stopped.clone()),
        }),
        job: Some(CLEANUP.to_owned()),
        slot: slot.map(stamp),
    };
    let channels = Channels::clone(&settings.channels);
    store
        .write((row, event, channels), async |tx, (row, event, channels)| {
            runs::delete(tx, &row.id).await?;
            if is_worth_a_word(row) && !same(runs::last_of(tx, CLEANUP).await?.as_ref(), row) {
                let occasion = format!("cleanup:{}", row.id);
                notify::announce(tx, channels, &occasion, event, row.started.and_utc()).await?;
            }
            runs::insert(tx, row).await
        })
        .await
}

/// Whether somebody has to look after it.
fn is_worth_a_word(run: &RunRow) -> bool {
    matches!(run.verdict.as_str(), "BLOCKED" | "STOPPED") || failed(run) > 0
}

/// Whether the run before came to the same, which people know then.
fn same(before: Option<&RunRow>, run: &RunRow) -> bool {
    before.is_some_and(|it| it.verdict == run.verdict && failed(it) == failed(run))
}

fn failed(run: &RunRow) -> u64 {
    run.summary.get("failed").and_then(Value::as_u64).unwrap_or_default()
}

/// What a scheduled cleanup came to: names stay in the plan.
fn tell(plan: &Plan, applied: Option<&Applied>, verdict: &str) {
    let run = applied.map(|applied| applied.run.as_str());
    let planned = counted(&by_stage(&plan.steps));
    let done = applied.map_or(0, Applied::steps);
    let deferred = plan.deferred.len() + applied.map_or(0, |applied| applied.deferred.len());
    let mut reasons = plan.reasons.clone();
    reasons.extend(applied.and_then(|applied| applied.stopped.clone()));
    let reasons = reasons.join("; ");
    if reasons.is_empty() {
        tracing::info!(run, verdict, planned, done, deferred, "cleanup");
    } else {
        tracing::warn!(run, verdict, planned, done, deferred, reasons, "cleanup");
    }
}
