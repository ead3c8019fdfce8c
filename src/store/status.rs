//! The figures of `kpifire-scim status`.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::agents::{self, Agent};
use super::error::Error;
use super::notices::{self, Outbox};
use super::sidecar::Expression;
use super::sql::Sql;
use super::transaction::Tx;
use super::{Store, audit, links, migrate, runs, snapshot};

/// What the sidecar tables say of the agent's work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The database's version.
    pub version: String,
    /// Versions of migrations that are missing.
    pub pending: Vec<&'static str>,
    /// Links by resource type and state.
    pub links: BTreeMap<(&'static str, &'static str), u64>,
    /// When a client that provisions was last heard of.
    pub last_contact: Option<NaiveDateTime>,
    /// The last audited write of a client: when, and by which token.
    pub last_write: Option<(NaiveDateTime, String)>,
    /// Audited writes and refusals since the time asked for.
    pub outcomes: BTreeMap<String, u64>,
    /// Attributes that no schema knows, by the requests that named them since the time asked for.
    pub ignored: BTreeMap<String, u64>,
    /// The daemons on this database.
    pub agents: Vec<Agent>,
    /// The reconciler's last run: when it was over, and its verdict.
    pub last_run: Option<(NaiveDateTime, String)>,
    /// What is told to whom, by channel.
    pub outbox: BTreeMap<String, Outbox>,
}

impl Store {
    /// Reads the figures; outcomes are counted from `since` on.
    pub async fn status(&self, since: NaiveDateTime) -> Result<Status, Error> {
        self.read(since, async |tx, since| read(tx, *since).await).await
    }
}

async fn read(tx: &mut Tx, since: NaiveDateTime) -> Result<Status, Error> {
    let version = match tx.database() {
        crate::profile::catalogue::Database::Sqlite => "'SQLite ' || sqlite_version()",
        _ => "version()",
    };
    let version = Expression::new(Sql::new(version));
    let mut status = Status {
        version: tx.scalar(version, Sql::default()).await?,
        pending: migrate::pending(tx).await?.iter().map(|it| it.version).collect(),
        ..Status::default()
    };
    if !status.pending.is_empty() {
        return Ok(status);
    }
    for (kind, state, count) in links::counts(tx).await? {
        status.links.insert((kind.as_str(), state.as_str()), count);
    }
    status.last_contact = snapshot::last_contact(tx).await?.0;
    status.last_write = audit::last_write(tx).await?;
    status.outcomes = audit::outcomes(tx, since).await?;
    status.ignored = audit::ignored(tx, since).await?;
    status.agents = agents::list(tx).await?;
    status.last_run = runs::last(tx).await?.map(|run| (run.finished, run.verdict));
    status.outbox = notices::outbox(tx).await?;
    Ok(status)
}
