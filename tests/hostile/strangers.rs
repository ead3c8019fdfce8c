//! Who has no token holds nothing that others need.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::tls::{exchange, status};
use crate::support::{Agent, Database, Engine, Install};

/// Twice as many as there are places.
const CROWD: usize = 128;

/// Connections that have sent this, and nothing more.
async fn begun(agent: &Agent, request: &str) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        crowd.push(stream);
    }
    crowd
}

/// Somebody with a token is answered at once, and so is who asks for the agent's health.
async fn others_are_served(agent: &Agent) {
    for _ in 0..10 {
        let started = Instant::now();
        agent.client().get("/Users/3").await.expect(200);
        assert_eq!(agent.server.status("/readyz").await, Some(200));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_come_hold_no_place() {
    let agent = Agent::start(Engine::Sqlite).await;
    for head in ["", "Authorization: Bearer kps_guessed\r\n", "Expect: 100-continue\r\n"] {
        let crowd = begun(
            &agent,
            &format!(
                "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\n{head}Content-Length: 100000\r\n\r\n"
            ),
        )
        .await;
        others_are_served(&agent).await;
        for mut stream in crowd {
            let mut text = Vec::new();
            // The answer comes by the head alone, and says that nothing more is read.
            let _ = stream.read_to_end(&mut text).await;
            let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
            assert!(matches!(status(&text), 401 | 429 | 503), "{text}");
            assert!(text.contains("connection: close"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_streams_of_one_connection_hold_no_place() {
    let agent = Agent::start(Engine::Sqlite).await;
    let stream = TcpStream::connect(&agent.server.address).await.unwrap();
    let (requests, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let streams: Vec<_> = (0..64)
        .map(|_| {
            let mut requests = requests.clone();
            let body = StreamBody::new(futures_util::stream::pending::<
                Result<Frame<Bytes>, std::convert::Infallible>,
            >());
            let uri = format!("http://{}/scim/v2/Users", agent.server.address);
            let request = hyper::Request::post(uri).body(body).unwrap();
            tokio::spawn(async move { requests.send_request(request).await.unwrap().status() })
        })
        .collect();
    others_are_served(&agent).await;
    for stream in streams {
        assert_eq!(stream.await.unwrap(), 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_never_come_keep_no_client_from_its_token() {
    let agent = Agent::start(Engine::Sqlite).await;
    let made = agent.install.stdout(&["client", "create", "--name", "entra-oauth"]);
    let value = |name: &str| made.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let (id, secret) = (value("client_id: "), value("client_secret: "));
    let form = |length: usize| {
        format!(
            "POST /oauth/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
    };
    let _crowd = begun(&agent, &form(1000)).await;
    others_are_served(&agent).await;
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
    let answer = exchange(&mut stream, &(form(body.len()) + &body)).await.unwrap();
    assert_eq!(status(&answer), 200, "{answer}");
}

/// A good token is told from a guess without a look-up, as long as it was good of late.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_guesses_delays_no_token_that_is_known() {
    let agent = Agent::start(Engine::Sqlite).await;
    agent.client().get("/Users/3").await.expect(200);
    let guesses = agent.client_with(Some("kps_guessed"));
    let flood: Vec<_> = (0..CROWD)
        .map(|_| {
            let guesses = guesses.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let status = guesses.get("/Users/3").await.status;
                    assert!(matches!(status, 401 | 429 | 503), "{status}");
                }
            })
        })
        .collect();
    others_are_served(&agent).await;
    for one in flood {
        one.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_is_408() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.configure("[limits]\nstall = \"300ms\"\nbody_time = \"1s\"\n");
    let agent = Agent::on(install).await;
    let head = |length: usize| {
        format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
            agent.token
        )
    };
    let refused = |answer: &str| {
        assert_eq!(status(answer), 408, "{answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    };
    // It stands still.
    let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
    refused(&exchange(&mut stream, &(head(100) + "{")).await.unwrap());
    // It goes on, and takes for ever.
    let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
    stream.write_all(head(1000).as_bytes()).await.unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while answer.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(10), "no answer");
        let _ = stream.write_all(b" ").await;
        let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut buffer)).await;
        if let Ok(Ok(read)) = read {
            answer.extend_from_slice(&buffer[..read]);
        }
    }
    refused(&String::from_utf8_lossy(&answer));
}
