//! The reports as files in `reports.dir`: a page and a JSON file per scheduled run, and the newest
//! page as `latest.html`. What can't be written is logged: the run's result is in the database.

use std::fs::DirEntry;
use std::io;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::drift::Report;
use crate::file::{PART, replace};
use crate::report::{self, Format};

const PREFIX: &str = "drift-";
const LATEST: &str = "latest.html";
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// Writes the report's files.
pub fn keep(folder: &Path, report: &Report) {
    if let Err(error) = write_all(folder, report) {
        let folder = folder.display();
        tracing::error!(%error, %folder, "the report's files could not be written (reports.dir); \
                                          `kpifire-scim report` has it");
    }
}

fn write_all(folder: &Path, report: &Report) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let name = format!("{PREFIX}{}", report.run.started.format(TIME));
    let page = report::render(report, Format::Html);
    replace(&folder.join(format!("{name}.html")), &page)?;
    replace(&folder.join(LATEST), &page)?;
    replace(&folder.join(format!("{name}.json")), &report::render(report, Format::Json))
}

/// Removes the files of runs before a time, and what a killed agent had begun to write before it;
/// whatever else lies in the folder stays.
pub fn forget(folder: &Path, before: DateTime<Utc>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let written = if is_part(name) { changed(&entry) } else { began(name) };
        let old = written.is_some_and(|written| written < before.naive_utc());
        if old && let Err(error) = std::fs::remove_file(entry.path()) {
            let file = entry.path();
            tracing::warn!(%error, file = %file.display(), "an old report could not be removed");
        }
    }
}

/// When the run of a file began; `None` for files that aren't a run's.
fn began(name: &str) -> Option<NaiveDateTime> {
    let (stem, extension) = name.strip_prefix(PREFIX)?.split_once('.')?;
    let ours = extension == "html" || extension == "json";
    NaiveDateTime::parse_from_str(stem, TIME).ok().filter(|_| ours)
}

/// Whether it is one that was never whole.
fn is_part(name: &str) -> bool {
    name.ends_with(PART) && (name.starts_with(PREFIX) || name.starts_with(LATEST))
}

fn changed(entry: &DirEntry) -> Option<NaiveDateTime> {
    let changed = entry.metadata().and_then(|it| it.modified()).ok()?;
    Some(DateTime::<Utc>::from(changed).naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_reports_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let names = ["drift-20260101T021700Z.html", "drift-20261101T021700Z.json", "notes.html"];
        for name in names {
            replace(&file(name), "x").unwrap();
        }
        forget(folder.path(), "2026-06-01T00:00:00Z".parse().unwrap());
        assert_eq!(names.map(|name| file(name).exists()), [false, true, true]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        // A killed agent left the first two behind.
        let names = ["latest.html.7.part", "drift-20261101T021700Z.html.7.part", "notes.part"];
        for name in names {
            std::fs::write(file(name), "x").unwrap();
        }
        forget(folder.path(), Utc::now() - chrono::TimeDelta::minutes(1));
        assert_eq!(names.map(|name| file(name).exists()), [true; 3], "somebody writes it");
        forget(folder.path(), Utc::now() + chrono::TimeDelta::minutes(1));
        assert_eq!(names.map(|name| file(name).exists()), [false, false, true]);
    }
}
