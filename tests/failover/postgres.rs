//! PostgreSQL with a synchronous standby: the primary crashes under load, the standby is promoted.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::node::{self, Node};
use super::{PATIENCE, Pair};
use crate::support::{Agent, Database, Engine, Install, sql, user};

struct Server {
    node: Node,
    data: PathBuf,
    port: u16,
}

fn program(name: &str) -> PathBuf {
    node::program(name, "/usr/lib/postgresql")
}

fn url(port: u16) -> String {
    format!("postgres://kpifire@127.0.0.1:{port}/postgres")
}

impl Server {
    async fn start(folder: &Path, name: &str, options: &[&str]) -> Self {
        let (data, port) = (folder.join(name), node::free_port());
        let mut command = node::command(&program("postgres"));
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k"]).arg(folder);
        for option in ["listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off"] {
            command.args(["-c", option]);
        }
        for option in options {
            command.args(["-c", option]);
        }
        let log = std::env::temp_dir().join(format!("kpifire-{port}.log"));
        let node = Node::start(&mut command, data.join("postmaster.pid"), &log);
        let server = Self { node, data, port };
        let started = Instant::now();
        while sql::postgres(&url(port), "SELECT 1").await.is_err() {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "{name} doesn't start:\n{said}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let _ = std::fs::remove_file(&log);
        server
    }

    async fn until(&self, condition: &str) {
        let started = Instant::now();
        let query = format!("SELECT 1 WHERE {condition}");
        while !sql::postgres(&url(self.port), &query).await.is_ok_and(|rows| !rows.is_empty()) {
            assert!(started.elapsed() < PATIENCE, "never: {condition}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

/// A server of which every process is stopped, as on a machine that is frozen: it is there, and answers
/// nothing. It goes on when this is dropped.
struct Frozen<'a>(&'a Server);

impl<'a> Frozen<'a> {
    fn new(server: &'a Server) -> Self {
        server.node.signal("-STOP");
        server.signal_children("-STOP");
        Self(server)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.signal_children("-CONT");
        self.0.node.signal("-CONT");
    }
}

impl Server {
    fn signal_children(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap_or_default().trim();
        let sent = std::process::Command::new("pkill").args([signal, "-P", pid]).status();
        assert!(sent.unwrap().success(), "{signal} to the children of {pid}");
    }
}

async fn alone(folder: &Path) -> Server {
    let mut initdb = node::command(&program("initdb"));
    initdb.args(["-U", "kpifire", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
    node::run(initdb.arg("-D").arg(folder.join("one")));
    Server::start(folder, "one", &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_holds_no_stop_up() {
    let folder = node::folder();
    let server = alone(folder.path()).await;
    let mut install =
        Install::new(Database::reference_on(Engine::Postgres, &url(server.port)).await);
    install.configure("[limits]\ndrain = \"2s\"\nrequest_time = \"3s\"\n");
    let mut agent = Agent::on(install).await;
    agent.client().get("/Users/3").await.expect(200);
    let frozen = Frozen::new(&server);
    agent.client().get("/Users/3").await.refused(503, "");
    assert_eq!(agent.server.status("/readyz").await, Some(503));
    let (client, body) = (agent.client(), user("frozen@plant.example").to_string());
    let under_way = tokio::spawn(async move {
        client.try_send(hyper::Method::POST, "/Users", &[], Some(body)).await
    });
    tokio::task::yield_now().await;
    agent.server.terminate();
    // Well before systemd would kill it.
    let code = agent.server.exit_code(std::time::Duration::from_secs(60)).await;
    assert_eq!(code, Some(0), "{}", agent.server.log());
    drop(under_way.await);
    drop(frozen);
    let again = agent.install.serve().await;
    let client = crate::support::Client::new(&again.base(), Some(&agent.token));
    client.get("/Users/3").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_primary_loses_no_acknowledged_write() {
    let folder = node::folder();
    let mut initdb = node::command(&program("initdb"));
    initdb.args(["-U", "kpifire", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
    node::run(initdb.arg("-D").arg(folder.path().join("one")));
    let mut one = Server::start(folder.path(), "one", &["synchronous_standby_names=*"]).await;
    let mut copy = node::command(&program("pg_basebackup"));
    copy.args(["-d", &url(one.port), "-R", "-c", "fast", "-D"]).arg(folder.path().join("two"));
    node::run(&mut copy);
    let two = Server::start(folder.path(), "two", &[]).await;
    one.until("EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')").await;

    let database = Database::reference_on(Engine::Postgres, &url(one.port)).await;
    let both = database.url.replace(
        &format!("127.0.0.1:{}", one.port),
        &format!("127.0.0.1:{},127.0.0.1:{}", one.port, two.port),
    );
    let pair = Pair::on(database, &format!("{both}?target_session_attrs=read-write")).await;
    let kill = async || {
        one.node.crash("-QUIT");
        let mut promote = node::command(&program("pg_ctl"));
        node::run(promote.args(["promote", "-w", "-D"]).arg(&two.data));
    };
    pair.survives(kill, &url(two.port)).await;
}
