//! The running daemon: listeners and the schedule until a shutdown, then a drain. Takes both from its caller, so
//! that a test binds port 0 and stops when it likes; reads no configuration file. What a reload
//! replaces is one value, [`Setup`], that everything here asks for anew.

mod app;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, select};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::http::listener::{Liveness, Wire};
use crate::http::{AdminDoor, Surface, listener};
use crate::notify::{self, Sender};
use crate::reconcile::scheduled::Reconciler;
use crate::{presence, scheduler};

/// How a daemon ended.
pub use crate::http::listener::Drained;
pub use app::App;

/// How often the log says that the certificate is about to expire.
const WARN_EVERY: Duration = Duration::from_secs(86_400);

/// Where a daemon is reached, already bound.
#[derive(Debug, Default)]
pub struct Listeners {
    /// `listen`: SCIM, and the health checks beside it.
    pub scim: Vec<TcpListener>,
    /// `admin.listen`: health checks, metrics and the operator console.
    pub admin: Vec<TcpListener>,
}

/// What a reload replaces, all of it at once: a request under way keeps what it began with, and so
/// does a job. Cheap to clone.
#[derive(Clone)]
pub struct Setup {
    /// Answers the requests.
    pub app: App,
    /// Does the jobs.
    pub reconciler: Reconciler,
    /// Delivers notices.
    pub sender: Arc<Sender>,
}

impl Setup {
    /// What a new connection gets.
    fn wire(&self, surface: Surface) -> Wire {
        // An admin listener that asks nobody who they are is for this machine alone.
        let settings = self.app.settings();
        let clear = surface == Surface::Admin && settings.admin_door == AdminDoor::Open;
        let tls = settings.tls.as_ref().filter(|_| !clear);
        Wire { limits: settings.limits.clone(), tls: tls.map(|tls| tls.server.clone()) }
    }
}

/// A setup that nobody reloads.
pub fn fixed(setup: Setup) -> watch::Receiver<Setup> {
    watch::channel(setup).1
}

/// Serves on every listener, and runs the reconciler on its schedule, until `shutdown` resolves; then accepts nothing more, lets the requests
/// under way finish within `limits.drain`, and returns. A run of the
/// reconciler that is under way then has as long. What the database is still at then is cancelled.
pub async fn run(
    listeners: Listeners,
    setup: watch::Receiver<Setup>,
    liveness: Liveness,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Drained {
    let shutdown = shutdown.shared();
    let serve = |sockets, surface| {
        let (apps, wires) = (setup.clone(), setup.clone());
        let handler = move |request, peer| {
            let app = apps.borrow().app.clone();
            app.handle(request, peer, surface)
        };
        let wire = move || wires.borrow().wire(surface);
        listener::serve(sockets, handler, wire, &liveness, shutdown.clone())
    };
    let store = setup.borrow().app.service().store().clone();
    let drained = tokio::join!(
        serve(listeners.scim, Surface::Scim),
        serve(listeners.admin, Surface::Admin),
        through_reloads(
            setup.clone(),
            shutdown.clone(),
            "a job was cut off at shutdown; its slot is caught up later",
            |setup, ended| {
                let clock = clock.clone();
                async move {
                    let reconciler = setup.reconciler;
                    scheduler::run(reconciler.jobs(), &reconciler, clock, ended).await;
                }
            },
        ),
        through_reloads(
            setup.clone(),
            shutdown.clone(),
            "a notice was cut off at shutdown; it is sent again later",
            |setup, ended| async move { setup.sender.run(ended).await },
        ),
        warn_of_expiry(setup.clone(), clock.clone(), shutdown.clone()),
        presence::announce(
            &store,
            || setup.borrow().reconciler.settings().policy.clone(),
            shutdown.clone(),
        ),
    );
    let drained = drained.0.and(drained.1);
    store.stop().await;
    match drained {
        Drained::Clean => tracing::info!("stopped; every request under way was answered"),
        Drained::CutOff { connections } => {
            let why = "stopped; limits.drain passed with connections still busy";
            tracing::warn!(connections, "{why}");
        }
    }
    drained
}

/// When a shutdown has begun, or a reload has replaced the setup.
type Ended = Shared<BoxFuture<'static, ()>>;

/// Does `work` with the setup as it is until the shutdown, anew after each reload, as soon as what
/// is under way has ended. What is under way at the shutdown is left after `limits.drain`, with
/// `left` in the log.
async fn through_reloads<F: Future<Output = ()>>(
    mut setup: watch::Receiver<Setup>,
    shutdown: impl Future<Output = ()> + Clone + Send + 'static,
    left: &str,
    work: impl Fn(Setup, Ended) -> F,
) {
    let drain = setup.clone();
    let cut_off = async {
        shutdown.clone().await;
        let limit = drain.borrow().app.settings().limits.drain;
        tokio::time::sleep(limit).await;
    };
    let rounds = async {
        while shutdown.clone().now_or_never().is_none() {
            let now = setup.borrow_and_update().clone();
            let mut next = setup.clone();
            let replaced = async move {
                if next.changed().await.is_err() {
                    // Nobody is left who could reload.
                    std::future::pending::<()>().await;
                }
            };
            let ended = select(shutdown.clone().boxed(), replaced.boxed()).map(|_| ());
            let ended = ended.boxed().shared();
            work(now, ended.clone()).await;
            // Where there is nothing to do, it is done at once.
            ended.await;
        }
    };
    tokio::select! {
        () = rounds => {}
        () = cut_off => tracing::warn!("{left}"),
    }
}

/// Says at start, after each reload and once a day that the certificate is about to expire.
async fn warn_of_expiry(
    mut setup: watch::Receiver<Setup>,
    clock: Clock,
    shutdown: impl Future<Output = ()>,
) {
    let warning = async {
        loop {
            let now = setup.borrow_and_update().clone();
            if let Some(tls) = &now.app.settings().tls {
                let certificate = &tls.certificate;
                if let Some(warning) = certificate.warning(clock()) {
                    tracing::warn!("{warning}");
                }
                let file = certificate.file().display().to_string();
                let told = notify::certificate_expires(
                    now.app.service().store(),
                    now.app.service().channels(),
                    &file,
                    certificate.not_after(),
                    clock(),
                );
                if let Err(error) = told.await {
                    tracing::warn!(%error, "a notice of the certificate's expiry could not be kept");
                }
            }
            // Without anybody who could reload, the day passes all the same.
            let replaced = tokio::time::timeout(WARN_EVERY, setup.changed()).await;
            if let Ok(Err(_)) = replaced {
                tokio::time::sleep(WARN_EVERY).await;
            }
        }
    };
    tokio::select! {
        () = warning => {}
        () = shutdown => {}
    }
}

/// Yields whenever the process is asked to read its settings anew: SIGHUP.
///
/// # Errors
/// When the signal handler can't be installed.
pub fn reload_signal() -> std::io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
}

/// Resolves when the process is asked to stop: SIGTERM (systemd, `kill`) or SIGINT (Ctrl-C).
///
/// # Errors
/// When a signal handler can't be installed.
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
    })
}
