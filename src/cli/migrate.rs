//! `migrate`: the sidecar tables, by the agent itself or as SQL for a DBA.

use chrono::Utc;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use crate::store::{self, migrate};

/// `migrate`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Change nothing; print the SQL that is still to be run, for a DBA
    #[arg(long)]
    print: bool,
}

/// Brings the sidecar tables up to date, or prints how.
///
/// # Errors
/// 64 for the configuration; 1 for the database.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let now = Utc::now().naive_utc();
    context::block_on(async {
        let store = context::open(globals)?;
        if args.print {
            let sql = store
                .read(move |tx| Box::pin(migrate::print(tx, now)))
                .await
                .map_err(|error| failed("can't tell which migrations are pending", error))?;
            return output::print(&sql);
        }
        let applied = store
            .write(move |tx| Box::pin(migrate::up(tx, now)))
            .await
            .map_err(|error| failed("the sidecar tables could not be brought up to date", error))?;
        if applied.is_empty() {
            output::remark("the sidecar tables are up to date");
        }
        for version in applied {
            output::remark(&format!("applied {version}"));
        }
        Ok(())
    })
}

fn failed(context: &str, error: store::Error) -> Error {
    Error::failed(context, error)
}
