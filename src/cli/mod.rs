//! The command line: parse, call one function, print. One file per subcommand.
//!
//! Decides nothing about SCIM, databases or tokens; what a command does is in the room it calls.

pub mod audit;
pub mod check;
pub mod cleanup;
pub mod context;
pub mod credential;
pub mod demo;
pub mod drift;
pub mod error;
pub mod export;
pub mod generate;
pub mod globals;
pub mod guard;
pub mod import;
pub mod journal;
pub mod logging;
pub mod manual;
pub mod migrate;
pub mod notify;
pub mod output;
pub mod profile;
pub mod progress;
pub mod reconcile;
pub mod report;
pub mod serve;
pub mod status;
pub mod time;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use error::Error;
pub use globals::Globals;

/// The whole command line, the common options aside.
#[derive(Debug, Parser)]
#[command(
    name = "kpifire-scim",
    version,
    about = "SCIM 2.0 service provider that lets Microsoft Entra ID provision into kpifire",
    after_help = "Exit codes: 0 done or clean, 1 error, 2 drift found, 3 incomplete, 4 blocked by a \
                  threshold, 64 usage or configuration.",
    arg_required_else_help = true,
    subcommand_required = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything on an embedded, seeded SQLite kpifire
    Demo(demo::Args),
    /// Run the daemon
    Serve,
    /// Prove configuration, profile, database and grants
    Check(check::Args),
    /// Create or update the sidecar tables, or drop them
    Migrate(migrate::Args),
    /// Write the sidecar tables to a file: a backup, or the way to another database
    Export(export::Args),
    /// Take an export into empty sidecar tables, all of it or nothing
    Import(import::Args),
    /// Manage the tokens that clients authenticate with
    #[command(subcommand)]
    Token(credential::Token),
    /// Manage the OAuth 2.0 clients that ask for short-lived tokens at /oauth/token
    #[command(subcommand)]
    Client(credential::Client),
    /// Propose a profile for a database, or show the one in use
    #[command(subcommand)]
    Profile(profile::Command),
    /// Compare kpifire's tables with what Entra asserted, now
    Reconcile(reconcile::Args),
    /// Show the report of a run
    Report(report::Args),
    /// Show and mend what has drifted
    #[command(subcommand)]
    Drift(drift::Command),
    /// See to users whom Entra disabled: memberships, what they own, personal data
    #[command(subcommand)]
    Cleanup(cleanup::Command),
    /// Limits on how many users clients may disable
    #[command(subcommand)]
    Guard(guard::Command),
    /// Try the channels by which people are told
    #[command(subcommand)]
    Notify(notify::Command),
    /// Show who changed what
    Audit(audit::Args),
    /// Show how things stand, on one screen
    Status,
    /// Write man pages or shell completions
    #[command(hide = true)]
    Generate(generate::Args),
}

/// Runs the command that the arguments (the program's name first) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(arguments) {
        Ok((command, globals)) => match execute(command, &globals) {
            Ok(code) => ExitCode::from(code),
            Err(error) if error.is_unread() => ExitCode::from(error.code()),
            Err(error) => {
                output::failure(&format!("kpifire-scim: {error}"));
                ExitCode::from(error.code())
            }
        },
        Err(error) => {
            // Help and version are asked for; anything else, no subcommand included, is a mistake.
            let code = if error.use_stderr() { error::USAGE } else { 0 };
            drop(error.print());
            ExitCode::from(code)
        }
    }
}

fn command_line() -> clap::Command {
    manual::augment(Globals::augment(Cli::command()))
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Command, Globals), clap::Error> {
    let command = command_line();
    let mut formatter = command.clone();
    let matches = command.try_get_matches_from(arguments)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut formatter))?;
    let globals = Globals::collect(&matches).map_err(|error| error.format(&mut formatter))?;
    Ok((cli.command, globals))
}

/// The exit code of a command that did what it was asked.
fn execute(command: Command, globals: &Globals) -> Result<u8, Error> {
    // The daemon's commands set up the log themselves, once they know the configuration.
    if !matches!(command, Command::Demo(_) | Command::Serve) {
        logging::init(globals, None);
    }
    match command {
        Command::Demo(args) => demo::run(&args, globals),
        Command::Serve => serve::run(globals),
        Command::Check(args) => check::run(&args, globals),
        Command::Migrate(args) => migrate::run(&args, globals),
        Command::Export(args) => export::run(&args, globals),
        Command::Import(args) => import::run(&args, globals),
        Command::Token(command) => credential::run(command, globals),
        Command::Client(command) => credential::run(command, globals),
        Command::Profile(command) => profile::run(&command, globals),
        Command::Reconcile(args) => return reconcile::run(&args, globals),
        Command::Cleanup(command) => return cleanup::run(command, globals),
        Command::Guard(command) => guard::run(&command, globals),
        Command::Notify(command) => notify::run(&command, globals),
        Command::Report(args) => report::run(&args, globals),
        Command::Drift(command) => drift::run(command, globals),
        Command::Audit(args) => audit::run(args, globals),
        Command::Status => status::run(globals),
        Command::Generate(args) => generate::run(&args, &command_line()),
    }
    .map(|()| 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Command, Globals), clap::Error> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_command_line_is_consistent() {
        command_line().debug_assert();
    }

    #[test]
    fn common_options_stand_anywhere_and_add_up() {
        let line = "kpifire-scim --config a token --config b create --name n --config c --quiet";
        let (_, globals) = parsed(line).unwrap();
        let files: Vec<_> = globals.config.iter().map(|file| file.to_str().unwrap()).collect();
        assert_eq!(files, ["a", "b", "c"]);
        assert!(globals.quiet);
        let (_, globals) = parsed("kpifire-scim --log-format json serve").unwrap();
        assert_eq!(globals.log_format, Some(globals::LogFormat::Json));
    }

    /// Whoever copies an example must not meet a mistake of ours.
    #[test]
    fn the_manuals_examples_can_be_typed() {
        for page in manual::PAGES {
            let mut command = &command_line();
            for name in page.command.split_whitespace() {
                command = command.find_subcommand(name).expect(page.command);
            }
            for (line, _) in page.examples.iter().filter(|(line, _)| line.starts_with("kpi")) {
                let typed = line.split(['|', '>']).next().unwrap().trim_end();
                assert!(parsed(typed).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn mistakes_are_usage_errors_and_help_is_not() {
        for line in ["kpifire-scim", "kpifire-scim nope", "kpifire-scim token create"] {
            assert!(parsed(line).unwrap_err().use_stderr(), "{line}");
        }
        for line in ["kpifire-scim --help", "kpifire-scim --version", "kpifire-scim token --help"] {
            assert!(!parsed(line).unwrap_err().use_stderr(), "{line}");
        }
    }
}
