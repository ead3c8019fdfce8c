//! The options that every subcommand takes, before or after its name. Knows no subcommand.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command, FromArgMatches as _, ValueEnum};

/// Read when it exists and no `--config` is given.
pub const DEFAULT_CONFIG: &str = "/etc/kpifire-scim/config.toml";

/// Options common to all subcommands.
#[derive(Debug, Clone, Default, Args)]
pub struct Globals {
    /// A configuration file; may be given again, later files override earlier ones
    #[arg(long, value_name = "FILE", help_heading = "Common options")]
    pub config: Vec<PathBuf>,
    /// Log only warnings and errors
    #[arg(long, help_heading = "Common options")]
    pub quiet: bool,
    /// How log lines look
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Common options")]
    pub log_format: Option<LogFormat>,
}

/// `--log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for a person, on stderr
    Text,
    /// One JSON object a line, on stderr
    Json,
    /// Straight to the systemd journal, with fields
    Journald,
}

impl Globals {
    /// Adds the options to a command and to everything below it.
    ///
    /// clap's own `global` options lose the values given before a subcommand when there are more
    /// after it; `--config` has to keep both.
    pub fn augment(command: Command) -> Command {
        let names: Vec<_> =
            command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        // Deriving `Args` also carries this struct's own description over the command's.
        let (about, long_about) = (command.get_about().cloned(), command.get_long_about().cloned());
        let command = Self::augment_args(command).about(about.unwrap_or_default());
        let command = command.long_about(long_about.unwrap_or_default());
        names.into_iter().fold(command, |command, name| command.mut_subcommand(name, Self::augment))
    }

    /// Collects them from every level, in the order of the command line.
    ///
    /// # Errors
    /// clap's.
    pub fn collect(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let here = Self::from_arg_matches(matches)?;
        let Some((_, below)) = matches.subcommand() else {
            return Ok(here);
        };
        let below = Self::collect(below)?;
        Ok(Self {
            config: [here.config, below.config].concat(),
            quiet: here.quiet || below.quiet,
            log_format: below.log_format.or(here.log_format),
        })
    }

    /// The configuration files to read, the default one if there is no other.
    pub fn config_files(&self) -> Vec<PathBuf> {
        let default = Path::new(DEFAULT_CONFIG);
        if self.config.is_empty() && default.exists() {
            return vec![default.to_owned()];
        }
        self.config.clone()
    }
}
