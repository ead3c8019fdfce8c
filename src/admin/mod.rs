//! What operators and their tools see of a running daemon: health, metrics and the console's pages.
//!
//! Owns the admin listener's routes (`router`) and what every page has in common. Reads only, and
//! asks [`crate::console`] for everything; knows no SCIM. `/healthz` and `/readyz` are open to everybody
//! and say only whether the daemon works.

pub mod health;
pub mod metrics;
mod pages;
mod router;
mod traffic;

pub(crate) use router::answer;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::console::Console;
use metrics::Metrics;

/// The admin listener's work: one per daemon, cheap to clone.
#[derive(Clone)]
pub struct Admin {
    console: Console,
    metrics: Arc<Metrics>,
}

impl Admin {
    /// Over a console's reads; counts from now on.
    pub fn new(console: Console, now: DateTime<Utc>) -> Self {
        Self { console, metrics: Arc::new(Metrics::new(now)) }
    }

    /// The same over another console: what a reload makes. Nothing is counted anew.
    #[must_use]
    pub fn over(&self, console: Console) -> Self {
        Self { console, metrics: Arc::clone(&self.metrics) }
    }

    /// What the process counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}
