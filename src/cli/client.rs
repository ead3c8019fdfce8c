//! `client`: OAuth 2.0 clients, who ask for short-lived tokens. A secret is shown once, here, and never
//! stored.

use std::time::Duration;

use chrono::Utc;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::{output, time};
use crate::service::Scope;
use crate::service::credentials::{self, Credential, Kind, Secret};

/// `client …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a client; its id and secret are printed on stdout, and the secret only now
    Create(Create),
    /// List the clients
    List,
    /// End a client and its tokens at once
    Revoke(Named),
    /// Replace a client's secret under the same id and scope; its tokens end at once
    Rotate(Rotate),
}

/// `client create`
#[derive(Debug, Args)]
pub struct Create {
    /// A name for the log and the audit trail, such as entra-production
    #[arg(long)]
    name: String,
    /// How long it lasts, such as 365d; without it, until it is revoked
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    /// What its tokens may do
    #[arg(long, value_enum, default_value_t = ScopeName::Provision)]
    scope: ScopeName,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// `client revoke`
#[derive(Debug, Args)]
pub struct Named {
    /// The client's name
    name: String,
}

/// `client rotate`
#[derive(Debug, Args)]
pub struct Rotate {
    /// The client's name
    name: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScopeName {
    /// Read and change users and groups
    Provision,
    /// Only read; never changes any state
    Read,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Provision => Self::Provision,
            ScopeName::Read => Self::Read,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Two lines, id and secret, each with its name before it
    Text,
    /// One object
    Json,
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
            Command::Create(Create { name, expires, scope, format }) => {
                let expires =
                    expires.map(|duration| time::ahead("--expires", duration, now)).transpose()?;
                let scope = scope.into();
                let made = credentials::create(&store, Kind::Client, &name, expires, scope, now)
                    .await
                    .map_err(|error| Error::service("no client was made", error))?;
                print(made, format)
            }
            Command::List => {
                let clients = credentials::list(&store, Kind::Client)
                    .await
                    .map_err(|error| Error::service("can't list the clients", error))?;
                output::print(&output::table(&rows(&clients)))
            }
            Command::Revoke(Named { name }) => {
                credentials::revoke(&store, Kind::Client, &name, now)
                    .await
                    .map_err(|error| Error::service("the client was not revoked", error))?;
                output::remark(&format!("revoked {name}"));
                Ok(())
            }
            Command::Rotate(Rotate { name, format }) => {
                let made = credentials::rotate(&store, Kind::Client, &name)
                    .await
                    .map_err(|error| Error::service("the client was not rotated", error))?;
                print(made, format)
            }
        }
    })
}

fn print(made: Secret, format: Format) -> Result<(), Error> {
    let (client_id, client_secret) = (made.client_id.unwrap_or_default(), made.text);
    match format {
        Format::Text => {
            output::print(&format!("client_id: {client_id}\nclient_secret: {client_secret}\n"))
        }
        Format::Json => {
            let object = json!({ "client_id": client_id, "client_secret": client_secret });
            output::line(&object.to_string())
        }
    }
}

/// The clients as `list` and `status` show them, a heading first.
pub fn rows(clients: &[Credential]) -> Vec<Vec<String>> {
    let heading = ["CLIENT", "SCOPE", "CLIENT ID", "CREATED", "EXPIRES", "LAST TOKEN", "REVOKED"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(clients.iter().map(|client| {
        vec![
            client.name.clone(),
            client.scope.as_str().to_owned(),
            client.client_id.clone().unwrap_or_default(),
            time::show(client.created),
            time::show_optional(client.expires),
            time::show_optional(client.last_used),
            time::show_optional(client.revoked),
        ]
    }));
    rows
}
