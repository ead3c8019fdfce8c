//! The listener over real sockets, with handlers that need no service.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::config::Limits;
use crate::http::response;

fn limits() -> Limits {
    Limits {
        body: 1024,
        header_time: Duration::from_secs(5),
        body_time: Duration::from_secs(5),
        stall: Duration::from_secs(5),
        request_time: Duration::from_secs(5),
        connections: 16,
        concurrent_requests: 8,
        answers: 1 << 20,
        filter_length: 1000,
        filter_terms: 100,
        filter_depth: 10,
        page_default: 100,
        page_max: 1000,
        drain: Duration::from_secs(5),
    }
}

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
}

/// A server whose every answer takes `takes`.
async fn server(limits: Limits, takes: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let handler = move |_request, _peer| async move {
        sleep(takes).await;
        Ok(response::empty(204))
    };
    let ended = tokio::spawn(async move {
        let wire = move || Wire { limits: limits.clone(), tls: None };
        serve(vec![listener], handler, wire, &Liveness::default(), async {
            drop(stopped.await);
        })
        .await
    });
    Server { address, stop, ended }
}

async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    drop(timeout(Duration::from_secs(4), stream.read_to_end(&mut bytes)).await.unwrap());
    bytes
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_drain_finishes_what_runs_and_closes_what_idles() {
    let server = server(limits(), Duration::from_millis(300)).await;
    let silent = send(server.address, b"").await;
    let busy = send(server.address, REQUEST).await;
    sleep(Duration::from_millis(100)).await;
    server.stop.send(()).unwrap();
    sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(server.address).await.is_err(), "still accepting");
    let answer = String::from_utf8(rest(busy).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204") && answer.contains("connection: close"), "{answer}");
    assert!(rest(silent).await.is_empty());
    assert_eq!(server.ended.await.unwrap(), Drained::Clean);
}

#[tokio::test]
async fn a_drain_ends_when_its_time_is_up() {
    let limits = Limits { drain: Duration::from_millis(100), ..limits() };
    let server = server(limits, Duration::from_secs(60)).await;
    let busy = send(server.address, REQUEST).await;
    sleep(Duration::from_millis(50)).await;
    server.stop.send(()).unwrap();
    assert_eq!(server.ended.await.unwrap(), Drained::CutOff { connections: 1 });
    assert!(rest(busy).await.is_empty());
}

#[tokio::test]
async fn slow_headers_are_cut_off_wherever_they_stall() {
    let limits = Limits { header_time: Duration::from_millis(150), ..limits() };
    let server = server(limits, Duration::ZERO).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for start in [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\nhost", preface] {
        let stalled = send(server.address, start).await;
        let started = Instant::now();
        rest(stalled).await;
        assert!(started.elapsed() < Duration::from_secs(2), "{start:?}");
    }
    // A request that takes longer than that isn't a stall.
    drop(server.stop);
}

#[tokio::test]
async fn a_long_request_is_not_idleness() {
    let limits = Limits { header_time: Duration::from_millis(100), ..limits() };
    let server = server(limits, Duration::from_millis(500)).await;
    let answer = rest(send(server.address, REQUEST).await).await;
    assert!(answer.starts_with(b"HTTP/1.1 204"));
}

#[tokio::test]
async fn a_connection_too_many_waits_its_turn() {
    let server = server(Limits { connections: 1, ..limits() }, Duration::ZERO).await;
    let mut first = send(server.address, REQUEST).await;
    let mut buffer = [0; 512];
    assert!(first.read(&mut buffer).await.unwrap() > 0);
    let mut second = send(server.address, REQUEST).await;
    let waited = timeout(Duration::from_millis(200), second.read(&mut buffer)).await;
    assert!(waited.is_err(), "served above the limit");
    drop(first);
    assert!(second.read(&mut buffer).await.unwrap() > 0);
}

#[tokio::test]
async fn a_request_on_its_way_at_the_drain_is_answered() {
    let server = server(limits(), Duration::ZERO).await;
    let mut taken = send(server.address, b"").await;
    sleep(Duration::from_millis(50)).await;
    server.stop.send(()).unwrap();
    sleep(Duration::from_millis(50)).await;
    taken.write_all(REQUEST).await.unwrap();
    assert!(rest(taken).await.starts_with(b"HTTP/1.1 204"));
    assert_eq!(server.ended.await.unwrap(), Drained::Clean);
}

#[tokio::test]
async fn a_full_house_beats_and_a_stuck_loop_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let liveness = Liveness::default();
    let (asked, (stop, stopped)) = (liveness.clone(), oneshot::channel::<()>());
    let wire = || Wire { limits: Limits { connections: 1, ..limits() }, tls: None };
    let serving = tokio::spawn(async move {
        let handler = |_request, _peer| async { Ok(response::empty(204)) };
        serve(vec![listener], handler, wire, &asked, async { drop(stopped.await) }).await
    });
    let within = Duration::from_secs(2);
    let _only = send(address, REQUEST).await;
    let _waits = send(address, REQUEST).await;
    sleep(Duration::from_millis(50)).await;
    assert!(liveness.is_alive(within).await, "all places are taken, and it still looks");
    drop(stop);
    serving.await.unwrap();
    assert!(liveness.is_alive(within).await, "it has ended as it should");
    let _never_answers = liveness.join();
    assert!(!liveness.is_alive(Duration::from_millis(50)).await);
}
