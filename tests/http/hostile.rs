//! Whoever means harm on the wire: requests that two readers read differently, thousands of
//! connections that say nothing; and a log that nobody reads any more.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::support::tls::{exchange, get, status};
use crate::support::{Agent, Database, Engine, Install};

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_smuggled_in() {
    let agent = Agent::start(Engine::Sqlite).await;
    let (address, bearer) =
        (&agent.server.address, format!("Authorization: Bearer {}", agent.token));
    // Were it read as a request of its own, it would disable somebody.
    let hidden = format!("DELETE /scim/v2/Users/3 HTTP/1.1\r\nHost: a\r\n{bearer}\r\n\r\n");
    let post = |headers: &str| {
        let first = format!("POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\n{bearer}\r\n");
        format!("{first}Content-Type: application/json\r\n{headers}")
    };
    let length = hidden.len();
    let shapes = [
        post(&format!(
            "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
        )),
        post(&format!(
            "Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"
        )),
        post(&format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}")),
        post(&format!("Content-Length: {length}\r\nContent-Length: {length}\r\n\r\n{hidden}")),
        post(&format!("Content-Length: +2\r\n\r\n{{}}{hidden}")),
        post(&format!("Content-Length: 0, 0\r\n\r\n{hidden}")),
        post(&format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{hidden}")),
        post(&format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}")),
        post(&format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}")),
        post(&format!("X-Folded: a\r\n Content-Length: 0\r\n\r\n{hidden}")),
        post(&format!("X-Bare: a\nContent-Length: 0\r\n\r\n{hidden}")),
        post(&format!("Content-Length: 0\n\n{hidden}")),
        format!(
            "\r\n\r\n{}",
            post(&format!("Content-Length: 0\r\nContent-Length: 0\r\n\r\n{hidden}"))
        ),
    ];
    for shape in shapes {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let answer = exchange(&mut stream, &shape).await.unwrap();
        assert_eq!(status(&answer), 400, "{shape}\n→ {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{shape}\n→ {answer}");
    }
    // One after the other without waiting: the first is answered, and that is the end.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let two = get(address, "/healthz", "") + &hidden;
    let answer = exchange(&mut stream, &two).await.unwrap();
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("HTTP/1.1 400"), "{answer}");
    assert_eq!(agent.client().get("/Users/3").await.expect(200).body["active"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_that_say_nothing_keep_nobody_out() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.configure("[limits]\nconnections = 800\nheader_time = \"30s\"\n");
    let agent = Agent::on(install).await;
    let port = agent.server.address.rsplit(':').next().unwrap();
    // A process of its own, for its own limit of open files. Every other begins a request.
    let script = format!(
        "ulimit -n 6000 && for ((n = 0; n < 5000; n++)); do \
         exec {{fd}}<>/dev/tcp/127.0.0.1/{port} || exit 1; \
         if ((n % 2)); then printf 'GET / HT' >&$fd; fi; done 2>/dev/null; echo connected; read -r"
    );
    let mut crowd = Command::new("bash")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(crowd.stdout.take().unwrap());
    let connected = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        line
    });
    let mut asked = 0;
    while !connected.is_finished() || asked < 3 {
        let started = Instant::now();
        // A connection of its own each time.
        agent.client().get("/Users/3").await.expect(200);
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
        asked += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(connected.await.unwrap(), "connected\n");
    crowd.kill().unwrap();
    crowd.wait().unwrap();
    let log = agent.server.log();
    assert!(!log.contains("ERROR") && !log.contains("can't accept"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_when_nobody_reads_its_log() {
    for format in ["text", "json"] {
        let mut install = Install::new(Database::ready(Engine::Sqlite).await);
        install.configure(&format!("[log]\nformat = \"{format}\"\n"));
        let token = install.prepare();
        let mut child = install
            .command(&["serve"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on http://") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
        }
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        drop(log);
        let client =
            crate::support::Client::new(&format!("http://{address}/scim/v2"), Some(&token));
        for _ in 0..20 {
            client.get("/Users/3").await.expect(200);
        }
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        let term = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(term.success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
