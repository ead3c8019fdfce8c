//! The last run's report with the findings as they are now: those that commands ended since are gone,
//! and those of kinds that the run couldn't see are left out.
//! A page of findings at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Console;
use crate::drift::{Count, Kind, Report, report};
use crate::reconcile::Settings;
use crate::service::Error;
use crate::store::console::{self, Open};
use crate::store::reports;
use crate::store::runs::{self, RunRow};
use crate::store::{self, Tx};

/// Findings on a page.
const PAGE: usize = 100;

/// A page of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The report, with this page's findings.
    pub report: Report,
    /// The finding after which the next page begins.
    pub next: Option<String>,
}

impl Console {
    /// The report of the last run; `None` before the first one. Four statements.
    pub async fn drift(
        &self,
        kind: Option<Kind>,
        after: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Option<Drift>, Error> {
        let context = (Arc::clone(&self.settings), kind, after, now);
        let read = self.service.store().read(context, async |tx, (settings, kind, after, now)| {
            read(tx, settings, *kind, after.as_deref(), *now).await
        });
        Ok(read.await?)
    }
}

async fn read(
    tx: &mut Tx,
    settings: &Settings,
    kind: Option<Kind>,
    after: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Drift>, store::Error> {
    let Some(run) = runs::last(tx).await? else { return Ok(None) };
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX).saturating_add(1);
    let unseen = reports::unseen(&reports::scope(&run));
    let mut page = console::findings_page(tx, kind, unseen, after, limit).await?;
    let more = page.len() > PAGE;
    page.truncate(PAGE);
    let next = page.last().filter(|_| more).map(|last| last.id.clone());
    let open = console::open_since(tx, run.started, unseen).await?;
    let trend = reports::trend(tx, run.started, run.started).await?;
    let mut findings: Vec<_> = page.into_iter().map(|it| reports::item(it, run.started)).collect();
    report::sort(&mut findings);
    let report = Report {
        counts: counts(&run, &open),
        findings,
        trend,
        next: settings.next(now),
        ..reports::summary(&run, settings.zone)
    };
    Ok(Some(Drift { report, next }))
}

/// What is open now beside what the run saw before it and ended.
fn counts(run: &RunRow, open: &BTreeMap<Kind, Open>) -> Vec<Count> {
    let (before, resolved) = (reports::before(run), reports::resolved(run));
    let of = |counted: &BTreeMap<Kind, u64>, kind| counted.get(&kind).copied().unwrap_or_default();
    let count = |kind| {
        let open = open.get(&kind);
        let (now, new) = open.map_or((0, 0), |open| (open.now, open.new));
        Count {
            kind,
            now,
            before: of(&before, kind),
            new,
            persisting: now.saturating_sub(new),
            resolved: of(&resolved, kind),
            oldest: open.map(|open| open.oldest.and_utc()),
            // The page shows none.
            ages: Default::default(),
        }
    };
    let counts = Kind::ALL.iter().copied().map(count);
    counts.filter(|count| count.now + count.before + count.resolved > 0).collect()
}
