//! The demo's second half: rows edited behind the agent's back, and the report that finds them out.

use std::path::Path;
use std::sync::Arc;

use super::place::Place;
use super::program::quoted;
use crate::cli::context::{self, Loaded};
use crate::cli::error::Error;
use crate::cli::output;
use crate::clock::system_clock;
use crate::drift::Report;
use crate::drift::finding::Kind;
use crate::reconcile::run::{self, Occasion, Ran};
use crate::report::{self, Format};
use crate::store::Store;
use crate::store::demo::execute_script;

/// Edits kpifire's tables natively, runs the reconciler, prints its report and keeps it as a page.
///
/// # Errors
/// 1 for the database, and for a page that can't be written.
pub async fn show(
    store: &Store,
    place: &Place,
    loaded: &Loaded,
    program: &str,
) -> Result<(), Error> {
    execute_script(store, include_str!("behind.sql"))
        .await
        .map_err(|error| Error::failed("can't edit kpifire's rows", error))?;
    output::line("Somebody edits kpifire's own tables; then the reconciler runs:\n")?;
    let report = reconcile(store, loaded).await?;
    output::print(&report::render(&report, Format::Text))?;
    let page = place.reports.join(format!("{}.html", report.run.id));
    output::replace(&page, &report::render(&report, Format::Html))?;
    output::print(&next(&report, &page, program, &place.config))
}

/// The report names commands as an install has them; these can be pasted here.
fn next(report: &Report, page: &Path, program: &str, config: &Path) -> String {
    let config = quoted(config);
    let reactivated = report.findings.iter().find(|it| it.finding.kind == Kind::Reactivated);
    let finding = reactivated.map_or("ID…", |item| item.id.as_str());
    format!(
        "\nThe same as a page: {}\n\n\
         Its commands as they are typed here, to lock that person again and to look anew:\n\n\
         \x20 {program} drift restore {finding} --config {config}\n\
         \x20 {program} reconcile --config {config}\n\n",
        page.display()
    )
}

async fn reconcile(store: &Store, loaded: &Loaded) -> Result<Report, Error> {
    let settings = Arc::new(context::settings(store, loaded).await?);
    let (occasion, progress) = (Occasion::default(), Arc::default());
    match run::run(store, &settings, &occasion, &system_clock(), progress).await {
        Ok(Ran::Report(report)) => Ok(*report),
        Ok(Ran::Served) => Err(Error::refused("another agent ran the reconciler")),
        Ok(Ran::Held { by, .. }) => {
            Err(Error::refused(format!("{by} runs the reconciler at this moment")))
        }
        Err(error) => Err(Error::failed("the reconciler failed", error)),
    }
}
