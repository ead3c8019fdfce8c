//! `scim_findings`: each finding's life, from the run that first saw it to its end.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};

use super::dialect::{self, for_update, text_list, timestamp};
use super::error::Error;
use super::finding_detail::{Detail, Subject};
use super::schema::scim_findings::{self, TABLE};
use super::server::Product;
use super::sidecar::{Set, count, fields, row};
use super::sql::Sql;
use super::transaction::Tx;
use crate::drift::{Finding, Kind};

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

row! {
    struct Row of scim_findings {
        fingerprint: String = fingerprint,
        kind: Kind = kind,
        resource_type: Subject = resource_type,
        legacy_key: Option<String> = legacy_key,
        field: Option<String> = field,
        detail: Detail = detail,
        first_seen: NaiveDateTime = first_seen,
        last_seen: NaiveDateTime = last_seen,
        resolved: Option<NaiveDateTime> = resolved,
        resolution: Option<String> = resolution,
        ignored: Option<NaiveDateTime> = ignored,
        ignored_reason: Option<String> = ignored_reason,
    }
}

/// Findings that aren't resolved, ignored ones included. One statement.
pub async fn open(tx: &mut Tx) -> Result<Vec<Stored>, Error> {
    select(tx, Sql::new(" WHERE resolved IS NULL")).await
}

/// Findings of a kind that aren't resolved, ignored ones included. One statement.
pub async fn open_of(tx: &mut Tx, kind: Kind) -> Result<Vec<Stored>, Error> {
    let which = Sql::new(" WHERE resolved IS NULL AND ").append(scim_findings::kind.is(kind));
    select(tx, which).await
}

/// As [`open`], each handed out as it comes: there may be very many. One statement.
pub async fn each_open(tx: &mut Tx, take: &mut (dyn FnMut(Stored) + Send)) -> Result<(), Error> {
    each(tx, Sql::new(" WHERE resolved IS NULL"), take).await
}

/// Hands out the findings that were open at a time: seen by then, and not resolved before. One statement.
pub async fn each_open_at(
    tx: &mut Tx,
    time: NaiveDateTime,
    take: &mut (dyn FnMut(Stored) + Send),
) -> Result<(), Error> {
    each(tx, were_open(time), take).await
}

/// A page of the findings of a kind that were open at a time, in the order of their ids, after the id
/// `after`. One statement.
pub async fn page_open_at(
    tx: &mut Tx,
    time: NaiveDateTime,
    kind: Kind,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    let mut which = were_open(time).raw(" AND kind = ").bind(kind.as_str());
    if let Some(after) = after {
        which = which.raw(" AND fingerprint > ").bind(after);
    }
    select(tx, which.raw(" ORDER BY fingerprint LIMIT ").bind(limit)).await
}

fn were_open(time: NaiveDateTime) -> Sql {
    Sql::new(" WHERE first_seen <= ")
        .bind(time)
        .raw(" AND last_seen >= ")
        .bind(time)
        .raw(" AND (resolved IS NULL OR resolved > ")
        .bind(time)
        .raw(")")
}

/// Those of these findings that are open, by id. One statement.
pub async fn known(tx: &mut Tx, ids: &[String]) -> Result<BTreeMap<String, Stored>, Error> {
    let which = Sql::new(" WHERE resolved IS NULL AND fingerprint IN (SELECT i.item FROM ")
        .append(text_list(tx.database(), ids))
        .raw(" i)");
    let known = select(tx, which).await?;
    Ok(known.into_iter().map(|stored| (stored.id.clone(), stored)).collect())
}

/// The finding of this id, ended or not. One statement.
pub async fn one(tx: &mut Tx, id: &str) -> Result<Option<Stored>, Error> {
    let which = Sql::new(" WHERE ").append(scim_findings::fingerprint.is(id));
    Ok(select(tx, which).await?.pop())
}

/// The finding of this id, locked. One statement.
pub async fn locked(tx: &mut Tx, id: &str) -> Result<Option<Stored>, Error> {
    let which = Sql::new(" WHERE ").append(scim_findings::fingerprint.is(id));
    Ok(select(tx, which.append(for_update(tx.database(), TABLE.name))).await?.pop())
}

/// How many findings of each kind ended after a time. One statement.
pub async fn resolved_since(
    tx: &mut Tx,
    after: NaiveDateTime,
    until: NaiveDateTime,
) -> Result<BTreeMap<Kind, u64>, Error> {
    let ended = Sql::new(" FROM scim_findings WHERE resolved > ")
        .bind(after)
        .raw(" AND resolved <= ")
        .bind(until)
        .raw(" AND ignored IS NULL GROUP BY kind");
    Ok(tx.rows((scim_findings::kind, count()), ended).await?.into_iter().collect())
}

/// The lives of the findings as a run leaves them: new ones begin, known ones go on, ended ones begin anew;
/// those that were open and that the run didn't find end, but for the kinds that it couldn't see.
/// Findings that a command ended after the run began to read stay as they are; those that a clock
/// ahead of the run's ended or first saw begin anew.
pub struct Life<'a> {
    run: &'a str,
    started: NaiveDateTime,
    now: NaiveDateTime,
    /// What a command ended since.
    mended: BTreeSet<String>,
}

impl<'a> Life<'a> {
    /// Of a run that began to read at `started`. One statement.
    pub async fn begin(
        tx: &mut Tx,
        run: &'a str,
        started: NaiveDateTime,
        now: NaiveDateTime,
    ) -> Result<Self, Error> {
        let mended = Sql::new(" FROM scim_findings WHERE resolved >= ")
            .bind(started)
            .raw(" AND resolved <= ")
            .bind(now + SKEW);
        let mended = tx.rows(scim_findings::fingerprint, mended).await?.into_iter().collect();
        Ok(Self { run, started, now, mended })
    }

    /// Some that the run found, by id. One statement per 500.
    pub async fn go_on(&self, tx: &mut Tx, found: &BTreeMap<String, Finding>) -> Result<(), Error> {
        let Self { run, started, mended, .. } = self;
        let found: Vec<_> = found.iter().filter(|(id, _)| !mended.contains(*id)).collect();
        for chunk in found.chunks(CHUNK) {
            let rows = chunk.iter().map(|(id, finding)| begun(run, *started, id, finding));
            tx.execute(TABLE.insert_all(rows).raw(&go_on(tx.product()))).await?;
        }
        Ok(())
    }

    /// All others. One statement.
    pub async fn end_others(&self, tx: &mut Tx, unseen: &[Kind]) -> Result<(), Error> {
        let latest = self.now + SKEW;
        // A run that is read again lists what was seen up to then: nothing was seen later than now.
        let last_seen = Sql::new("CASE WHEN last_seen > ")
            .append(timestamp(tx.database(), latest))
            .raw(" THEN first_seen ELSE last_seen END");
        let sql = TABLE
            .update([
                scim_findings::resolution.to("gone".to_owned()),
                scim_findings::last_seen.to_sql(last_seen),
                scim_findings::resolved.to(self.now),
            ])
            .raw(" WHERE (resolved IS NULL OR resolved > ")
            .bind(latest)
            .raw(") AND (last_run IS NULL OR last_run <> ")
            .bind(self.run)
            .raw(")")
            .append(but(unseen));
        tx.execute(sql).await.map(|_| ())
    }
}

/// The row of a finding that a run is the first to see.
fn begun(run: &str, started: NaiveDateTime, id: &str, finding: &Finding) -> [Set; 9] {
    let detail = Detail {
        external_id: finding.external_id.clone(),
        name: finding.name.clone(),
        expected: finding.expected.clone(),
        actual: finding.actual.clone(),
        why: finding.why.clone(),
    };
    [
        scim_findings::fingerprint.to(id),
        scim_findings::kind.to(finding.kind),
        scim_findings::resource_type.to(Subject(finding.resource)),
        scim_findings::legacy_key.set(&finding.key().map(str::to_owned)),
        scim_findings::field.set(&finding.attribute),
        scim_findings::detail.to(detail),
        scim_findings::first_seen.to(started),
        scim_findings::last_seen.to(started),
        scim_findings::last_run.to(run.to_owned()),
    ]
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
fn go_on(product: Product) -> String {
    dialect::or_update(product, "scim_findings", "fingerprint", |table, take| {
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
    })
}

/// Ends findings that are open. One statement.
pub async fn resolve(
    tx: &mut Tx,
    ids: &[String],
    resolution: &str,
    now: NaiveDateTime,
) -> Result<(), Error> {
    let sql = TABLE
        .update([
            scim_findings::resolution.to(resolution.to_owned()),
            scim_findings::resolved.to(now),
        ])
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
    let sets = [
        scim_findings::ignored_reason.to(reason.map(str::to_owned)),
        scim_findings::ignored.to(now),
    ];
    let sql = TABLE.update(sets).raw(" WHERE ").append(scim_findings::fingerprint.is(id));
    tx.execute(sql).await.map(|_| ())
}

/// The findings that a condition, order and limit leave. One statement.
pub(super) async fn select(tx: &mut Tx, which: Sql) -> Result<Vec<Stored>, Error> {
    let rows = tx.rows(fields::<Row>(), Sql::new(" FROM scim_findings").append(which)).await?;
    Ok(rows.into_iter().map(Stored::from).collect())
}

/// Hands out the findings that a condition leaves. One statement.
async fn each(tx: &mut Tx, which: Sql, take: &mut (dyn FnMut(Stored) + Send)) -> Result<(), Error> {
    let all = Sql::new(" FROM scim_findings").append(which);
    tx.each(fields::<Row>(), all, &mut |row| take(row.into())).await
}

impl From<Row> for Stored {
    fn from(row: Row) -> Self {
        let Detail { external_id, name, expected, actual, why } = row.detail;
        Self {
            id: row.fingerprint,
            finding: Finding {
                kind: row.kind,
                resource: row.resource_type.0,
                scim_id: row.legacy_key.map(|key| match row.resource_type.0 {
                    Some(kind) => kind.id(&key),
                    None => key,
                }),
                attribute: row.field,
                external_id,
                name,
                expected,
                actual,
                why,
            },
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            resolved: row.resolved,
            resolution: row.resolution,
            ignored: row.ignored.map(|at| (at, row.ignored_reason)),
        }
    }
}

/// How many memberships mending took out of kpifire's table since a time. One statement.
pub async fn memberships_mended(tx: &mut Tx, since: NaiveDateTime) -> Result<u64, Error> {
    let mended = " FROM scim_findings WHERE resolution = 'restored' \
        AND kind IN ('member_extra', 'orphan_member') AND resolved >= ";
    tx.scalar(super::sidecar::count(), Sql::new(mended).bind(since)).await
}
