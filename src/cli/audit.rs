//! `audit`: who changed what. Prints rows as they were written, harmless for an eye and a terminal;
//! interprets none.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use super::time::{self, Since};
use crate::report::rows::RowWriter;
use crate::report::{Format, visible};
use crate::service;
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
    #[arg(long, value_parser = output::one_of(&FORMATS), default_value = "text")]
    format: Format,
}

const FORMATS: [(Format, &str); 4] = [
    (Format::Text, "A line and its changes, for a person"),
    (Format::Json, "One array"),
    (Format::Ndjson, "One object a line"),
    (Format::Csv, "A heading, then a row a line (RFC 4180)"),
];

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
        let mut trail = Trail::since(&store, since);
        if let Some(user) = args.user {
            trail = trail.of(profile, user).await.map_err(failed)?;
        }
        // Page by page: another process may read what is there so far.
        let mut out = io::BufWriter::new(io::stdout());
        let Some(mut written) = RowWriter::begin(&mut out, args.format, &COLUMNS)? else {
            while let Some(rows) = page(&mut trail).await? {
                out.write_all(rows.iter().map(text).collect::<String>().as_bytes())?;
                out.flush()?;
            }
            return Ok(());
        };
        while let Some(rows) = page(&mut trail).await? {
            for row in &rows {
                written.object(|| object(row))?;
                written.cells(|| cells(row))?;
            }
            written.flush()?;
        }
        Ok(written.end()?)
    })
}

fn failed(error: service::Error) -> Error {
    Error::service("can't read the audit trail", error)
}

async fn page(trail: &mut Trail) -> Result<Option<Vec<AuditRow>>, Error> {
    let rows = trail.next().await.map_err(failed)?;
    Ok((!rows.is_empty()).then_some(rows))
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
fn cells(row: &AuditRow) -> [String; COLUMNS.len()] {
    let object = object(row);
    COLUMNS.map(|column| match object.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    })
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
