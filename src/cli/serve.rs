//! `serve`: the daemon. Binds, wires the rooms together, waits for its end.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::logging;
use crate::config::Config;
use crate::daemon::{self, Listeners};
use crate::http::{Settings, system_clock};
use crate::reconcile::scheduled::Reconciler;
use crate::service::{Paging, Service};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// 64 for the configuration; 1 when an address can't be bound or the database can't be used.
pub fn run(globals: &Globals) -> Result<(), Error> {
    let loaded = context::load(globals)?;
    logging::init(globals, Some(&loaded.config.log));
    context::block_on(serve(&loaded))
}

async fn serve(loaded: &Loaded) -> Result<(), Error> {
    let config = &loaded.config;
    refuse_unserved(config)?;
    // Before anything slow: a stop that comes while the database is being waited for counts.
    let stop =
        daemon::stop_signal().map_err(|error| Error::failed("can't listen for signals", error))?;
    let service = start(loaded).await?;
    let listeners = bind(config).await?;
    let reconciler = reconciler(config, &service);
    daemon::run(listeners, service, reconciler, settings(config), system_clock(), stop).await;
    Ok(())
}

/// The service over the configured database.
///
/// # Errors
/// 1 when the database doesn't answer, lacks the sidecar tables, or doesn't fit the profile.
pub async fn start(loaded: &Loaded) -> Result<Service, Error> {
    let limits = &loaded.config.limits;
    let paging = Paging { default: limits.page_default, most: limits.page_max };
    Service::start(context::store(&loaded.config)?, Arc::clone(&loaded.profile), paging)
        .await
        .and_then(|service| service.authenticating(&loaded.config.auth))
        .map(|service| service.guarded(loaded.config.guard))
        .map_err(|error| Error::service("can't start", error))
}

/// What the schedule runs, over the database that the service serves.
#[must_use]
pub fn reconciler(config: &Config, service: &Service) -> Reconciler {
    let layout = Arc::clone(service.layout());
    Reconciler::new(service.store().clone(), layout, config, system_clock())
}

/// What the configuration has for the wire.
#[must_use]
pub fn settings(config: &Config) -> Settings {
    Settings {
        base_path: config.base_path.clone(),
        public_url: config.public_url.clone(),
        limits: config.limits.clone(),
    }
}

/// Takes the configured addresses.
///
/// # Errors
/// 1 when one can't be had.
pub async fn bind(config: &Config) -> Result<Listeners, Error> {
    let scim = take("listen", config.listen, &config.base_path).await?;
    let admin = match config.admin.listen {
        Some(address) => vec![take("admin.listen", address, "").await?],
        None => Vec::new(),
    };
    Ok(Listeners { scim: vec![scim], admin })
}

async fn take(key: &str, address: SocketAddr, path: &str) -> Result<TcpListener, Error> {
    let failed =
        |error| Error::failed(format!("can't listen on {address} (the key `{key}`)"), error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let what = if key == "listen" { "listening on" } else { "health checks on" };
    tracing::info!("{what} http://{bound}{path}");
    Ok(listener)
}

/// Serving in the clear what was meant to be encrypted would be worse than not serving.
fn refuse_unserved(config: &Config) -> Result<(), Error> {
    let key = if config.tls.is_some() {
        "tls"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!(
        "the configuration sets `{key}`, which this version doesn't serve: remove the key, and put \
         a TLS-terminating proxy in front where the network isn't trusted"
    )))
}
