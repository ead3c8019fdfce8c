//! What operators and their tools see of a running daemon: health, metrics and the console's pages.
//!
//! Owns the admin listener's routes and what every page has in common. Reads only, and asks
//! [`crate::console`] for everything; knows no SCIM. `/healthz` and `/readyz` are open to everybody
//! and say only whether the daemon works.

pub mod health;
pub mod metrics;
mod pages;
mod traffic;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hyper::Method;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use crate::console::Console;
use crate::http::response::{self, Response};
use crate::reconcile::Settings;
use metrics::Metrics;

/// The admin listener's work: one per daemon, cheap to clone.
#[derive(Clone)]
pub struct Admin {
    console: Console,
    metrics: Arc<Metrics>,
}

/// What lies under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Overview,
    Drift,
    Cleanup,
    Person,
    Audit,
    Tokens,
    Metrics,
    Style,
    Icon,
}

/// Every path of the admin listener but the health checks'.
const ROUTES: [(&str, Route); 9] = [
    ("/", Route::Overview),
    ("/drift", Route::Drift),
    ("/cleanup", Route::Cleanup),
    ("/person", Route::Person),
    ("/audit", Route::Audit),
    ("/tokens", Route::Tokens),
    ("/metrics", Route::Metrics),
    ("/console.css", Route::Style),
    ("/icon.svg", Route::Icon),
];

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

    /// Answers a request on the admin listener, and says which route it was. Whoever asks is known to
    /// be allowed to: that is settled before.
    pub async fn answer(
        &self,
        parts: &Parts,
        now: DateTime<Utc>,
        route: &mut Option<&'static str>,
    ) -> Response {
        let path = parts.uri.path();
        let Some((template, found)) = ROUTES.iter().find(|(template, _)| *template == path) else {
            return pages::secured(pages::not_found());
        };
        *route = Some(template);
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return response::allowing(response::empty(405), "GET, HEAD");
        }
        let query = parts.uri.query();
        let page = pages::Request { admin: self, query, now };
        pages::secured(match found {
            Route::Metrics => return self.metrics.render(&self.console, now).await,
            Route::Style => {
                let css = HeaderValue::from_static("text/css; charset=utf-8");
                response::with_body(200, css, pages::STYLE)
            }
            Route::Icon => {
                let svg = HeaderValue::from_static("image/svg+xml");
                response::with_body(200, svg, pages::ICON)
            }
            Route::Overview => pages::overview::page(&page).await,
            Route::Drift => pages::drift::page(&page).await,
            Route::Cleanup => pages::cleanup::page(&page).await,
            Route::Person => pages::person::page(&page).await,
            Route::Audit => pages::audit::page(&page).await,
            Route::Tokens => pages::tokens::page(&page).await,
        })
    }
}

/// When the schedule next runs each of its jobs.
fn next_runs(settings: &Settings, now: DateTime<Utc>) -> Vec<(&'static str, DateTime<Utc>)> {
    let lines = [("reconcile", &settings.schedule), ("cleanup", &settings.cleanup_schedule)];
    let next = |(job, line): (_, &Option<crate::config::Cron>)| {
        Some((job, line.as_ref()?.next_after(now, settings.zone)?))
    };
    lines.into_iter().filter_map(next).collect()
}
