//! `scim_notices`: the outbox. What is to be told is written in the transaction of what it tells of;
//! any agent that finds a row due may send it.
//!
//! Owns how agents keep out of each other's way: whoever takes a row puts its `due` ahead by as long
//! as sending may take. One that dies in between leaves a row that falls due again. Time is the
//! database's clock, the only one that all agents share.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDateTime;

use super::dialect;
use super::error::{Error, ErrorKind};
use super::sql::Sql;
use super::transaction::Tx;

/// Characters that the column of an error takes.
const ERROR: usize = 1000;

/// A row to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// A UUID that sorts by time.
    pub id: String,
    /// Which way it goes.
    pub channel: &'static str,
    /// Names what it tells of: there is one row of it for each channel. 128 characters at most.
    pub occasion: String,
    /// What there is to tell, as JSON.
    pub event: String,
    /// UTC.
    pub created: NaiveDateTime,
}

/// A row that was taken to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The row.
    pub id: String,
    /// What there is to tell.
    pub event: String,
    /// When it happened.
    pub created: NaiveDateTime,
    /// Which try this is, from 1.
    pub attempt: i64,
    /// What the database's clock says.
    pub now: NaiveDateTime,
}

/// Puts a row into the outbox, due at once, unless its occasion is there. One statement.
pub async fn insert(tx: &mut Tx, new: &New) -> Result<(), Error> {
    let database = tx.database();
    let sql = Sql::new(
        "INSERT INTO scim_notices (id, channel, occasion, event, created, attempts, due) VALUES (",
    )
    .bind(new.id.as_str())
    .raw(", ")
    .bind(new.channel)
    .raw(", ")
    .bind(new.occasion.as_str())
    .raw(", ")
    .bind(new.event.as_str())
    .raw(", ")
    .bind(new.created)
    .raw(", 0, ")
    .append(dialect::now(database))
    .raw(")")
    .append(dialect::unless_there(database, "occasion"));
    tx.execute(sql).await.map(|_| ())
}

/// Takes the row of a channel that has been due longest, for as long as sending may take; `None`
/// when none is due, or another agent took it at the same moment. Two statements.
pub async fn claim(tx: &mut Tx, channel: &str, most: Duration) -> Result<Option<Claimed>, Error> {
    let sql = Sql::new("SELECT id, event, created, attempts, due, ")
        .append(dialect::now(tx.database()))
        .raw(" FROM scim_notices WHERE channel = ")
        .bind(channel)
        .raw(" AND due IS NOT NULL ORDER BY due LIMIT 1");
    let rows = tx.query(sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (Some(id), Some(due), Some(now)) = (row.text(0), row.time(4), row.time(5)) else {
        return Err(Error::new(ErrorKind::Other, "scim_notices", "an unreadable row".to_owned()));
    };
    if due > now {
        return Ok(None);
    }
    let attempts = row.int(3);
    let sql = Sql::new("UPDATE scim_notices SET attempts = ")
        .bind(attempts + 1)
        .raw(", tried = ")
        .bind(now)
        .raw(", due = ")
        .bind(now + most)
        .raw(" WHERE due IS NOT NULL AND attempts = ")
        .bind(attempts)
        .raw(" AND id = ")
        .bind(id.as_str());
    if tx.execute(sql).await? == 0 {
        return Ok(None);
    }
    Ok(Some(Claimed {
        id,
        event: row.text(1).unwrap_or_default(),
        created: row.time(2).unwrap_or(now),
        attempt: attempts + 1,
        now,
    }))
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was sent.
    Sent,
    /// It wasn't, and is tried again after a pause.
    Later(Duration, String),
    /// It wasn't, and won't be tried again.
    GivenUp(String),
}

/// Records what became of a try. Run twice it does the same. One statement.
pub async fn record(tx: &mut Tx, claimed: &Claimed, outcome: &Outcome) -> Result<(), Error> {
    let now = dialect::now(tx.database());
    let sql = Sql::new("UPDATE scim_notices SET ");
    let error = |text: &str| text.chars().take(ERROR).collect::<String>();
    let sql = match outcome {
        Outcome::Sent => sql.raw("due = NULL, sent = ").append(now),
        Outcome::Later(pause, why) => {
            sql.raw("due = ").bind(claimed.now + *pause).raw(", last_error = ").bind(error(why))
        }
        Outcome::GivenUp(why) => {
            sql.raw("due = NULL, given_up = ").append(now).raw(", last_error = ").bind(error(why))
        }
    };
    tx.execute(sql.raw(" WHERE id = ").bind(claimed.id.as_str())).await.map(|_| ())
}

/// The greatest occasion that begins so, up to `last`. One statement.
pub async fn last_occasion(
    tx: &mut Tx,
    beginning: &str,
    last: &str,
) -> Result<Option<String>, Error> {
    let pattern = format!("{}%", dialect::like_literal(beginning));
    let sql = Sql::new("SELECT MAX(occasion) FROM scim_notices WHERE occasion LIKE ")
        .bind(pattern)
        .raw(" ESCAPE '!' AND occasion <= ")
        .bind(last);
    Ok(tx.query(sql).await?.first().and_then(|row| row.text(0)))
}

/// How a channel stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Notices that wait.
    pub waiting: u64,
    /// Since when the oldest of them does.
    pub oldest: Option<NaiveDateTime>,
    /// When one was last sent.
    pub last_sent: Option<NaiveDateTime>,
    /// How many were given up.
    pub given_up: u64,
    /// The last failure: when it was tried, and what came of it.
    pub last_error: Option<(NaiveDateTime, String)>,
}

/// How every channel stands that ever had a notice. One statement, and one for each channel.
pub async fn outbox(tx: &mut Tx) -> Result<BTreeMap<String, Outbox>, Error> {
    let sql = Sql::new(
        "SELECT channel, COUNT(due), MIN(CASE WHEN due IS NULL THEN NULL ELSE created END), \
         MAX(sent), COUNT(given_up) FROM scim_notices GROUP BY channel",
    );
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let mut boxes = BTreeMap::new();
    for row in tx.query(sql).await? {
        let channel = row.text(0).unwrap_or_default();
        let outbox = Outbox {
            waiting: count(row.int(1)),
            oldest: row.time(2),
            last_sent: row.time(3),
            given_up: count(row.int(4)),
            last_error: last_error(tx, &channel).await?,
        };
        boxes.insert(channel, outbox);
    }
    Ok(boxes)
}

async fn last_error(tx: &mut Tx, channel: &str) -> Result<Option<(NaiveDateTime, String)>, Error> {
    let sql = Sql::new("SELECT tried, last_error FROM scim_notices WHERE channel = ")
        .bind(channel)
        .raw(" AND last_error IS NOT NULL ORDER BY tried DESC LIMIT 1");
    let rows = tx.query(sql).await?;
    Ok(rows.first().and_then(|row| Some((row.time(0)?, row.text(1)?))))
}
