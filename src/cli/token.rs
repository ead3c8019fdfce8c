//! `token`: what clients authenticate with. A token's text is shown once, here, and never stored.

use std::time::Duration;

use chrono::Utc;
use clap::{Args, Subcommand, ValueEnum};

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::{output, time};
use crate::service::Scope;
use crate::service::credentials::{self, Credential, Kind};

/// `token …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token; it is printed alone on stdout, and only now
    Create(Create),
    /// List the tokens
    List,
    /// End a token at once
    Revoke(Named),
    /// Replace a token's text under the same name and scope; the old text ends at once
    Rotate(Named),
}

/// `token create`
#[derive(Debug, Args)]
pub struct Create {
    /// A name for the log and the audit trail, such as entra-production
    #[arg(long)]
    name: String,
    /// How long it lasts, such as 365d; without it, until it is revoked
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    /// What it may do
    #[arg(long, value_enum, default_value_t = ScopeName::Provision)]
    scope: ScopeName,
}

/// `token revoke` and `token rotate`
#[derive(Debug, Args)]
pub struct Named {
    /// The token's name
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScopeName {
    /// Read and change users and groups
    Provision,
    /// Only read; never changes any state
    Read,
    /// Use the admin listener, and nothing in SCIM
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Provision => Self::Provision,
            ScopeName::Read => Self::Read,
            ScopeName::Admin => Self::Admin,
        }
    }
}

/// Runs one of them.
///
/// # Errors
/// 64 for the configuration; 1 for the database, a name that is taken, or one that isn't there.
pub fn run(command: Command, globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let store = context::open_migrated(globals).await?;
        let now = Utc::now();
        match command {
            Command::Create(Create { name, expires, scope }) => {
                let expires =
                    expires.map(|duration| time::ahead("--expires", duration, now)).transpose()?;
                let scope = scope.into();
                let made = credentials::create(&store, Kind::Token, &name, expires, scope, now)
                    .await
                    .map_err(|error| Error::service("no token was made", error))?;
                output::line(&made.text)
            }
            Command::List => {
                let tokens = credentials::list(&store, Kind::Token)
                    .await
                    .map_err(|error| Error::service("can't list the tokens", error))?;
                output::print(&output::table(&rows(&tokens)))
            }
            Command::Revoke(Named { name }) => {
                credentials::revoke(&store, Kind::Token, &name, now)
                    .await
                    .map_err(|error| Error::service("the token was not revoked", error))?;
                output::remark(&format!("revoked {name}"));
                Ok(())
            }
            Command::Rotate(Named { name }) => {
                let made = credentials::rotate(&store, Kind::Token, &name)
                    .await
                    .map_err(|error| Error::service("the token was not rotated", error))?;
                output::line(&made.text)
            }
        }
    })
}

/// The tokens as `list` and `status` show them, a heading first.
pub fn rows(tokens: &[Credential]) -> Vec<Vec<String>> {
    let heading = ["NAME", "SCOPE", "CREATED", "EXPIRES", "LAST USED", "REVOKED"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(tokens.iter().map(|token| {
        vec![
            token.name.clone(),
            token.scope.as_str().to_owned(),
            time::show(token.created),
            time::show_optional(token.expires),
            time::show_optional(token.last_used),
            time::show_optional(token.revoked),
        ]
    }));
    rows
}
