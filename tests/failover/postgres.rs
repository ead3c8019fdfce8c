//! PostgreSQL with a synchronous standby: the primary crashes under load, the standby is promoted.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::node::{self, Node};
use super::{PATIENCE, Pair};
use crate::support::{Database, Engine, sql};

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
