//! A MariaDB whose messages are German: the agent, which tells failures apart by their texts, asks for
//! English ones.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::PATIENCE;
use super::node::{self, Node};
use crate::support::{Agent, Database, Engine, Install, sql};

/// A server of one node that speaks a language, and what its account's URL is.
pub async fn alone(folder: &Path, language: &str) -> (Node, String) {
    let data = folder.join("data");
    let init = node::install_mariadb(folder, &data);
    let port = node::free_port();
    let mut command = node::mariadb("mariadbd", &folder.join("tmp"));
    command.args(["--bind-address=127.0.0.1", "--skip-name-resolve"]);
    command.arg("--innodb-buffer-pool-size=32M");
    command.args([format!("--port={port}"), format!("--lc-messages={language}")]);
    for (key, path) in [
        ("datadir", &data),
        ("init-file", &init),
        ("socket", &folder.join("socket")),
        ("pid-file", &folder.join("pid")),
    ] {
        command.arg(format!("--{key}={}", path.display()));
    }
    let log = std::env::temp_dir().join(format!("kpifire-{port}.log"));
    let node = Node::start(&mut command, folder.join("pid"), &log);
    let url = format!("mysql://kpifire:kpifire@127.0.0.1:{port}/mysql");
    let started = Instant::now();
    while sql::mysql(&url, "SELECT 1").await.is_err() {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(started.elapsed() < PATIENCE, "it doesn't start:\n{said}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let _ = std::fs::remove_file(&log);
    (node, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_speaks_german_is_asked_for_english() {
    let folder = node::folder();
    let (_node, url) = alone(folder.path(), "de_DE").await;
    let database = Database::reference_on(Engine::Mariadb, &url).await;
    let said = database.try_execute("SELECT * FROM nowhere").await.unwrap_err();
    assert!(said.contains("existiert nicht"), "{said}");
    // Longer than the type lets it be, which the catalogue doesn't tell.
    database.execute("ALTER TABLE users MODIFY title TINYTEXT NULL").await;
    let agent = Agent::on(Install::new(database)).await;
    let operations = json!([{ "op": "replace", "path": "title", "value": "x".repeat(300) }]);
    let answer = agent.client().operations("/Users/4", operations).await;
    answer.refused(400, "invalidValue").naming("title: ");
}
