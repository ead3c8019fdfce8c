//! `demo`: everything at once on an embedded, seeded SQLite kpifire, with an Entra of its own that
//! calls the agent's listener over HTTP.
//!
//! What a person would do by hand, in order: make the database, migrate, make a token, serve, let
//! Entra provision. Everything goes through the same functions as the other subcommands, and none
//! of them knows of the demo.

mod drift;
mod entra;
mod narrate;
mod place;
mod play;
mod program;
mod show;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use chrono::Utc;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::{logging, output, serve};
use crate::clock::system_clock;
use crate::config::Log;
use crate::daemon::{self, Setup};
use crate::http::AdminDoor;
use crate::http::client::Client;
use crate::http::listener::Liveness;
use crate::service::credentials::{self, Credential, Kind};
use crate::service::{self, Actor, Came, Scope, Service};
use crate::store::demo::execute_script;
use crate::store::{self, Store, migrate};
use crate::systemd::Sockets;
use narrate::Narrator;
use place::Place;

/// `demo`
#[derive(Debug, clap::Args)]
#[command(after_help = "Database and address are always the demo's own. Other settings come from \
                        --config files and DIR/config.toml; the environment isn't looked at.")]
pub struct Args {
    /// Where the database, its configuration and the token are kept; made if it isn't there
    #[arg(long, value_name = "DIR", default_value = "./kpifire-demo")]
    dir: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8642")]
    listen: SocketAddr,
    /// Serve alone: don't play Entra
    #[arg(long)]
    serve_only: bool,
}

/// The token's name, in the log and in the audit trail.
const TOKEN: &str = "demo";
/// The name of the token to sign in to the console with.
const OPERATOR: &str = "demo-operator";

/// Serves until SIGTERM or SIGINT; nothing that is already there is made again.
///
/// # Errors
/// 64 for a folder that can't be used or whose `config.toml` isn't the demo's; 1 for anything that
/// fails on the way.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let place = Place::make(&args.dir)?;
    let mut loaded = place.configure(args.listen, &globals.config)?;
    loaded.config.admin.listen.get_or_insert_with(|| console(args.listen.port()));
    logging::init(globals, Some(&log(&loaded, args)));
    context::to_the_end(demo(args, &place, &loaded))
}

/// Where the console listens unless the configuration says: beside SCIM, or on a free port where
/// that one is taken. On loopback it asks nobody who they are.
fn console(scim: u16) -> SocketAddr {
    let beside = scim.checked_add(1).filter(|_| scim != 0).unwrap_or(0);
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let free = std::net::TcpListener::bind(at(beside)).is_ok();
    at(if free { beside } else { 0 })
}

/// While the demo tells what it does, a log line for each of its requests would drown that.
fn log(loaded: &Loaded, args: &Args) -> Log {
    let configured = loaded.config.log.clone();
    if args.serve_only || configured.level != "info" {
        return configured;
    }
    Log { level: "warn".to_owned(), ..configured }
}

async fn demo(args: &Args, place: &Place, loaded: &Loaded) -> Result<(), Error> {
    let stop = daemon::stop_signal()
        .map_err(|error| Error::failed("can't listen for signals", error))?
        .shared();
    // First of all: a second demo on the same address mustn't touch the first one's database.
    let bound_to =
        serve::bind(&loaded.config, None, Sockets::default()).await.map_err(|error| {
            Error::failed("the demo needs an address of its own, see --listen", error)
        })?;
    let scim = reached(&bound_to.listeners.scim)?;
    let admin = reached(&bound_to.listeners.admin)?;
    let store = context::store(&loaded.config)?;
    prepare(&store, place).await?;
    let service = serve::start(loaded).await?;
    let operator = (OPERATOR, Scope::Operator, place.operator.as_path());
    let operator = token(&store, &service, operator).await?;
    let token = token(&store, &service, (TOKEN, Scope::Provision, &place.token)).await?;
    let program = program::name();
    let base = format!("{scim}{}", loaded.config.base_path);
    let doors = show::Doors { scim: &scim, base: &base, console: &admin };
    output::print(&show::entrance(place, &program, &doors, (&token, &operator)))?;

    let setup = daemon::fixed(setup(loaded, &service)?);
    let serving = tokio::spawn(daemon::run(
        bound_to.listeners,
        setup,
        Liveness::default(),
        system_clock(),
        stop.clone(),
    ));
    if !args.serve_only {
        let client = Client::new(&base, &token)
            .map_err(|error| Error::failed("the demo's Entra can't call", error))?;
        tokio::select! {
            played = tell(&client, &store, place, loaded, &program) => played?,
            () = stop.clone() => {}
        }
    }
    if stop.peek().is_none() {
        output::line(&format!("Serving on {base}, the console on {admin}/, until Ctrl-C."))?;
    }
    let ended = serving.await.map_err(|error| Error::failed("the daemon broke off", error));
    output::remark("stopped");
    ended.map(|_| ())
}

fn setup(loaded: &Loaded, service: &Service) -> Result<Setup, Error> {
    let settings = serve::settings(&loaded.config, AdminDoor::Open, None);
    serve::setup(&loaded.config, service.clone(), settings, None)
}

/// Entra's cycle and what came of it; then what drifted from it.
async fn tell(
    client: &Client,
    store: &Store,
    place: &Place,
    loaded: &Loaded,
    program: &str,
) -> Result<(), Error> {
    let since = Utc::now();
    let narrator = Narrator::new(play::STEPS);
    play::cycle(client, store, &narrator).await?;
    // The bar goes before the tables come.
    drop(narrator);
    output::print(&show::outcome(store, since).await?)?;
    drift::show(store, place, loaded, program).await
}

/// kpifire's own tables and rows where they are missing, then the sidecar's.
async fn prepare(store: &Store, place: &Place) -> Result<(), Error> {
    let failed = |what: &str, error: store::Error| {
        Error::failed(format!("can't {what} in {}", place.database.display()), error)
    };
    place.make_database()?;
    store.prepare().await.map_err(|error| failed("make the database ready", error))?;
    execute_script(store, include_str!("demo/legacy.sql"))
        .await
        .map_err(|error| failed("make kpifire's tables", error))?;
    let occupied = store::demo::rows(store, include_str!("demo/occupied.sql"))
        .await
        .map_err(|error| failed("read kpifire's users", error))?;
    // Only ever into an empty install: rows that a person or Entra removed stay removed.
    if occupied.is_empty() {
        execute_script(store, include_str!("demo/seed.sql"))
            .await
            .map_err(|error| failed("write kpifire's rows", error))?;
    }
    let now = Utc::now().naive_utc();
    store
        .write(now, async |tx, now| migrate::up(tx, *now).await)
        .await
        .map(|_| ())
        .map_err(|error| failed("bring the sidecar tables up to date", error))
}

/// The token of an earlier demo while it is still good, or else another under the same name.
async fn token(
    store: &Store,
    service: &Service,
    (name, scope, file): (&str, Scope, &Path),
) -> Result<String, Error> {
    let failed = |error| Error::failed(format!("can't make the token `{name}`"), error);
    if let Some(token) = place::read_token(file)?
        && good(service, &token, scope).await?
    {
        place::keep_token(file, &token)?;
        return Ok(token);
    }
    let there = credentials::list(store, Kind::Token).await.map_err(failed)?;
    let token = secret(store, &there, name, scope).await.map_err(failed)?;
    if !good(service, &token, scope).await? {
        return Err(Error::refused(format!(
            "the token `{name}` of the demo's database has expired or has another scope than {scope}, \
             which the demo needs: choose another --dir"
        )));
    }
    place::keep_token(file, &token)?;
    Ok(token)
}

/// Another text for the token of this name; it is made where there is none.
async fn secret(
    store: &Store,
    there: &[Credential],
    name: &str,
    scope: Scope,
) -> Result<String, service::Error> {
    let (kind, actor, now) = (Kind::Token, &Actor::Agent, Utc::now());
    if !there.iter().any(|row| row.name == name) {
        return Ok(credentials::create(store, kind, name, None, scope, actor, now).await?.text);
    }
    match credentials::rotate(store, kind, name, None, actor, now).await? {
        Came::Done(secret) => Ok(secret.text),
        Came::Already(_) | Came::Changed => {
            Err(service::Error::Internal("another demo is at it".into()))
        }
    }
}

async fn good(service: &Service, token: &str, scope: Scope) -> Result<bool, Error> {
    let known = service
        .authenticate(token, Utc::now())
        .await
        .map_err(|error| Error::failed("can't look the token up", error))?;
    Ok(known.is_some_and(|known| known.scope == scope))
}

/// The URL to call a listener under that may listen on every address.
fn reached(listeners: &[TcpListener]) -> Result<String, Error> {
    let listener = listeners.first().ok_or_else(|| Error::refused("the demo listens nowhere"))?;
    let bound = listener
        .local_addr()
        .map_err(|error| Error::failed("can't tell where the demo listens", error))?;
    let address = match bound.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    Ok(format!("http://{}", SocketAddr::new(address, bound.port())))
}
