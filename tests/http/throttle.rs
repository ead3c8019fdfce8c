//! Wrong tokens: from the twenty-first within a minute on, 429; a good token works all the while.

use hyper::Method;

use crate::support::{Agent, Engine};

on_every_database!(wrong_tokens_are_throttled_and_good_ones_are_not);

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
    assert_eq!(log.lines().filter(|line| line.contains("wrong tokens")).count(), 1, "{log}");
    assert!(!log.contains("kps_guessed"), "{log}");
}
