//! `reconcile`: one run now, and its report.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDateTime;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::progress::Watched;
use super::{output, time};
use crate::clock::system_clock;
use crate::drift::{Report, Verdict};
use crate::reconcile::Settings;
use crate::reconcile::compare::Export;
use crate::reconcile::run::{self, Counts, Occasion, Ran};
use crate::reconcile::source::Source;
use crate::report::{self, Extent, Format, Lines};
use crate::store::runs::{self, RunRow};
use crate::store::{Store, reports};

/// `reconcile`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 clean, 2 drift found, 3 incomplete, 4 blocked by a threshold; \
                        1 error, 64 usage or configuration."
)]
pub struct Args {
    /// An export of Entra itself to compare with: Microsoft Graph's /users as JSON, or the portal's
    /// CSV; `-` reads it from stdin
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// Take the rows that are there now for right, however many fewer they are than at the last run
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    output: Output,
}

const FORMATS: [(Format, &str); 5] = [
    (Format::Text, "For a terminal: 80 columns and lines at most, the top findings of each kind"),
    (Format::Json, "One object"),
    (Format::Ndjson, "The run on the first line, then a finding a line"),
    (Format::Csv, "A row a finding (RFC 4180)"),
    (Format::Html, "One page that needs nothing else: search, filter, sort, charts"),
];

/// Where a report goes, and how it looks.
#[derive(Debug, clap::Args)]
pub struct Output {
    /// How the report looks; by the file's extension when it isn't said, or else text
    #[arg(long, value_parser = output::one_of(&FORMATS))]
    format: Option<Format>,
    /// Write the report to a file, which is replaced whole, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Output {
    /// Writes a report there: of rows on stdout each finding, and else those that reports list.
    ///
    /// # Errors
    /// 1 when the file can't be written or stdout is closed, and for the database.
    pub async fn write(&self, report: &Report, store: &Store) -> Result<(), Error> {
        let format = self.format.unwrap_or_else(|| self.by_extension());
        if let Some(file) = &self.out {
            output::replace(file, &report::render(report, format))?;
            output::remark(&format!("{} {}", report.verdict.as_str(), file.display()));
            return Ok(());
        }
        let run =
            if report.more().next().is_some() && matches!(format, Format::Ndjson | Format::Csv) {
                kept(store, report).await?
            } else {
                None
            };
        match run {
            None => output::write(|out| report::write(out, report, format)),
            Some(run) => stream(report, format, store, &run).await,
        }
    }

    fn by_extension(&self) -> Format {
        let extension = self.out.as_ref().and_then(|file| file.extension());
        match extension.and_then(|it| it.to_str()) {
            Some("htm") => Format::Html,
            extension => extension.and_then(|it| it.parse().ok()).unwrap_or(Format::Text),
        }
    }
}

/// The row of a report's run, where its findings are kept.
async fn kept(store: &Store, report: &Report) -> Result<Option<RunRow>, Error> {
    if report.verdict == Verdict::Incomplete {
        return Ok(None);
    }
    let id = report.run.id.clone();
    let mut rows = store
        .read(id, async |tx, id| runs::beginning(tx, id).await)
        .await
        .map_err(|error| Error::failed("the run can't be read", error))?;
    Ok(rows.pop())
}

/// Writes each finding of a run: as they are sorted where the report has all of a kind, and else by their
/// ids, a page at a time.
async fn stream(report: &Report, format: Format, store: &Store, run: &RunRow) -> Result<(), Error> {
    let mut out = io::BufWriter::new(io::stdout());
    let lines = Lines::begin(&mut out, report, format, Extent::All)?;
    let Some(mut lines) = lines else { return Ok(()) };
    for count in &report.counts {
        let kind = count.kind;
        if count.now == report.listed(kind) {
            let listed = report.findings.iter().filter(|item| item.finding.kind == kind);
            listed.into_iter().try_for_each(|item| lines.finding(item))?;
            continue;
        }
        let mut after = None;
        loop {
            let page = store
                .read((run.clone(), kind, after), async |tx, (run, kind, after)| {
                    reports::page(tx, run, *kind, after.as_deref()).await
                })
                .await;
            let (items, last) =
                page.map_err(|error| Error::failed("the findings can't be read", error))?;
            items.iter().try_for_each(|item| lines.finding(item))?;
            after = last;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(lines.end()?)
}

/// Runs, prints the report; the exit code says the verdict.
///
/// # Errors
/// 64 for the configuration; 1 for an export that can't be read, for a run that is under way
/// elsewhere, and when the database can't be had at all.
pub fn run(args: &Args, globals: &Globals) -> Result<u8, Error> {
    context::block_on(async {
        let loaded = context::load(globals)?;
        let store = context::migrated(&loaded.config).await?;
        let report = now(&loaded, &store, args).await?;
        args.output.write(&report, &store).await?;
        Ok(report.verdict.exit_code())
    })
}

async fn now(loaded: &Loaded, store: &Store, args: &Args) -> Result<Report, Error> {
    let asked = run::under_way(store).await;
    if let Some((by, until)) = asked.map_err(|error| Error::failed("the run failed", error))? {
        return Err(held(&by, until));
    }
    // A table that is locked may not even tell its columns.
    let catalogue = store.catalogue().await.map_err(|error| {
        Error::incomplete("INCOMPLETE: the database's tables can't be read", error)
    })?;
    let layout = context::laid_over(loaded, &catalogue)?;
    let settings = Arc::new(Settings::new(&loaded.config, layout));
    let counts = if args.accept { Counts::Accepted } else { Counts::Weighed };
    let export = args.source.as_deref().map(export).transpose()?.map(Arc::new);
    let watched = Watched::new("rows");
    let (occasion, progress) = (Occasion { export, slot: None, counts }, watched.progress());
    let outcome = run::run(store, &settings, &occasion, &system_clock(), progress).await;
    watched.end().await;
    match outcome.map_err(|error| Error::failed("the run failed", error))? {
        Ran::Report(report) => Ok(*report),
        Ran::Served => Err(Error::refused("another agent ran it")),
        Ran::Held { by, until } => Err(held(&by, until)),
    }
}

fn held(by: &str, until: NaiveDateTime) -> Error {
    Error::refused(format!(
        "a run is under way already, by {by} (its lease lasts until {} unless renewed): look at \
         its report with `kpifire-scim report`",
        time::show(until.and_utc())
    ))
}

/// Reads an export of Entra; a part of one would make everybody else look lost.
fn export(file: &Path) -> Result<Export, Error> {
    let named = |error: &dyn std::fmt::Display| {
        Error::refused(format!("--source {}: {error}", file.display()))
    };
    if file.as_os_str() == "-" {
        let source = Source::read(std::io::stdin().lock()).map_err(|error| named(&error))?;
        return Ok(Export { file: "stdin".to_owned(), source });
    }
    let input = std::fs::File::open(file).map_err(|error| named(&error))?;
    let source = Source::read(input).map_err(|error| named(&error))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Export { file: name, source })
}
