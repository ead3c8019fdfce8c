//! The running daemon: listeners until a shutdown, then a drain. Takes both from its caller, so
//! that a test binds port 0 and stops when it likes; reads no configuration file.

use std::future::Future;

use tokio::net::TcpListener;

use crate::http::{App, Clock, Settings, listener};
use crate::service::Service;

/// How a daemon ended.
pub use crate::http::listener::Drained;

/// Serves on every listener until `shutdown` resolves; then accepts nothing more, lets the requests
/// under way finish within `limits.drain`, and returns.
pub async fn run(
    listeners: Vec<TcpListener>,
    service: Service,
    settings: Settings,
    clock: Clock,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let app = App::new(service, settings, clock);
    let limits = app.limits().clone();
    let handler = move |request, peer| app.clone().handle(request, peer);
    let drained = listener::serve(listeners, handler, &limits, shutdown).await;
    match drained {
        Drained::Clean => tracing::info!("stopped; every request under way was answered"),
        Drained::CutOff { connections } => {
            tracing::warn!(
                connections,
                "stopped; limits.drain passed with connections still busy"
            );
        }
    }
    drained
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
