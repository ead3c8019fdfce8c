//! A run's report as text, JSON, NDJSON, CSV and HTML, the findings in the same order everywhere; and in
//! brief for messages. Pure: a renderer gets [what a report says](crate::drift::report) and returns text;
//! ages are relative to the end of the run, so that a report reads the same whenever it is rendered.
//!
//! `words` holds what the formats for people say alike, `visible` what keeps a stranger's text
//! from doing anything but being read.

pub mod brief;
mod charts;
pub mod csv;
pub mod html;
pub mod json;
pub mod mask;
pub mod text;
mod visible;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use mask::masked;
pub(crate) use visible::{escaped_json, visible, write_json};

use crate::drift::Report;

/// What a report can be rendered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Format {
    /// For a terminal: 80 columns and lines at most, the top findings of each kind
    Text,
    /// One object
    Json,
    /// The run on the first line, then a finding a line
    Ndjson,
    /// A row a finding (RFC 4180)
    Csv,
    /// One page that needs nothing else: search, filter, sort, charts
    Html,
}

impl Format {
    /// Its name on the command line, and the extension of its files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }
}

/// The report in this format.
pub fn render(report: &Report, format: Format) -> String {
    pieces(report, format).collect()
}

/// The same piece by piece, for whoever writes it as it is made: a line each where it has lines.
pub fn pieces(report: &Report, format: Format) -> Box<dyn Iterator<Item = String> + '_> {
    let whole = |text: String| Box::new(std::iter::once(text));
    match format {
        Format::Text => whole(text::render(report)),
        Format::Json => whole(json::render(report)),
        Format::Ndjson => Box::new(json::lines(report)),
        Format::Csv => Box::new(csv::lines(report)),
        Format::Html => whole(html::render(report)),
    }
}
