//! The charts of the HTML report, as positions: widths in percent and heights in pixels, so that a
//! chart is as wide as its place and its text keeps its size. Owns the geometry and the words of
//! each chart; the templates draw it.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::words::{number, plural};
use crate::drift::{Grace, Kind, Report, TrendPoint, report};

/// Kinds with a colour of their own in the trend; the others share one.
const COLOURS: usize = 6;
/// The days the trend shows.
const DAYS: i64 = 90;
/// The height of the trend's bars, in pixels, and where they begin.
const TREND_HEIGHT: f64 = 180.0;
const TREND_TOP: f64 = 18.0;
/// Where the bars of a row begin and how wide they get, in percent.
const BAR_LEFT: f64 = 40.0;
const BAR_WIDTH: f64 = 46.0;
/// The height of a row, in pixels.
const ROW: usize = 24;

/// Horizontal bars, a row each.
pub(super) struct Bars {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// The same in words.
    pub(super) description: String,
    /// Two shades, where there are two.
    pub(super) legend: Vec<(&'static str, &'static str)>,
    pub(super) rows: Vec<Row>,
    pub(super) height: usize,
}

/// A row of [`Bars`].
pub(super) struct Row {
    pub(super) label: String,
    pub(super) number: String,
    pub(super) parts: Vec<Part>,
    /// Where the number stands.
    pub(super) end: String,
    /// The line the text stands on.
    pub(super) text: usize,
}

/// A rectangle.
pub(super) struct Part {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) class: &'static str,
}

/// Open findings by day and kind.
pub(super) struct Trend {
    pub(super) description: String,
    pub(super) days: Vec<Day>,
    /// Lines with what they stand for.
    pub(super) grid: Vec<(String, String)>,
    pub(super) from: String,
    pub(super) middle: String,
    pub(super) to: String,
    pub(super) legend: Vec<(&'static str, String)>,
    pub(super) bottom: String,
    pub(super) height: String,
}

/// A bar of the [`Trend`], and a line of its table.
pub(super) struct Day {
    pub(super) date: String,
    pub(super) total: String,
    /// In the order of the legend.
    pub(super) counts: Vec<String>,
    pub(super) tip: String,
    pub(super) parts: Vec<Part>,
}

/// The kinds that are open now, new ones apart.
pub(super) fn kinds(report: &Report) -> Bars {
    let open = report.counts.iter().filter(|count| count.now > 0);
    let rows = open.map(|count| {
        let parts = vec![(count.new, "new"), (count.persisting, "old")];
        (count.kind.as_str().to_owned(), count.now, parts)
    });
    let mut bars = bars("chart-kinds", "Kinds now", rows.collect());
    bars.legend = vec![("new", "new"), ("old", "persisting")];
    bars
}

/// The id of the chart of ages.
pub(super) const AGES: &str = "chart-ages";

/// How long the findings have been open.
pub(super) fn ages(report: &Report) -> Bars {
    let new = report.counts.iter().map(|count| count.new).sum();
    let mut rows = vec![("new".to_owned(), new, vec![(new, "new")])];
    for (step, (label, _)) in report::AGES.iter().enumerate() {
        let of_step = report.counts.iter().filter_map(|count| count.ages.get(step));
        let count = of_step.sum();
        rows.push(((*label).to_owned(), count, vec![(count, "old")]));
    }
    bars(AGES, "Age of findings", rows)
}

/// How far disabled users are on their way out.
pub(super) fn grace(grace: &Grace) -> Bars {
    let stages = [
        ("waiting", grace.waiting, "old"),
        ("to be stripped", grace.strip_due, "due"),
        ("stripped", grace.stripped, "old"),
        ("to be anonymised", grace.anonymise_due, "due"),
        ("anonymised", grace.anonymised, "old"),
    ];
    let rows = stages.map(|(label, count, class)| (label.to_owned(), count, vec![(count, class)]));
    let mut bars = bars("chart-grace", "Disabled users on their way out", rows.to_vec());
    bars.legend = vec![("old", "within their time"), ("due", "due")];
    bars
}

/// What a row counts: its label, the number, and the parts of it with their classes.
type Counted = (String, u64, Vec<(u64, &'static str)>);

fn bars(id: &'static str, title: &'static str, rows: Vec<Counted>) -> Bars {
    let most = rows.iter().map(|row| row.1).max().unwrap_or(0).max(1);
    let words: Vec<String> =
        rows.iter().map(|(label, count, _)| format!("{label} {}", number(*count))).collect();
    let height = rows.len() * ROW;
    let rows = rows.into_iter().enumerate().map(|(at, (label, count, parts))| {
        let mut x = BAR_LEFT;
        let parts = parts.into_iter().filter(|(part, _)| *part > 0).map(|(part, class)| {
            // One of many is still seen.
            let width = (BAR_WIDTH * ratio(part, most)).max(0.8);
            let part = Part {
                x: percent(x),
                y: (at * ROW + 5).to_string(),
                width: percent(width),
                height: (ROW - 10).to_string(),
                class,
            };
            x += width;
            part
        });
        let parts = parts.collect();
        let text = at * ROW + 16;
        Row { label, number: number(count), parts, end: percent(x + 1.5), text }
    });
    Bars {
        id,
        title,
        description: words.join(", "),
        legend: Vec::new(),
        rows: rows.collect(),
        height,
    }
}

/// The last 90 days; `None` where there was no run before this one.
pub(super) fn trend(report: &Report) -> Option<Trend> {
    let last = report.run.finished;
    let first_day = (last - Duration::days(DAYS)).date_naive();
    // Of several runs on a day, the last.
    let by_day: BTreeMap<NaiveDate, &TrendPoint> = report
        .trend
        .iter()
        .filter(|point| point.at.date_naive() >= first_day && point.at <= last)
        .map(|point| (point.at.date_naive(), point))
        .collect();
    if by_day.len() < 2 {
        return None;
    }
    let kinds = coloured(by_day.values().copied());
    let mut stacks: Vec<(NaiveDate, Vec<u64>)> = Vec::new();
    for (day, point) in &by_day {
        let mut counts: Vec<u64> =
            kinds.iter().map(|kind| point.counts.get(kind).copied().unwrap_or(0)).collect();
        let others = point.counts.iter().filter(|(kind, _)| !kinds.contains(kind));
        counts.push(others.map(|(_, count)| count).sum());
        stacks.push((*day, counts));
    }
    let has_others = stacks.iter().any(|(_, counts)| counts.last().is_some_and(|n| *n > 0));
    let mut legend: Vec<(&str, String)> =
        CLASSES.into_iter().zip(kinds.iter().map(|kind| kind.as_str().to_owned())).collect();
    if has_others {
        legend.push((OTHERS, "other kinds".to_owned()));
    }
    let total = |counts: &[u64]| counts.iter().sum::<u64>();
    let most = stacks.iter().map(|(_, counts)| total(counts)).max().unwrap_or(0);
    let top = round_up(most);
    let days = stacks.iter().map(|(day, counts)| bar(*day, counts, &legend, first_day, top));
    let bottom = TREND_TOP + TREND_HEIGHT;
    Some(Trend {
        description: describe(&stacks, most),
        days: days.collect(),
        grid: [top, top / 2]
            .into_iter()
            .filter(|line| *line > 0)
            .map(|line| (pixels(bottom - TREND_HEIGHT * ratio(line, top)), number(line)))
            .collect(),
        from: first_day.to_string(),
        middle: (first_day + Duration::days(DAYS / 2)).to_string(),
        to: last.date_naive().to_string(),
        legend,
        bottom: pixels(bottom),
        height: pixels(bottom + 20.0),
    })
}

const CLASSES: [&str; COLOURS] = ["c0", "c1", "c2", "c3", "c4", "c5"];
const OTHERS: &str = "c6";

/// The kinds there were most of, in the order of reports.
fn coloured<'a>(points: impl Iterator<Item = &'a TrendPoint>) -> Vec<Kind> {
    let mut sums: BTreeMap<Kind, u64> = BTreeMap::new();
    for (kind, count) in points.flat_map(|point| &point.counts) {
        *sums.entry(*kind).or_default() += count;
    }
    let mut most: Vec<(Kind, u64)> = sums.into_iter().collect();
    most.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    let most: Vec<Kind> = most.into_iter().take(COLOURS).map(|(kind, _)| kind).collect();
    Kind::ALL.iter().copied().filter(|kind| most.contains(kind)).collect()
}

fn bar(
    day: NaiveDate,
    counts: &[u64],
    legend: &[(&'static str, String)],
    first: NaiveDate,
    top: u64,
) -> Day {
    let slot = 100.0 / day_number(DAYS + 1);
    let x = slot * day_number((day - first).num_days());
    let mut y = TREND_TOP + TREND_HEIGHT;
    let mut parts = Vec::new();
    let mut words = Vec::new();
    for (count, (class, name)) in counts.iter().zip(legend) {
        if *count == 0 {
            continue;
        }
        let height = TREND_HEIGHT * ratio(*count, top);
        y -= height;
        words.push(format!("{name} {}", number(*count)));
        parts.push(Part {
            x: percent(x),
            y: pixels(y),
            width: percent(slot * 0.85),
            height: pixels(height),
            class,
        });
    }
    let total = number(counts.iter().sum());
    let tip = if words.is_empty() {
        format!("{day}: none open")
    } else {
        format!("{day}: {total} open: {}", words.join(", "))
    };
    let counts = counts.iter().take(legend.len()).map(|count| number(*count)).collect();
    Day { date: day.to_string(), total, counts, tip, parts }
}

fn describe(stacks: &[(NaiveDate, Vec<u64>)], most: u64) -> String {
    let total = |stack: Option<&(NaiveDate, Vec<u64>)>| {
        stack.map_or((String::new(), 0), |(day, counts)| (day.to_string(), counts.iter().sum()))
    };
    let ((first, then), (last, now)) = (total(stacks.first()), total(stacks.last()));
    format!(
        "{} on {first}, {} on {last}; at most {} on a day.",
        plural(then, "open finding"),
        number(now),
        number(most)
    )
}

/// The next number a scale ends with: 1, 2, 4 or 10 times a power of ten.
fn round_up(most: u64) -> u64 {
    let mut step: u64 = 1;
    loop {
        for factor in [2, 4, 10] {
            let end = step.saturating_mul(factor);
            if end >= most {
                return end;
            }
        }
        step = step.saturating_mul(10);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place on a page")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a place on a page")]
fn day_number(days: i64) -> f64 {
    days as f64
}

fn percent(value: f64) -> String {
    format!("{value:.2}%")
}

fn pixels(value: f64) -> String {
    format!("{value:.1}")
}

/// The day of a time, for a table.
pub(super) fn day(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d").to_string()
}
