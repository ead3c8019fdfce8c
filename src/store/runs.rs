//! `scim_runs`: what each run of the reconciler came to. A run is written once, when it is over:
//! one that was killed leaves nothing. One that began in the future was recorded by a wrong clock: it
//! is listed, and no other run is measured by it.

use chrono::NaiveDateTime;
use serde_json::Value;

use super::dialect::{like_literal, soon};
use super::error::Error;
use super::schema::scim_runs;
use super::sidecar::{Expression, Fields, Selection, fields, row};
use super::sql::Sql;
use super::transaction::Tx;

row! {
    /// A row of `scim_runs`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct RunRow of scim_runs {
        /// A UUID that sorts by time.
        pub id: String = id,
        /// UTC, when it began reading.
        pub started: NaiveDateTime = started,
        /// UTC, when it was written.
        pub finished: NaiveDateTime = finished,
        /// `CLEAN`, `DRIFT`, `INCOMPLETE` or `BLOCKED`.
        pub verdict: String = verdict,
        /// Hash of the configuration and profile.
        pub config_hash: String = config_hash,
        /// The report without its findings.
        pub summary: Value = summary,
        /// The schedule's name, for a run that it began.
        pub job: Option<String> = job,
        /// The time for which the schedule began it.
        pub slot: Option<NaiveDateTime> = slot,
    }
}

/// Writes a run. One statement.
pub async fn insert(tx: &mut Tx, run: &RunRow) -> Result<(), Error> {
    tx.execute(scim_runs::TABLE.insert(run.sets())).await.map(|_| ())
}

/// Removes a run. One statement.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<(), Error> {
    tx.execute(scim_runs::TABLE.delete(scim_runs::id.is(id))).await.map(|_| ())
}

/// Those of the reconciler.
fn of_reconciler() -> Sql {
    Sql::new(" FROM scim_runs WHERE (job IS NULL OR job = 'reconcile')")
}

/// Those of another job.
fn of_job(job: &str) -> Sql {
    Sql::new(" FROM scim_runs WHERE job = ").bind(job)
}

/// The last of a selection.
async fn newest(tx: &mut Tx, which: Sql) -> Result<Option<RunRow>, Error> {
    let sql = which.raw(" AND started <= ").append(soon(tx.database()));
    Ok(runs(tx, sql.raw(" ORDER BY started DESC LIMIT 1")).await?.pop())
}

/// The reconciler's last run that read everything. One statement.
pub async fn last_complete(tx: &mut Tx) -> Result<Option<RunRow>, Error> {
    newest(tx, of_reconciler().raw(" AND verdict <> 'INCOMPLETE'")).await
}

/// The reconciler's last run. One statement.
pub async fn last(tx: &mut Tx) -> Result<Option<RunRow>, Error> {
    newest(tx, of_reconciler()).await
}

/// The runs of every job, newest first. One statement.
pub async fn all(tx: &mut Tx) -> Result<Vec<RunRow>, Error> {
    runs(tx, Sql::new(" FROM scim_runs ORDER BY started DESC")).await
}

/// The last run of a job other than the reconciler. One statement.
pub async fn last_of(tx: &mut Tx, job: &str) -> Result<Option<RunRow>, Error> {
    newest(tx, of_job(job)).await
}

/// What the runs of a job other than the reconciler came to within two times. One statement.
pub async fn of_within(
    tx: &mut Tx,
    job: &str,
    since: NaiveDateTime,
    until: NaiveDateTime,
) -> Result<Vec<RunRow>, Error> {
    runs(tx, within(of_job(job), since, until)).await
}

/// Runs whose id begins so; two at most, which is enough to see that it says too little. One
/// statement.
pub async fn beginning(tx: &mut Tx, id: &str) -> Result<Vec<RunRow>, Error> {
    let pattern = format!("{}%", like_literal(id));
    runs(tx, of_reconciler().raw(" AND id LIKE ").bind(pattern).raw(" ESCAPE '!' LIMIT 2")).await
}

fn within(which: Sql, since: NaiveDateTime, until: NaiveDateTime) -> Sql {
    which.raw(" AND started >= ").bind(since).raw(" AND started <= ").bind(until)
}

/// The reconciler's runs within two times, oldest first. One statement.
pub async fn begun_within(
    tx: &mut Tx,
    since: NaiveDateTime,
    until: NaiveDateTime,
) -> Result<Vec<RunRow>, Error> {
    runs(tx, within(of_reconciler(), since, until).raw(" ORDER BY started")).await
}

/// The last complete run of each day within two times, oldest first: what a trend needs of many runs.
/// One statement.
pub async fn last_of_days(
    tx: &mut Tx,
    since: NaiveDateTime,
    until: NaiveDateTime,
) -> Result<Vec<RunRow>, Error> {
    let last = scim_runs::id.max().list(Sql::new("SELECT ")).append(of_reconciler());
    let last = within(last.raw(" AND verdict <> 'INCOMPLETE'"), since, until);
    let days = of_reconciler()
        .raw(" AND id IN (")
        .append(last)
        .raw(" GROUP BY DATE(started)) ORDER BY started");
    runs(tx, days).await
}

/// The newest time, up to `now`, for which a schedule's run was begun. Times after that are no slots
/// yet: a clock that was ahead ran them, and they will come again. One statement.
pub async fn last_slot(
    tx: &mut Tx,
    job: &str,
    now: NaiveDateTime,
) -> Result<Option<NaiveDateTime>, Error> {
    tx.scalar(scim_runs::slot.max(), of_job(job).raw(" AND slot <= ").bind(now)).await
}

/// Whether an agent ran the job for this slot, or for a later one that has come. One statement.
pub async fn served(
    tx: &mut Tx,
    job: &str,
    slot: NaiveDateTime,
    now: NaiveDateTime,
) -> Result<bool, Error> {
    Ok(last_slot(tx, job, now).await?.is_some_and(|last| last >= slot))
}

async fn runs(tx: &mut Tx, which: Sql) -> Result<Vec<RunRow>, Error> {
    tx.rows(fields(), which).await
}

/// From when on records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Audit rows.
    pub audit: NaiveDateTime,
    /// Runs.
    pub runs: NaiveDateTime,
    /// Cleanup's journal, and with it the means to undo.
    pub journal: NaiveDateTime,
    /// Findings, by when they were resolved.
    pub findings: NaiveDateTime,
    /// Notices.
    pub notices: NaiveDateTime,
    /// Clients' access tokens, by when they expired.
    pub expired: NaiveDateTime,
}

/// Rows of a table that are removed in one transaction: others that write wait no longer than that takes.
const BATCH: i64 = 2000;

/// Removes some of what is older, the oldest first; how many rows. Called until there are none. Two
/// statements a table.
pub async fn forget(tx: &mut Tx, keep: Keep) -> Result<usize, Error> {
    let old = [
        ("scim_audit", "at", keep.audit),
        ("scim_runs", "started", keep.runs),
        ("scim_cleanup_journal", "at", keep.journal),
        ("scim_findings", "resolved", keep.findings),
        ("scim_notices", "created", keep.notices),
        ("scim_access_tokens", "expires", keep.expired),
        ("scim_sessions", "expires", keep.expired),
    ];
    let mut gone = 0;
    for (table, time, before) in old {
        let older = || Sql::new(" FROM ").raw(table).raw(" WHERE ").raw(time);
        let next = older().raw(" < ").bind(before).raw(" ORDER BY ").raw(time);
        let next = next.raw(" LIMIT 1 OFFSET ").bind(BATCH);
        let next: Option<NaiveDateTime> = tx.first(Expression::new(Sql::new(time)), next).await?;
        let rows = match next {
            Some(last) => older().raw(" <= ").bind(last),
            None => older().raw(" < ").bind(before),
        };
        gone += tx.execute(Sql::new("DELETE").append(rows)).await?;
    }
    Ok(gone)
}
