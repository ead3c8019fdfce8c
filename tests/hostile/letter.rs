//! HTTP/1.1 to the letter: what RFC 9112 says a server must refuse, and how.

use tokio::net::TcpStream;

use crate::support::tls::{exchange, status};
use crate::support::{Agent, Engine};

async fn asked(agent: &Agent, request: &str) -> String {
    let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
    exchange(&mut stream, request).await.unwrap()
}

/// §3.2
#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_host() {
    let agent = Agent::start(Engine::Sqlite).await;
    for (hosts, version, expected) in [
        ("Host: a\r\n", "1.1", 200),
        ("", "1.1", 400),
        ("Host: a\r\nHost: a\r\n", "1.1", 400),
        ("Host: a\r\nhost: b\r\n", "1.0", 400),
        ("", "1.0", 200),
    ] {
        let request = format!("GET /healthz HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        let answer = asked(&agent, &request).await;
        assert_eq!(status(&answer), expected, "{request}→ {answer}");
    }
}

/// §3.2.2
#[tokio::test(flavor = "multi_thread")]
async fn the_target_wins_over_the_host() {
    let agent = Agent::start(Engine::Sqlite).await;
    let answer = asked(
        &agent,
        &format!(
            "GET http://target.example:99/scim/v2/Users/3 HTTP/1.1\r\nHost: other.example\r\n\
             Authorization: Bearer {}\r\nConnection: close\r\n\r\n",
            agent.token
        ),
    )
    .await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("http://target.example:99/scim/v2/Users/3"), "{answer}");
    assert!(!answer.contains("other.example"), "{answer}");
}

/// §6.1
#[tokio::test(flavor = "multi_thread")]
async fn a_coding_that_is_not_understood_is_501() {
    let agent = Agent::start(Engine::Sqlite).await;
    for coding in ["gzip, chunked", "x-unknown, chunked", "gzip", "deflate"] {
        let answer = asked(
            &agent,
            &format!(
                "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/json\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n",
                agent.token
            ),
        )
        .await;
        assert_eq!(status(&answer), 501, "{coding}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{coding}: {answer}");
    }
}

/// §9.6
#[tokio::test(flavor = "multi_thread")]
async fn who_closes_says_so() {
    let agent = Agent::start(Engine::Sqlite).await;
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n",
        agent.token
    );
    for request in [
        // A line that ends in LF alone.
        "GET /healthz HTTP/1.1\nHost: a\r\n\r\n".to_owned(),
        "GET /scim/v2/Users?filter=userName eq \"a\" HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        // A body that is refused by its length, or before it is sent.
        format!("{head}Content-Length: 100000000\r\n\r\n"),
        format!("{head}Expect: 100-continue\r\nContent-Length: 100000000\r\n\r\n"),
        // What the client asks for.
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        let answer = asked(&agent, &request).await;
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{request}→ {answer}");
    }
}
