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
use super::error::Error;
use super::schema::scim_notices;
use super::sidecar::{Expression, clock, count_of};
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
    let sql = scim_notices::TABLE
        .insert([
            scim_notices::id.to(new.id.as_str()),
            scim_notices::channel.to(new.channel),
            scim_notices::occasion.to(new.occasion.as_str()),
            scim_notices::event.to(new.event.as_str()),
            scim_notices::created.to(new.created),
            scim_notices::attempts.to(0),
            scim_notices::due.to_sql(dialect::now(database)),
        ])
        .append(dialect::unless_there(database, scim_notices::occasion.name));
    tx.execute(sql).await.map(|_| ())
}

/// Takes the row of a channel that has been due longest, for as long as sending may take; `None`
/// when none is due, or another agent took it at the same moment. Two statements.
pub async fn claim(tx: &mut Tx, channel: &str, most: Duration) -> Result<Option<Claimed>, Error> {
    let row = (
        scim_notices::id,
        scim_notices::event,
        scim_notices::created,
        scim_notices::attempts,
        (scim_notices::due.present(), clock(tx.database())),
    );
    let waiting = Sql::new(" FROM scim_notices WHERE channel = ")
        .bind(channel)
        .raw(" AND due IS NOT NULL ORDER BY due LIMIT 1");
    let Some((id, event, created, attempts, (due, now))) = tx.first(row, waiting).await? else {
        return Ok(None);
    };
    if due > now {
        return Ok(None);
    }
    let sql = scim_notices::TABLE
        .update([
            scim_notices::attempts.to(attempts + 1),
            scim_notices::tried.to(now),
            scim_notices::due.to(now + most),
        ])
        .raw(" WHERE due IS NOT NULL AND ")
        .append(scim_notices::attempts.is(attempts))
        .raw(" AND ")
        .append(scim_notices::id.is(id.as_str()));
    if tx.execute(sql).await? == 0 {
        return Ok(None);
    }
    Ok(Some(Claimed { id, event, created, attempt: attempts + 1, now }))
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
    let error =
        |text: &str| scim_notices::last_error.to(text.chars().take(ERROR).collect::<String>());
    let never = scim_notices::due.set(&None);
    let sql = match outcome {
        Outcome::Sent => scim_notices::TABLE.update([never, scim_notices::sent.to_sql(now)]),
        Outcome::Later(pause, why) => {
            scim_notices::TABLE.update([scim_notices::due.to(claimed.now + *pause), error(why)])
        }
        Outcome::GivenUp(why) => {
            scim_notices::TABLE.update([never, scim_notices::given_up.to_sql(now), error(why)])
        }
    };
    let is_it = scim_notices::id.is(claimed.id.as_str());
    tx.execute(sql.raw(" WHERE ").append(is_it)).await.map(|_| ())
}

/// The greatest occasion that begins so, up to `last`. One statement.
pub async fn last_occasion(
    tx: &mut Tx,
    beginning: &str,
    last: &str,
) -> Result<Option<String>, Error> {
    let pattern = format!("{}%", dialect::like_literal(beginning));
    let such = Sql::new(" FROM scim_notices WHERE occasion LIKE ")
        .bind(pattern)
        .raw(" ESCAPE '!' AND occasion <= ")
        .bind(last);
    tx.scalar(scim_notices::occasion.max(), such).await
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
    let since = Sql::new("MIN(CASE WHEN due IS NULL THEN NULL ELSE created END)");
    let figures = (
        scim_notices::channel,
        count_of(scim_notices::due.sql()),
        Expression::<Option<NaiveDateTime>>::new(since),
        scim_notices::sent.max(),
        count_of(scim_notices::given_up.sql()),
    );
    let by_channel = Sql::new(" FROM scim_notices GROUP BY channel");
    let mut boxes = BTreeMap::new();
    for (channel, waiting, oldest, last_sent, given_up) in tx.rows(figures, by_channel).await? {
        let last_error = last_error(tx, &channel).await?;
        boxes.insert(channel, Outbox { waiting, oldest, last_sent, given_up, last_error });
    }
    Ok(boxes)
}

async fn last_error(tx: &mut Tx, channel: &str) -> Result<Option<(NaiveDateTime, String)>, Error> {
    let failed = Sql::new(" FROM scim_notices WHERE channel = ")
        .bind(channel)
        .raw(" AND last_error IS NOT NULL ORDER BY tried DESC LIMIT 1");
    tx.first((scim_notices::tried.present(), scim_notices::last_error.present()), failed).await
}
