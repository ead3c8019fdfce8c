//! `serve`: the daemon. Binds, wires the rooms together, reloads, waits for its end.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::logging;
use crate::admin::Admin;
use crate::clock::system_clock;
use crate::config::{self, Config};
use crate::console::Console;
use crate::daemon::{self, App, Listeners, Setup};
use crate::http::listener::Liveness;
use crate::http::tls::Tls;
use crate::http::{AdminDoor, Settings, Surface};
use crate::log_queue;
use crate::notify::{self, Sender};
use crate::reconcile::scheduled::Reconciler;
use crate::service::{self, Paging, Service};
use crate::store::all_ended;
use crate::systemd::{self, Sockets};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// 64 for the configuration; 1 when an address can't be bound or the database can't be used.
pub fn run(globals: &Globals) -> Result<(), Error> {
    let loaded = context::load(globals)?;
    logging::init(globals, Some(&loaded.config.log));
    log_queue::begin().map_err(|error| Error::failed("can't begin the log", error))?;
    let sockets = systemd::sockets().map_err(|error| Error::usage(error.to_string()));
    let served = sockets.and_then(|it| context::to_the_end(serve(globals, &loaded, it)));
    log_queue::end();
    served
}

async fn serve(globals: &Globals, loaded: &Loaded, sockets: Sockets) -> Result<(), Error> {
    let config = &loaded.config;
    // Before anything slow: a signal that comes while the database is being waited for counts.
    let signals = |error| Error::failed("can't listen for signals", error);
    let stop = daemon::stop_signal().map_err(signals)?.shared();
    let hangup = daemon::reload_signal().map_err(signals)?;
    let tls = tls(config)?;
    let service = tokio::select! {
        service = start(loaded) => service?,
        () = stop.clone() => {
            all_ended().await;
            return Ok(());
        }
    };
    let bound = bind(config, tls.as_ref(), sockets).await?;
    let setup = setup(config, service, settings(config, bound.reach.door(), tls), None)?;
    let (setups, setup) = watch::channel(setup);
    let reloads = Reloads {
        globals,
        started: loaded,
        now: RefCell::new(loaded.config.clone()),
        reach: bound.reach,
        setups,
        last: RefCell::default(),
        answers: Cell::new(true),
    };
    let liveness = Liveness::default();
    systemd::ready(&reloads.serving());
    let until_stop = async {
        tokio::select! {
            () = reloads.run(hangup) => {}
            () = reloads.show_database() => {}
            () = reloads.follow_tables() => {}
            () = stop.clone() => systemd::stopping(),
        }
    };
    // A task of its own, as what it looks after is: it must not wait for anything here.
    let watchdog = tokio::spawn(systemd::feed_watchdog(liveness.clone()));
    let serving = daemon::run(bound.listeners, setup, liveness, system_clock(), stop.clone());
    tokio::join!(serving, until_stop);
    watchdog.abort();
    Ok(())
}

/// The service over the configured database.
///
/// # Errors
/// 1 when the database doesn't answer, lacks the sidecar tables, or doesn't fit the profile.
pub async fn start(loaded: &Loaded) -> Result<Service, Error> {
    let store = context::serving(&loaded.config).await?;
    Service::start(store, Arc::clone(&loaded.profile), paging(&loaded.config))
        .await
        .and_then(|service| wired(service, &loaded.config))
        .map_err(|error| Error::service("can't start", error))
}

fn wired(service: Service, config: &Config) -> Result<Service, service::Error> {
    let service = service.guarded(config.guard).telling(notify::channels(&config.notify));
    service.authenticating(&config.auth)
}

fn paging(config: &Config) -> Paging {
    Paging { default: config.limits.page_default, most: config.limits.page_max }
}

/// What the daemon does for this configuration: answers, jobs, notices, all over one service.
/// `before` is what it did so far, at a reload.
///
/// # Errors
/// 64 for a channel of `[notify]` that can't be used.
pub fn setup(
    config: &Config,
    service: Service,
    settings: Settings,
    before: Option<&App>,
) -> Result<Setup, Error> {
    let (store, layout) = (service.store().clone(), Arc::clone(service.layout()));
    let sender = Sender::new(store.clone(), config, system_clock()).map_err(Error::usage)?;
    let reconciler = Reconciler::new(store, layout, config, system_clock());
    let console = Console::new(service.clone(), Arc::clone(reconciler.settings()));
    let admin = match before {
        Some(before) => before.admin().over(console),
        None => Admin::new(console, Utc::now()),
    };
    if let Some(tls) = &settings.tls {
        admin.metrics().certificate_expires(tls.certificate.not_after());
    }
    let app = match before {
        Some(before) => before.reloaded(service, settings, admin),
        None => App::new(service, settings, system_clock(), admin),
    };
    Ok(Setup { app, reconciler, sender: Arc::new(sender) })
}

/// What the configuration has for the wire.
pub fn settings(config: &Config, admin_door: AdminDoor, tls: Option<Tls>) -> Settings {
    Settings {
        base_path: config.base_path.clone(),
        public_url: config.public_url.clone(),
        limits: config.limits.clone(),
        admin_door,
        tls,
    }
}

/// The certificate and key of `[tls]`.
///
/// # Errors
/// 64, naming key and file.
pub fn tls(config: &Config) -> Result<Option<Tls>, Error> {
    let tls = config.tls.as_ref().map(Tls::load).transpose();
    tls.map_err(|error| Error::usage(error.to_string()))
}

/// The sockets, ready to accept, and where they are reached.
#[derive(Debug)]
pub struct Bound {
    /// The sockets.
    pub listeners: Listeners,
    reach: Reach,
}

/// Where the daemon is reached for as long as it runs.
#[derive(Debug)]
struct Reach {
    scim: Vec<SocketAddr>,
    admin: Vec<SocketAddr>,
}

impl Reach {
    /// Who may use the admin listener.
    fn door(&self) -> AdminDoor {
        let local = self.admin.iter().all(config::is_loopback);
        if local { AdminDoor::Open } else { AdminDoor::Token }
    }

    /// The configuration has been checked against its own addresses; these are the ones that count,
    /// where systemd passed the socket or a reload comes with another address.
    fn allows(&self, config: &Config) -> Result<(), Error> {
        let plain = config.insecure_plain_http.0 || self.scim.iter().all(config::is_loopback);
        if config.tls.is_some() || (plain && self.door() == AdminDoor::Open) {
            return Ok(());
        }
        let addresses: Vec<_> =
            self.scim.iter().chain(&self.admin).map(ToString::to_string).collect();
        Err(Error::usage(format!(
            "others can reach the socket that this daemon serves ({}), and without [tls] tokens and \
             personal data go over the network in the clear: set `tls.cert` and `tls.key`, or let \
             the .socket unit of systemd, or `listen` and then a restart, say 127.0.0.1",
            addresses.join(", ")
        )))
    }

    /// What each listener serves, and its URL.
    fn urls(&self, base_path: &str, tls: Option<&Tls>) -> Vec<(Surface, String)> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let scim = self.scim.iter();
        let scim = scim.map(|at| (Surface::Scim, format!("{scheme}://{at}{base_path}")));
        let scheme = if self.door() == AdminDoor::Token { "https" } else { "http" };
        let admin = self.admin.iter().map(|at| (Surface::Admin, format!("{scheme}://{at}")));
        scim.chain(admin).collect()
    }
}

/// Takes the passed sockets, and the configured addresses where none was passed.
///
/// # Errors
/// 1 when an address can't be had; 64 when a passed socket would be reached from elsewhere without
/// TLS.
pub async fn bind(config: &Config, tls: Option<&Tls>, sockets: Sockets) -> Result<Bound, Error> {
    let (scim, scim_at) = take("listen", sockets.scim, Some(config.listen)).await?;
    let (admin, admin_at) = take("admin.listen", sockets.admin, config.admin.listen).await?;
    let reach = Reach { scim: scim_at, admin: admin_at };
    reach.allows(config)?;
    for (surface, url) in reach.urls(&config.base_path, tls) {
        match surface {
            Surface::Scim => tracing::info!("listening on {url}"),
            Surface::Admin => tracing::info!("admin listener on {url}"),
        }
    }
    Ok(Bound { listeners: Listeners { scim, admin }, reach })
}

async fn take(
    key: &str,
    passed: Vec<std::net::TcpListener>,
    address: Option<SocketAddr>,
) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), Error> {
    let sockets = if !passed.is_empty() {
        tracing::info!("the key `{key}` isn't used: systemd passed a socket");
        let sockets: Result<Vec<_>, _> = passed.into_iter().map(TcpListener::from_std).collect();
        sockets
            .map_err(|error| Error::failed("a socket that systemd passed can't be used", error))?
    } else if let Some(address) = address {
        vec![TcpListener::bind(address).await.map_err(|error| {
            Error::failed(format!("can't listen on {address} (the key `{key}`)"), error)
        })?]
    } else {
        Vec::new()
    };
    let addresses = sockets.iter().map(TcpListener::local_addr).collect::<Result<_, _>>();
    let failed = |error| Error::failed(format!("can't tell where `{key}` listens"), error);
    Ok((sockets, addresses.map_err(failed)?))
}

/// What SIGHUP does.
struct Reloads<'a> {
    globals: &'a Globals,
    /// What the daemon started with: some of it can't change while it runs.
    started: &'a Loaded,
    /// The configuration as it was last taken up.
    now: RefCell<Config>,
    reach: Reach,
    setups: watch::Sender<Setup>,
    /// What came of the last reload, where a person has something to do.
    last: RefCell<String>,
    /// Whether the database answered when it was last looked at.
    answers: Cell<bool>,
}

/// What came of a reload.
enum Reloaded {
    /// It is done, but for these keys, which need a restart.
    But(Vec<String>),
    /// It is done, but for the profile: the database, which it is laid over, is away.
    ButTheProfile,
}

/// How long the database may take to tell its tables at a reload.
const RELOADING: Duration = Duration::from_secs(15);
/// How often to look at the tables while nothing was refused.
const LOOK_AT_TABLES: Duration = Duration::from_secs(30);
/// Between two looks at tables that don't fit, or can't be looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Between two tries of a reload that waits for the database.
const RETRY: Duration = Duration::from_secs(3);

impl Reloads<'_> {
    /// Reloads at each signal: all of it, or with the reason in the log nothing. What needs the database
    /// is put off while that is away.
    async fn run(&self, mut hangup: tokio::signal::unix::Signal) {
        let mut put_off = false;
        loop {
            if put_off {
                let asked = tokio::time::timeout(RETRY, hangup.recv()).await;
                if asked.is_err() {
                    if self.setups.borrow().app.service().ready().await.is_ok() {
                        put_off = self.again().await;
                    }
                    continue;
                }
            } else if hangup.recv().await.is_none() {
                return;
            }
            put_off = self.again().await;
        }
    }

    /// Reloads; whether part of it is put off.
    async fn again(&self) -> bool {
        tracing::info!(signal = "SIGHUP", "reloading");
        systemd::reloading();
        let outcome = self.reload().await;
        let put_off = matches!(outcome, Ok(Reloaded::ButTheProfile));
        let last = match outcome {
            Ok(Reloaded::But(keys)) if keys.is_empty() => {
                tracing::info!("reloaded");
                String::new()
            }
            Ok(Reloaded::But(keys)) => {
                let keys = keys.join(", ");
                let why = "reloaded, but these keys have changed and need a restart";
                tracing::warn!(keys, "{why}");
                format!("; a restart is needed for {keys}")
            }
            Ok(Reloaded::ButTheProfile) => {
                let why = "the profile is laid over the database's tables when it answers again";
                tracing::warn!("reloaded, but for the profile: {why}");
                format!("; reloaded but for the profile: {why}")
            }
            Err(error) => {
                let lines: Vec<_> =
                    error.to_string().lines().map(|it| it.trim().to_owned()).collect();
                let reason = lines.join("; ");
                tracing::error!(reason, "the reload was refused; the settings stay as they were");
                format!("; the last reload was refused, the settings stay as they were: {reason}")
            }
        };
        self.last.replace(last);
        systemd::ready(&self.status());
        put_off
    }

    /// What `systemctl status` shows: where it serves, what a person has to do.
    fn status(&self) -> String {
        let away = if self.answers.get() { "" } else { "; the database doesn't answer" };
        format!("{}{}{away}", self.serving(), self.last.borrow())
    }

    fn serving(&self) -> String {
        let setup = self.setups.borrow();
        let settings = setup.app.settings();
        let urls = self.reach.urls(&settings.base_path, settings.tls.as_ref());
        let urls = urls.into_iter().map(|(surface, url)| match surface {
            Surface::Scim => format!("SCIM on {url}"),
            Surface::Admin => format!("admin on {url}"),
        });
        format!("Serving {}", urls.collect::<Vec<_>>().join(", "))
    }

    /// Takes the settings up.
    async fn reload(&self) -> Result<Reloaded, Error> {
        let loaded = context::load(self.globals)?;
        let config = &loaded.config;
        self.reach.allows(config)?;
        let tls = tls(config)?;
        let old = self.setups.borrow().clone();
        let before = old.app.service();
        let unusable = |error| Error::service("the profile can't be used", error);
        let restarted = before.restarted(Arc::clone(&loaded.profile), paging(config));
        let (service, away) = match tokio::time::timeout(RELOADING, restarted).await {
            Err(_) | Ok(Err(service::Error::Unavailable { .. })) => {
                (before.as_before(paging(config)), true)
            }
            Ok(restarted) => (restarted.map_err(unusable)?, false),
        };
        let service = wired(service, config).map_err(unusable)?;
        let settings = settings(config, self.reach.door(), tls);
        let setup = setup(config, service, settings, Some(&old.app))?;
        self.setups.send_replace(setup);
        self.now.replace(config.clone());
        if away {
            return Ok(Reloaded::ButTheProfile);
        }
        Ok(Reloaded::But(waiting(&self.started.config, config)))
    }

    /// Lays the profile over the tables anew when they have changed their shape, and says so while they
    /// don't fit it.
    async fn follow_tables(&self) {
        let mut unfit = String::new();
        loop {
            let old = self.setups.borrow().clone();
            let service = old.app.service();
            let _ = tokio::time::timeout(LOOK_AT_TABLES, service.store().doubted()).await;
            match service.fits().await {
                Ok(layout) => {
                    if !unfit.is_empty() {
                        tracing::info!("the database's tables fit the profile again");
                        unfit.clear();
                    }
                    service.store().trust();
                    if layout.has_shape_of(service.layout()) {
                        // A statement may be refused for good, and not for the profile's tables.
                        tokio::time::sleep(LOOK_AGAIN).await;
                        continue;
                    }
                    match self.over(&old, service.laid_over(layout)) {
                        Ok(setup) => {
                            tracing::info!(
                                "the database's tables were altered; the agent knows them anew"
                            );
                            self.setups.send_replace(setup);
                        }
                        Err(error) => {
                            tracing::error!(%error, "altered tables could not be taken up");
                        }
                    }
                }
                Err(error) => {
                    // That the database is away is said by whoever needs it.
                    if let Some(reason) = error.misfit()
                        && unfit != reason
                    {
                        tracing::error!(reason, "not ready");
                        unfit = reason;
                        service.store().doubt();
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// The setup with another service, as the configuration is.
    fn over(&self, old: &Setup, service: Service) -> Result<Setup, Error> {
        let config = self.now.borrow();
        let service = wired(service, &config)
            .map_err(|error| Error::service("the service can't go on", error))?;
        setup(&config, service, old.app.settings().clone(), Some(&old.app))
    }

    /// Shows in `systemctl status` whether the database answers.
    async fn show_database(&self) {
        if !systemd::is_listening() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(systemd::LOOK).await;
            let service = self.setups.borrow().app.service().clone();
            let answers = tokio::time::timeout(systemd::LOOK, service.ready()).await;
            let answers = matches!(answers, Ok(Ok(())));
            if self.answers.replace(answers) != answers {
                systemd::status(&self.status());
            }
        }
    }
}

/// What has changed and only a restart makes true: sockets, the pool and the log are made once.
fn waiting(started: &Config, now: &Config) -> Vec<String> {
    let fixed = |key: &str| {
        // The two times bound the statements of connections that are there already.
        let times = matches!(key, "limits.request_time" | "reconcile.statement_time");
        matches!(key, "listen" | "admin.listen" | "limits.connections")
            || times
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
