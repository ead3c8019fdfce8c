//! The figures that metrics and the overview share. Eleven statements, whatever there is: each counts by
//! an index or reads a few rows.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::stamp;
use crate::config::Guard;
use crate::drift::{Kind, Rows};
use crate::service::Error;
use crate::service::guard::{self, State};
use crate::store::agents::Agent;
use crate::store::console::{self, Write};
use crate::store::lease::Lease;
use crate::store::reports;
use crate::store::{self, Store, Tx, runs, snapshot};

/// Audited writes that the overview looks at.
const WRITES: i64 = 5_000;

/// Links by resource type and state.
pub type Links = BTreeMap<String, BTreeMap<String, u64>>;

/// What the sidecar tables say.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// When they were read.
    pub at: DateTime<Utc>,
    /// Links by resource type and state, at most a minute old.
    pub links: Links,
    /// Open findings that nobody ignores, by kind.
    pub findings: BTreeMap<Kind, u64>,
    /// The reconciler's last run.
    pub last_run: Option<LastRun>,
    /// When a client that provisions was last heard of.
    pub last_contact: Option<DateTime<Utc>>,
    /// How the guard stands.
    pub guard: GuardFigures,
    /// The daemons on this database.
    pub agents: Vec<Agent>,
    /// Leases that agents hold.
    pub leases: Vec<Lease>,
    /// The newest audited writes of clients, newest first.
    pub writes: Vec<Write>,
    /// Whether there are older ones.
    pub more_writes: bool,
}

/// The reconciler's last run.
#[derive(Debug, Clone, PartialEq)]
pub struct LastRun {
    /// Its id.
    pub id: String,
    /// When it was over.
    pub finished: DateTime<Utc>,
    /// `CLEAN`, `DRIFT`, `INCOMPLETE` or `BLOCKED`.
    pub verdict: String,
    /// Why it was incomplete or blocked.
    pub reasons: Vec<String>,
    /// Rows that it read.
    pub rows: Rows,
}

/// How the guard stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuardFigures {
    /// In a word.
    pub state: State,
    /// Users disabled or deleted within the last hour.
    pub disabled: u64,
    /// The limits.
    pub limits: Guard,
    /// Until when an operator lets everything through.
    pub allowed_until: Option<DateTime<Utc>>,
}

/// Reads them; counts the links anew unless they are `known`.
pub async fn read(
    store: &Store,
    limits: Guard,
    known: Option<Links>,
    now: DateTime<Utc>,
) -> Result<Figures, Error> {
    let context = (limits, known, now);
    store
        .read(context, async |tx, (limits, known, now)| {
            figures(tx, *limits, known.as_ref(), *now).await
        })
        .await
}

async fn figures(
    tx: &mut Tx,
    limits: Guard,
    known: Option<&Links>,
    now: DateTime<Utc>,
) -> Result<Figures, Error> {
    let links = match known {
        Some(links) => links.clone(),
        None => snapshot::links(tx).await?,
    };
    let managed = links.get("User").and_then(|it| it.get("managed")).copied();
    let allowed = store::guard::allowed_until(tx).await?;
    let hour = stamp(now - TimeDelta::hours(1));
    let disabled = store::guard::disabled_since(tx, hour).await?;
    let managed = managed.unwrap_or_default();
    let writes = console::newest_writes(tx, WRITES).await?;
    Ok(Figures {
        at: now,
        findings: console::open_findings(tx).await?,
        last_run: runs::last(tx).await?.map(|run| LastRun {
            reasons: reports::reasons(&run),
            rows: reports::scope(&run).rows,
            id: run.id,
            finished: run.finished.and_utc(),
            verdict: run.verdict,
        }),
        last_contact: snapshot::last_contact(tx).await?.0.map(|at| at.and_utc()),
        guard: GuardFigures {
            state: guard::state(limits, allowed, disabled, managed, stamp(now)),
            disabled,
            limits,
            allowed_until: allowed.map(|at| at.and_utc()),
        },
        agents: store::agents::list(tx).await?,
        leases: store::lease::all_held(tx).await?,
        more_writes: i64::try_from(writes.len()).unwrap_or(i64::MAX) >= WRITES,
        writes,
        links,
    })
}
