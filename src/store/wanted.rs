//! How long statements may take, and whether anybody still waits for them.

use std::time::Duration;

use tokio::sync::watch;

/// How long statements may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One of a request or a command.
    pub statement: Duration,
    /// One of a run's snapshot.
    pub snapshot: Duration,
}

impl Limits {
    /// The same for all.
    pub fn all(limit: Duration) -> Self {
        Self { statement: limit, snapshot: limit }
    }
}

/// How much longer a session's own limit is: the agent cancels first, and says why.
pub(super) const BEYOND: Duration = Duration::from_secs(5);

/// Whether anybody still wants the work done.
#[derive(Clone)]
pub(super) struct Wanted {
    /// Its caller; gone when its end was dropped.
    caller: watch::Receiver<()>,
    /// Whether the agent stops.
    stopping: watch::Receiver<bool>,
}

impl Wanted {
    /// For as long as the other end is kept.
    pub fn new(stopping: watch::Receiver<bool>) -> (watch::Sender<()>, Self) {
        let (sender, caller) = watch::channel(());
        (sender, Self { caller, stopping })
    }

    /// Whether somebody does.
    pub fn still(&self) -> bool {
        self.caller.has_changed().is_ok() && !*self.stopping.borrow()
    }

    /// When nobody does any more.
    pub async fn no_longer(&self) {
        let (mut caller, mut stopping) = (self.caller.clone(), self.stopping.clone());
        let stops = async {
            if stopping.wait_for(|stops| *stops).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = async { while caller.changed().await.is_ok() {} } => {}
            () = stops => {}
        }
    }
}
