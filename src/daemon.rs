//! The running daemon: listeners and the schedule until a shutdown, then a drain. Takes both from its caller, so
//! that a test binds port 0 and stops when it likes; reads no configuration file.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::net::TcpListener;

use crate::admin::Admin;
use crate::console::Console;
use crate::http::{App, Clock, Settings, Surface, listener};
use crate::reconcile::scheduled::Reconciler;
use crate::scheduler;
use crate::service::Service;

/// How a daemon ended.
pub use crate::http::listener::Drained;

/// Where a daemon is reached, already bound.
#[derive(Debug, Default)]
pub struct Listeners {
    /// `listen`: SCIM, and the health checks beside it.
    pub scim: Vec<TcpListener>,
    /// `admin.listen`: health checks, metrics and the operator console.
    pub admin: Vec<TcpListener>,
}

/// Serves on every listener, and runs the reconciler on its schedule, until `shutdown` resolves; then accepts nothing more, lets the requests
/// under way finish within `limits.drain`, and returns. A run of the
/// reconciler that is under way then has as long.
pub async fn run(
    listeners: Listeners,
    service: Service,
    reconciler: Reconciler,
    settings: Settings,
    clock: Clock,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let console = Console::new(service.clone(), Arc::clone(reconciler.settings()));
    let admin = Admin::new(console, clock());
    let app = App::new(service, settings, Arc::clone(&clock), admin);
    let limits = app.limits().clone();
    let shutdown = shutdown.shared();
    let serve = |sockets, surface| {
        let app = app.clone();
        let handler = move |request, peer| app.clone().handle(request, peer, surface);
        listener::serve(sockets, handler, &limits, shutdown.clone())
    };
    let drained = tokio::join!(
        serve(listeners.scim, Surface::Scim),
        serve(listeners.admin, Surface::Admin),
        schedule(&reconciler, clock, limits.drain, shutdown.clone()),
    );
    let drained = drained.0.and(drained.1);
    match drained {
        Drained::Clean => tracing::info!("stopped; every request under way was answered"),
        Drained::CutOff { connections } => {
            let why = "stopped; limits.drain passed with connections still busy";
            tracing::warn!(connections, "{why}");
        }
    }
    drained
}

/// Runs the jobs until the shutdown; one that is under way then is left after `drain`: it has
/// written nothing, and whoever comes next begins it anew.
async fn schedule(
    reconciler: &Reconciler,
    clock: Clock,
    drain: Duration,
    shutdown: impl Future<Output = ()> + Clone,
) {
    let cut_off = async {
        shutdown.clone().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        () = scheduler::run(reconciler.jobs(), reconciler, clock, shutdown.clone()) => {}
        () = cut_off => tracing::warn!("a job was cut off at shutdown; its slot is caught up later"),
    }
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
