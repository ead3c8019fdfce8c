//! `audit`: who changed what. Prints rows as they were written, harmless for an eye and a terminal;
//! interprets none.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{SecondsFormat, Utc};
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use super::time::{self, Since};
use crate::report::{csv, escaped_json, visible};
use crate::service::audit::{AuditRow, Trail};

/// `audit`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only what concerns this user, by userName or id
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only from here on: a time, a date (UTC) or a duration back from now (2h)
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// What the rows look like
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line and its changes, for a person
    Text,
    /// One array
    Json,
    /// One object a line
    Ndjson,
    /// A heading, then a row a line (RFC 4180)
    Csv,
}

/// Prints the audit rows, oldest first.
///
/// # Errors
/// 64 for the configuration or `--since`; 1 for the database.
pub fn run(args: Args, globals: &Globals) -> Result<(), Error> {
    let since = args
        .since
        .map(|since| since.resolve(Utc::now()))
        .transpose()
        .map_err(|why| Error::usage(format!("--since: {why}")))?;
    context::block_on(async {
        let store = context::open_migrated(globals).await?;
        let profile = context::load(globals)?.profile;
        let failed = |error| Error::service("can't read the audit trail", error);
        let mut trail = Trail::since(&store, since);
        if let Some(user) = args.user {
            trail = trail.of(profile, user).await.map_err(failed)?;
        }
        output::print(&opening(args.format))?;
        let mut first = true;
        loop {
            let rows = trail.next().await.map_err(failed)?;
            if rows.is_empty() {
                return output::print(closing(args.format, first));
            }
            output::print(&render(&rows, args.format, first)?)?;
            first = false;
        }
    })
}

fn opening(format: Format) -> String {
    match format {
        Format::Text | Format::Ndjson => String::new(),
        Format::Json => "[".to_owned(),
        Format::Csv => csv::line(COLUMNS.map(str::to_owned).to_vec()),
    }
}

fn closing(format: Format, empty: bool) -> &'static str {
    match (format, empty) {
        (Format::Json, true) => "]\n",
        (Format::Json, false) => "\n]\n",
        _ => "",
    }
}

fn render(rows: &[AuditRow], format: Format, first: bool) -> Result<String, Error> {
    match format {
        Format::Text => Ok(rows.iter().map(text).collect()),
        Format::Json => {
            let mut text = String::new();
            for (number, row) in rows.iter().enumerate() {
                let object = serde_json::to_string_pretty(&object(row))
                    .map_err(|error| Error::failed("can't write an audit row as JSON", error))?;
                text.push_str(if first && number == 0 { "\n  " } else { ",\n  " });
                text.push_str(&escaped_json(object).replace('\n', "\n  "));
            }
            Ok(text)
        }
        Format::Ndjson => {
            Ok(rows.iter().map(|row| escaped_json(object(row).to_string()) + "\n").collect())
        }
        Format::Csv => Ok(rows.iter().map(cells).map(csv::line).collect()),
    }
}

const COLUMNS: [&str; 11] = [
    "id",
    "time",
    "requestId",
    "token",
    "operation",
    "resourceType",
    "resource",
    "before",
    "after",
    "outcome",
    "detail",
];

fn object(row: &AuditRow) -> Value {
    json!({
        "id": row.id,
        "time": timestamp(row),
        "requestId": row.request_id,
        "token": row.token,
        "operation": row.operation,
        "resourceType": row.resource_type,
        "resource": row.resource,
        "before": row.before,
        "after": row.after,
        "outcome": row.outcome,
        "detail": row.detail,
    })
}

/// A cell a column, by the names of the object; JSON where the value is one.
fn cells(row: &AuditRow) -> Vec<String> {
    let object = object(row);
    COLUMNS
        .iter()
        .map(|column| match object.get(column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        })
        .collect()
}

fn text(row: &AuditRow) -> String {
    let head = format!(
        "{}  {:<8}  {} {}  {}  by {}  request {}",
        time::show(row.time.and_utc()),
        row.operation,
        row.resource_type.as_deref().unwrap_or("-"),
        row.resource.as_deref().unwrap_or("-"),
        row.outcome,
        row.token.as_deref().unwrap_or("-"),
        row.request_id
    );
    // Ids and details have what clients sent in them. Writing into a String can't fail.
    let mut text = visible(&head).into_owned() + "\n";
    if let Some(detail) = &row.detail {
        let _ = writeln!(text, "    {}", visible(detail));
    }
    let names: BTreeSet<&String> = row.before.keys().chain(row.after.keys()).collect();
    for name in names {
        let show = |side: &Map<String, Value>| {
            side.get(name).map_or_else(|| "-".to_owned(), ToString::to_string)
        };
        let change = format!("{name}: {} → {}", show(&row.before), show(&row.after));
        let _ = writeln!(text, "    {}", visible(&change));
    }
    text
}

fn timestamp(row: &AuditRow) -> String {
    row.time.and_utc().to_rfc3339_opts(SecondsFormat::Micros, true)
}
