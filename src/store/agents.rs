//! `scim_agents`: which daemons serve this database, and when Entra last came with a token of its
//! own, which has no row elsewhere. Time is the database's clock, the only one that all agents share.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

use super::dialect::{self, unless_there};
use super::error::Error;
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
    /// Since when; UTC.
    pub started: NaiveDateTime,
    /// How long ago it last said that it is there.
    pub silent: Duration,
}

/// Notes that an agent is there; two statements at most, and one more the first time.
pub async fn seen(tx: &mut Tx, name: &str, version: &str) -> Result<(), Error> {
    let database = tx.database();
    let now = || dialect::now(database);
    let update = Sql::new("UPDATE scim_agents SET seen = ").append(now());
    if tx.execute(update.raw(" WHERE agent = ").bind(name)).await? > 0 {
        return Ok(());
    }
    let insert = Sql::new("INSERT INTO scim_agents (agent, version, started, seen) VALUES (")
        .list(", ", [Sql::default().bind(name), Sql::default().bind(version), now(), now()])
        .raw(")")
        .append(unless_there(database, "agent"));
    tx.execute(insert).await?;
    forget(tx).await
}

/// Notes that Entra came with a good token of its own. Statements as [`seen`].
pub async fn heard_of_entra(tx: &mut Tx) -> Result<(), Error> {
    seen(tx, ENTRA, "").await
}

/// Removes those that ended without saying so, long ago.
async fn forget(tx: &mut Tx) -> Result<(), Error> {
    let sql = Sql::new("SELECT agent, seen, ").append(dialect::now(tx.database()));
    let rows = tx.query(sql.raw(" FROM scim_agents WHERE agent <> ").bind(ENTRA)).await?;
    for row in rows {
        let (Some(name), Some(seen), Some(now)) = (row.text(0), row.time(1), row.time(2)) else {
            continue;
        };
        if now - seen > FORGOTTEN {
            gone(tx, &name).await?;
        }
    }
    Ok(())
}

/// Notes that an agent is there no more. One statement.
pub async fn gone(tx: &mut Tx, name: &str) -> Result<(), Error> {
    tx.execute(Sql::new("DELETE FROM scim_agents WHERE agent = ").bind(name)).await.map(drop)
}

/// The agents, oldest first. One statement.
pub async fn list(tx: &mut Tx) -> Result<Vec<Agent>, Error> {
    let sql = Sql::new("SELECT agent, version, started, seen, ")
        .append(dialect::now(tx.database()))
        .raw(" FROM scim_agents WHERE agent <> ")
        .bind(ENTRA)
        .raw(" ORDER BY started, agent");
    let rows = tx.query(sql).await?;
    let agent = |row: &super::row::Row| {
        Some(Agent {
            name: row.text(0)?,
            version: row.text(1)?,
            started: row.time(2)?,
            silent: (row.time(4)? - row.time(3)?).to_std().unwrap_or_default(),
        })
    };
    Ok(rows.iter().filter_map(agent).collect())
}
