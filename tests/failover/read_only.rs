//! A MariaDB that becomes read-only and takes writes again, as around a switchover.

use std::time::Instant;

use super::PATIENCE;
use super::language::alone;
use super::node;
use crate::support::account::Account;
use crate::support::{Agent, Database, Engine, Install, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_becomes_read_only_and_back() {
    let folder = node::folder();
    let (_node, url) = alone(folder.path(), "en_US").await;
    let mut install = Install::new(Database::reference_on(Engine::Mariadb, &url).await);
    install.database.token = Some(install.prepare());
    // Whoever may do everything may write all the same.
    let account = Account::new(&install.database).await;
    account.grant(&install.database, "SELECT, INSERT, UPDATE, DELETE").await;
    install.configure(&format!("[database]\nurl = {:?}\n", account.url));
    let agent = Agent::on(install).await;
    let client = agent.client();
    client.post("/Users", &user("before@plant.example")).await.expect(201);

    agent.database().execute("SET GLOBAL read_only = 1").await;
    let answer = client.post("/Users", &user("refused@plant.example")).await;
    assert!(answer.refused(503, "").header("retry-after").is_some());
    client.get("/Users/3").await.expect(200);
    let (status, body) = agent.server.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("takes no writes"), "{body}");

    agent.database().execute("SET GLOBAL read_only = 0").await;
    let begun = Instant::now();
    while agent.server.status("/readyz").await != Some(200) {
        assert!(begun.elapsed() < PATIENCE, "not ready\n{}", agent.server.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    client.post("/Users", &user("taken@plant.example")).await.expect(201);
}
