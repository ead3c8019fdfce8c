//! `profile`: a proposal for a database, or the profile in use as it was understood.

use clap::Subcommand;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use crate::profile::evidence::Evidence;
use crate::profile::{self, propose};
use crate::store::Store;

/// `profile …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at the database's tables and some of their rows, and print a proposed profile: behind each
    /// line what speaks for it, and `# DECIDE:` where a person must decide
    Init,
    /// Print the profile in use, as it was understood
    Show,
}

/// Runs one of them.
///
/// # Errors
/// 64 for the configuration or the profile; 1 for the database.
pub fn run(command: &Command, globals: &Globals) -> Result<(), Error> {
    match command {
        Command::Show => {
            let loaded = context::load(globals)?;
            output::print(&profile::print(&loaded.profile))
        }
        Command::Init => context::block_on(async {
            // The profile may be what is missing, so only the database's part has to be right.
            output::print(&proposal(&context::open(globals)?).await?)
        }),
    }
}

/// Reads the catalogue, then a bounded number of rows: of the tables that could hold users, of those
/// that have to do with them, and which of their values are keys of each other.
async fn proposal(store: &Store) -> Result<String, Error> {
    let failed = |error| Error::failed("the database could not be examined", error);
    let catalogue = store.catalogue().await.map_err(failed)?;
    let looks = propose::first_looks(&catalogue);
    let mut evidence = store.evidence(looks, Evidence::default()).await.map_err(failed)?;
    // First the rows, then what they are keys of, then the groups that these lead to.
    for _ in 0..3 {
        let looks = propose::further_looks(&catalogue, &evidence);
        evidence = store.evidence(looks, evidence).await.map_err(failed)?;
    }
    Ok(propose::propose(&catalogue, &evidence))
}
