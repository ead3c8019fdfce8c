//! `PgBouncer` before a PostgreSQL: with sessions of its own the agent works, with transaction pooling it says
//! that it can't.

use std::time::{Duration, Instant};

use super::PATIENCE;
use super::node::{self, Node};
use crate::support::{Agent, Database, Engine, Install, sql, user};

/// A pooler before the tests' PostgreSQL; it ends with the test.
struct Pooler {
    _node: Node,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    async fn start(server: &str, mode: &str) -> Self {
        let (folder, port) = (node::folder(), node::free_port());
        let (host, at) = server.rsplit_once(':').expect("a port");
        let (ini, pid) = (folder.path().join("pgbouncer.ini"), folder.path().join("pid"));
        // Whoever the client says it is, it is the tests' account.
        let settings = format!(
            "[databases]\n* = host={host} port={at} user=kpifire\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {mode}\npidfile = {}\n",
            pid.display()
        );
        std::fs::write(&ini, settings).unwrap();
        let mut command = node::command(&node::program("pgbouncer", "/usr"));
        let node = Node::start(command.arg(&ini), pid, &folder.path().join("log"));
        let pooler = Self { _node: node, port, _folder: folder };
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "pgbouncer doesn't start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        pooler
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transaction_pooling_is_named_and_session_pooling_works() {
    let database = Database::ready(Engine::Postgres).await;
    let server = database.server_address();
    let mut install = Install::new(database);
    install.prepare();

    let pooler = Pooler::start(&server, "transaction").await;
    let url = install.database.url.replace(&server, &format!("127.0.0.1:{}", pooler.port));
    // Another client's sessions may be the first that the agent gets.
    drop(sql::postgres(&url, "SELECT 1").await);
    install.configure(&format!("[database]\nurl = {url:?}\n"));
    for command in ["check", "serve"] {
        let output = install.run(&[command]);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!output.status.success(), "{command}: {said}");
        assert!(said.contains("transaction pooling"), "{command}: {said}");
        assert!(said.contains("pool_mode = session"), "{command}: {said}");
    }
    drop(pooler);

    let pooler = Pooler::start(&server, "session").await;
    let url = install.database.url.replace(&server, &format!("127.0.0.1:{}", pooler.port));
    install.configure(&format!("[database]\nurl = {url:?}\n"));
    let agent = Agent::on(install).await;
    let id = agent.client().post("/Users", &user("pooled@plant.example")).await.expect(201).id();
    agent.client().get(&format!("/Users/{id}")).await.expect(200);
}
