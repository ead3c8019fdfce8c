//! `serve`: the daemon. Binds, wires the rooms together, reloads, waits for its end.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::logging;
use crate::config::{self, Config};
use crate::daemon::{self, Listeners, Setup};
use crate::http::listener::Pulse;
use crate::http::tls::Tls;
use crate::http::{AdminDoor, App, Settings, system_clock};
use crate::notify::{self, Sender};
use crate::reconcile::scheduled::Reconciler;
use crate::service::{self, Paging, Service};
use crate::systemd::{self, Sockets};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// 64 for the configuration; 1 when an address can't be bound or the database can't be used.
pub fn run(globals: &Globals) -> Result<(), Error> {
    let loaded = context::load(globals)?;
    logging::init(globals, Some(&loaded.config.log));
    let sockets = systemd::sockets().map_err(|error| Error::usage(error.to_string()))?;
    context::block_on(serve(globals, &loaded, sockets))
}

async fn serve(globals: &Globals, loaded: &Loaded, sockets: Sockets) -> Result<(), Error> {
    let config = &loaded.config;
    // Before anything slow: a signal that comes while the database is being waited for counts.
    let signals = |error| Error::failed("can't listen for signals", error);
    let stop = daemon::stop_signal().map_err(signals)?.shared();
    let hangup = daemon::reload_signal().map_err(signals)?;
    let tls = tls(config)?;
    let service = start(loaded).await?;
    let bound = bind(config, sockets).await?;
    let app = App::new(service, settings(config, bound.door), system_clock());
    let setup = setup(config, app, tls)?;
    let (setups, setup) = watch::channel(setup);
    let reloads = Reloads { globals, started: loaded, serving: bound.serving, setups };
    let pulse = Pulse::default();
    systemd::ready(&reloads.serving);
    let until_stop = async {
        tokio::select! {
            () = reloads.run(hangup) => {}
            () = reloads.show_database() => {}
            () = stop.clone() => systemd::stopping(),
        }
    };
    // A task of its own, as what it looks after is: it must not wait for anything here.
    let watchdog = tokio::spawn(systemd::feed_watchdog(pulse.clone()));
    let serving = daemon::run(bound.listeners, setup, pulse, system_clock(), stop.clone());
    tokio::join!(serving, until_stop);
    watchdog.abort();
    Ok(())
}

/// The service over the configured database.
///
/// # Errors
/// 1 when the database doesn't answer, lacks the sidecar tables, or doesn't fit the profile.
pub async fn start(loaded: &Loaded) -> Result<Service, Error> {
    let store = context::store(&loaded.config)?;
    Service::start(store, Arc::clone(&loaded.profile), paging(&loaded.config))
        .await
        .and_then(|service| wired(service, &loaded.config))
        .map_err(|error| Error::service("can't start", error))
}

fn wired(service: Service, config: &Config) -> Result<Service, service::Error> {
    let service = service.authenticating(&config.auth)?;
    Ok(service.guarded(config.guard).telling(notify::channels(&config.notify)))
}

fn paging(config: &Config) -> Paging {
    Paging { default: config.limits.page_default, most: config.limits.page_max }
}

/// What the daemon does for this configuration: answers, jobs, notices, all over one service.
///
/// # Errors
/// 64 for a channel of `[notify]` that can't be used.
pub fn setup(config: &Config, app: App, tls: Option<Tls>) -> Result<Setup, Error> {
    let (store, layout) = (app.service().store().clone(), Arc::clone(app.service().layout()));
    let sender = Sender::new(store.clone(), config, system_clock()).map_err(Error::usage)?;
    let reconciler = Reconciler::new(store, layout, config, system_clock());
    Ok(Setup { app, reconciler, sender: Arc::new(sender), tls })
}

/// What the configuration has for the wire.
#[must_use]
pub fn settings(config: &Config, admin_door: AdminDoor) -> Settings {
    Settings {
        base_path: config.base_path.clone(),
        public_url: config.public_url.clone(),
        limits: config.limits.clone(),
        admin_door,
    }
}

/// The certificate and key of `[tls]`.
///
/// # Errors
/// 64, naming key and file.
fn tls(config: &Config) -> Result<Option<Tls>, Error> {
    let tls = config.tls.as_ref().map(Tls::load).transpose();
    tls.map_err(|error| Error::usage(error.to_string()))
}

/// The sockets, and who may use them.
#[derive(Debug)]
pub struct Bound {
    /// Ready to accept.
    pub listeners: Listeners,
    /// Who may use the admin listener.
    pub door: AdminDoor,
    /// In one line, for people.
    pub serving: String,
}

/// Takes the passed sockets, and the configured addresses where none was passed.
///
/// # Errors
/// 1 when an address can't be had; 64 when a passed socket would be reached from elsewhere without
/// TLS.
pub async fn bind(config: &Config, sockets: Sockets) -> Result<Bound, Error> {
    let scim = take("listen", sockets.scim, Some(config.listen)).await?;
    let admin = take("admin.listen", sockets.admin, config.admin.listen).await?;
    let is_local = |(_, address): &(TcpListener, SocketAddr)| config::is_loopback(address);
    let door = if admin.iter().all(is_local) { AdminDoor::Open } else { AdminDoor::Token };
    let in_the_clear = config.tls.is_none()
        && (door == AdminDoor::Token
            || !(config.insecure_plain_http.0 || scim.iter().all(is_local)));
    if in_the_clear {
        return Err(Error::usage(
            "systemd passed a socket that others can reach, and without [tls] tokens and personal \
             data go over the network in the clear: set `tls.cert` and `tls.key`, or let the .socket \
             unit listen on 127.0.0.1",
        ));
    }
    let scheme = |tls: bool| if tls { "https" } else { "http" };
    let mut serving = Vec::new();
    for (_, address) in &scim {
        let url = format!("{}://{address}{}", scheme(config.tls.is_some()), config.base_path);
        tracing::info!("listening on {url}");
        serving.push(format!("SCIM on {url}"));
    }
    for (_, address) in &admin {
        let url = format!("{}://{address}", scheme(door == AdminDoor::Token));
        tracing::info!("health checks on {url}");
        serving.push(format!("health checks on {url}"));
    }
    let only = |bound: Vec<(TcpListener, _)>| bound.into_iter().map(|(socket, _)| socket).collect();
    let listeners = Listeners { scim: only(scim), admin: only(admin) };
    Ok(Bound { listeners, door, serving: format!("Serving {}", serving.join(", ")) })
}

async fn take(
    key: &str,
    passed: Vec<std::net::TcpListener>,
    address: Option<SocketAddr>,
) -> Result<Vec<(TcpListener, SocketAddr)>, Error> {
    let with_address = |socket: TcpListener| socket.local_addr().map(|address| (socket, address));
    if !passed.is_empty() {
        tracing::info!("the key `{key}` isn't used: systemd passed a socket");
        let sockets =
            passed.into_iter().map(|socket| TcpListener::from_std(socket).and_then(with_address));
        return sockets
            .collect::<Result<_, _>>()
            .map_err(|error| Error::failed("a socket that systemd passed can't be used", error));
    }
    let Some(address) = address else { return Ok(Vec::new()) };
    let socket = TcpListener::bind(address).await.and_then(with_address).map_err(|error| {
        Error::failed(format!("can't listen on {address} (the key `{key}`)"), error)
    })?;
    Ok(vec![socket])
}

/// What SIGHUP does.
struct Reloads<'a> {
    globals: &'a Globals,
    /// What the daemon started with: some of it can't change while it runs.
    started: &'a Loaded,
    serving: String,
    setups: watch::Sender<Setup>,
}

impl Reloads<'_> {
    /// Reloads at each signal: all of it, or with the reason in the log nothing.
    async fn run(&self, mut hangup: tokio::signal::unix::Signal) {
        while hangup.recv().await.is_some() {
            tracing::info!(signal = "SIGHUP", "reloading");
            systemd::reloading();
            match self.reload().await {
                Ok(waiting) if waiting.is_empty() => {
                    tracing::info!("reloaded");
                    systemd::ready(&self.serving);
                }
                Ok(waiting) => {
                    let keys = waiting.join(", ");
                    let why = "reloaded, but these keys have changed and need a restart";
                    tracing::warn!(keys, "{why}");
                    systemd::ready(&format!("{}; a restart is needed for {keys}", self.serving));
                }
                Err(error) => {
                    let lines: Vec<_> =
                        error.to_string().lines().map(|it| it.trim().to_owned()).collect();
                    let reason = lines.join("; ");
                    tracing::error!(
                        reason,
                        "the reload was refused; the settings stay as they were"
                    );
                    let refused =
                        format!("Reload refused, the settings stay as they were: {reason}");
                    systemd::ready(&refused);
                }
            }
        }
    }

    /// The keys that changed and need a restart. The rest holds from now on.
    async fn reload(&self) -> Result<Vec<String>, Error> {
        let loaded = context::load(self.globals)?;
        let config = &loaded.config;
        let tls = tls(config)?;
        let old = self.setups.borrow().clone();
        let service = old
            .app
            .service()
            .restarted(Arc::clone(&loaded.profile), paging(config))
            .await
            .and_then(|service| wired(service, config))
            .map_err(|error| Error::service("the profile can't be used", error))?;
        let app = old.app.reloaded(service, settings(config, old.app.admin_door()));
        let setup = setup(config, app, tls)?;
        self.setups.send_replace(setup);
        Ok(waiting(&self.started.config, config))
    }

    /// Shows in `systemctl status` whether the database answers.
    async fn show_database(&self) {
        if !systemd::is_listening() {
            return std::future::pending().await;
        }
        let mut answered = true;
        loop {
            tokio::time::sleep(systemd::LOOK).await;
            let service = self.setups.borrow().app.service().clone();
            let answers = tokio::time::timeout(systemd::LOOK, service.ready()).await;
            let answers = matches!(answers, Ok(Ok(())));
            if answers != answered {
                answered = answers;
                let but = if answers { "" } else { "; the database doesn't answer" };
                systemd::status(&format!("{}{but}", self.serving));
            }
        }
    }
}

/// What has changed and only a restart makes true: sockets, the pool and the log are made once.
fn waiting(started: &Config, now: &Config) -> Vec<String> {
    let fixed = |key: &str| {
        matches!(key, "listen" | "admin.listen" | "limits.connections")
            || key.starts_with("database.")
            || key.starts_with("log.")
    };
    let keys = |config: &Config| -> std::collections::BTreeMap<String, String> {
        config.effective().iter().filter(|(key, _)| fixed(key)).cloned().collect()
    };
    let (before, after) = (keys(started), keys(now));
    let mut changed: Vec<String> = before
        .keys()
        .chain(after.keys())
        .filter(|key| before.get(*key) != after.get(*key))
        .cloned()
        .collect();
    // Its password isn't shown, and so isn't in the effective values.
    if started.database.url != now.database.url {
        changed.push("database.url".to_owned());
    }
    changed.sort();
    changed.dedup();
    changed
}
