//! TLS on the listener: what it speaks, whom it lets in, what garbage costs, and how a certificate
//! is renewed under open connections.

use std::time::Duration;

use chrono::Datelike as _;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::agent::Server;
use crate::support::tls::{Authority, converse, exchange, get, status};
use crate::support::{Database, Engine, Install};

/// An agent that shows a certificate.
struct Secured {
    authority: Authority,
    install: Install,
    token: String,
    server: Server,
}

impl Secured {
    /// With further lines of configuration.
    async fn with(more: &str) -> Self {
        let authority = Authority::new();
        let mut install = Install::new(Database::ready(Engine::Sqlite).await);
        let files = authority.issue().install(&install.database.folder());
        install.configure(&format!("{more}[tls]\n{files}"));
        let token = install.prepare();
        let server = install.serve_unready().await;
        Self { authority, install, token, server }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.install.database.folder()
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.token)
    }
}

const USER: &str = "/scim/v2/Users/3";

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_12_and_13_and_both_versions_of_http() {
    let agent = Secured::with("").await;
    for version in [&TLS12, &TLS13] {
        let caller = agent.authority.client_of(None, &[version]);
        let answer = caller.get(&agent.server.address, USER, &agent.bearer()).await.unwrap();
        assert_eq!(status(&answer), 200, "{answer}");
        let location = format!("https://{}{USER}", agent.server.address);
        assert!(answer.contains(&location), "{location}: {answer}");
    }
    let caller = agent.authority.client(None);
    let stream = caller.connect(&agent.server.address, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://{}{USER}", agent.server.address))
        .header("authorization", format!("Bearer {}", agent.token))
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["id"], "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_must_show_a_certificate_where_one_is_demanded() {
    let authority = Authority::new();
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    let folder = install.database.folder();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    let files = authority.issue().install(&folder);
    install.configure(&format!(
        "[tls]
{files}client_ca = {:?}
",
        folder.join("ca.pem").display().to_string()
    ));
    let token = install.prepare();
    let server = install.serve_unready().await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let ours = authority.issue();
    let theirs = Authority::new().issue();
    let known = authority.client(Some(&ours));
    assert_eq!(status(&known.get(&server.address, USER, &bearer).await.unwrap()), 200);
    for identity in [None, Some(&theirs)] {
        let stranger = authority.client(identity);
        let refused = stranger.get(&server.address, USER, &bearer).await;
        // TLS 1.3 tells the client only after it thinks itself connected.
        assert!(refused.as_ref().map_or(true, String::is_empty), "{refused:?}");
    }
    // And it still has a token to show.
    assert_eq!(status(&known.get(&server.address, USER, "").await.unwrap()), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_costs_one_debug_line_and_stalls_nobody() {
    let more = "limits.header_time = \"1s\"\n[log]\nlevel = \"debug\"\n";
    let agent = Secured::with(more).await;
    let address = &agent.server.address;
    let silent = TcpStream::connect(address).await.unwrap();
    for garbage in
        [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 4096]]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        drop(stream.shutdown().await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"), "{answer:?}");
    }
    let caller = agent.authority.client(None);
    let answer = caller.get(address, USER, &agent.bearer()).await.unwrap();
    assert_eq!(status(&answer), 200, "{answer}");
    // The one that says nothing is cut off.
    let mut silent = silent;
    let closed = tokio::time::timeout(Duration::from_secs(10), silent.read(&mut [0; 8])).await;
    assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
    agent.server.logged(0, |line| line.contains("no TLS handshake in time")).await;
    let log = agent.server.log();
    let lines = log.lines().filter(|line| line.contains("no TLS handshake error=")).count();
    assert_eq!(lines, 3, "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_and_open_connections_stay() {
    let agent = Secured::with("").await;
    let address = &agent.server.address;
    let caller = agent.authority.client(None);
    let mut kept = caller.connect(address, &["http/1.1"]).await.unwrap();
    let shown = kept.get_ref().1.peer_certificates().unwrap().to_vec();
    let request = get(address, USER, &agent.bearer());
    assert_eq!(status(&converse(&mut kept, &request).await), 200);

    // Half of a renewal is refused, and says why.
    let renewed = agent.authority.issue();
    let old = std::fs::read_to_string(agent.folder().join("key.pem")).unwrap();
    renewed.install(&agent.folder());
    std::fs::write(agent.folder().join("key.pem"), &old).unwrap();
    let line = agent.server.reload().await;
    assert!(line.contains("refused") && line.contains("`tls.key`"), "{line}");
    let still = caller.connect(address, &["http/1.1"]).await.unwrap();
    assert_eq!(still.get_ref().1.peer_certificates().unwrap(), shown);

    renewed.install(&agent.folder());
    let line = agent.server.reload().await;
    assert!(line.ends_with("reloaded"), "{line}");
    let fresh = caller.connect(address, &["http/1.1"]).await.unwrap();
    assert_eq!(fresh.get_ref().1.peer_certificates().unwrap(), [renewed.der()]);
    assert_eq!(status(&converse(&mut kept, &request).await), 200, "the old connection is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_about_to_end_is_told_of() {
    let next_year = chrono::Utc::now().year() + 1;
    let more = "[tls]\nwarn_before = \"400d\"\n";
    let authority = Authority::new();
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    let folder = install.database.folder();
    install.configure(&format!("{more}{}", authority.issue_until(next_year).install(&folder)));
    let server = install.serve_unready().await;
    let said = |line: &str| {
        line.contains("WARN") && line.contains(&format!("expires on {next_year}-01-01"))
    };
    server.logged(0, said).await;
    // It is told of at a reload too, and no more once it is renewed.
    let before = server.log().lines().count();
    server.reload().await;
    server.logged(before, said).await;
    authority.issue().install(&folder);
    let before = server.log().lines().count();
    server.reload().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(
        !server.log().lines().skip(before).any(|line| line.contains("expires")),
        "{}",
        server.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_can_reach_is_encrypted_or_refused() {
    let refused = |install: &Install| {
        let output = install.run(&["serve"]);
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let database = || async { Install::new(Database::ready(Engine::Sqlite).await) };
    let mut install = database().await;
    install.configure("listen = \"0.0.0.0:0\"\n");
    let message = refused(&install);
    assert!(
        message.contains("`listen` is 0.0.0.0:0") && message.contains("`tls.cert`"),
        "{message}"
    );
    assert!(message.contains("insecure_plain_http"), "{message}");
    // Said explicitly, it is done.
    install.configure("insecure_plain_http = true\n");
    let server = install.serve_unready().await;
    let port = server.address.rsplit(':').next().unwrap();
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    let answer = exchange(&mut stream, &get("a", "/healthz", "Connection: close\r\n")).await;
    assert_eq!(status(&answer.unwrap()), 200);
    // That lifts nothing for the admin listener.
    install.configure("[admin]\nlisten = \"0.0.0.0:0\"\n");
    let message = refused(&install);
    assert!(
        message.contains("`admin.listen` is 0.0.0.0:0") && message.contains("[tls]"),
        "{message}"
    );
    // Files that can't be used are a configuration's mistake.
    let mut install = database().await;
    let files = Authority::new().issue().install(&install.database.folder());
    install.configure(&format!("[tls]\n{files}"));
    std::fs::write(install.database.folder().join("key.pem"), Authority::new().issue().key)
        .unwrap();
    let message = refused(&install);
    assert!(message.contains("`tls.key`") && message.contains("key.pem"), "{message}");
}
