//! `drift`: the findings that are open, and what is done about them.

use std::sync::Arc;

use chrono::Utc;
use clap::ValueEnum;
use serde_json::Value;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::{output, time};
use crate::drift::{Item, report};
use crate::reconcile::mend::{self, Action, Mended};
use crate::reconcile::stored;
use crate::report::{csv, escaped_json, json, visible};
use crate::store::Store;
use crate::store::findings::{self, Stored};

/// `drift …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the open findings, ignored ones included
    List {
        /// What the list looks like
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Write what Entra asserted into kpifire's tables
    Restore {
        /// Findings
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Take what kpifire has for what Entra asserted, until Entra's next change
    Adopt {
        /// Findings
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Count findings without listing them from now on
    Ignore {
        /// Findings
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why, for those who come after
        #[arg(long, value_name = "REASON")]
        reason: Option<String>,
    },
}

/// How `drift list` looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table, for a person
    Text,
    /// One array
    Json,
    /// One object a line
    Ndjson,
    /// A heading, then a row a line (RFC 4180)
    Csv,
}

/// Does it.
///
/// # Errors
/// 64 for the configuration; 1 for the database, and when a finding could not be mended.
pub fn run(command: Command, globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let loaded = context::load(globals)?;
        let store = context::migrated(&loaded.config).await?;
        match command {
            Command::List { format } => list(&store, format).await,
            Command::Restore { ids } => {
                each(&store, &loaded, &Verb::Do(Action::Restore), ids).await
            }
            Command::Adopt { ids } => {
                each(&store, &loaded, &Verb::Do(Action::Adopt), ids).await?;
                output::remark("Entra overwrites what was adopted when it next changes there.");
                Ok(())
            }
            Command::Ignore { ids, reason } => {
                each(&store, &loaded, &Verb::Ignore(reason), ids).await
            }
        }
    })
}

enum Verb {
    Do(Action),
    Ignore(Option<String>),
}

/// Every finding in a transaction of its own: one that can't be mended doesn't keep the others.
async fn each(store: &Store, loaded: &Loaded, verb: &Verb, ids: Vec<String>) -> Result<(), Error> {
    let layout = context::layout(store, loaded).await?;
    let (all, mut failed) = (ids.len(), 0);
    for id in ids {
        let (layout, now) = (Arc::clone(&layout), Utc::now());
        let outcome = match verb {
            Verb::Do(action) => mend::act(store, layout, *action, &id, now).await,
            Verb::Ignore(reason) => mend::ignore(store, layout, &id, reason.clone(), now).await,
        };
        let said = match outcome {
            Ok(Mended::Done(what)) => format!("{id}  done: {what}"),
            Ok(Mended::NoLonger(why)) => format!("{id}  nothing to do: {why}"),
            Ok(Mended::Refused(why)) => {
                failed += 1;
                format!("{id}  refused: {why}")
            }
            Err(error) => {
                failed += 1;
                format!("{id}  failed: {}", Error::service("nothing was written", error))
            }
        };
        output::line(&visible(&said))?;
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Error::refused(format!("{failed} of {all} findings were left as they are")))
}

async fn list(store: &Store, format: Format) -> Result<(), Error> {
    let open = store
        .read(|tx| Box::pin(findings::open(tx)))
        .await
        .map_err(|error| Error::failed("the findings can't be read", error))?;
    output::print(&render(open, format))
}

fn render(open: Vec<Stored>, format: Format) -> String {
    let mut ignored: Vec<(String, Option<String>)> = Vec::new();
    let mut items = Vec::new();
    for stored in open {
        if let Some((_, reason)) = &stored.ignored {
            ignored.push((stored.id.clone(), reason.clone()));
        }
        // To the list a finding is new until a second run has seen it.
        let last_seen = stored.last_seen;
        items.push(stored::item(stored, last_seen));
    }
    report::sort(&mut items);
    let reason = |id: &str| ignored.iter().find(|(it, _)| it == id).map(|(_, reason)| reason);
    let object = |item: &Item| {
        let mut object = json::finding(item);
        if let Value::Object(object) = &mut object {
            object.insert("ignored".to_owned(), reason(&item.id).is_some().into());
            let reason = reason(&item.id).cloned().flatten();
            object.insert("ignoredReason".to_owned(), reason.into());
        }
        object
    };
    match format {
        Format::Json => {
            let all: Vec<Value> = items.iter().map(object).collect();
            escaped_json(format!("{:#}\n", Value::Array(all)))
        }
        Format::Ndjson => {
            items.iter().map(|item| escaped_json(object(item).to_string() + "\n")).collect()
        }
        Format::Csv => {
            let lines = items.iter().map(|item| {
                let cells = cells(item, reason(&item.id).is_some());
                csv::line(cells.map(Option::unwrap_or_default))
            });
            std::iter::once(csv::line(HEADING)).chain(lines).collect()
        }
        Format::Text if items.is_empty() => "No finding is open.\n".to_owned(),
        Format::Text => {
            let heading = HEADING.map(str::to_uppercase).to_vec();
            let shown = |cell: Option<String>| match cell {
                Some(text) => visible(&text).into_owned(),
                None => "-".to_owned(),
            };
            let lines = items
                .iter()
                .map(|item| cells(item, reason(&item.id).is_some()).map(shown).to_vec());
            output::table(&std::iter::once(heading).chain(lines).collect::<Vec<_>>())
        }
    }
}

const HEADING: [&str; 9] =
    ["id", "severity", "kind", "name", "attribute", "expected", "actual", "since", "ignored"];

fn cells(item: &Item, ignored: bool) -> [Option<String>; 9] {
    let finding = &item.finding;
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    [
        Some(item.id.clone()),
        Some(finding.kind.severity().as_str().to_owned()),
        Some(finding.kind.as_str().to_owned()),
        finding.name.clone().or_else(|| finding.scim_id.clone()),
        finding.attribute.clone(),
        text(&finding.expected),
        text(&finding.actual),
        Some(time::show(item.first_seen)),
        ignored.then(|| "ignored".to_owned()),
    ]
}
