//! `token` and `client`: what clients authenticate with. A secret's text is shown once, here, and never
//! stored.

use std::time::Duration;

use chrono::Utc;
use clap::{Args, Subcommand};
use serde_json::json;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::{output, time};
use crate::report::Format;
use crate::service::credentials::{self, Credential, Kind, Secret};
use crate::service::{Actor, Came, Scope};

/// `token …`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token; it is printed alone on stdout, and only now
    Create(NewToken),
    /// List the tokens
    List,
    /// End a token at once
    Revoke {
        /// The token's name
        name: String,
    },
    /// Replace a token's text under the same name and scope; the old text ends at once
    Rotate {
        /// The token's name
        name: String,
    },
}

/// `client …`
#[derive(Debug, Subcommand)]
pub enum Client {
    /// Make a client; its id and secret are printed on stdout, and the secret only now
    Create(NewClient),
    /// List the clients
    List,
    /// End a client and its tokens at once
    Revoke {
        /// The client's name
        name: String,
    },
    /// Replace a client's secret under the same id and scope; its tokens end at once
    Rotate {
        /// The client's name
        name: String,
        /// How to print it
        #[arg(long, value_parser = output::one_of(&FORMATS), default_value = "text")]
        format: Format,
    },
}

/// `token create`
#[derive(Debug, Args)]
pub struct NewToken {
    #[command(flatten)]
    new: New,
    /// What it may do
    #[arg(long, value_parser = output::one_of(&SCOPES), default_value = "provision")]
    scope: Scope,
}

/// `client create`
#[derive(Debug, Args)]
pub struct NewClient {
    #[command(flatten)]
    new: New,
    /// What its tokens may do
    #[arg(long, value_parser = output::one_of(CLIENT_SCOPES), default_value = "provision")]
    scope: Scope,
    /// How to print it
    #[arg(long, value_parser = output::one_of(&FORMATS), default_value = "text")]
    format: Format,
}

/// What both are made of.
#[derive(Debug, Args)]
struct New {
    /// A name for the log and the audit trail, such as entra-production
    #[arg(long)]
    name: String,
    /// How long it lasts, such as 365d; without it, until it is revoked
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
}

const SCOPES: [(Scope, &str); 4] = [
    (Scope::Provision, "Read and change users and groups"),
    (Scope::Read, "Only read; never changes any state"),
    (Scope::Admin, "Read on the admin listener, and nothing in SCIM"),
    (Scope::Operator, "The same, and mend from the console"),
];
const CLIENT_SCOPES: &[(Scope, &str)] = SCOPES.split_at(2).0;

const FORMATS: [(Format, &str); 2] = [
    (Format::Text, "Two lines, id and secret, each with its name before it"),
    (Format::Json, "One object"),
];

/// What is to be done with tokens or clients.
#[derive(Debug)]
pub struct Command {
    kind: Kind,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Create(New, Scope, Format),
    List,
    Revoke(String),
    Rotate(String, Format),
}

impl From<Token> for Command {
    fn from(command: Token) -> Self {
        let action = match command {
            Token::Create(NewToken { new, scope }) => Action::Create(new, scope, Format::Text),
            Token::List => Action::List,
            Token::Revoke { name } => Action::Revoke(name),
            Token::Rotate { name } => Action::Rotate(name, Format::Text),
        };
        Self { kind: Kind::Token, action }
    }
}

impl From<Client> for Command {
    fn from(command: Client) -> Self {
        let action = match command {
            Client::Create(NewClient { new, scope, format }) => Action::Create(new, scope, format),
            Client::List => Action::List,
            Client::Revoke { name } => Action::Revoke(name),
            Client::Rotate { name, format } => Action::Rotate(name, format),
        };
        Self { kind: Kind::Client, action }
    }
}

/// Does it.
///
/// # Errors
/// 64 for the configuration; 1 for the database, a name that is taken, or one that isn't there.
pub fn run(command: impl Into<Command>, globals: &Globals) -> Result<(), Error> {
    let Command { kind, action } = command.into();
    context::block_on(async {
        let store = context::open_migrated(globals).await?;
        let now = Utc::now();
        let failed = |what: &str| {
            let what = what.replace("{}", &kind.to_string());
            move |error| Error::service(what, error)
        };
        match action {
            Action::Create(New { name, expires }, scope, format) => {
                let expires =
                    expires.map(|duration| time::ahead("--expires", duration, now)).transpose()?;
                let made =
                    credentials::create(&store, kind, &name, expires, scope, &Actor::Agent, now);
                print(made.await.map_err(failed("no {} was made"))?, format)
            }
            Action::List => {
                let all = credentials::list(&store, kind).await;
                output::print(&table(kind, &all.map_err(failed("can't list the {}s"))?))
            }
            Action::Revoke(name) => {
                let revoked = credentials::revoke(&store, kind, &name, &Actor::Agent, now).await;
                match revoked.map_err(failed("the {} was not revoked"))? {
                    Came::Already(why) => output::remark(&format!("{name}: {why}")),
                    Came::Done(()) | Came::Changed => output::remark(&format!("revoked {name}")),
                }
                Ok(())
            }
            Action::Rotate(name, format) => {
                let made = credentials::rotate(&store, kind, &name, None, &Actor::Agent, now).await;
                match made.map_err(failed("the {} was not rotated"))? {
                    Came::Done(made) => print(made, format),
                    Came::Already(_) | Came::Changed => Err(Error::refused(format!(
                        "somebody else gave {name} another secret at this moment"
                    ))),
                }
            }
        }
    })
}

/// A token's text alone, a client's secret beside its id.
fn print(Secret { client_id, text }: Secret, format: Format) -> Result<(), Error> {
    match (client_id, format) {
        (None, _) => output::line(&text),
        (Some(id), Format::Json) => {
            output::line(&json!({ "client_id": id, "client_secret": text }).to_string())
        }
        (Some(id), _) => output::print(&format!("client_id: {id}\nclient_secret: {text}\n")),
    }
}

/// Tokens or clients as `list` and `status` show them.
pub fn table(kind: Kind, credentials: &[Credential]) -> String {
    let times = |it: &Credential| {
        [Some(it.created), it.expires, it.last_used, it.revoked].map(time::show_optional)
    };
    match kind {
        Kind::Token => output::table(
            &["NAME", "SCOPE", "CREATED", "EXPIRES", "LAST USED", "REVOKED"],
            credentials.iter().map(|token| {
                let [created, expires, used, revoked] = times(token);
                [token.name.clone(), token.scope.to_string(), created, expires, used, revoked]
            }),
        ),
        Kind::Client => output::table(
            &["CLIENT", "SCOPE", "CLIENT ID", "CREATED", "EXPIRES", "LAST TOKEN", "REVOKED"],
            credentials.iter().map(|client| {
                let [created, expires, used, revoked] = times(client);
                let id = client.client_id.clone().unwrap_or_default();
                [client.name.clone(), client.scope.to_string(), id, created, expires, used, revoked]
            }),
        ),
    }
}
