//! `status`: how things stand, on one screen. Prints figures; computes none.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Timelike as _, Utc};

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::{credential, output, time};
use crate::config::{Config, Cron, Schedule};
use crate::notify;
use crate::presence;
use crate::report::visible;
use crate::service;
use crate::service::credentials::{self, Credential, Kind};
use crate::store::agents::Agent;
use crate::store::notices::Outbox;
use crate::store::{Status, Store};

/// Prints it.
///
/// # Errors
/// 64 for the configuration; 1 for the database.
pub fn run(globals: &Globals) -> Result<(), Error> {
    let now = Utc::now();
    context::block_on(async {
        let loaded = context::load(globals)?;
        let config = &loaded.config;
        let store = context::store(config)?;
        let failed = |error| Error::service("the status can't be read", error);
        let status = service::status(&store, now).await.map_err(failed)?;
        let (tokens, clients) = if status.pending.is_empty() {
            let tokens = credentials::list(&store, Kind::Token).await.map_err(failed)?;
            (tokens, credentials::list(&store, Kind::Client).await.map_err(failed)?)
        } else {
            Default::default()
        };
        let mut text = render(config, &status, &troubles(&store, &loaded).await, &tokens, now);
        if !clients.is_empty() {
            let _ = write!(text, "\n{}", credential::table(Kind::Client, &clients));
        }
        output::print(&text)
    })
}

/// What keeps requests from being served although the database answers.
async fn troubles(store: &Store, loaded: &Loaded) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if let Err(error) = context::layout(store, loaded).await {
        found.push(("tables", error.to_string()));
    }
    if let Err(error) = store.try_write().await {
        found.push(("writes", format!("none are taken: {error}")));
    }
    found
}

fn render(
    config: &Config,
    status: &Status,
    troubles: &[(&'static str, String)],
    tokens: &[Credential],
    now: DateTime<Utc>,
) -> String {
    let database = format!("{} ({})", config.database.url, status.version);
    let mut rows = vec![("database", database)];
    if !status.pending.is_empty() {
        let pending = status.pending.join(", ");
        rows.push(("sidecar", format!("not up to date: {pending}; run kpifire-scim migrate")));
        return output::named(rows);
    }
    rows.push(("sidecar", "up to date".to_owned()));
    rows.extend(troubles.iter().cloned());
    let contact = status.last_contact.map(|at| ago(at, now));
    rows.push(("last contact", contact.unwrap_or_else(|| "never".to_owned())));
    let write = status.last_write.as_ref();
    let write = write.map(|(at, token)| format!("{}, by {}", ago(*at, now), visible(token)));
    rows.push(("last write", write.unwrap_or_else(|| "never".to_owned())));
    rows.push(("last 24 h", counts(status.outcomes.iter().map(|(name, n)| (name.clone(), *n)))));
    if !status.ignored.is_empty() {
        let ignored = status.ignored.iter().map(|(name, n)| (visible(name).into_owned(), *n));
        rows.push(("ignored in 24 h", counts(ignored)));
    }
    let links = status.links.iter().map(|((kind, state), n)| (format!("{kind} {state}"), *n));
    rows.push(("links", counts(links)));
    rows.push(("agents", agents(&status.agents)));
    let policies = presence::policies(&status.agents);
    if policies.len() > 1 {
        let listed = presence::listed(&policies);
        rows.push(("WARNING", format!("{} ({})", presence::DISAGREE, visible(&listed))));
    }
    rows.push(("last run", last_run(status)));
    let schedule = &config.schedule;
    rows.push(("next runs", next_times(schedule.reconcile.as_ref(), schedule, now)));
    rows.push(("next cleanups", next_times(schedule.cleanup.as_ref(), schedule, now)));
    for channel in notify::channels(&config.notify).iter() {
        let outbox = status.outbox.get(channel.as_str()).cloned().unwrap_or_default();
        rows.push((channel.as_str(), told(&outbox)));
    }
    format!("{}\n{}", output::named(rows), credential::table(Kind::Token, tokens))
}

/// `2026-11-24 02:17:00 UTC, 5m ago`
fn ago(at: NaiveDateTime, now: DateTime<Utc>) -> String {
    let ago = now.signed_duration_since(at.and_utc()).to_std().unwrap_or_default();
    let ago = humantime::format_duration(Duration::from_secs(ago.as_secs()));
    format!("{}, {ago} ago", time::show(at.and_utc()))
}

/// Which daemons serve the database. Of those that may be gone the newest is shown, and the rest counted.
fn agents(agents: &[Agent]) -> String {
    let (silent, there): (Vec<_>, Vec<_>) = agents.iter().partition(|it| presence::is_silent(it));
    let newest = silent.iter().min_by_key(|it| it.silent);
    let mut shown: Vec<String> = there.iter().chain(newest).map(|agent| agent_of(agent)).collect();
    if there.is_empty() {
        shown.insert(0, "none is running".to_owned());
    }
    if silent.len() > 1 {
        let more = silent.len() - 1;
        shown.push(format!("and {more} more that ended without a word within a day"));
    }
    shown.join(", ")
}

fn agent_of(agent: &Agent) -> String {
    let since = time::show(agent.started.and_utc());
    let silent = Duration::from_secs(agent.silent.as_secs());
    let silent = if presence::is_silent(agent) {
        format!(", silent for {}", humantime::format_duration(silent))
    } else {
        String::new()
    };
    format!("{} ({}, since {since}{silent})", agent.name, agent.version)
}

fn last_run(status: &Status) -> String {
    status.last_run.as_ref().map_or_else(
        || "never".to_owned(),
        |(at, verdict)| format!("{}, {verdict}", time::show(at.and_utc())),
    )
}

/// How a channel stands.
fn told(outbox: &Outbox) -> String {
    let mut parts = Vec::new();
    let waiting = outbox
        .oldest
        .filter(|_| outbox.waiting > 0)
        .map(|oldest| format!("{} waiting since {}", outbox.waiting, time::show(oldest.and_utc())));
    parts.push(waiting.unwrap_or_else(|| "nothing waits".to_owned()));
    let sent = outbox.last_sent.map(|at| time::show(at.and_utc()));
    parts.push(format!("last sent {}", sent.unwrap_or_else(|| "never".to_owned())));
    if outbox.given_up > 0 {
        parts.push(format!("{} given up", outbox.given_up));
    }
    if let Some((at, error)) = &outbox.last_error {
        parts.push(format!("last error {}: {}", time::show(at.and_utc()), visible(error)));
    }
    parts.join("; ")
}

/// The next three times of a line of the schedule, in the schedule's own zone.
pub fn next_times(line: Option<&Cron>, schedule: &Schedule, now: DateTime<Utc>) -> String {
    let Some(cron) = line else { return "never: its line is empty".to_owned() };
    let zone = schedule.timezone;
    let next: Vec<DateTime<_>> =
        cron.upcoming(now, zone).take(3).map(|at| at.with_timezone(&zone)).collect();
    let form = if next.iter().all(|at| at.second() == 0) {
        "%Y-%m-%d %H:%M %Z"
    } else {
        "%Y-%m-%d %H:%M:%S %Z"
    };
    let shown: Vec<String> = next.iter().map(|at| at.format(form).to_string()).collect();
    shown.join(", ")
}

fn counts<N: std::fmt::Display>(counted: impl Iterator<Item = (String, N)>) -> String {
    let parts: Vec<String> = counted.map(|(name, count)| format!("{name} {count}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}
