//! The figures of `kpifire-scim status`.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::agents::{self, Agent};
use super::error::Error;
use super::notices::{self, Outbox};
use super::sql::Sql;
use super::transaction::Tx;
use super::{Store, audit, migrate, runs, snapshot};

/// What the sidecar tables say of the agent's work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The database's version.
    pub version: String,
    /// Versions of migrations that are missing.
    pub pending: Vec<&'static str>,
    /// Links by resource type and state.
    pub links: BTreeMap<(String, String), i64>,
    /// When a client that provisions was last heard of.
    pub last_contact: Option<NaiveDateTime>,
    /// The last audited write of a client: when, and by which token.
    pub last_write: Option<(NaiveDateTime, String)>,
    /// Audited writes and refusals since the time asked for.
    pub outcomes: BTreeMap<String, u64>,
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
        self.read(move |tx| Box::pin(read(tx, since))).await
    }
}

async fn read(tx: &mut Tx, since: NaiveDateTime) -> Result<Status, Error> {
    let version = match tx.database() {
        crate::profile::catalogue::Database::Sqlite => "SELECT 'SQLite ' || sqlite_version()",
        _ => "SELECT version()",
    };
    let version = tx.query(Sql::new(version)).await?;
    let mut status = Status {
        version: version.first().and_then(|row| row.text(0)).unwrap_or_default(),
        pending: migrate::pending(tx).await?.iter().map(|it| it.version).collect(),
        ..Status::default()
    };
    if !status.pending.is_empty() {
        return Ok(status);
    }
    let sql = "SELECT resource_type, state, COUNT(*) FROM scim_links GROUP BY resource_type, state";
    for row in tx.query(Sql::new(sql)).await? {
        let key = (row.text(0).unwrap_or_default(), row.text(1).unwrap_or_default());
        status.links.insert(key, row.int(2));
    }
    status.last_contact = snapshot::last_contact(tx).await?.0;
    let sql = "SELECT at, token FROM scim_audit WHERE token IS NOT NULL ORDER BY id DESC LIMIT 1";
    let written = tx.query(Sql::new(sql)).await?;
    status.last_write = written.first().and_then(|row| Some((row.time(0)?, row.text(1)?)));
    status.outcomes = audit::outcomes(tx, since).await?;
    status.agents = agents::list(tx).await?;
    status.last_run = runs::last(tx).await?.map(|run| (run.finished, run.verdict));
    status.outbox = notices::outbox(tx).await?;
    Ok(status)
}
