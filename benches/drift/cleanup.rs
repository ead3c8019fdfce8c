//! Cleanup of very many disabled users: the plan of them all, and a while of applying it.

use std::time::Duration;

use serde_json::Value;

use super::child;
use super::fill::MEMBERSHIPS;
use super::fill::days_ago;
use crate::support::agent::Program;
use crate::support::database::Database;
use crate::support::world::User;
use crate::support::{Failure, Result};

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// Users whose memberships are to go.
    pub due: usize,
    /// `cleanup plan`, made a few times, and its peak memory in MiB. The first one reads from the disk.
    pub plans: Vec<(Duration, f64)>,
    /// `cleanup apply`: how long it was let work, steps that it did by then, peak memory.
    pub apply: (Duration, usize, f64),
}

/// Makes the first users leavers, plans, and applies for a while. What the reconciler saw of the
/// database is over after it.
///
/// # Errors
/// The database's or the program's; a plan that isn't of these users.
pub async fn measure(
    database: &Database,
    program: &Program,
    leavers: u32,
    turns: u32,
    time: Duration,
) -> Result<Seen> {
    let beyond = User(leavers).key();
    let before = days_ago(database.engine, 60);
    database
        .execute(&format!(
            "UPDATE users SET status = 'Inactive' WHERE user_id BETWEEN 1001 AND {beyond} - 1; \
             UPDATE scim_links SET disabled_at = {before} WHERE resource_type = 'User' \
             AND CAST(legacy_key AS INTEGER) BETWEEN 1001 AND {beyond} - 1; \
             UPDATE scim_tokens SET last_used = {}; DELETE FROM scim_runs",
            days_ago(database.engine, 0)
        ))
        .await?;
    super::fill::settle(database).await?;
    let plan = ["cleanup", "plan", "--format", "json"];
    let (mut plans, mut printed) = (Vec::new(), String::new());
    for _ in 0..turns {
        let planned = child::run(program, database, &plan, None).await?;
        plans.push((planned.time, planned.peak));
        printed = planned.stdout;
    }
    let plan: Value = serde_json::from_str(&printed)?;
    let text = |key: &str| plan.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let due = plan.get("steps").and_then(Value::as_array).map_or(0, Vec::len);
    let least = usize::try_from(leavers)?.saturating_sub(super::plant::PLANTED);
    if text("verdict") != "READY" || due < least {
        let reasons = plan.get("reasons").cloned().unwrap_or_default();
        return Err(format!("the plan is {} of {due} steps: {reasons}", text("verdict")).into());
    }
    let edges_before = edges(database).await?;
    let arguments = ["cleanup", "apply", "--yes", "--plan", &text("hash")];
    let applied = child::run(program, database, &arguments, Some(time)).await?;
    let gone = edges_before.saturating_sub(edges(database).await?);
    Ok(Seen { due, plans, apply: (applied.time, gone / MEMBERSHIPS as usize, applied.peak) })
}

async fn edges(database: &Database) -> std::result::Result<usize, Failure> {
    let count = super::bare::count(database, "SELECT count(*) FROM team_members").await?;
    Ok(usize::try_from(count)?)
}
