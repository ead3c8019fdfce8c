//! `report`: the reports of earlier runs, and which runs there were.

use serde_json::Value;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::reconcile::Output;
use super::{output, time};
use crate::drift::Report;
use crate::scheduler::RECONCILE;
use crate::store::reports;
use crate::store::runs::{self, RunRow};
use crate::store::{self, Store};

/// `report`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's id or how it begins, `latest`, or `list` for the runs there are, cleanups too
    #[arg(value_name = "RUN", default_value = "latest")]
    run: String,
    #[command(flatten)]
    output: Output,
}

/// Prints it.
///
/// # Errors
/// 64 for the configuration; 1 when there is no such run, and for the database.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let loaded = context::load(globals)?;
        let store = context::migrated(&loaded.config).await?;
        if args.run == "list" {
            return output::print(&list(&store).await?);
        }
        let run = chosen(&store, &args.run).await?;
        let report = report(&store, &loaded, run).await?;
        args.output.write(&report, &store).await
    })
}

fn unreadable(error: store::Error) -> Error {
    Error::failed("the runs can't be read", error)
}

async fn list(store: &Store) -> Result<String, Error> {
    let rows = store.read((), async |tx, ()| runs::all(tx).await).await.map_err(unreadable)?;
    let heading = &["RUN", "KIND", "STARTED", "VERDICT", "CAME TO", "BEGUN BY"];
    let lines = rows.iter().map(|run| {
        let kind = run.job.as_deref().unwrap_or(RECONCILE);
        [
            run.id.clone(),
            kind.to_owned(),
            time::show(run.started.and_utc()),
            run.verdict.clone(),
            came_to(run, kind),
            run.slot.map_or_else(|| "a person".to_owned(), |_| format!("schedule.{kind}")),
        ]
    });
    Ok(output::table(heading, lines))
}

/// How much it found, or did of what it planned.
fn came_to(run: &RunRow, kind: &str) -> String {
    if kind == RECONCILE {
        return format!("{} findings", reports::counts(run).values().sum::<u64>());
    }
    let number = |name: &str| run.summary.get(name).and_then(Value::as_u64).unwrap_or_default();
    format!("{} of {} steps done", number("done"), number("planned"))
}

async fn chosen(store: &Store, wanted: &str) -> Result<RunRow, Error> {
    let mut found = store
        .read(wanted.to_owned(), async |tx, wanted| match wanted.as_str() {
            "latest" => Ok(runs::last(tx).await?.into_iter().collect()),
            id => runs::beginning(tx, id).await,
        })
        .await
        .map_err(unreadable)?;
    match (found.pop(), found.is_empty()) {
        (Some(run), true) => Ok(run),
        (Some(_), false) => {
            Err(Error::refused(format!("more than one run begins with `{wanted}`")))
        }
        (None, _) if wanted == "latest" => {
            Err(Error::refused("there is no run yet: `kpifire-scim reconcile` makes one"))
        }
        (None, _) => Err(Error::refused(format!(
            "the reconciler has no run `{wanted}`: `kpifire-scim report list` shows all there are"
        ))),
    }
}

async fn report(store: &Store, loaded: &Loaded, run: RunRow) -> Result<Report, Error> {
    let schedule = &loaded.config.schedule;
    let zone = schedule.timezone;
    let next = schedule.reconcile.as_ref().and_then(|it| it.next_after(chrono::Utc::now(), zone));
    let report = store
        .read((run, zone), async |tx, (run, zone)| reports::report(tx, run, *zone).await)
        .await
        .map_err(unreadable)?;
    Ok(Report { next, ..report })
}
