//! `migrate`: the sidecar tables, by the agent itself or as SQL for a DBA; and away with them.

use chrono::Utc;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use crate::store::{self, Store, export, migrate};

/// `migrate`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Change nothing; print the SQL that is still to be run, for a DBA
    #[arg(long, conflicts_with = "down")]
    print: bool,
    /// Drop the sidecar tables and all that is in them; kpifire's own tables stay as they are
    #[arg(long)]
    down: bool,
    /// Don't ask (with --down)
    #[arg(long, requires = "down")]
    yes: bool,
}

/// Brings the sidecar tables up to date, or prints how, or drops them.
///
/// # Errors
/// 64 for the configuration, and when nobody can be asked; 1 for the database.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let store = context::open(globals)?;
        let server = context::fit(&store).await?;
        output::remark(&format!("the database is {server}"));
        if args.print {
            return print(&store).await;
        }
        if args.down {
            let consent = if args.yes { Consent::Given } else { Consent::Asked };
            return down(&store, consent).await;
        }
        up(&store).await
    })
}

async fn print(store: &Store) -> Result<(), Error> {
    let now = Utc::now().naive_utc();
    let sql = store
        .read(now, async |tx, now| migrate::print(tx, *now).await)
        .await
        .map_err(|error| failed("can't tell which migrations are pending", error))?;
    output::print(&sql)
}

async fn up(store: &Store) -> Result<(), Error> {
    let now = Utc::now().naive_utc();
    let applied = store
        .write(now, async |tx, now| migrate::up(tx, *now).await)
        .await
        .map_err(|error| failed("the sidecar tables could not be brought up to date", error))?;
    store.prepare().await.map_err(|error| failed("the database could not be made ready", error))?;
    if applied.is_empty() {
        output::remark("the sidecar tables are up to date");
    }
    for version in applied {
        output::remark(&format!("applied {version}"));
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consent {
    Given,
    Asked,
}

async fn down(store: &Store, consent: Consent) -> Result<(), Error> {
    let lost = store
        .read((), async |tx, ()| export::counts(tx).await)
        .await
        .map_err(|error| failed("can't tell what would be lost", error))?;
    if !lost.is_empty() {
        output::remark("this will be lost:");
        let rows = lost.iter().map(|(table, rows)| (*table, rows.to_string()));
        output::remark(output::named(rows).trim_end());
        output::remark(
            "`kpifire-scim export` keeps a copy. Stop every agent on this database first.",
        );
    }
    let question = "Drop the sidecar tables?";
    if consent == Consent::Asked && !output::confirm(question, "drop the sidecar tables")? {
        return Err(Error::refused("nothing was dropped"));
    }
    let undone = store
        .write((), async |tx, ()| migrate::down(tx).await)
        .await
        .map_err(|error| failed("the sidecar tables could not be dropped", error))?;
    if undone.is_empty() {
        output::remark("there are no sidecar tables");
    }
    for version in undone {
        output::remark(&format!("took back {version}"));
    }
    Ok(())
}

fn failed(context: &str, error: store::Error) -> Error {
    Error::failed(context, error)
}
