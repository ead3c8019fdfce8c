//! `profile`: a proposal for a database, or the profile in use as it was understood.

use std::sync::Arc;

use chrono::Utc;
use clap::Subcommand;

use super::error::Error;
use super::globals::Globals;
use super::{check, context, output};
use crate::config::Config;
use crate::profile::catalogue::Catalogue;
use crate::profile::evidence::Evidence;
use crate::profile::proof::Severity;
use crate::profile::{self, propose};
use crate::rehearsal::rehearse;
use crate::store::{self, Store};

/// `profile …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at the database's tables and some of their rows, and print a proposed profile: behind each
    /// line what speaks for it, and `# DECIDE:` where a person must decide
    Init {
        /// Prove it at once: live a whole life by it on the real tables, in one transaction that is
        /// rolled back; what was found goes to stderr
        #[arg(long)]
        rehearse: bool,
    },
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
        Command::Init { rehearse } => context::block_on(async {
            // The profile may be what is missing, so only the database's part has to be right.
            let config = context::load_config(globals)?;
            let store = context::store(&config)?;
            let failed = |error| Error::failed("the database could not be examined", error);
            let catalogue = store.catalogue().await.map_err(failed)?;
            let proposed = proposal(&store, &catalogue).await.map_err(failed)?;
            output::print(&proposed)?;
            if *rehearse { rehearsed(&proposed, &store, &catalogue, &config).await } else { Ok(()) }
        }),
    }
}

/// Lives a whole life by a proposal, and says what came of it: stdout holds the profile.
async fn rehearsed(
    proposed: &str,
    store: &Store,
    catalogue: &Catalogue,
    config: &Config,
) -> Result<(), Error> {
    let profile = profile::parse("as proposed", proposed).map_err(|error| {
        Error::refused(format!(
            "nothing was rehearsed, since something must be decided first: {error}"
        ))
    })?;
    let lived = rehearse(store, Arc::new(profile), catalogue, config, Utc::now());
    let findings = lived.await.map_err(|error| Error::service("nothing was rehearsed", error))?;
    for finding in &findings {
        output::remark(check::render(finding).trim_end());
    }
    match check::count(&findings, Severity::Error) {
        0 => Ok(()),
        errors => Err(Error::refused(format!("the rehearsal found {errors} errors"))),
    }
}

/// Reads the catalogue, then a bounded number of rows: of the tables that could hold users, of those
/// that have to do with them, and which of their values are keys of each other.
async fn proposal(store: &Store, catalogue: &Catalogue) -> Result<String, store::Error> {
    let looks = propose::first_looks(catalogue);
    let mut evidence = store.evidence(looks, Evidence::default()).await?;
    // First the rows, then what they are keys of, then the groups that these lead to.
    for _ in 0..3 {
        let looks = propose::further_looks(catalogue, &evidence);
        evidence = store.evidence(looks, evidence).await?;
    }
    Ok(propose::propose(catalogue, &evidence))
}
