//! One run, from the first row read to the report: snapshot → findings → `reconcile.auto` → their
//! lives and the run's row, in one transaction → report.
//!
//! A run that can't read everything, or can't believe what it read, is `INCOMPLETE`: it shows what it
//! found as unconfirmed, opens and ends no finding, and writes nothing but its own row.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use super::compare::Export;
use super::outcome::{Outcome, Past};
use super::snapshot::{self, Progress, Seen};
use super::{Settings, auto, judge};
use crate::clock::{Clock, stamp};
use crate::drift::report::Listing;
use crate::drift::{Report, Rows, Run};
use crate::lease::{self, Lease, Leased};
use crate::notify::{self, Channels, Event};
use crate::store::cleanup::removed_since;
use crate::store::findings::Stored;
use crate::store::lease::{self as lease_rows, require};
use crate::store::{Error, Store, Tx, findings, reports, runs};

/// The lease of runs.
pub const LEASE: &str = "reconcile";

/// What began a run.
#[derive(Debug, Clone, Default)]
pub struct Occasion {
    /// The schedule and the time for which it began the run; `None`: a person did.
    pub slot: Option<(&'static str, DateTime<Utc>)>,
    /// An export of Entra itself to compare with.
    pub export: Option<Arc<Export>>,
    /// Whether the rows that are there now are right, however many there were.
    pub counts: Counts,
}

/// What is thought of the numbers of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counts {
    /// They are weighed against those of the last complete run.
    #[default]
    Weighed,
    /// A person says that they are right.
    Accepted,
}

/// What came of wanting a run.
#[derive(Debug)]
pub enum Ran {
    /// It ran.
    Report(Box<Report>),
    /// Another agent ran the slot.
    Served,
    /// Somebody else is at it.
    Held {
        /// Who.
        by: String,
        /// Until when, unless renewed; UTC.
        until: NaiveDateTime,
    },
}

/// Runs, unless another agent is at it or has run the slot.
///
/// # Errors
/// What keeps the lease from being taken or the run's row from being written, but for a connection
/// lost on the way: that, and everything that keeps the tables from being read, is an `INCOMPLETE`
/// report.
pub async fn run(
    store: &Store,
    settings: &Arc<Settings>,
    occasion: &Occasion,
    clock: &Clock,
    progress: Arc<Progress>,
) -> Result<Ran, Error> {
    let holder = lease::holder();
    let leased = lease::under_lease(store, LEASE, &holder, |lease| async {
        if served(store, occasion, clock()).await? {
            return Ok(Ran::Served);
        }
        let report = leased(store, settings, occasion, clock, progress, lease).await?;
        Ok::<_, Error>(Ran::Report(Box::new(report)))
    });
    Ok(match leased.await? {
        Leased::Ran(ran) => ran,
        Leased::Held { by, until } => Ran::Held { by, until },
    })
}

/// Who is at a run, and until when unless that is renewed; UTC. Asks for no table but the agent's own.
///
/// # Errors
/// The database's.
pub async fn under_way(store: &Store) -> Result<Option<(String, NaiveDateTime)>, Error> {
    let held = store.read((), async |tx, ()| lease_rows::current(tx, LEASE).await).await?;
    Ok(held.map(|lease| (lease.holder, lease.until)))
}

/// Whether an agent that held the lease before ran the occasion's slot, or a later one that has come.
async fn served(store: &Store, occasion: &Occasion, now: DateTime<Utc>) -> Result<bool, Error> {
    let Some((job, slot)) = occasion.slot else { return Ok(false) };
    store
        .read((job, stamp(slot), stamp(now)), async |tx, (job, slot, now)| {
            runs::served(tx, job, *slot, *now).await
        })
        .await
}

async fn leased(
    store: &Store,
    settings: &Arc<Settings>,
    occasion: &Occasion,
    clock: &Clock,
    progress: Arc<Progress>,
    lease: Lease,
) -> Result<Report, Error> {
    // As precise as it is kept, so that a report reads the same from memory and from its row.
    let kept = || stamp(clock()).and_utc();
    let started = kept();
    let id = Uuid::now_v7().to_string();
    let context = (Arc::clone(settings), occasion.export.clone(), started, progress);
    let seen = store
        .snapshot(context, async |tx, (settings, export, started, progress)| {
            snapshot::take(tx, settings, export.as_deref(), *started, progress).await
        })
        .await;
    let mut outcome = match seen {
        Ok(seen) => weigh(store, settings, seen, occasion, started).await,
        Err(error) => Outcome::unreadable(&error),
    };
    if outcome.is_complete() {
        auto::restore(store, settings, &id, &mut outcome, clock).await;
    }
    outcome.scope.config_hash.clone_from(&settings.policy);
    outcome.slot.clone_from(&occasion.slot);
    outcome.run = Run { id, started, finished: kept() };
    let outcome = Arc::new(outcome);
    let context = (Arc::clone(&outcome), Channels::clone(&settings.channels), lease);
    let written = store
        .write(context, async |tx, (outcome, channels, lease)| {
            // An agent that was thought dead must not write over its successor's run.
            require(tx, lease).await?;
            write(tx, outcome, channels).await
        })
        .await;
    let report = match written {
        // The database went away: the report doesn't depend on being kept.
        Err(error) if error.is_lost() => {
            let lost = Outcome { run: outcome.run.clone(), ..Outcome::unreadable(&error) };
            lost.report(Listing::new(outcome.run.finished), Past::default())
        }
        written => written?,
    };
    Ok(Report { next: settings.next(outcome.run.finished), zone: settings.zone, ..report })
}

/// Weighs what was read against the last complete run.
async fn weigh(
    store: &Store,
    settings: &Settings,
    seen: Seen,
    occasion: &Occasion,
    now: DateTime<Utc>,
) -> Outcome {
    let before = store
        .read(Arc::clone(&settings.layout), async |tx, layout| {
            let Some(run) = runs::last_complete(tx).await? else { return Ok(None) };
            let (users, members) = removed_since(tx, layout, run.started).await?;
            let mended = findings::memberships_mended(tx, run.started).await?;
            let members = members + mended;
            Ok(Some((reports::scope(&run), Rows { users, teams: 0, members })))
        })
        .await;
    let (before, removed) = match before {
        Ok(before) => before.unzip(),
        Err(error) => return Outcome::unreadable(&error),
    };
    let (export, counts) = (occasion.export.as_deref(), occasion.counts);
    let reconcile = &settings.reconcile;
    let floor = judge::Floor { percent: reconcile.floor, rows: reconcile.floor_rows };
    let last_export = before.as_ref().and_then(|scope| scope.last_export);
    let mut incomplete = match counts {
        Counts::Weighed => {
            let removed = removed.unwrap_or_default();
            let mut doubts = judge::implausible(&seen.scope, before.as_ref(), removed, floor);
            let users = seen.scope.source.as_ref().map(|source| source.users);
            let export = users.map(|users| judge::Exported { users, last_export });
            doubts.extend(export.and_then(|it| it.suspicion(seen.provisioned, floor)));
            doubts
        }
        Counts::Accepted => Vec::new(),
    };
    // What Entra itself contradicts no operator can accept.
    incomplete.extend(export.and_then(judge::miscounted));
    let heard = seen.scope.last_contact.is_some();
    let silence = judge::silence(seen.silent_since, heard, now, reconcile.stale_after);
    let Seen { mut scope, mut findings, coverage, grace, cleanup, .. } = seen;
    if let Some(finding) = &silence {
        findings.push(finding);
    }
    let found = match findings.finish() {
        Ok(found) => found,
        Err(error) => {
            return Outcome::incomplete(format!("not all was kept: {}", Error::unkept(&error)));
        }
    };
    scope.last_export = scope.source.as_ref().map(|source| source.users).or(last_export);
    Outcome { scope, coverage, grace, cleanup, found, incomplete, ..Outcome::default() }
}

/// The findings' lives, the run's row, and what it has to tell. Run twice it does the same, so that an unknown outcome of
/// its commit needs no proof.
async fn write(tx: &mut Tx, outcome: &Outcome, channels: &Channels) -> Result<Report, Error> {
    let run = &outcome.run;
    let (started, finished) = (stamp(run.started), stamp(run.finished));
    runs::delete(tx, &run.id).await?;
    let mut listing = Listing::new(run.finished);
    let mut ignored = 0;
    if outcome.is_complete() {
        let unseen = reports::unseen(&outcome.scope);
        let life = findings::Life::begin(tx, &run.id, started, finished).await?;
        for chunk in outcome.found.chunks() {
            let chunk = chunk.map_err(|error| Error::unkept(&error))?;
            life.go_on(tx, &chunk).await?;
        }
        life.go_on(tx, &outcome.restored).await?;
        life.end_others(tx, unseen).await?;
        // Those that no run saw before: they end as they begin, and the run doesn't list them.
        let restored: Vec<String> = outcome.restored.keys().cloned().collect();
        if !restored.is_empty() {
            findings::resolve(tx, &restored, "restored", started).await?;
        }
        let mut list = |open: Stored| {
            if unseen.contains(&open.finding.kind) {
                return;
            }
            if open.ignored.is_some() {
                ignored += 1;
            } else {
                listing.add(reports::item(open, started));
            }
        };
        findings::each_open(tx, &mut list).await?;
    } else {
        for chunk in outcome.found.chunks() {
            let chunk = chunk.map_err(|error| Error::unkept(&error))?;
            let ids: Vec<String> = chunk.keys().cloned().collect();
            let known = findings::known(tx, &ids).await?;
            for (id, finding) in chunk {
                let known = known.get(&id);
                if known.is_some_and(|known| known.ignored.is_some()) {
                    ignored += 1;
                } else {
                    listing.add(outcome.unconfirmed(id, finding, known));
                }
            }
        }
    }
    let past = past(tx, outcome).await?;
    let mut report = outcome.report(listing, past);
    report.scope.ignored = ignored;
    if !channels.is_empty() {
        let before = runs::last(tx).await?.map(|run| run.verdict);
        if let Some(event) = Event::of_run(&report, before.as_deref()) {
            notify::announce(tx, channels, &format!("run:{}", run.id), &event, run.finished)
                .await?;
        }
    }
    runs::insert(tx, &reports::row(&report, outcome.slot.as_ref())).await?;
    Ok(report)
}

/// What came before the run. The last run of a day stands for it in the trend: a complete one leaves
/// out those before it.
async fn past(tx: &mut Tx, outcome: &Outcome) -> Result<Past, Error> {
    let (started, finished) = (stamp(outcome.run.started), stamp(outcome.run.finished));
    let midnight = started.date().and_time(NaiveTime::MIN);
    let until = if outcome.is_complete() { midnight - TimeDelta::microseconds(1) } else { started };
    let trend = reports::trend(tx, started, until).await?;
    let Some(last) = runs::last_complete(tx).await? else { return Ok(Past::default()) };
    Ok(Past {
        counts: reports::counts(&last),
        resolved: findings::resolved_since(tx, last.finished, finished).await?,
        percent: Some(reports::coverage(&last).percent),
        trend,
    })
}
