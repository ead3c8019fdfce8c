//! The table, for a person who reads it in a terminal or in the README.

use super::options::Options;
use super::run::Report;

/// One database's table.
pub fn render(report: &Report, options: &Options) -> String {
    let unoptimized =
        if cfg!(debug_assertions) { "Unoptimized build: the counts mean nothing.\n\n" } else { "" };
    let mut text = format!(
        "{unoptimized}### {}\n\nThousand instructions of the agent per request, the least of three \
         counts of {} requests\n\n| request | instructions |\n|---|---:|\n",
        report.database, options.requests,
    );
    for (operation, instructions) in &report.counts {
        let thousands = (instructions + 500) / 1_000;
        text.push_str(&format!("| {} | {thousands} |\n", operation.title()));
    }
    text.push('\n');
    text
}
