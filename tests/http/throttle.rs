//! Wrong tokens: from the twenty-first within a minute on, 429; a good token works all the while.

use hyper::Method;
use tokio::net::TcpStream;

use crate::support::tls::{exchange, status};
use crate::support::{Agent, Engine};

on_every_database!(wrong_tokens_are_throttled_and_good_ones_are_not);

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_wrong_secrets_count_too() {
    let agent = Agent::start(Engine::Sqlite).await;
    let made = agent.install.stdout(&["client", "create", "--name", "entra-oauth"]);
    let value = |name: &str| made.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let (id, secret) = (value("client_id: "), value("client_secret: "));
    let ask = async |secret: &str| {
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
        exchange(&mut stream, &request).await.unwrap()
    };
    for _ in 0..20 {
        assert_eq!(status(&ask("wrong").await), 401);
    }
    let answer = ask("wrong").await;
    assert_eq!(status(&answer), 429, "{answer}");
    assert!(
        answer.contains("retry-after: ") && answer.contains("temporarily_unavailable"),
        "{answer}"
    );
    assert_eq!(status(&ask(secret).await), 200);
    // One count for all that can be guessed.
    agent.client_with(Some("kps_guessed")).get("/Users/3").await.refused(429, "");
}

async fn wrong_tokens_are_throttled_and_good_ones_are_not(engine: Engine) {
    let agent = Agent::start(engine).await;
    // Without a token nobody guesses one.
    for _ in 0..30 {
        agent.client_with(None).get("/Users/3").await.refused(401, "");
    }
    let guesses = agent.client_with(Some("kps_guessed"));
    for _ in 0..20 {
        guesses.get("/Users/3").await.refused(401, "");
    }
    for _ in 0..10 {
        let answer = guesses.get("/Users/3").await.refused(429, "");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        agent.client().get("/Users/3").await.expect(200);
    }
    // A new one too, that isn't remembered, while many guess.
    let token = agent.install.token("late", &[]);
    let guessing: Vec<_> = (0..20)
        .map(|_| {
            let guesses = guesses.clone();
            tokio::spawn(async move { guesses.get("/Users/3").await.status })
        })
        .collect();
    agent.client_with(Some(&token)).get("/Users/3").await.expect(200);
    for guess in guessing {
        assert_eq!(guess.await.unwrap(), 429);
    }
    let body = Some("{}".to_owned());
    guesses.send(Method::POST, "/Users", &[], body).await.refused(429, "");
    let log = agent.server.log();
    assert_eq!(
        log.lines().filter(|line| line.contains("presents wrong tokens")).count(),
        1,
        "{log}"
    );
    assert!(!log.contains("kps_guessed"), "{log}");
}
