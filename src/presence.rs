//! A daemon says that it is there, so that `status` can tell which agents serve a database.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::lease;
use crate::store::agents::{self, Agent};
use crate::store::{Error, Store};

/// How often.
pub const EVERY: Duration = Duration::from_secs(10);
/// How long the last word may take: a database that is away must not hold up a shutdown.
const FAREWELL: Duration = Duration::from_secs(2);

/// Says so until the shutdown, and takes it back then; `policy` is what the agent decides about cleanup by,
/// whenever it is asked. Failures are silent: that the database is away is said by whoever needs it.
pub async fn announce(
    store: &Store,
    policy: impl Fn() -> String,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let name = lease::holder();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut disagreed = Policies::default();
    loop {
        let word = async {
            ticks.tick().await;
            match said(store, &name, &policy()).await {
                Ok(agents) => {
                    let policies = policies(&agents);
                    if policies.len() > 1 && policies != disagreed {
                        let agents = listed(&policies);
                        tracing::warn!(agents, "{DISAGREE}");
                    }
                    disagreed = policies;
                }
                Err(error) => {
                    tracing::debug!(%error, "this agent could not say that it is there");
                }
            }
        };
        tokio::select! {
            () = shutdown.as_mut() => break,
            () = word => {}
        }
    }
    let gone = store.write(name, async |tx, name| agents::gone(tx, name).await);
    let _ = tokio::time::timeout(FAREWELL, gone).await;
}

async fn said(store: &Store, name: &str, policy: &str) -> Result<Vec<Agent>, Error> {
    store
        .write((name.to_owned(), policy.to_owned()), async |tx, (name, policy)| {
            agents::seen(tx, name, env!("CARGO_PKG_VERSION"), policy).await?;
            agents::list(tx).await
        })
        .await
}

/// What is said of agents whose policies differ.
pub const DISAGREE: &str = "agents differ in [cleanup], [reconcile] or the profile: scheduled cleanup may plan for ever \
                            and do nothing";

/// The agents that are there, by what they decide about cleanup by.
pub type Policies = BTreeMap<String, Vec<String>>;

/// Whether an agent has missed two of its words: it may be gone.
pub fn is_silent(agent: &Agent) -> bool {
    agent.silent > 2 * EVERY
}

/// The policies of the agents that aren't silent: more than one is a mistake.
pub fn policies(agents: &[Agent]) -> Policies {
    let mut policies = Policies::new();
    for agent in agents.iter().filter(|agent| !is_silent(agent)) {
        policies.entry(agent.policy.clone()).or_default().push(agent.name.clone());
    }
    policies
}

/// `0f3c…: plant7/1/0001, plant7/2/0001; 99ab…: plant8/1/0001`
pub fn listed(policies: &Policies) -> String {
    let each = policies.iter().map(|(policy, agents)| format!("{policy}: {}", agents.join(", ")));
    each.collect::<Vec<_>>().join("; ")
}
