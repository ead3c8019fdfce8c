//! A run's report as text, JSON, NDJSON, CSV and HTML, the findings in the same order everywhere; and in
//! brief for messages. Pure: a renderer gets [what a report says](crate::drift::report) and returns text;
//! ages are relative to the end of the run, so that a report reads the same whenever it is rendered.
//!
//! `words` holds what the formats for people say alike, `visible` what keeps a stranger's text
//! from doing anything but being read.

pub mod brief;
mod charts;
pub mod columns;
mod csv;
mod format;
pub mod html;
pub mod json;
pub mod mask;
pub mod rows;
pub mod text;
mod visible;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod tests;

use std::io::{self, Write};

use rows::RowWriter;

pub use format::{Extent, Format};
pub use mask::masked;
pub(crate) use visible::{escaped_json, visible, visible_lines, write_json};

use crate::drift::{Item, Kind, Report};

/// The report in this format.
pub fn render(report: &Report, format: Format) -> String {
    let mut whole = Vec::new();
    // Nothing fails that is written into memory, and what is written is text.
    drop(write(&mut whole, report, format));
    String::from_utf8(whole).unwrap_or_default()
}

/// Writes the report in this format: line by line where it has lines.
///
/// # Errors
/// The writer's.
pub fn write(out: &mut dyn Write, report: &Report, format: Format) -> io::Result<()> {
    match format {
        Format::Text => out.write_all(text::render(report).as_bytes()),
        Format::Json => json::write(out, report),
        Format::Html => out.write_all(html::render(report).as_bytes()),
        Format::Ndjson | Format::Csv => lines(out, report, format),
    }
}

fn lines(out: &mut dyn Write, report: &Report, format: Format) -> io::Result<()> {
    let lines = Lines::begin(out, report, format, Extent::Listed)?;
    let Some(mut lines) = lines else { return Ok(()) };
    for item in &report.findings {
        lines.finding(item)?;
    }
    for (kind, more) in report.more() {
        lines.more(kind, more)?;
    }
    lines.end()
}

/// A report as lines, NDJSON or CSV, of which the caller brings the findings: there may be more than the
/// report lists.
pub struct Lines<'a, W: Write> {
    report: &'a Report,
    rows: RowWriter<W>,
}

impl<'a, W: Write> Lines<'a, W> {
    /// In NDJSON the run comes first. In CSV a row for each reason why it is not to be relied on does,
    /// with no kind and no id: without them an incomplete run's file would be as empty as a clean one's.
    /// `None` for a format that has no lines.
    ///
    /// # Errors
    /// The writer's.
    pub fn begin(
        out: W,
        report: &'a Report,
        format: Format,
        extent: Extent,
    ) -> io::Result<Option<Self>> {
        if format == Format::Json {
            return Ok(None);
        }
        let Some(mut rows) = RowWriter::begin(out, format, &csv::COLUMNS)? else {
            return Ok(None);
        };
        rows.object(|| rows::typed("run", json::run(report, extent)))?;
        for reason in &report.reasons {
            rows.cells(|| csv::reason(report, reason))?;
        }
        Ok(Some(Self { report, rows }))
    }

    /// A finding.
    ///
    /// # Errors
    /// The writer's.
    pub fn finding(&mut self, item: &Item) -> io::Result<()> {
        self.rows.object(|| rows::typed("finding", json::finding(item)))?;
        self.rows.cells(|| csv::finding(self.report, item))
    }

    /// That there are more of a kind. NDJSON says so in its first line.
    ///
    /// # Errors
    /// The writer's.
    pub fn more(&mut self, kind: Kind, more: u64) -> io::Result<()> {
        self.rows.cells(|| csv::more(self.report, kind, more))
    }

    /// The end.
    ///
    /// # Errors
    /// The writer's.
    pub fn end(self) -> io::Result<()> {
        self.rows.end()
    }
}
