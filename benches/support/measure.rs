//! Closed loops: every caller sends its next step when the last one is answered, until the time is
//! up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::bare;
use super::client::Client;
use super::world::{Kind, Operation, Step, Steps, World};
use super::{Failure, Result};

/// One connection, to the agent or past it.
pub enum Session {
    /// HTTP.
    Agent(Client),
    /// SQL.
    Bare(bare::Session),
}

impl Session {
    async fn run(&mut self, step: Step) -> Result<()> {
        match self {
            Self::Agent(client) => client.run(step).await,
            Self::Bare(session) => session.run(step).await,
        }
    }
}

/// How long steps of one kind took.
#[derive(Debug, Default)]
pub struct Times {
    latencies: Vec<Duration>,
    connections: usize,
    /// Steps that failed.
    pub failures: usize,
    /// What the first failure said.
    pub first_failure: Option<String>,
}

/// What was measured, by kind of step.
pub type Measured = BTreeMap<Kind, Times>;

impl Times {
    /// Operations a second over all connections, as if they did nothing else.
    pub fn rate(&self) -> f64 {
        let mean = self.mean().as_secs_f64();
        if mean > 0.0 { as_float(self.connections) / mean } else { 0.0 }
    }

    /// The mean latency.
    pub fn mean(&self) -> Duration {
        let count = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX).max(1);
        self.latencies.iter().sum::<Duration>() / count
    }

    /// The latency that this share of the steps, in percent, didn't exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let index = self.latencies.len() * percent / 100;
        self.latencies.get(index).or(self.latencies.last()).copied().unwrap_or_default()
    }

    /// Takes in another measurement of the same.
    pub fn merge(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
        self.connections = other.connections;
        self.failures += other.failures;
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }
}

/// Repeats an operation on the first `connections` sessions for `time`, a fifth more beforehand to
/// warm up.
///
/// # Errors
/// When a caller panicked. Steps that fail are counted.
pub async fn measure(
    sessions: &mut Vec<Session>,
    connections: usize,
    operation: Operation,
    world: &Arc<World>,
    time: Duration,
) -> Result<Measured> {
    let from = Instant::now() + time / 5;
    let callers: Vec<_> = sessions
        .drain(..connections.min(sessions.len()))
        .map(|session| {
            let caller =
                Caller { session, steps: world.steps(operation), from, until: from + time };
            match &caller.session {
                // Its calls block: a thread of its own.
                Session::Bare(bare::Session::Sqlite(_)) => {
                    let handle = Handle::current();
                    tokio::task::spawn_blocking(move || handle.block_on(caller.work()))
                }
                _ => tokio::spawn(caller.work()),
            }
        })
        .collect();
    let mut measured = Measured::new();
    for caller in callers {
        let (session, times) = caller.await?;
        sessions.push(session);
        for (kind, times) in times {
            measured.entry(kind).or_default().merge(Times { connections, ..times });
        }
    }
    Ok(measured)
}

struct Caller {
    session: Session,
    steps: Steps,
    from: Instant,
    until: Instant,
}

impl Caller {
    async fn work(mut self) -> (Session, Measured) {
        let mut measured = Measured::new();
        loop {
            let started = Instant::now();
            if started >= self.until && !self.steps.unfinished() {
                return (self.session, measured);
            }
            let step = self.steps.next_step();
            let outcome = self.session.run(step).await;
            if started >= self.from {
                measured.entry(step.kind()).or_default().count(started.elapsed(), outcome);
            }
        }
    }
}

impl Times {
    fn count(&mut self, latency: Duration, outcome: Result<()>) {
        match outcome {
            Ok(()) => self.latencies.push(latency),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &Failure) {
        self.failures += 1;
        self.first_failure.get_or_insert_with(|| error.to_string());
    }
}

fn as_float(connections: usize) -> f64 {
    u32::try_from(connections).map_or(f64::MAX, f64::from)
}
