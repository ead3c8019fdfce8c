//! `guard`: how near clients are to the limit on disabling, and letting more through.

use std::time::Duration;

use chrono::{TimeDelta, Utc};

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::{output, time};
use crate::clock::stamp;
use crate::config::Guard;
use crate::service::{self, Actor};
use crate::store::{Store, guard};

/// `guard …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show how many users were disabled or deleted within an hour, and the limits
    Status,
    /// Let clients disable more users than the limits say, for a time
    Allow {
        /// For how long; after that the limits count again
        #[arg(long = "for", value_name = "DURATION", default_value = "1h",
              value_parser = humantime::parse_duration)]
        duration: Duration,
    },
}

/// Does it.
///
/// # Errors
/// 64 for the configuration or the duration; 1 for the database.
pub fn run(command: &Command, globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let config = context::load_config(globals)?;
        let store = context::migrated(&config).await?;
        match command {
            Command::Status => status(&store, config.guard).await,
            Command::Allow { duration } => allow(&store, *duration).await,
        }
    })
}

fn failed(error: crate::store::Error) -> Error {
    Error::failed("the guard can't be read or set", error)
}

async fn status(store: &Store, limits: Guard) -> Result<(), Error> {
    let hour = stamp(Utc::now() - TimeDelta::hours(1));
    let (count, managed, until) = store
        .read(hour, async |tx, hour| {
            let (count, managed) = guard::counts(tx, *hour).await?;
            Ok((count, managed, guard::allowed_until(tx).await?))
        })
        .await
        .map_err(failed)?;
    let limit = |limit: Option<String>| limit.unwrap_or_else(|| "no limit".to_owned());
    let until = until.filter(|until| *until > stamp(Utc::now()));
    let rows = [
        ("within an hour", format!("{count} of {managed} managed users disabled or deleted")),
        ("guard.max_disables", limit(limits.max_disables.map(|it| it.to_string()))),
        ("guard.max_percent", limit(limits.max_percent.map(|it| format!("{it} %")))),
        ("allowed until", time::show_optional(until.map(|it| it.and_utc()))),
    ];
    output::print(&output::named(rows))
}

async fn allow(store: &Store, duration: Duration) -> Result<(), Error> {
    let until = time::ahead("--for", duration, Utc::now())?;
    service::guard::allow(store, until, &Actor::Agent, Utc::now())
        .await
        .map_err(|error| Error::service("the guard can't be set", error))?;
    output::line(&format!("clients may disable users without a limit until {}", time::show(until)))
}
