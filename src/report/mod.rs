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

pub use format::Format;
pub use mask::masked;
pub(crate) use visible::{escaped_json, visible, visible_lines, write_json};

use crate::drift::Report;

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

/// In NDJSON the run comes first. In CSV a row for each reason why it is not to be relied on does,
/// with no kind and no id: without them an incomplete run's file would be as empty as a clean one's.
fn lines(out: &mut dyn Write, report: &Report, format: Format) -> io::Result<()> {
    let Some(mut rows) = RowWriter::begin(out, format, &csv::COLUMNS)? else { return Ok(()) };
    rows.object(|| rows::typed("run", json::run(report)))?;
    for reason in &report.reasons {
        rows.cells(|| csv::reason(report, reason))?;
    }
    for item in &report.findings {
        rows.object(|| rows::typed("finding", json::finding(item)))?;
        rows.cells(|| csv::finding(report, item))?;
    }
    rows.end()
}
