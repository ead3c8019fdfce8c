//! `migrate`: the sidecar tables, by the agent itself or as SQL for a DBA.

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use crate::store::migrate;

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
    context::block_on(async {
        let (_, store) = context::open(globals).await?;
        if args.print {
            let sql = migrate::print_pending(&store)
                .await
                .map_err(|error| Error::failed("can't tell which migrations are pending", error))?;
            return output::print(&sql);
        }
        let applied = migrate::run(&store)
            .await
            .map_err(|error| Error::failed("the sidecar tables could not be migrated", error))?;
        if applied.is_empty() {
            output::remark("the sidecar tables are up to date");
        }
        for version in applied {
            output::remark(&format!("applied {version}"));
        }
        Ok(())
    })
}
