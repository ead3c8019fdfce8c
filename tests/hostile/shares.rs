//! Who has a token takes no more than a share.

use std::time::{Duration, Instant};

use hyper::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Agent, Database, Engine, Install};

on_every_database!(a_filter_has_so_many_conditions);
on_servers!(writes_that_wait_hold_up_their_own_client_alone);

/// One client's writes wait for a row that the application has locked: they have their share of the
/// connections, and others are read and written meanwhile.
async fn writes_that_wait_hold_up_their_own_client_alone(engine: Engine) {
    let agent = Agent::start(engine).await;
    let other = agent.client_with(Some(&agent.install.token("other", &[])));
    let lock = match engine {
        Engine::Postgres => {
            "DO $$ BEGIN PERFORM 1 FROM users WHERE user_id = 5 FOR UPDATE; PERFORM pg_sleep(6); END $$"
        }
        _ => "UPDATE users SET title = title WHERE user_id = 5 AND SLEEP(6) = 0",
    };
    let attack = async {
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let greedy = agent.client();
                tokio::spawn(async move {
                    // Until it has waited.
                    let mut took = Duration::ZERO;
                    while took < Duration::from_secs(1) {
                        let started = Instant::now();
                        greedy.send(Method::PATCH, "/Users/5", &[], Some(title())).await;
                        took = started.elapsed();
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        for _ in 0..10 {
            let started = Instant::now();
            other.get("/Users/3").await.expect(200);
            other.send(Method::PATCH, "/Users/3", &[], Some(title())).await.expect(200);
            assert_eq!(agent.server.status("/readyz").await, Some(200));
            assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        }
        assert!(waiting.iter().all(|one| !one.is_finished()), "nobody waits");
        for one in waiting {
            one.await.unwrap();
        }
    };
    tokio::join!(agent.database().execute(lock), attack);
}

async fn a_filter_has_so_many_conditions(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let terms = |number: usize| vec!["groups ne \"g-1\""; number].join(" and ");
    client.query("/Users", &[("filter", &terms(100))]).await.expect(200);
    let refused = client.query("/Users", &[("filter", &terms(101))]).await;
    refused.refused(400, "invalidFilter").naming("more than 100 conditions");
}

/// One client's unfinished requests take the places that it may have, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_leaves_places_for_others() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.configure("[limits]\nconcurrent_requests = 8\n");
    let agent = Agent::on(install).await;
    let other = agent.install.token("other", &[]);
    let mut crowd = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(&agent.server.address).await.unwrap();
        let head = format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n",
            agent.token
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        crowd.push(stream);
    }
    // Three quarters are taken; the greedy one's next request is told to come back.
    let greedy = agent.client();
    let started = Instant::now();
    while greedy.get("/Users/3").await.status != 503 {
        assert!(started.elapsed() < Duration::from_secs(10), "it has more than its share");
    }
    for _ in 0..10 {
        let client = agent.client_with(Some(&other));
        let started = Instant::now();
        client.get("/Users/3").await.expect(200);
        client.send(Method::PATCH, "/Users/3", &[], Some(title())).await.expect(200);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

fn title() -> String {
    let operations = serde_json::json!([{ "op": "replace", "path": "title", "value": "Lead" }]);
    crate::support::patch(&operations).to_string()
}

/// An answer that nobody reads is given up, and meanwhile it is in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_are_cut_off() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.configure(
        "[limits]\nstall = \"1s\"\nanswers = \"16MiB\"\npage_max = 100000\nconcurrent_requests = 16\n\
         [log]\nlevel = \"debug\"\n",
    );
    let agent = Agent::on(install).await;
    agent
        .database()
        .execute(
            "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 21000) \
             INSERT INTO users (user_id, email, first_name, last_name, department_id, password_hash, \
             created_at, updated_at) SELECT i, 'p' || i || '@plant.example', 'P', 'Q', 1, 'x', \
             '2020-01-01 00:00:00', '2020-01-01 00:00:00' FROM n",
        )
        .await;
    let reader = agent.install.token("reader", &["--scope", "read"]);
    let all = agent.client().get("/Users?count=100000").await.expect(200).text.len();
    assert!(all > 8 << 20, "{all} bytes");
    let mut crowd = Vec::new();
    for _ in 0..16 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(agent.server.address.parse().unwrap()).await.unwrap();
        let request = format!(
            "GET /scim/v2/Users?count=100000 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {reader}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        crowd.push(stream);
    }
    for _ in 0..20 {
        agent.client().get("/Users/3").await.expect(200);
        agent.client().send(Method::PATCH, "/Users/3", &[], Some(title())).await.expect(200);
    }
    agent.server.logged(0, |line| line.contains("doesn't take its answer")).await;
    drop(crowd);
    // What they held is free again.
    for _ in 0..3 {
        agent.client_with(Some(&reader)).get("/Users?count=100000").await.expect(200);
    }
}
