//! `drift`: the findings that are open, and what is done about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::{output, time};
use crate::drift::{Item, Kind, report};
use crate::reconcile::mend::{self, Action, Mended};
use crate::report::json::finding;
use crate::report::rows::RowWriter;
use crate::report::words::plural;
use crate::report::{Format, visible};
use crate::service::Actor;
use crate::store::Store;
use crate::store::findings::{self, Stored};
use crate::store::reports;

/// `drift …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the open findings, ignored ones included
    List {
        /// Those of this kind alone
        #[arg(long, value_name = "KIND", value_parser = kinds())]
        kind: Option<Kind>,
        /// What the list looks like
        #[arg(long, value_parser = output::one_of(&FORMATS), default_value = "text")]
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
        #[arg(required_unless_present = "kind", value_name = "ID")]
        ids: Vec<String>,
        /// All findings of this kind that are open now
        #[arg(long, value_name = "KIND", conflicts_with = "ids", value_parser = kinds())]
        kind: Option<Kind>,
        /// Why, for those who come after
        #[arg(long, value_name = "REASON")]
        reason: Option<String>,
    },
}

const FORMATS: [(Format, &str); 4] = [
    (Format::Text, "A table, for a person"),
    (Format::Json, "One array"),
    (Format::Ndjson, "One object a line"),
    (Format::Csv, "A heading, then a row a line (RFC 4180)"),
];

/// Does it.
///
/// # Errors
/// 64 for the configuration; 1 for the database, and when a finding could not be mended.
pub fn run(command: Command, globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let loaded = context::load(globals)?;
        let store = context::migrated(&loaded.config).await?;
        match command {
            Command::List { kind, format } => list(&store, kind, format).await,
            Command::Restore { ids } => {
                each(&store, &loaded, &Verb::Do(Action::Restore), ids).await
            }
            Command::Adopt { ids } => {
                each(&store, &loaded, &Verb::Do(Action::Adopt), ids).await?;
                output::remark("Entra overwrites what was adopted when it next changes there.");
                Ok(())
            }
            Command::Ignore { kind: Some(kind), reason, .. } => {
                ignore_all(&store, &loaded, kind, reason).await
            }
            Command::Ignore { ids, reason, kind: None } => {
                each(&store, &loaded, &Verb::Ignore(reason), ids).await
            }
        }
    })
}

fn kinds() -> impl TypedValueParser<Value = Kind> {
    let names = Kind::ALL.iter().map(|kind| kind.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Kind>())
}

async fn ignore_all(
    store: &Store,
    loaded: &Loaded,
    kind: Kind,
    reason: Option<String>,
) -> Result<(), Error> {
    let layout = context::layout(store, loaded).await?;
    let ignored = mend::ignore_kind(store, layout, kind, reason, &Actor::Agent, Utc::now())
        .await
        .map_err(|error| Error::service("not all were ignored", error))?;
    output::line(&format!(
        "{} of the kind {} ignored until they end by themselves",
        plural(ignored as u64, "finding"),
        kind.as_str()
    ))
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
        let (layout, actor, now) = (Arc::clone(&layout), Actor::Agent, Utc::now());
        let outcome = match verb {
            Verb::Do(action) => mend::act(store, layout, *action, &id, &actor, now).await,
            Verb::Ignore(reason) => {
                mend::ignore(store, layout, &id, reason.clone(), &actor, now).await
            }
        };
        let said = match outcome {
            Ok(Mended::Done(written)) => format!("{id}  done: {}", written.what),
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

async fn list(store: &Store, kind: Option<Kind>, format: Format) -> Result<(), Error> {
    let open = store
        .read(kind, async |tx, kind| match kind {
            Some(kind) => findings::open_of(tx, *kind).await,
            None => findings::open(tx).await,
        })
        .await
        .map_err(|error| Error::failed("the findings can't be read", error))?;
    let listed = listed(open);
    output::write(|out| {
        let Some(mut rows) = RowWriter::begin(&mut *out, format, &HEADING)? else {
            return out.write_all(text(&listed).as_bytes());
        };
        for finding in &listed {
            rows.object(|| object(finding))?;
            rows.cells(|| cells(finding).map(Option::unwrap_or_default))?;
        }
        rows.end()
    })
}

/// An open finding.
struct Listed {
    item: Item,
    ignored: Option<Ignored>,
}

/// That somebody set it aside.
struct Ignored {
    reason: Option<String>,
}

fn listed(open: Vec<Stored>) -> Vec<Listed> {
    let reasons = open.iter().filter_map(|stored| {
        let (_, reason) = stored.ignored.as_ref()?;
        Some((stored.id.clone(), Ignored { reason: reason.clone() }))
    });
    let mut ignored: BTreeMap<String, Ignored> = reasons.collect();
    let items = open.into_iter().map(|stored| {
        // To the list a finding is new until a second run has seen it.
        let last_seen = stored.last_seen;
        reports::item(stored, last_seen)
    });
    let mut items: Vec<Item> = items.collect();
    report::sort(&mut items);
    let listed = items.into_iter().map(|item| Listed { ignored: ignored.remove(&item.id), item });
    listed.collect()
}

fn object(Listed { item, ignored }: &Listed) -> Value {
    let mut object = json!(finding(item));
    if let Value::Object(object) = &mut object {
        object.insert("ignored".to_owned(), ignored.is_some().into());
        let reason = ignored.as_ref().and_then(|ignored| ignored.reason.clone());
        object.insert("ignoredReason".to_owned(), reason.into());
    }
    object
}

fn text(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "No finding is open.\n".to_owned();
    }
    let heading = HEADING.map(str::to_uppercase);
    let rows = listed.iter().map(|finding| {
        cells(finding)
            .map(|cell| cell.map_or_else(|| "-".to_owned(), |text| visible(&text).into_owned()))
    });
    output::table(&heading.each_ref().map(String::as_str), rows)
}

const HEADING: [&str; 9] =
    ["id", "severity", "kind", "name", "attribute", "expected", "actual", "since", "ignored"];

fn cells(Listed { item, ignored }: &Listed) -> [Option<String>; HEADING.len()] {
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
        ignored.is_some().then(|| "ignored".to_owned()),
    ]
}
