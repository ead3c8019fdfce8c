//! MariaDB Galera, three nodes: the one that is written to is killed under load, and the agents go
//! on at another. And agents at two nodes at once, where locks don't reach from one to the other.

use std::path::Path;
use std::time::{Duration, Instant};

use super::balancer::{Balancer, Order};
use super::node::{self, Node};
use super::{PATIENCE, Pair};
use crate::support::{Database, Engine, sql};

const PROVIDERS: [&str; 2] =
    ["/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so"];

struct Member {
    node: Node,
    port: u16,
    cluster: u16,
}

/// Three nodes, and the folder that they live in.
struct Cluster {
    members: Vec<Member>,
    _folder: tempfile::TempDir,
}

impl Cluster {
    async fn start() -> Self {
        let folder = node::folder();
        let path = folder.path();
        let init = node::install_mariadb(path, &path.join("data1"));
        let first = Member::start(path, 1, "gcomm://", Some(&init)).await;
        let others = format!("gcomm://127.0.0.1:{}", first.cluster);
        let mut members = vec![first];
        for number in [2, 3] {
            node::make_folder(&path.join(format!("data{number}")));
            members.push(Member::start(path, number, &others, None).await);
        }
        Self { members, _folder: folder }
    }

    fn ports(&self) -> [String; 3] {
        std::array::from_fn(|index| format!("127.0.0.1:{}", self.members[index].port))
    }
}

fn url(address: &str) -> String {
    format!("mysql://kpifire:kpifire@{address}/mysql")
}

impl Member {
    async fn start(folder: &Path, number: u16, others: &str, init: Option<&Path>) -> Self {
        let provider = PROVIDERS.into_iter().find(|file| Path::new(file).exists());
        let provider = provider.expect("Galera is not installed; `tests/run` installs it");
        let [port, cluster, transfer, state] = std::array::from_fn(|_| node::free_port());
        let file = |name: &str| folder.join(format!("{name}{number}"));
        let mut command = node::mariadb("mariadbd", &file("tmp"));
        let mut set = |key: &str, value: &dyn std::fmt::Display| {
            command.arg(format!("--{key}={value}"));
        };
        set("datadir", &file("data").display());
        set("socket", &file("socket").display());
        set("pid-file", &file("pid").display());
        set("port", &port);
        set("bind-address", &"127.0.0.1");
        set("skip-name-resolve", &"ON");
        set("innodb-autoinc-lock-mode", &2);
        set("innodb-flush-log-at-trx-commit", &0);
        set("innodb-buffer-pool-size", &"64M");
        set("binlog-format", &"ROW");
        set("wsrep-on", &"ON");
        set("wsrep-provider", &provider);
        set("wsrep-cluster-name", &"kpifire");
        set("wsrep-cluster-address", &others);
        set("wsrep-node-name", &format!("node{number}"));
        set("wsrep-node-address", &format!("127.0.0.1:{cluster}"));
        set("wsrep-sst-method", &"rsync");
        set("wsrep-sst-receive-address", &format!("127.0.0.1:{state}"));
        set(
            "wsrep-provider-options",
            &format!(
                "gmcast.listen_addr=tcp://127.0.0.1:{cluster};ist.recv_addr=127.0.0.1:{transfer};\
                 gcache.size=16M"
            ),
        );
        if let Some(init) = init {
            set("init-file", &init.display());
        }
        let log = std::env::temp_dir().join(format!("kpifire-{port}.log"));
        let node = Node::start(&mut command, file("pid"), &log);
        let member = Self { node, port, cluster };
        let started = Instant::now();
        while !member.synced().await {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "node {number} doesn't join:\n{said}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let _ = std::fs::remove_file(&log);
        member
    }

    async fn synced(&self) -> bool {
        let sql = "SELECT 1 FROM information_schema.GLOBAL_STATUS WHERE \
                   VARIABLE_NAME = 'wsrep_local_state_comment' AND VARIABLE_VALUE = 'Synced'";
        let url = url(&format!("127.0.0.1:{}", self.port));
        sql::mysql(&url, sql).await.is_ok_and(|rows| !rows.is_empty())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_loses_no_acknowledged_write() {
    let mut cluster = Cluster::start().await;
    let ports = cluster.ports();
    let database = Database::reference_on(Engine::Mariadb, &url(&ports[0])).await;
    let front = Balancer::over(Order::FirstUp, ports.clone()).await;
    let through = database.url_through(front.address);
    let pair = Pair::on(database, &through).await;
    let first = &mut cluster.members[0];
    pair.survives(async || first.node.crash("-KILL"), &url(&ports[1])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_at_two_nodes_lose_nothing_of_each_other() {
    let mut cluster = Cluster::start().await;
    let ports = cluster.ports();
    let database = Database::reference_on(Engine::Mariadb, &url(&ports[0])).await;
    let front = Balancer::over(Order::InTurn, ports.clone()).await;
    let through = database.url_through(front.address);
    let pair = Pair::on(database, &through).await;
    let third = &mut cluster.members[2];
    pair.survives(async || third.node.crash("-KILL"), &url(&ports[1])).await;
}
