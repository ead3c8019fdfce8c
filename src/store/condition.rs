//! What the database's own refusals tell of its condition: whether it takes writes, and whether its tables
//! may have another shape by now than the agent knows.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::error::{Error, ErrorKind};

/// The condition, as far as it is known. All is well until something was refused.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// When a write was refused last, if none was done since.
    refused: Mutex<Option<Instant>>,
    /// A statement didn't fit its tables, or they were altered under it.
    doubted: watch::Sender<bool>,
}

impl Condition {
    /// Takes note of a failure.
    pub fn failed(&self, error: &Error) {
        match error.kind() {
            ErrorKind::ReadOnly => self.refuses_since(Some(Instant::now())),
            ErrorKind::Stale | ErrorKind::Unfit => self.doubt(),
            _ => {}
        }
    }

    /// Takes note of a write that was done.
    pub fn wrote(&self) {
        self.refuses_since(None);
    }

    fn refuses_since(&self, since: Option<Instant>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// How long ago a write was refused, if none was done since.
    pub fn refused(&self) -> Option<Duration> {
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.map(|at| at.elapsed())
    }

    /// The tables may have another shape.
    pub fn doubt(&self) {
        self.doubted.send_if_modified(|doubted| !std::mem::replace(doubted, true));
    }

    /// The shape is known.
    pub fn trust(&self) {
        self.doubted.send_replace(false);
    }

    /// Whether the shape is in doubt.
    pub fn is_doubted(&self) -> bool {
        *self.doubted.borrow()
    }

    /// When it is.
    pub async fn doubted(&self) {
        let mut doubted = self.doubted.subscribe();
        let _ = doubted.wait_for(|doubted| *doubted).await;
    }
}
