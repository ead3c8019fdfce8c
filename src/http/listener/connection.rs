//! One connection from its handshake to its end: what it may take, and when it must close.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::head::{self, Head, Watched, Wrong};
use super::open::{Activity, Running};
use super::peer::{Peer, Phase, Place, Wire};
use crate::config::Limits;
use crate::http::response::{self, Response};
use crate::http::sending::Sending;

/// How long a drain waits for a request that may be on its way over an idle connection.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// What an HTTP/2 client may send before it is read, in bytes.
const WINDOW: u32 = 64 * 1024;

/// Serves the connection to its end.
pub(super) async fn run<H, F>(
    stream: TcpStream,
    peer: Peer,
    handler: H,
    wire: Wire,
    place: Place,
    mut phase: watch::Receiver<Phase>,
) where
    H: Fn(Request<Incoming>, Peer) -> F + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let Some(tls) = &wire.tls else {
        return converse(stream, peer, handler, &wire.limits, &place, phase).await;
    };
    let handshake = handshake(stream, Arc::clone(tls), wire.limits.header_time);
    let stream = tokio::select! {
        stream = handshake => stream,
        () = place.connection.activity.evicted() => return,
        () = given_up(&mut phase) => return,
    };
    if let Some(stream) = stream {
        converse(stream, peer, handler, &wire.limits, &place, phase).await;
    }
}

async fn handshake(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    limit: Duration,
) -> Option<TlsStream<TcpStream>> {
    match timeout(limit, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS handshake");
            None
        }
        Err(_) => {
            tracing::debug!("no TLS handshake in time");
            None
        }
    }
}

/// Resolves when a drain has gone on for as long as an idle connection is waited for.
async fn given_up(phase: &mut watch::Receiver<Phase>) {
    // An error is the end of serving as well.
    drop(phase.wait_for(|phase| *phase != Phase::Serving).await);
    phase.mark_changed();
    sleep(ON_ITS_WAY).await;
}

/// When a connection closes without its client's doing.
#[derive(Clone, Copy)]
enum Closing {
    /// When it has been idle for too long.
    Idle,
    /// The drain has begun: at this time, unless a request comes before.
    Drain(Instant),
    /// It was told to: at this time, whatever the client does.
    Told(Instant),
}

async fn converse<S, H, F>(
    stream: S,
    peer: Peer,
    handler: H,
    limits: &Limits,
    place: &Place,
    mut phase: watch::Receiver<Phase>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>, Peer) -> F + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let activity = &place.connection.activity;
    let (head, sending) = (Head::default(), Sending::default());
    let stream = TokioIo::new(Watched::new(stream, head.clone()));
    let builder = builder(limits);
    let answer = service_fn(answers(handler, peer, head, Arc::clone(activity), sending.clone()));
    let mut connection = pin!(builder.serve_connection(stream, answer));
    let mut closing = Closing::Idle;
    loop {
        let wake = match closing {
            Closing::Idle => activity.idle_at(limits.header_time),
            Closing::Drain(at) | Closing::Told(at) => at,
        };
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "connection ended");
                }
                return;
            }
            () = activity.evicted() => if !activity.is_busy() { return },
            changed = phase.changed() => match changed.map(|()| *phase.borrow_and_update()) {
                Ok(Phase::Serving) => {}
                Ok(Phase::Draining) if activity.is_busy() => {
                    connection.as_mut().graceful_shutdown();
                }
                Ok(Phase::Draining) => closing = Closing::Drain(Instant::now() + ON_ITS_WAY),
                Ok(Phase::Over) | Err(_) => return,
            },
            () = sending.stalled(limits.stall) => {
                tracing::debug!("a client doesn't take its answer; the connection is closed");
                return;
            }
            // hyper times a request's header section, but neither the wait for the first bytes,
            // nor a client that doesn't read its answer, nor an idle HTTP/2 connection.
            () = sleep_until(wake) => match (closing, activity.idle_at(limits.header_time)) {
                (Closing::Drain(_), _) => {
                    connection.as_mut().graceful_shutdown();
                    closing = Closing::Idle;
                }
                (_, later) if later > Instant::now() => closing = Closing::Idle,
                (Closing::Told(_), _) => return,
                (Closing::Idle, _) => {
                    connection.as_mut().graceful_shutdown();
                    closing = Closing::Told(Instant::now() + limits.header_time);
                }
            },
        }
    }
}

/// What hyper calls for each request of a connection.
fn answers<H, F>(
    handler: H,
    peer: Peer,
    head: Head,
    activity: Arc<Activity>,
    sending: Sending,
) -> impl Fn(Request<Incoming>) -> futures_util::future::BoxFuture<'static, Result<Response, Infallible>>
where
    H: Fn(Request<Incoming>, Peer) -> F + Send + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    move |request| {
        if let Err(why) = head.judge(request.version()) {
            tracing::debug!(?why, "a request was refused");
            return Box::pin(std::future::ready(Ok(refusal(why))));
        }
        let running = Running::begin(&activity);
        let (answer, head, sending) = (handler(request, peer), head.clone(), sending.clone());
        Box::pin(async move {
            let mut response = answer.await?;
            head.next();
            // Until the answer is sent, the connection is at work.
            response.body_mut().keep(running);
            Ok(response.map(|body| body.watched(&sending)))
        })
    }
}

/// The status alone, as hyper itself says it of a head that it can't read, and the end.
fn refusal(why: Wrong) -> Response {
    response::closing(response::empty(why.status()))
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(head::LARGEST);
    builder
        .http2()
        .timer(TokioTimer::new())
        // What strangers send and nobody has asked for yet lies in these.
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(
            u32::try_from(limits.concurrent_requests).unwrap_or(u32::MAX).min(256),
        )
        .max_header_list_size(u32::try_from(head::LARGEST).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}
