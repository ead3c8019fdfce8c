//! `scim_runs`: what each run of the reconciler came to. A run is written once, when it is over:
//! one that was killed leaves nothing.

use chrono::NaiveDateTime;
use serde_json::Value;

use super::error::{Error, ErrorKind};
use super::sql::Sql;
use super::transaction::Tx;

/// A row of `scim_runs`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// A UUID that sorts by time.
    pub id: String,
    /// UTC, when it began reading.
    pub started: NaiveDateTime,
    /// UTC, when it was written.
    pub finished: NaiveDateTime,
    /// `CLEAN`, `DRIFT`, `INCOMPLETE` or `BLOCKED`.
    pub verdict: String,
    /// Hash of the configuration and profile.
    pub config_hash: String,
    /// The report without its findings.
    pub summary: Value,
    /// The schedule's name, for a run that it began.
    pub job: Option<String>,
    /// The time for which the schedule began it.
    pub slot: Option<NaiveDateTime>,
}

/// Writes a run. One statement.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &mut Tx, run: &RunRow) -> Result<(), Error> {
    let values = [
        Sql::default().bind(run.id.as_str()),
        Sql::default().bind(run.started),
        Sql::default().bind(run.finished),
        Sql::default().bind(run.verdict.as_str()),
        Sql::default().bind(run.config_hash.as_str()),
        Sql::default().bind(run.summary.to_string()),
        Sql::default().bind(run.job.clone()),
        Sql::default().bind(run.slot),
    ];
    let sql = Sql::new(
        "INSERT INTO scim_runs (id, started, finished, verdict, config_hash, summary, job, slot) \
         VALUES (",
    );
    tx.execute(sql.list(", ", values).raw(")")).await.map(|_| ())
}

/// Removes a run. One statement.
///
/// # Errors
/// The database's.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<(), Error> {
    tx.execute(Sql::new("DELETE FROM scim_runs WHERE id = ").bind(id)).await.map(|_| ())
}

const SELECT: &str = "SELECT id, started, finished, verdict, config_hash, summary, job, slot \
                      FROM scim_runs WHERE verdict IS NOT NULL AND (job IS NULL OR job = 'reconcile')";

/// The last run that read everything. One statement.
///
/// # Errors
/// The database's.
pub async fn last_complete(tx: &mut Tx) -> Result<Option<RunRow>, Error> {
    let sql = Sql::new(SELECT).raw(" AND verdict <> 'INCOMPLETE' ORDER BY started DESC LIMIT 1");
    Ok(runs(tx, sql).await?.pop())
}

/// The last run of all. One statement.
///
/// # Errors
/// The database's.
pub async fn last(tx: &mut Tx) -> Result<Option<RunRow>, Error> {
    Ok(runs(tx, Sql::new(SELECT).raw(" ORDER BY started DESC LIMIT 1")).await?.pop())
}

/// The last run of a job other than the reconciler. One statement.
///
/// # Errors
/// The database's.
pub async fn last_of(tx: &mut Tx, job: &str) -> Result<Option<RunRow>, Error> {
    let sql = Sql::new(
        "SELECT id, started, finished, verdict, config_hash, summary, job, slot FROM scim_runs \
         WHERE job = ",
    );
    Ok(runs(tx, sql.bind(job).raw(" ORDER BY started DESC LIMIT 1")).await?.pop())
}

/// What the runs of a job other than the reconciler came to from a time on. One statement.
///
/// # Errors
/// The database's.
pub async fn of_since(tx: &mut Tx, job: &str, since: NaiveDateTime) -> Result<Vec<RunRow>, Error> {
    let sql = Sql::new(
        "SELECT id, started, finished, verdict, config_hash, summary, job, slot FROM scim_runs \
         WHERE job = ",
    );
    runs(tx, sql.bind(job).raw(" AND started >= ").bind(since)).await
}

/// Runs whose id begins so; two at most, which is enough to see that it says too little. One
/// statement.
///
/// # Errors
/// The database's.
pub async fn beginning(tx: &mut Tx, id: &str) -> Result<Vec<RunRow>, Error> {
    let pattern = format!("{}%", super::dialect::like_literal(id));
    let sql = Sql::new(SELECT).raw(" AND id LIKE ").bind(pattern).raw(" ESCAPE '!' LIMIT 2");
    runs(tx, sql).await
}

/// Runs from a time on, oldest first. One statement.
///
/// # Errors
/// The database's.
pub async fn since(tx: &mut Tx, since: NaiveDateTime) -> Result<Vec<RunRow>, Error> {
    runs(tx, Sql::new(SELECT).raw(" AND started >= ").bind(since).raw(" ORDER BY started")).await
}

/// The last complete run of each day from a time on, oldest first: what a trend needs of many runs.
/// One statement.
///
/// # Errors
/// The database's.
pub async fn last_of_days(tx: &mut Tx, since: NaiveDateTime) -> Result<Vec<RunRow>, Error> {
    let sql = Sql::new(SELECT)
        .raw(
            " AND id IN (SELECT MAX(id) FROM scim_runs WHERE verdict <> 'INCOMPLETE' \
             AND (job IS NULL OR job = 'reconcile') AND started >= ",
        )
        .bind(since)
        .raw(" GROUP BY DATE(started)) ORDER BY started");
    runs(tx, sql).await
}

/// The newest time for which a schedule's run was begun. One statement.
///
/// # Errors
/// The database's.
pub async fn last_slot(tx: &mut Tx, job: &str) -> Result<Option<NaiveDateTime>, Error> {
    let sql = Sql::new("SELECT MAX(slot) FROM scim_runs WHERE job = ").bind(job);
    Ok(tx.query(sql).await?.first().and_then(|row| row.time(0)))
}

async fn runs(tx: &mut Tx, sql: Sql) -> Result<Vec<RunRow>, Error> {
    tx.query(sql)
        .await?
        .iter()
        .map(|row| {
            let summary = row.text(5).unwrap_or_default();
            let summary = serde_json::from_str(&summary)
                .map_err(|error| Error::new(ErrorKind::Other, "scim_runs", error.to_string()))?;
            Ok(RunRow {
                id: row.text(0).unwrap_or_default(),
                started: row.time(1).unwrap_or_default(),
                finished: row.time(2).unwrap_or_default(),
                verdict: row.text(3).unwrap_or_default(),
                config_hash: row.text(4).unwrap_or_default(),
                summary,
                job: row.text(6),
                slot: row.time(7),
            })
        })
        .collect()
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
    pub access_tokens: NaiveDateTime,
}

/// Removes what is older; how many rows. Five statements.
///
/// # Errors
/// The database's.
pub async fn forget(tx: &mut Tx, keep: Keep) -> Result<usize, Error> {
    let deletes = [
        ("DELETE FROM scim_audit WHERE at < ", keep.audit),
        ("DELETE FROM scim_runs WHERE started < ", keep.runs),
        ("DELETE FROM scim_cleanup_journal WHERE at < ", keep.journal),
        ("DELETE FROM scim_findings WHERE resolved IS NOT NULL AND resolved < ", keep.findings),
        ("DELETE FROM scim_notices WHERE created < ", keep.notices),
        ("DELETE FROM scim_access_tokens WHERE expires < ", keep.access_tokens),
    ];
    let mut gone = 0;
    for (sql, before) in deletes {
        gone += tx.execute(Sql::new(sql).bind(before)).await?;
    }
    Ok(gone)
}
