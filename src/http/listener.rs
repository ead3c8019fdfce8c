//! Connections: accepting, bounding, draining. HTTP/1.1 and HTTP/2 with prior knowledge on the same
//! port. Knows nothing of SCIM; a handler answers the requests.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::response::Response;
use crate::config::Limits;

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Our end; the base URL's last resort.
    pub local: SocketAddr,
    /// The client's end.
    pub remote: SocketAddr,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Over,
}

/// The greatest header section of a request, its target included.
const HEADERS: usize = 64 * 1024;
/// How long to wait when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Accepts on every listener until `shutdown` resolves, then drains.
pub async fn serve<H, F>(
    listeners: Vec<TcpListener>,
    handler: H,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> Drained
where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let (phase, watched) = watch::channel(Phase::Serving);
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let (handler, slots) = (handler.clone(), Arc::clone(&slots));
        accepting.spawn(accept(listener, handler, limits.clone(), slots, watched.clone()));
    }
    drop(watched);

    shutdown.await;
    phase.send_replace(Phase::Draining);
    // The listeners close here: what the kernel still queues is refused, not left hanging.
    while accepting.join_next().await.is_some() {}
    if timeout(limits.drain, phase.closed()).await.is_ok() {
        return Drained::Clean;
    }
    let connections = phase.receiver_count();
    phase.send_replace(Phase::Over);
    phase.closed().await;
    Drained::CutOff { connections }
}

async fn accept<H, F>(
    listener: TcpListener,
    handler: H,
    limits: Limits,
    slots: Arc<Semaphore>,
    mut phase: watch::Receiver<Phase>,
) where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    loop {
        // The slot comes first: a connection that can't be served isn't taken out of the backlog.
        let slot = tokio::select! {
            biased;
            _ = phase.changed() => return,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { return };
        let accepted = tokio::select! {
            biased;
            _ = phase.changed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted.and_then(|(stream, remote)| {
            stream.set_nodelay(true)?;
            let local = stream.local_addr()?;
            Ok((stream, Peer { local, remote }))
        }) {
            Ok((stream, peer)) => {
                let (handler, phase) = (handler.clone(), phase.clone());
                tokio::spawn(connection(stream, peer, handler, limits.clone(), slot, phase));
            }
            Err(error) if is_the_clients(&error) => tracing::debug!(%error, "connection lost"),
            Err(error) => {
                tracing::warn!(%error, "can't accept connections; trying again");
                tokio::select! {
                    _ = phase.changed() => return,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
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

async fn connection<H, F>(
    stream: TcpStream,
    peer: Peer,
    handler: H,
    limits: Limits,
    _slot: OwnedSemaphorePermit,
    mut phase: watch::Receiver<Phase>,
) where
    H: Fn(Request<Incoming>, Peer) -> F + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let counted = Arc::clone(&activity);
    let answer = service_fn(move |request| {
        let running = Running::begin(&counted);
        let answer = handler(request, peer);
        async move {
            let response = answer.await;
            drop(running);
            response
        }
    });
    let builder = builder(&limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    let mut closing = None;
    loop {
        let wake = closing.unwrap_or_else(|| activity.idle_at(limits.header_time));
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "connection ended");
                }
                return;
            }
            changed = phase.changed() => match changed.map(|()| *phase.borrow_and_update()) {
                Ok(Phase::Serving) => {}
                Ok(Phase::Draining) => connection.as_mut().graceful_shutdown(),
                Ok(Phase::Over) | Err(_) => return,
            },
            // hyper times a request's header section, but neither the wait for the first bytes,
            // nor a client that doesn't read its answer, nor an idle HTTP/2 connection.
            () = sleep_until(wake) => match activity.idle_at(limits.header_time) {
                later if later > Instant::now() => closing = None,
                _ if closing.is_some() => return,
                _ => {
                    connection.as_mut().graceful_shutdown();
                    closing = Some(Instant::now() + limits.header_time);
                }
            },
        }
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(
            u32::try_from(limits.concurrent_requests).unwrap_or(u32::MAX).min(256),
        )
        .max_header_list_size(u32::try_from(HEADERS).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}

/// How many requests a connection has under way, and since when that has been none.
struct Activity(Mutex<(usize, Instant)>);

impl Activity {
    fn new() -> Self {
        Self(Mutex::new((0, Instant::now())))
    }

    /// When the connection will have been idle for `limit`, as things stand.
    fn idle_at(&self, limit: Duration) -> Instant {
        let (running, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running == 0 { since + limit } else { Instant::now() + limit }
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (change(state.0), Instant::now());
    }
}

/// One request under way; over when dropped, a client's disconnect included.
struct Running(Arc<Activity>);

impl Running {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.count(|running| running + 1);
        Self(Arc::clone(activity))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.count(|running| running.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;
