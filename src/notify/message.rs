//! What a notice says: subject, text, attachment, and the keys for programs. Pure. Strangers' text
//! comes through the report's renderers, which make it harmless; a subject has none.
//!
//! The keys of the JSON message are its version 1: `version`, `id` (the same whenever it is sent
//! again), `event`, `time`, `install`, `title`, `text`; what the event has ([`Event`]'s fields); and
//! `report` with `id, finished, verdict, reasons, counts, findings, more` where a run is behind it.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::event::{Cause, Cleanup, Digest, Event};
use crate::drift::Report;
use crate::report::{self, Format, brief, visible};

/// Changes when a key changes its meaning or goes away.
const VERSION: u32 = 1;

/// Findings that a mail lists.
const IN_MAIL: usize = 8;
/// Findings that a chat message lists.
const IN_CHAT: usize = 3;
/// A page that is longer isn't attached: mail servers refuse it.
const LONGEST_PAGE: usize = 5 * 1024 * 1024;
/// Characters of a subject at most.
const SUBJECT: usize = 180;

/// What a message is made of beside the event.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Names the notice, however often it is sent.
    pub id: String,
    /// When the event was.
    pub created: DateTime<Utc>,
    /// What people call the install.
    pub install: String,
    /// The report of the run that the event names, where it is still kept.
    pub report: Option<Report>,
    /// Whether names and phone numbers are masked (`reports.mask`).
    pub masked: bool,
}

/// A message, ready for each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Names the notice, however often it is sent.
    pub id: String,
    /// One line.
    pub subject: String,
    /// What a mail says.
    pub text: String,
    /// What a chat shows, line by line.
    pub lines: Vec<String>,
    /// What goes with a mail.
    pub attachment: Option<Attachment>,
    /// What a program gets.
    pub json: Value,
}

/// A page that goes with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file's name.
    pub name: String,
    /// HTML.
    pub page: String,
}

/// What to say of an event.
pub fn compose(event: &Event, facts: &Facts) -> Message {
    let report = match (&facts.report, facts.masked) {
        (Some(report), true) => Some(Cow::Owned(report::masked(report))),
        (Some(report), false) => Some(Cow::Borrowed(report)),
        (None, _) => None,
    };
    let report = report.as_deref();
    let event = if facts.masked { masked(event) } else { event.clone() };
    let title = title(&event, report, facts.created);
    let told = lines(&event, report);
    let attachment = report.and_then(page);
    let text = mail(&told, report, attachment.as_ref(), &facts.install);
    let lines: Vec<String> = told.into_iter().chain(listed(report, IN_CHAT)).collect();

    let mut json = serde_json::to_value(&event).unwrap_or_default();
    if let Some(keys) = json.as_object_mut() {
        let more: [(&str, Value); 7] = [
            ("version", VERSION.into()),
            ("id", facts.id.clone().into()),
            ("time", rfc3339(facts.created).into()),
            ("install", facts.install.clone().into()),
            ("title", title.clone().into()),
            ("text", lines.join("\n").into()),
            ("report", report.map(|report| brief::keys(report, IN_MAIL)).into()),
        ];
        keys.extend(more.map(|(key, value)| (key.to_owned(), value)));
    }
    let subject = format!("[kpifire-scim] {}: {title}", facts.install);
    let subject = visible(&subject).chars().take(SUBJECT).collect();
    Message { id: facts.id.clone(), subject, text, lines, attachment, json }
}

/// Without what may name somebody.
fn masked(event: &Event) -> Event {
    let mut event = event.clone();
    if let Event::Cleanup(cleanup) = &mut event {
        for failure in &mut cleanup.failures {
            failure.reason = failure.reason.masked();
        }
    }
    event
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn title(event: &Event, report: Option<&Report>, now: DateTime<Utc>) -> String {
    let summary = report.map_or_else(String::new, brief::summary);
    match event {
        Event::Run { before, causes, .. } => {
            let verdict = report.map_or("a run", |report| report.verdict.as_str());
            let changed = causes.contains(&Cause::VerdictChanged);
            let before = before.as_ref().filter(|_| changed);
            let before = before.map_or_else(String::new, |before| format!(" (was {before})"));
            let critical = causes.contains(&Cause::NewCritical) && !changed;
            let critical = if critical { ", something critical is new" } else { "" };
            format!("{verdict}{before}{critical}: {summary}")
        }
        Event::Digest(_) => {
            let verdict = report.map_or("no run this week", |report| report.verdict.as_str());
            let colon = if summary.is_empty() { "" } else { ": " };
            format!("weekly digest, {verdict}{colon}{summary}")
        }
        Event::Cleanup(Cleanup { verdict, planned, done, failed, .. }) => match verdict.as_str() {
            "BLOCKED" => format!("cleanup BLOCKED, steps waiting: {planned}"),
            _ => format!(
                "cleanup {verdict}, steps done: {done} of {planned}, accounts failed: {failed}"
            ),
        },
        Event::Guard { .. } => "the guard refuses to disable more users".to_owned(),
        Event::Certificate { until, .. } => match (*until - now).num_days() {
            _ if *until <= now => format!("a certificate expired on {}", minute(*until)),
            0 => format!("a certificate expires within a day, on {}", minute(*until)),
            days => format!("a certificate expires in {days} days, on {}", minute(*until)),
        },
        Event::Test => "a test".to_owned(),
    }
}

/// What happened, in lines.
fn lines(event: &Event, report: Option<&Report>) -> Vec<String> {
    match event {
        Event::Run { before, causes, .. } => run(before.as_deref(), causes, report),
        Event::Digest(digest) => week(digest, report),
        Event::Cleanup(cleanup) => cleaned(cleanup),
        Event::Guard { detail } => {
            let mut lines = brief::paragraph(
                "Entra disables or deletes more users than [guard] allows. The agent answers 503, \
                 which Entra repeats later; who is left is untouched.",
            );
            lines.extend(brief::paragraph(detail));
            lines.push("Look first: kpifire-scim guard status".to_owned());
            lines
        }
        Event::Certificate { name, until } => brief::paragraph(&format!(
            "The certificate {name} is valid until {}. Clients refuse the agent from then on: put a \
             new one in its place, and reload the agent.",
            minute(*until)
        )),
        Event::Test => vec![
            "This is a test: messages of kpifire-scim arrive here. Nothing happened.".to_owned(),
        ],
    }
}

fn run(before: Option<&str>, causes: &[Cause], report: Option<&Report>) -> Vec<String> {
    let Some(report) = report else {
        return vec!["The run's report is not kept any more.".to_owned()];
    };
    let verdict = report.verdict.as_str();
    let mut lines = brief::headline(report);
    let restored = match report.scope.restored {
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let causes = causes.iter().map(|cause| match (cause, before) {
        (Cause::VerdictChanged, Some(before)) => {
            format!("the verdict was {before} and is {verdict}")
        }
        (Cause::VerdictChanged, None) => "it is the first run".to_owned(),
        (Cause::NewCritical, _) => "something critical is new".to_owned(),
        (Cause::Restored, _) => {
            format!("reconcile.auto restored {restored} by itself (`kpifire-scim audit` says what)")
        }
    });
    let causes: Vec<String> = causes.collect();
    lines.push(String::new());
    lines.push(format!("Why you are told: {}.", causes.join("; ")));
    lines
}

fn week(digest: &Digest, report: Option<&Report>) -> Vec<String> {
    let Digest { since, until, runs, resolved, restored, writes, cleaned, .. } = digest;
    let counted = |counts: &std::collections::BTreeMap<String, u64>| {
        let counts: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
    };
    let mut lines = vec![
        format!("The week from {} to {}:", minute(*since), minute(*until)),
        format!("  Runs       {}", counted(runs)),
        format!("  Findings   {resolved} ended, {restored} of them restored by reconcile.auto"),
        format!("  Writes     {}", visible(&counted(writes))),
        format!("  Cleanup    {cleaned} steps done"),
    ];
    let Some(report) = report else {
        lines
            .push("No run of the reconciler was made: is its schedule as it should be?".to_owned());
        return lines;
    };
    lines.extend([String::new(), "How things stand now:".to_owned()]);
    lines.extend(brief::headline(report));
    lines.extend(brief::cleanup(report).map(|cleanup| format!("Cleanup: {cleanup}")));
    lines
}

fn cleaned(cleanup: &Cleanup) -> Vec<String> {
    let Cleanup { run, verdict, planned, done, reasons, failed, failures } = cleanup;
    let mut lines = brief::paragraph(&match verdict.as_str() {
        "BLOCKED" => {
            format!(
                "Cleanup of disabled users wrote nothing: its plan is blocked (steps: {planned})."
            )
        }
        "STOPPED" => format!(
            "Cleanup of disabled users stopped before its end (steps done: {done} of {planned})."
        ),
        _ => format!(
            "Cleanup of disabled users did not work for all (steps done: {done} of {planned}; \
             accounts failed: {failed}). What failed is tried again at the next run."
        ),
    });
    lines.extend(reasons.iter().flat_map(|reason| brief::paragraph(&format!("- {reason}"))));
    for failure in failures {
        let super::Failure { scim_id, stage, reason } = failure;
        lines.push(visible(&format!("- User {scim_id}, {stage}: {reason}")).into_owned());
    }
    let more = failed.saturating_sub(failures.len() as u64);
    if more > 0 {
        lines.push(format!("- and {more} more"));
    }
    lines.push(String::new());
    lines.push("What is planned, account by account: kpifire-scim cleanup plan".to_owned());
    if let Some(run) = run {
        lines.push(format!("To take back what was done: kpifire-scim cleanup undo {run}"));
    }
    lines
}

/// The worst findings, and how to see the rest.
fn listed(report: Option<&Report>, most: usize) -> Vec<String> {
    let Some(report) = report else { return Vec::new() };
    let worst = brief::worst(report, most);
    let more = report.total().saturating_sub(worst.len() as u64);
    let mut lines = Vec::new();
    for item in worst {
        lines.push(String::new());
        lines.extend(brief::finding(item));
    }
    if more > 0 {
        let listed = if lines.is_empty() { "" } else { " more" };
        lines.push(String::new());
        lines.push(format!("{more}{listed}, in the report: kpifire-scim report {}", report.run.id));
    }
    lines
}

fn mail(
    told: &[String],
    report: Option<&Report>,
    attachment: Option<&Attachment>,
    install: &str,
) -> String {
    let mut lines = told.to_vec();
    let worst = listed(report, IN_MAIL);
    let items = report.map(|report| brief::worst(report, IN_MAIL)).unwrap_or_default();
    if items.iter().any(|item| item.command.is_some()) {
        lines.push(String::new());
        lines.extend(brief::legend());
    }
    lines.extend(worst);
    if let Some(report) = report {
        lines.push(String::new());
        lines.extend(brief::footer(report));
        lines.push(match attachment {
            Some(_) => "The whole report is attached as a page.".to_owned(),
            None => format!(
                "The whole report is too long to attach: kpifire-scim report {} --format html",
                report.run.id
            ),
        });
    }
    // The signature's mark, as mail programs know it.
    lines.push(String::new());
    lines.push("-- ".to_owned());
    lines.push(format!("kpifire-scim on {}", visible(install)));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn page(report: &Report) -> Option<Attachment> {
    let page = report::render(report, Format::Html);
    let name = format!("drift-{}.html", report.run.started.format("%Y%m%dT%H%M%SZ"));
    (page.len() <= LONGEST_PAGE).then_some(Attachment { name, page })
}

#[cfg(test)]
mod tests;
