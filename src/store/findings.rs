//! `scim_findings`: each finding's life, from the run that first saw it to its end.

use std::collections::BTreeMap;

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use super::dialect::{for_update, text_list, timestamp};
use super::error::{Error, ErrorKind};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;
use crate::drift::{Finding, Kind};
use crate::profile::catalogue::Database;
use crate::scim::ResourceType;

/// Rows written by one statement at most.
const CHUNK: usize = 500;
/// How far apart the clocks of agents and operators may be. What ended later than that was ended by a
/// wrong clock.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// A row of `scim_findings`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The fingerprint.
    pub id: String,
    /// What was found, as the last run saw it.
    pub finding: Finding,
    /// When a run first saw it.
    pub first_seen: NaiveDateTime,
    /// When a run last saw it.
    pub last_seen: NaiveDateTime,
    /// When it ended.
    pub resolved: Option<NaiveDateTime>,
    /// How: `gone`, `restored`, `adopted`.
    pub resolution: Option<String>,
    /// Since when an operator ignores it, and why.
    pub ignored: Option<(NaiveDateTime, Option<String>)>,
}

const SELECT: &str = "SELECT fingerprint, kind, resource_type, legacy_key, field, detail, \
                      first_seen, last_seen, resolved, resolution, ignored, ignored_reason \
                      FROM scim_findings f";

/// Findings that aren't resolved, ignored ones included. One statement.
pub async fn open(tx: &mut Tx) -> Result<Vec<Stored>, Error> {
    all(tx, Sql::new(SELECT).raw(" WHERE resolved IS NULL")).await
}

/// Findings that were open at a time: seen by then, and not resolved before. One statement.
pub async fn open_at(tx: &mut Tx, time: NaiveDateTime) -> Result<Vec<Stored>, Error> {
    let sql = Sql::new(SELECT)
        .raw(" WHERE first_seen <= ")
        .bind(time)
        .raw(" AND last_seen >= ")
        .bind(time)
        .raw(" AND (resolved IS NULL OR resolved > ")
        .bind(time)
        .raw(")");
    all(tx, sql).await
}

/// The finding of this id, locked. One statement.
pub async fn locked(tx: &mut Tx, id: &str) -> Result<Option<Stored>, Error> {
    let sql = Sql::new(SELECT).raw(" WHERE fingerprint = ").bind(id);
    let sql = sql.append(for_update(tx.database(), "f"));
    Ok(all(tx, sql).await?.pop())
}

/// How many findings of each kind ended after a time. One statement.
pub async fn resolved_since(
    tx: &mut Tx,
    after: NaiveDateTime,
    until: NaiveDateTime,
) -> Result<BTreeMap<Kind, u64>, Error> {
    let sql = Sql::new("SELECT kind, COUNT(*) FROM scim_findings WHERE resolved > ")
        .bind(after)
        .raw(" AND resolved <= ")
        .bind(until)
        .raw(" AND ignored IS NULL GROUP BY kind");
    let rows = tx.query(sql).await?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            let count = u64::try_from(row.int(1)).unwrap_or_default();
            Some((Kind::from_name(&row.text(0)?)?, count))
        })
        .collect())
}

/// Writes what a run found: new findings begin, known ones go on, ended ones begin anew; those that
/// were open and that the run didn't find end, but for the kinds that it couldn't see (`unseen`).
/// Findings that a command ended after the run began to read stay as they are; those that a clock
/// ahead of the run's ended or first saw begin anew. One statement per 500 findings, and two.
pub async fn save(
    tx: &mut Tx,
    run: &str,
    started: NaiveDateTime,
    now: NaiveDateTime,
    found: &[(&String, &Finding)],
    unseen: &[Kind],
) -> Result<(), Error> {
    let latest = now + SKEW;
    let sql = Sql::new("SELECT fingerprint FROM scim_findings WHERE resolved >= ")
        .bind(started)
        .raw(" AND resolved <= ")
        .bind(latest);
    let mended = tx.query(sql).await?;
    let mended: Vec<String> = mended.iter().filter_map(|row| row.text(0)).collect();
    let found: Vec<_> = found.iter().filter(|(id, _)| !mended.contains(id)).collect();
    for chunk in found.chunks(CHUNK) {
        let rows = chunk.iter().map(|(id, finding)| {
            let values = [
                Sql::default().bind(id.as_str()),
                Sql::default().bind(finding.kind.as_str()),
                Sql::default().bind(finding.resource.map_or("", ResourceType::as_str)),
                Sql::default().bind(finding.scim_id.clone()),
                Sql::default().bind(finding.attribute.clone()),
                Sql::default().bind(detail(finding)),
                Sql::default().bind(started),
                Sql::default().bind(started),
                Sql::default().bind(run),
            ];
            Sql::new("(").list(", ", values).raw(")")
        });
        let sql = Sql::new(
            "INSERT INTO scim_findings (fingerprint, kind, resource_type, legacy_key, field, \
             detail, first_seen, last_seen, last_run) VALUES ",
        )
        .list(", ", rows)
        .raw(&go_on(tx.database()));
        tx.execute(sql).await?;
    }
    // A run that is read again lists what was seen up to then: nothing was seen later than now.
    let sql = Sql::new(
        "UPDATE scim_findings SET resolution = 'gone', last_seen = CASE WHEN last_seen > ",
    )
    .append(timestamp(tx.database(), latest))
    .raw(" THEN first_seen ELSE last_seen END, resolved = ")
    .bind(now)
    .raw(" WHERE (resolved IS NULL OR resolved > ")
    .bind(latest)
    .raw(") AND (last_run IS NULL OR last_run <> ")
    .bind(run)
    .raw(")")
    .append(but(unseen));
    tx.execute(sql).await.map(|_| ())
}

/// ` AND …`: none of these kinds.
pub(super) fn but(kinds: &[Kind]) -> Sql {
    if kinds.is_empty() {
        return Sql::default();
    }
    let kinds = kinds.iter().map(|kind| Sql::default().bind(kind.as_str()));
    Sql::new(" AND kind NOT IN (").list(", ", kinds).raw(")")
}

/// What a known finding keeps. MariaDB sets from left to right, and later columns see what earlier
/// ones got: `resolved` goes last.
fn go_on(database: Database) -> String {
    let set = |table: &str, take: &dyn Fn(&str) -> String| {
        format!(
            "first_seen = CASE WHEN {table}resolved IS NULL AND {table}first_seen <= {0} \
             THEN {table}first_seen ELSE {0} END, \
             ignored_reason = CASE WHEN {table}resolved IS NULL THEN {table}ignored_reason END, \
             ignored = CASE WHEN {table}resolved IS NULL THEN {table}ignored END, \
             detail = {1}, last_seen = {2}, last_run = {3}, resolution = NULL, resolved = NULL",
            take("first_seen"),
            take("detail"),
            take("last_seen"),
            take("last_run"),
        )
    };
    match database {
        Database::Sqlite | Database::Postgres => format!(
            " ON CONFLICT (fingerprint) DO UPDATE SET {}",
            set("scim_findings.", &|column| format!("excluded.{column}"))
        ),
        Database::Mysql => {
            format!(" ON DUPLICATE KEY UPDATE {}", set("", &|column| format!("VALUES({column})")))
        }
    }
}

/// Ends findings that are open. One statement.
pub async fn resolve(
    tx: &mut Tx,
    ids: &[String],
    resolution: &str,
    now: NaiveDateTime,
) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_findings SET resolution = ")
        .bind(resolution)
        .raw(", resolved = ")
        .bind(now)
        .raw(" WHERE resolved IS NULL AND fingerprint IN (SELECT i.item FROM ")
        .append(text_list(tx.database(), ids))
        .raw(" i)");
    tx.execute(sql).await.map(|_| ())
}

/// Marks a finding as one that an operator accepts. One statement.
pub async fn ignore(
    tx: &mut Tx,
    id: &str,
    reason: Option<&str>,
    now: NaiveDateTime,
) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_findings SET ignored_reason = ")
        .bind(reason.map(str::to_owned))
        .raw(", ignored = ")
        .bind(now)
        .raw(" WHERE fingerprint = ")
        .bind(id);
    tx.execute(sql).await.map(|_| ())
}

/// The findings that a condition, order and limit leave. One statement.
pub(super) async fn select(tx: &mut Tx, which: Sql) -> Result<Vec<Stored>, Error> {
    all(tx, Sql::new(SELECT).append(which)).await
}

async fn all(tx: &mut Tx, sql: Sql) -> Result<Vec<Stored>, Error> {
    tx.query(sql).await?.iter().map(stored).collect()
}

fn detail(finding: &Finding) -> String {
    json!({
        "externalId": finding.external_id,
        "name": finding.name,
        "expected": finding.expected,
        "actual": finding.actual,
        "why": finding.why,
    })
    .to_string()
}

fn stored(row: &Row) -> Result<Stored, Error> {
    let corrupt = |what: String| Error::new(ErrorKind::Other, "scim_findings", what);
    let kind = row.text(1).unwrap_or_default();
    let detail: Value = serde_json::from_str(&row.text(5).unwrap_or_default())
        .map_err(|error| corrupt(format!("bad JSON: {error}")))?;
    let text = |name: &str| detail.get(name).and_then(Value::as_str).map(str::to_owned);
    let value = |name: &str| detail.get(name).cloned().unwrap_or_default();
    let resource = row.text(2).unwrap_or_default();
    Ok(Stored {
        id: row.text(0).unwrap_or_default(),
        finding: Finding {
            kind: Kind::from_name(&kind)
                .ok_or_else(|| corrupt(format!("`{kind}` is no kind of finding")))?,
            resource: ResourceType::ALL.into_iter().find(|it| it.as_str() == resource),
            scim_id: row.text(3),
            attribute: row.text(4),
            external_id: text("externalId"),
            name: text("name"),
            expected: value("expected"),
            actual: value("actual"),
            why: text("why").unwrap_or_default(),
        },
        first_seen: row.time(6).unwrap_or_default(),
        last_seen: row.time(7).unwrap_or_default(),
        resolved: row.time(8),
        resolution: row.text(9),
        ignored: row.time(10).map(|at| (at, row.text(11))),
    })
}
