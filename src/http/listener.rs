//! Connections: accepting, bounding, draining. HTTP/1.1 and HTTP/2 on the same port, in TLS or in the
//! clear. Knows nothing of SCIM; a handler answers the requests, and one connection's life is
//! `connection`'s.

mod connection;
mod head;
mod open;
mod peer;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::response::Response;
use open::OpenConnections;
use peer::{Phase, Place};

pub use head::judge;
pub use peer::{Peer, Scheme, Wire};

/// Asks the accepting loops whether they still run. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Liveness(Arc<Mutex<Vec<mpsc::Sender<oneshot::Sender<()>>>>>);

impl Liveness {
    /// Whether every loop answers in time. One that has ended for a drain counts as one that does.
    pub async fn is_alive(&self, within: Duration) -> bool {
        let loops = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asking = async {
            for one in loops {
                let (answer, answered) = oneshot::channel();
                if one.send(answer).await.is_ok() {
                    // An error is a loop that ended with the question unread.
                    drop(answered.await);
                }
            }
        };
        timeout(within, asking).await.is_ok()
    }

    fn join(&self) -> mpsc::Receiver<oneshot::Sender<()>> {
        let (ask, asked) = mpsc::channel(1);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ask);
        asked
    }
}

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every connection finished.
    Clean,
    /// `limits.drain` passed first.
    CutOff {
        /// How many were closed in the middle.
        connections: usize,
    },
}

impl Drained {
    /// How two drains went, taken together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Clean, drained) | (drained, Self::Clean) => drained,
            (Self::CutOff { connections: one }, Self::CutOff { connections: two }) => {
                Self::CutOff { connections: one + two }
            }
        }
    }
}

/// How long to wait when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Accepts on every listener until `shutdown` resolves, then drains. `limits.connections` is as it
/// was at the beginning; the rest of what `wire` says holds from the next connection on.
pub async fn serve<H, F>(
    listeners: Vec<TcpListener>,
    handler: H,
    wire: impl Fn() -> Wire + Clone + Send + 'static,
    liveness: &Liveness,
    shutdown: impl Future<Output = ()>,
) -> Drained
where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let most = wire().limits.connections.min(Semaphore::MAX_PERMITS);
    let (phase, watched) = watch::channel(Phase::Serving);
    let (slots, open) = (Arc::new(Semaphore::new(most)), Arc::new(OpenConnections::default()));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let acceptor = Acceptor {
            listener,
            slots: Arc::clone(&slots),
            open: Arc::clone(&open),
            phase: watched.clone(),
            asked: liveness.join(),
        };
        accepting.spawn(acceptor.run(handler.clone(), wire.clone()));
    }
    drop(watched);

    shutdown.await;
    phase.send_replace(Phase::Draining);
    // The listeners close here: what the kernel still queues is refused, or is left to the next
    // process where systemd keeps the socket; it isn't left hanging.
    while accepting.join_next().await.is_some() {}
    if timeout(wire().limits.drain, phase.closed()).await.is_ok() {
        return Drained::Clean;
    }
    let connections = phase.receiver_count();
    phase.send_replace(Phase::Over);
    phase.closed().await;
    Drained::CutOff { connections }
}

/// One listener's loop.
struct Acceptor {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    open: Arc<OpenConnections>,
    phase: watch::Receiver<Phase>,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

impl Acceptor {
    async fn run<H, F>(mut self, handler: H, wire: impl Fn() -> Wire)
    where
        H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response, Infallible>> + Send + 'static,
    {
        // The slot comes first: a connection that can't be served isn't taken out of the backlog.
        while let Some(slot) = self.slot().await {
            let Some(accepted) = self.accept().await else { return };
            match accepted.and_then(|(stream, remote)| {
                stream.set_nodelay(true)?;
                Ok((stream.local_addr()?, remote, stream))
            }) {
                Ok((local, remote, stream)) => {
                    let wire = wire();
                    let scheme = if wire.tls.is_some() { Scheme::Https } else { Scheme::Http };
                    let peer = Peer { local, remote, scheme };
                    let place = Place { _slot: slot, connection: self.open.add() };
                    let (handler, phase) = (handler.clone(), self.phase.clone());
                    tokio::spawn(connection::run(stream, peer, handler, wire, place, phase));
                }
                Err(error) if is_the_clients(&error) => tracing::debug!(%error, "connection lost"),
                Err(error) => {
                    tracing::warn!(%error, "can't accept connections; trying again");
                    tokio::select! {
                        _ = self.phase.changed() => return,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
    }

    /// A slot for the next connection; when all are taken, the connection that has been idle the
    /// longest has to go. `None` at the drain.
    async fn slot(&mut self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return Some(slot);
            }
            let next = self.open.evict_longest_idle();
            tokio::select! {
                biased;
                _ = self.phase.changed() => return None,
                Some(answer) = self.asked.recv() => drop(answer.send(())),
                slot = Arc::clone(&self.slots).acquire_owned() => return slot.ok(),
                () = sleep_until(next) => {}
            }
        }
    }

    async fn accept(&mut self) -> Option<std::io::Result<(TcpStream, SocketAddr)>> {
        loop {
            tokio::select! {
                biased;
                _ = self.phase.changed() => return None,
                Some(answer) = self.asked.recv() => drop(answer.send(())),
                accepted = self.listener.accept() => return Some(accepted),
            }
        }
    }
}

fn is_the_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::NotConnected
            | ErrorKind::InvalidInput
    )
}

#[cfg(test)]
mod tests;
