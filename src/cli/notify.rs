//! `notify`: tries the channels by which people are told.

use chrono::{SubsecRound as _, Utc};
use uuid::Uuid;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use crate::notify::{self, Event, Facts, Outlet, compose};

/// `notify …`
#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub enum Command {
    /// Send a test through each channel now, and say what the servers answered
    #[command(
        after_help = "Exit codes: 0 every channel took it, 1 one did not or none is configured."
    )]
    Test,
}

/// Does it.
///
/// # Errors
/// 64 for the configuration; 1 when a channel didn't take it, or none is configured.
pub fn run(command: &Command, globals: &Globals) -> Result<(), Error> {
    let Command::Test = command;
    context::block_on(test(globals))
}

async fn test(globals: &Globals) -> Result<(), Error> {
    let config = context::load_config(globals)?;
    let outlets = Outlet::all(&config.notify).map_err(Error::usage)?;
    if outlets.is_empty() {
        return Err(Error::refused(
            "nobody is told: set `notify.smtp` (url, from, to) or `notify.webhook` (url) in the \
             configuration",
        ));
    }
    let mut failed = Vec::new();
    for outlet in &outlets {
        let now = Utc::now().trunc_subsecs(6);
        let facts = Facts {
            id: Uuid::now_v7().to_string(),
            created: now,
            install: notify::install(&config),
            masked: config.reports.mask,
            report: None,
        };
        let (channel, name) = (outlet.channel().as_str(), outlet.name());
        match outlet.deliver(&compose(&Event::Test, &facts), now).await {
            Ok(said) => output::line(&format!("{channel} to {name}: taken: {said}"))?,
            Err(error) => {
                output::line(&format!("{channel} to {name}: NOT SENT: {error}"))?;
                failed.push(channel);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("the test could not be sent by {}", failed.join(" and "))))
}
