//! The tables, for a person who reads them in a terminal or in the README.

use std::time::Duration;

use super::measure::Times;
use super::options::Options;
use super::run::Report;
use super::world::{Kind, SMALL_TEAM, Team};

const ROWS: [(Kind, &str); 8] = [
    (Kind::MatchAsFound, "match, indexes as found"),
    (Kind::Miss, "miss, indexes as found"),
    (Kind::Match, "match by userName"),
    (Kind::Get, "GET"),
    (Kind::Create, "POST"),
    (Kind::SetActive, "PATCH active"),
    (Kind::Add(Team::Large), "add one member"),
    (Kind::Remove(Team::Large), "remove one member"),
];

/// What holds for every table.
pub fn heading(options: &Options) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let unoptimized =
        if cfg!(debug_assertions) { "Unoptimized build: the times mean nothing.\n\n" } else { "" };
    format!(
        "{unoptimized}{} users, a team of {} members; {} s per measurement; {cores} cores for the agent, the \
         database and the callers\n",
        thousands(f64::from(options.users)),
        thousands(f64::from(options.large_team())),
        options.time().as_secs(),
    )
}

/// One database's table, and what stands below it.
pub fn render(report: &Report) -> String {
    let columns = ["operation", "conns", "agent op/s", "bare op/s", "ratio", "p50", "p99"];
    let mut rows = vec![columns.map(str::to_owned)];
    for (kind, title) in ROWS {
        let measured = report.pairs.iter().filter(|((measured, _), _)| *measured == kind);
        for ((_, connections), pair) in measured {
            let (agent, bare) = (pair.agent.rate(), pair.bare.rate());
            rows.push([
                title.to_owned(),
                connections.to_string(),
                rate(agent),
                rate(bare),
                ratio(agent, bare),
                milliseconds(pair.agent.percentile(50)),
                milliseconds(pair.agent.percentile(99)),
            ]);
        }
    }
    let mut text = format!("\n### {}\n\n{}\n", report.database, markdown(&rows));
    for line in below(report) {
        text.push_str("- ");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn below(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (connections, measured) in &report.teams {
        let add = |team| measured.get(&Kind::Add(team));
        let (Some(large), Some(small)) = (add(Team::Large), add(Team::Small)) else { continue };
        let times = large.mean().as_secs_f64() / small.mean().as_secs_f64();
        lines.push(format!(
            "adding a member to the large team takes {times:.2} times adding to {SMALL_TEAM} \
             members, connections: {connections} (mean {} and {}; p50 {} and {})",
            milliseconds(large.mean()),
            milliseconds(small.mean()),
            milliseconds(large.percentile(50)),
            milliseconds(small.percentile(50)),
        ));
    }
    for ((_, connections), found) in
        report.pairs.iter().filter(|((kind, _), _)| *kind == Kind::MatchAsFound)
    {
        let Some(indexed) = report.pairs.get(&(Kind::Match, *connections)) else { continue };
        lines.push(format!(
            "match with the indexes as found: {} of the same with those that `check` asks for, connections: {connections}",
            ratio(found.agent.rate(), indexed.agent.rate()),
        ));
    }
    lines.push(match report.memory {
        Some([first, after, peak]) => format!(
            "memory of the agent after all of it: {after:.1} MiB ({first:.1} when started, {peak:.1} \
             at its peak)"
        ),
        None => "memory of the agent: unknown, since this system has no /proc".to_owned(),
    });
    let start = |index: usize| report.starts.get(index).copied().unwrap_or_default();
    lines.push(format!(
        "start to ready: {} (median of {}; {} at most)",
        milliseconds(start(report.starts.len() / 2)),
        report.starts.len(),
        milliseconds(start(report.starts.len().saturating_sub(1))),
    ));
    lines.push(format!("indexes made because `check` asked for them: {}", report.indexes));
    lines.extend(failures(report));
    lines
}

fn failures(report: &Report) -> Vec<String> {
    let failed = |who: &str, what: String, times: &Times| {
        let first = times.first_failure.as_ref()?;
        Some(format!("FAILED, {} times, {who}, {what}; the first: {first}", times.failures))
    };
    let mut lines = Vec::new();
    for ((kind, connections), pair) in &report.pairs {
        let what = format!("{kind:?} at {connections}");
        lines.extend(failed("the agent", what.clone(), &pair.agent));
        lines.extend(failed("bare SQL", what, &pair.bare));
    }
    for (connections, measured) in &report.teams {
        for (kind, times) in measured {
            let what = format!("{kind:?} of both teams at {connections}");
            lines.extend(failed("the agent", what, times));
        }
    }
    lines
}

fn markdown<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let width = *width;
            text.push_str(&match column {
                0 => format!("| {cell:<width$} |"),
                _ => format!(" {cell:>width$} |"),
            });
        }
        text.push('\n');
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let line = "-".repeat(*width);
                text.push_str(&if column == 0 {
                    format!("| {line} |")
                } else {
                    format!(" {}: |", line.get(1..).unwrap_or_default())
                });
            }
            text.push('\n');
        }
    }
    text
}

/// A rate; a dash when no step began and ended in time.
fn rate(rate: f64) -> String {
    if rate > 0.0 { thousands(rate) } else { "-".to_owned() }
}

fn ratio(agent: f64, bare: f64) -> String {
    if agent > 0.0 && bare > 0.0 { format!("{:.2}", agent / bare) } else { "-".to_owned() }
}

fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// A whole number with commas.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
