//! What the operator console and the metrics show, as plain values: a few bounded reads, and what
//! follows from them.
//!
//! Knows no HTTP and no HTML: `admin` asks here. Writes nothing.

pub mod activity;
pub mod drift;
pub mod figures;
pub mod person;
pub mod trail;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::reconcile::Settings;
use crate::reconcile::cleanup::apply;
use crate::reconcile::cleanup::plan::Plan;
use crate::report::Grace;
use crate::service::{Error, Service, tokens};
use crate::store::snapshot;

pub use crate::store::PoolStatus;
use figures::Figures;

/// How old the figures may be when they are shown again: a scrape and a page at the same time cost one
/// read.
const KEPT: Duration = Duration::from_secs(5);
/// How long the database may take for a page or a scrape.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take for the figures, which a scrape waits for.
const FIGURES_WITHIN: Duration = Duration::from_secs(3);

/// Reads for operators. Cheap to clone.
#[derive(Clone)]
pub struct Console {
    service: Service,
    settings: Arc<Settings>,
    figures: Arc<Mutex<Kept>>,
}

/// The last figures, or `None` where the database didn't give them, and when that was.
type Kept = Option<(Instant, Option<Arc<Figures>>)>;

impl Console {
    /// Over the database of a service, with the schedule's settings.
    #[must_use]
    pub fn new(service: Service, settings: Arc<Settings>) -> Self {
        Self { service, settings, figures: Arc::default() }
    }

    /// What schedule and cleanup go by.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How the pools of connections stand. Asks the database nothing.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolStatus> {
        self.service.store().pools()
    }

    /// The figures of the database, at most some seconds old; `None` when the database doesn't give
    /// them in time, which is logged.
    pub async fn figures(&self, now: DateTime<Utc>) -> Option<Arc<Figures>> {
        // Held while it reads: whoever comes meanwhile gets the same figures.
        let mut kept = self.figures.lock().await;
        if let Some((read, figures)) = &*kept
            && read.elapsed() < KEPT
        {
            return figures.clone();
        }
        let reading = figures::read(self.service.store(), self.service.guard(), now);
        let figures = match tokio::time::timeout(FIGURES_WITHIN, reading).await {
            Ok(Ok(figures)) => Some(Arc::new(figures)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the figures for metrics and console can't be read");
                None
            }
            Err(_) => {
                tracing::warn!("the figures for metrics and console took too long");
                None
            }
        };
        *kept = Some((Instant::now(), figures.clone()));
        figures
    }

    /// Cleanup's plan as of now, and how far disabled users are on their way out.
    ///
    /// # Errors
    /// The database's.
    pub async fn cleanup(&self, now: DateTime<Utc>) -> Result<(Plan, Grace), Error> {
        let store = self.service.store();
        let plan = apply::current(store, &self.settings, now).await?;
        let settings = Arc::clone(&self.settings);
        let grace = store
            .read(move |tx| {
                let settings = Arc::clone(&settings);
                Box::pin(
                    async move { snapshot::grace(tx, &settings.layout, settings.due(now)).await },
                )
            })
            .await?;
        let [waiting, strip_due, stripped, anonymise_due, anonymised] = grace;
        Ok((plan, Grace { waiting, strip_due, stripped, anonymise_due, anonymised }))
    }

    /// Every token, without its secret.
    ///
    /// # Errors
    /// The database's.
    pub async fn tokens(&self) -> Result<Vec<tokens::Row>, Error> {
        tokens::list(self.service.store()).await
    }
}
