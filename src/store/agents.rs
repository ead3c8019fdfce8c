//! `scim_agents`: which daemons serve this database, and when Entra last came with a token of its
//! own, which has no row elsewhere. Time is the database's clock, the only one that all agents share.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

use super::dialect::{self, unless_there};
use super::error::Error;
use super::schema::scim_agents;
use super::sidecar::{clock, fields, row};
use super::sql::Sql;
use super::transaction::Tx;

/// An agent that hasn't been seen for so long is forgotten.
const FORGOTTEN: TimeDelta = TimeDelta::days(1);

/// The row of Entra itself: no daemon is called so, whose names have a slash.
pub(super) const ENTRA: &str = "entra";

/// A daemon, as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Host, process and run: `plant7/4711/1f3a`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Hash of what it decides about cleanup by.
    pub policy: String,
    /// Since when; UTC.
    pub started: NaiveDateTime,
    /// How long ago it last said that it is there.
    pub silent: Duration,
}

row! {
    struct Row of scim_agents {
        agent: String = agent,
        version: String = version,
        policy: String = policy,
        started: NaiveDateTime = started,
        seen: NaiveDateTime = seen,
    }
}

/// Notes that an agent is there, and by what it decides about cleanup; two statements at most, and one
/// more the first time.
pub async fn seen(tx: &mut Tx, name: &str, version: &str, policy: &str) -> Result<(), Error> {
    let database = tx.database();
    let now = || dialect::now(database);
    let update = scim_agents::TABLE
        .update([scim_agents::policy.to(policy), scim_agents::seen.to_sql(now())]);
    let update = update.raw(" WHERE ");
    if tx.execute(update.append(scim_agents::agent.is(name))).await? > 0 {
        return Ok(());
    }
    let insert = scim_agents::TABLE
        .insert([
            scim_agents::agent.to(name),
            scim_agents::version.to(version),
            scim_agents::policy.to(policy),
            scim_agents::started.to_sql(now()),
            scim_agents::seen.to_sql(now()),
        ])
        .append(unless_there(database, scim_agents::agent.name));
    tx.execute(insert).await?;
    forget(tx).await
}

/// Notes that Entra came with a good token of its own. Statements as [`seen`].
pub async fn heard_of_entra(tx: &mut Tx) -> Result<(), Error> {
    seen(tx, ENTRA, "", "").await
}

/// Removes those that ended without saying so, long ago.
async fn forget(tx: &mut Tx) -> Result<(), Error> {
    for (row, now) in rows(tx).await? {
        if now - row.seen > FORGOTTEN {
            gone(tx, &row.agent).await?;
        }
    }
    Ok(())
}

/// Notes that an agent is there no more. One statement.
pub async fn gone(tx: &mut Tx, name: &str) -> Result<(), Error> {
    tx.execute(scim_agents::TABLE.delete(scim_agents::agent.is(name))).await.map(drop)
}

/// The agents, oldest first. One statement.
pub async fn list(tx: &mut Tx) -> Result<Vec<Agent>, Error> {
    let agent = |(row, now): (Row, NaiveDateTime)| Agent {
        name: row.agent,
        version: row.version,
        policy: row.policy,
        started: row.started,
        // A clock that was set back makes nobody silent.
        silent: (now - row.seen).to_std().unwrap_or_default(),
    };
    Ok(rows(tx).await?.into_iter().map(agent).collect())
}

/// The rows of daemons, with the database's time.
async fn rows(tx: &mut Tx) -> Result<Vec<(Row, NaiveDateTime)>, Error> {
    let wanted = (fields::<Row>(), clock(tx.database()));
    let daemons = Sql::new(" FROM scim_agents WHERE agent <> ").bind(ENTRA);
    tx.rows(wanted, daemons.raw(" ORDER BY started, agent")).await
}
