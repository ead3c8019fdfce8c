//! `serve`: the daemon. Binds, wires the rooms together, waits for its end.

use tokio::net::TcpListener;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::logging;
use crate::config::Config;
use crate::daemon;
use crate::http::{Settings, system_clock};
use crate::service::Service;

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
    let store = context::connect(loaded).await?;
    let listener = bind(config).await?;
    daemon::run(
        vec![listener],
        Service::new(store),
        settings(config),
        system_clock(),
        stop,
    )
    .await;
    Ok(())
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

/// Takes the configured address.
///
/// # Errors
/// 1 when it can't be had.
pub async fn bind(config: &Config) -> Result<TcpListener, Error> {
    let failed = |error| {
        let context = format!("can't listen on {} (the key `listen`)", config.listen);
        Error::failed(context, error)
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tracing::info!("listening on http://{address}{}", config.base_path);
    Ok(listener)
}

/// Serving in the clear what was meant to be encrypted would be worse than not serving.
fn refuse_unserved(config: &Config) -> Result<(), Error> {
    let key = if config.tls.is_some() {
        "tls"
    } else if config.auth.entra.is_some() {
        "auth.entra"
    } else if config.admin.listen.is_some() {
        "admin.listen"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!(
        "the configuration sets `{key}`, which this version doesn't serve: remove the key, and put \
         a TLS-terminating proxy in front where the network isn't trusted"
    )))
}
