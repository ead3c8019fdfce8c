//! Several agents on one database, and a database of several nodes: one of either is killed under
//! load, and no acknowledged write is lost.
//!
//! The clusters are of installed binaries (`postgresql`, `mariadb-server` with Galera), each node
//! with a folder and ports of its own.

mod balancer;
mod galera;
mod language;
mod load;
mod node;
mod pooler;
mod postgres;
mod read_only;

use std::time::Duration;

use balancer::{Balancer, Order};
use load::Load;

use crate::support::{Client, Database, Install};

/// Two agents behind a balancer, and people who are written to through it.
struct Pair {
    install: Install,
    agents: [crate::support::agent::Server; 2],
    load: Load,
}

impl Pair {
    /// `url` is how the agents reach the database.
    async fn on(database: Database, url: &str) -> Self {
        let mut install = Install::new(database);
        install.configure(&format!("[database]\nurl = {url:?}\n"));
        let token = install.prepare();
        let agents = [install.serve().await, install.serve().await];
        let front = Balancer::over(Order::InTurn, agents.each_ref().map(|it| it.address.clone()));
        let base = format!("http://{}/scim/v2", front.await.address);
        let load = Load::begin(&Client::new(&base, Some(&token)), 6);
        Self { install, agents, load }
    }

    /// A database node dies by `kill`; writes go on when `after` is done. Then one of the agents
    /// dies as well. At the end nothing is lost: looked at on the node that `left` names.
    async fn survives(mut self, kill: impl AsyncFnOnce(), left: &str) {
        self.load.more(40).await;
        kill().await;
        self.load.more(40).await;
        self.agents[0].kill();
        self.load.more(40).await;
        let done = self.load.end().await;
        self.install.database.move_to(left);
        done.assert_kept(&self.install.database).await;
        let output = self.install.run(&["reconcile", "--format", "json"]);
        let report = String::from_utf8_lossy(&output.stdout);
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let of_ours = |it: &&serde_json::Value| it["kind"] != "unmanaged";
        let findings: Vec<_> =
            report["findings"].as_array().unwrap().iter().filter(of_ours).collect();
        assert!(findings.is_empty(), "{findings:?}");
        let status = self.install.stdout(&["status"]);
        let agents = status.lines().find(|line| line.starts_with("agents")).unwrap();
        assert_eq!(agents.matches("since").count(), 2, "the killed one is still known: {agents}");
        drop(self.agents);
    }
}

/// How long anything may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(90);
