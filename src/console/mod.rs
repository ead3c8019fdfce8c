//! What the operator console and the metrics show, as plain values: a few bounded reads, and what
//! follows from them.
//!
//! Knows no HTTP and no HTML: `admin` asks here. Writes nothing itself: `act` calls what commands call.

pub mod act;
pub mod activity;
pub mod drift;
pub mod figures;
pub mod person;
mod resource;
pub mod search;
pub mod team;
pub mod trail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::drift::Grace;
use crate::drift::plan::Plan;
use crate::reconcile::Settings;
use crate::reconcile::cleanup::apply;
use crate::scim::ResourceType;
use crate::service::credentials::{self, Credential, Kind};
use crate::service::{Absence, Error, Service};
use crate::store::grace;

pub use crate::store::PoolStatus;
use figures::{Figures, Links};

/// How old the figures may be when they are shown again: a scrape and a page at the same time cost one
/// read.
const KEPT: Duration = Duration::from_secs(5);
/// The same for the count of links, which reads an index from end to end.
const LINKS_KEPT: Duration = Duration::from_secs(60);
/// How long the database may take for a page or a scrape.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take for the figures: Prometheus waits 10 s for a scrape.
const FIGURES_WITHIN: Duration = Duration::from_secs(8);

/// Reads for operators. Cheap to clone.
#[derive(Clone)]
pub struct Console {
    service: Service,
    settings: Arc<Settings>,
    kept: Arc<Mutex<Kept>>,
}

/// What was read last, and when.
#[derive(Default)]
struct Kept {
    /// `None` inside where the database didn't give them.
    figures: Option<(Instant, Option<Arc<Figures>>)>,
    links: Option<(Instant, Links)>,
}

impl Console {
    /// Over the database of a service, with the schedule's settings.
    pub fn new(service: Service, settings: Arc<Settings>) -> Self {
        Self { service, settings, kept: Arc::default() }
    }

    /// What schedule and cleanup go by.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How the pools of connections stand. Asks the database nothing.
    pub fn pools(&self) -> Vec<PoolStatus> {
        self.service.store().pools()
    }

    /// Requests that named an attribute which no schema knows, by resource type and attribute. Asks the
    /// database nothing.
    pub fn ignored(&self) -> BTreeMap<(ResourceType, String), u64> {
        self.service.left_out().attributes()
    }

    /// Members that were left out, by why. Asks the database nothing.
    pub fn members_left_out(&self) -> BTreeMap<Absence, u64> {
        self.service.left_out().members()
    }

    /// The figures of the database, at most some seconds old; `None` when the database doesn't give
    /// them in time, which is logged.
    pub async fn figures(&self, now: DateTime<Utc>) -> Option<Arc<Figures>> {
        // Held while it reads: whoever comes meanwhile gets the same figures.
        let mut kept = self.kept.lock().await;
        if let Some((read, figures)) = &kept.figures
            && read.elapsed() < KEPT
        {
            return figures.clone();
        }
        let links = kept.links.take().filter(|(read, _)| read.elapsed() < LINKS_KEPT);
        let known = links.as_ref().map(|(_, links)| links.clone());
        let reading = figures::read(self.service.store(), self.service.guard(), known, now);
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
        let counted = || figures.as_ref().map(|it| (Instant::now(), it.links.clone()));
        kept.links = links.or_else(counted);
        kept.figures = Some((Instant::now(), figures.clone()));
        figures
    }

    /// Cleanup's plan as of now, and how far disabled users are on their way out.
    pub async fn cleanup(&self, now: DateTime<Utc>) -> Result<(Plan, Grace), Error> {
        let store = self.service.store();
        let plan = apply::current(store, &self.settings, now).await?;
        let grace = store
            .read((Arc::clone(&self.settings), now), async |tx, (settings, now)| {
                grace::counts(tx, &settings.layout, settings.due(*now)).await
            })
            .await?;
        let [waiting, strip_due, stripped, anonymise_due, anonymised] = grace;
        Ok((plan, Grace { waiting, strip_due, stripped, anonymise_due, anonymised }))
    }

    /// Every token, without its secret.
    pub async fn tokens(&self) -> Result<Vec<Credential>, Error> {
        credentials::list(self.service.store(), Kind::Token).await
    }
}
