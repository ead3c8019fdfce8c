//! `profile`: a proposal for a database, or the profile in use as it was understood.

use clap::Subcommand;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use crate::profile;

/// `profile …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the database's catalogue and print a proposed profile, what it couldn't decide marked
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
            let catalogue = context::open(globals)?
                .catalogue()
                .await
                .map_err(|error| Error::failed("can't read the database's catalogue", error))?;
            output::print(&profile::propose::propose(&catalogue))
        }),
    }
}
