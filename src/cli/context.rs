//! What most commands begin with: configuration, profile, store. Reads, and decides nothing.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::error::Error;
use super::globals::{DEFAULT_CONFIG, Globals};
use crate::config::{self, Config, Database};
use crate::mapper::Layout;
use crate::profile::catalogue::Catalogue;
use crate::profile::{self, Profile};
use crate::reconcile::Settings;
use crate::store::server::Server;
use crate::store::{Limits, Store, all_ended, migrate};

/// A validated configuration with its profile.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The profile it names.
    pub profile: Arc<Profile>,
}

/// Reads the configuration.
///
/// # Errors
/// Exit code 64 when it can't be used.
pub fn load_config(globals: &Globals) -> Result<Config, Error> {
    let files = globals.config_files();
    config::load(&files, std::env::vars_os()).map_err(|error| {
        let hint = if files.is_empty() {
            format!("\n  (no file was read: there is no --config and no {DEFAULT_CONFIG})")
        } else {
            String::new()
        };
        // Every problem is named with its key and file; there is nothing to add in front.
        Error::usage(format!("{error}{hint}"))
    })
}

/// Reads the configuration and the profile.
///
/// # Errors
/// Exit code 64 when either can't be used.
pub fn load(globals: &Globals) -> Result<Loaded, Error> {
    let config = load_config(globals)?;
    let profile =
        profile::load(&config.profile).map_err(|error| Error::usage(error.to_string()))?;
    Ok(Loaded { config, profile: Arc::new(profile) })
}

/// Reads the configuration and makes ready to use the database; connects to nothing yet.
///
/// # Errors
/// Exit code 64 for the configuration, 1 for a URL that the database's driver can't use.
pub fn open(globals: &Globals) -> Result<Store, Error> {
    store(&load_config(globals)?)
}

/// [`open`], for a command that needs the sidecar tables.
///
/// # Errors
/// As [`open`]; 1 when the database doesn't answer or the sidecar tables aren't up to date.
pub async fn open_migrated(globals: &Globals) -> Result<Store, Error> {
    migrated(&load_config(globals)?).await
}

/// The database of a configuration, which must have the sidecar tables.
///
/// # Errors
/// As [`fit`]; 1 when the sidecar tables aren't up to date.
pub async fn migrated(config: &Config) -> Result<Store, Error> {
    let store = store(config)?;
    fit(&store).await?;
    up_to_date(store).await
}

/// As [`migrated`], for the daemon: requests have the time of requests, and runs that of runs.
///
/// # Errors
/// As [`migrated`]; 1 when SQLite's file can't be made ready to be written while it is read.
pub async fn serving(config: &Config) -> Result<Store, Error> {
    // A little over: a request that is out of time ends its statement itself, and the log says why.
    let statement = config.limits.request_time + Duration::from_secs(1);
    let limits = Limits { statement, snapshot: config.reconcile.statement_time };
    let store = with(config, limits)?;
    tracing::info!("the database is {}", fit(&store).await?);
    let store = up_to_date(store).await?;
    let unusable = |error| Error::failed("the database can't be used", error);
    store.prepare().await.map_err(unusable)?;
    store.has_sessions().await.map_err(unusable)?;
    Ok(store)
}

async fn up_to_date(store: Store) -> Result<Store, Error> {
    let pending = store
        .read((), async |tx, ()| migrate::pending(tx).await)
        .await
        .map_err(|error| Error::failed("the database can't be used", error))?;
    if pending.is_empty() {
        return Ok(store);
    }
    Err(Error::refused("the sidecar tables are missing or out of date: run `kpifire-scim migrate`"))
}

/// The server of a configuration's database, which must be one that the agent can work on.
///
/// # Errors
/// 1 when the database doesn't answer, or is too old or another maker's; with what is needed.
pub async fn fit(store: &Store) -> Result<Server, Error> {
    let server =
        store.server().await.map_err(|error| Error::failed("the database can't be used", error))?;
    match server.unfit() {
        None => Ok(server),
        Some(why) => Err(Error::refused(format!("the database can't be used: {why}"))),
    }
}

/// The profile laid over the live database.
///
/// # Errors
/// 1 when the database doesn't answer or doesn't fit the profile.
pub async fn layout(store: &Store, loaded: &Loaded) -> Result<Arc<Layout>, Error> {
    let catalogue = store
        .catalogue()
        .await
        .map_err(|error| Error::failed("the database's tables can't be read", error))?;
    laid_over(loaded, &catalogue)
}

/// The profile laid over what the database says of its tables.
///
/// # Errors
/// 1 when it doesn't fit.
pub fn laid_over(loaded: &Loaded, catalogue: &Catalogue) -> Result<Arc<Layout>, Error> {
    Layout::new(Arc::clone(&loaded.profile), catalogue)
        .map(Arc::new)
        .map_err(|error| Error::failed("the profile doesn't fit the database", error))
}

/// What runs of the reconciler need to know.
///
/// # Errors
/// As [`layout`].
pub async fn settings(store: &Store, loaded: &Loaded) -> Result<Settings, Error> {
    Ok(Settings::new(&loaded.config, layout(store, loaded).await?))
}

/// Makes ready to use the database of a configuration, as a command does.
///
/// # Errors
/// Exit code 1 for a URL that the database's driver can't use.
pub fn store(config: &Config) -> Result<Store, Error> {
    with(config, Limits::all(config.reconcile.statement_time))
}

fn with(config: &Config, limits: Limits) -> Result<Store, Error> {
    let Database { url, pool_size, connect_timeout, ca } = &config.database;
    let size = usize::try_from(*pool_size).unwrap_or(usize::MAX);
    Store::new(url, size, *connect_timeout, limits, ca.as_deref())
        .map_err(|error| Error::failed("the database can't be used", error))
}

/// Threads at least. A large answer is made on one: there are more than the answers that one client can
/// have made at a time, so that somebody else's small one needs not wait for them.
const WORKERS: usize = 8;

/// Runs a command's asynchronous part to its end, or until a signal ends it: what the database is at
/// for it then is cancelled.
///
/// # Errors
/// The command's own, 130 or 143 for the signal, or 1 when the process can't have threads.
pub fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    to_the_end(async {
        let signals = |error| Error::failed("can't listen for signals", error);
        let mut term = signal(SignalKind::terminate()).map_err(signals)?;
        let mut int = signal(SignalKind::interrupt()).map_err(signals)?;
        let ended = tokio::select! {
            done = work => return done,
            _ = term.recv() => Error::signalled(143, "SIGTERM"),
            _ = int.recv() => Error::signalled(130, "SIGINT"),
        };
        all_ended().await;
        Err(ended)
    })
}

/// How long threads that wait for a disk may keep the process alive.
const THREADS: Duration = Duration::from_secs(5);

/// Runs what sees to signals itself.
///
/// # Errors
/// As [`block_on`], but for the signals.
pub fn to_the_end<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.max(WORKERS))
        .enable_all()
        .build()
        .map_err(|error| Error::failed("can't start the runtime", error))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(THREADS);
    done
}
