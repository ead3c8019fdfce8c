//! What operators and their tools see of a running daemon: health, metrics and the console's pages.
//!
//! Owns the admin listener's routes (`router`) and what every page has in common. Asks
//! [`crate::console`] for everything, and for what is done too; knows no SCIM. `/healthz` and `/readyz` are open to everybody
//! and say only whether the daemon works.

mod form;
pub mod health;
pub mod metrics;
mod pages;
mod router;
mod traffic;

pub(crate) use router::{Asked, answer};

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use crate::console::Console;
use metrics::Metrics;

/// The admin listener's work: one per daemon, cheap to clone.
#[derive(Clone)]
pub struct Admin {
    console: Console,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
}

/// Requests that the admin listener works on at a time.
const PLACES: usize = 16;

impl Admin {
    /// Over a console's reads; counts from now on.
    pub fn new(console: Console, now: DateTime<Utc>) -> Self {
        let (metrics, places) = (Arc::new(Metrics::new(now)), Arc::new(Semaphore::new(PLACES)));
        Self { console, metrics, places }
    }

    /// The same over another console: what a reload makes. Nothing is counted anew.
    #[must_use]
    pub fn over(&self, console: Console) -> Self {
        let (metrics, places) = (Arc::clone(&self.metrics), Arc::clone(&self.places));
        Self { console, metrics, places }
    }

    /// What the process counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}
