//! The report for a terminal: 80 columns and 80 lines at most, the verdict first. Owns the layout
//! and what is left out when not everything fits; the counts always name every kind.

use unicode_width::UnicodeWidthStr;

use super::columns::Columns;
use super::visible::{cut, padded, visible, wrapped};
use super::words;
use crate::drift::{Count, Item, Kind, Report, Verdict};

const COLUMNS: usize = 80;
const LINES: usize = 80;
/// Findings listed of one kind, where there is room.
const PER_KIND: usize = 10;
/// Reasons listed; the rest is counted.
const REASONS: usize = 5;
/// Where a value begins that has its name before it.
const LABEL: usize = 10;
/// Where a finding's text begins, right of its age.
const INDENT: usize = 7;

/// The whole report, each line ended.
pub fn render(report: &Report) -> String {
    let mut before = vec!["kpifire-scim drift report".to_owned(), String::new()];
    before.extend(verdict(report));
    before.push(String::new());
    before.extend(scope(report));
    before.extend(counts(report));
    let after = footer(report);

    let room = LINES.saturating_sub(before.len() + after.len());
    let lines = before.into_iter().chain(findings(report, room)).chain(after);
    lines.map(|line| cut(&line, COLUMNS).trim_end().to_owned() + "\n").collect()
}

fn verdict(report: &Report) -> Vec<String> {
    let name = report.verdict.as_str();
    let headline = words::headline(report);
    let mut lines = wrapped(&format!("{name}. {headline}"), COLUMNS, 3);
    for reason in report.reasons.iter().take(REASONS) {
        let reason = wrapped(&visible(reason), COLUMNS - 4, 3);
        let marks = std::iter::once("  - ").chain(std::iter::repeat("    "));
        lines.extend(marks.zip(reason).map(|(mark, line)| format!("{mark}{line}")));
    }
    if report.reasons.len() > REASONS {
        lines.push(format!("  - and {} more reasons", report.reasons.len() - REASONS));
    }
    if report.findings.is_empty() && report.verdict == Verdict::Incomplete {
        lines.extend(wrapped(words::no_findings(report), COLUMNS, 3));
        return lines;
    }
    lines.extend(wrapped(&words::summary(report), COLUMNS, 2));
    lines.extend(to_do(report));
    lines
}

/// Where to begin.
fn to_do(report: &Report) -> Vec<String> {
    let (kinds, more) = words::to_do(report);
    let widest = kinds.iter().map(|(_, said)| said.width()).max().unwrap_or_default();
    let line = |(count, said): &(&Count, String)| {
        format!(
            "  {}  kpifire-scim drift list --kind {}",
            padded(said, widest),
            count.kind.as_str()
        )
    };
    let mut lines: Vec<String> = kinds.iter().map(line).collect();
    if !lines.is_empty() {
        lines.insert(0, "Begin with".to_owned());
    }
    if more > 0 {
        lines.push(format!("  and {} below", words::plural(more as u64, "other kind")));
    }
    lines
}

fn scope(report: &Report) -> Vec<String> {
    let Report { run, scope, coverage, .. } = report;
    let finished = words::when(run.finished, report.zone);
    let mut lines = Vec::new();
    lines.push(labelled("Run", &visible(&run.id)));
    lines.push(labelled("Finished", &format!("{finished}, took {}", words::took(run))));
    lines.push(labelled("Read", &words::rows_read(scope)));
    lines.extend(labelled_lines("Links", &words::links(scope)));
    lines.extend(labelled_lines("Left out", &words::left_out(scope)));
    lines.push(labelled("Entra", &words::contact(report)));
    if let Some(source) = &scope.source {
        let users = words::plural(source.users, "user");
        lines.push(labelled("Export", &format!("{users} in {}", visible(&source.file))));
    }
    lines.push(labelled("Config", &visible(&scope.config_hash)));
    if report.verdict == Verdict::Incomplete {
        lines.push(labelled("Coverage", "not known"));
    } else {
        let share = words::percent(coverage);
        lines.push(labelled("Coverage", &format!("{share}; {}", words::coverage_of(coverage))));
        lines.push(labelled("", &words::change(coverage)));
    }
    lines
}

fn labelled(label: &str, text: &str) -> String {
    padded(label, LABEL) + text
}

/// On two lines where one is too short.
fn labelled_lines(label: &str, text: &str) -> Vec<String> {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    let lines = wrapped(text, COLUMNS - LABEL, 2);
    labels.zip(lines).map(|(label, line)| labelled(label, &line)).collect()
}

fn counts(report: &Report) -> Vec<String> {
    if report.counts.is_empty() {
        return Vec::new();
    }
    let head = ["Kind", "Severity", "New", "Persisting", "Now", "Before", "Resolved", "Oldest"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(report.counts.iter().map(|count| count_row(report, count)));
    if report.counts.len() > 1 {
        let sum = |of: fn(&Count) -> u64| words::number(report.counts.iter().map(of).sum());
        rows.push([
            "all".to_owned(),
            String::new(),
            sum(|c| c.new),
            sum(|c| c.persisting),
            sum(|c| c.now),
            sum(|c| c.before),
            sum(|c| c.resolved),
            String::new(),
        ]);
    }
    let columns = Columns::of(&rows).numbers_after(2);
    let lines = rows.iter().map(|row| columns.line(row));
    std::iter::once(String::new()).chain(lines).collect()
}

fn count_row(report: &Report, count: &Count) -> [String; 8] {
    [
        count.kind.as_str().to_owned(),
        count.kind.severity().as_str().to_owned(),
        words::number(count.new),
        words::number(count.persisting),
        words::number(count.now),
        words::number(count.before),
        words::number(count.resolved),
        words::oldest(report, count),
    ]
}

/// The findings of a kind that are listed, of those at hand, out of how many.
struct Group<'a> {
    kind: Kind,
    first: Vec<&'a Item>,
    listed: usize,
    all: u64,
}

impl Group<'_> {
    fn is_whole(&self) -> bool {
        self.listed as u64 == self.all
    }
}

/// How much is said of each finding.
#[derive(Clone, Copy)]
enum Detail {
    /// With when it was first seen and Entra's id.
    Full,
    /// What, why and the command.
    Short,
}

fn findings(report: &Report, room: usize) -> Vec<String> {
    if report.findings.is_empty() && report.verdict == Verdict::Incomplete {
        return Vec::new();
    }
    if report.findings.is_empty() {
        return vec![String::new(), words::no_findings(report).to_owned()];
    }
    let title = "Findings: age, name, attribute, expected → actual, why, what mends it";
    let mut lines = vec![String::new(), title.to_owned()];
    let legend = wrapped(words::legend(report), COLUMNS, 3);
    // What is kept back: the legend, and the two lines that say how many more there are.
    let room = room.saturating_sub(lines.len() + legend.len() + 2);

    let full = choose(report, room, Detail::Full);
    let whole = full.iter().all(Group::is_whole);
    let (groups, detail) = if whole {
        (full, Detail::Full)
    } else {
        (choose(report, room, Detail::Short), Detail::Short)
    };
    let mut listed: u64 = 0;
    for group in groups.iter().filter(|group| group.listed > 0) {
        lines.push(heading(group));
        for item in group.first.iter().take(group.listed) {
            lines.extend(finding(report, item, detail));
            listed += 1;
        }
    }
    let more = report.total().saturating_sub(listed);
    if more > 0 {
        let run = visible(&report.run.id);
        let more = words::number(more);
        if report.verdict == Verdict::Incomplete {
            lines.push(format!("… and {more} more; the first of each kind, as a page:"));
            lines.push(format!("       kpifire-scim report {run} --format html"));
        } else {
            lines.push(format!("… and {more} more; all of them:"));
            lines.push(format!("       kpifire-scim report {run} --format csv"));
        }
    }
    lines.extend(legend);
    lines
}

/// How many findings of each kind fit: one of each kind first, the worst kinds before the others,
/// then a second of each, and so on.
fn choose(report: &Report, room: usize, detail: Detail) -> Vec<Group<'_>> {
    let open = report.counts.iter().filter(|count| count.now > 0);
    let group = |count: &Count| {
        let of_kind = report.findings.iter().filter(|item| item.finding.kind == count.kind);
        Group { kind: count.kind, first: of_kind.collect(), listed: 0, all: count.now }
    };
    let mut groups: Vec<Group> = open.map(group).collect();
    let mut left = room;
    for round in 0..PER_KIND {
        for group in &mut groups {
            let Some(item) = group.first.get(round).filter(|_| group.listed == round) else {
                continue;
            };
            let needed = finding(report, item, detail).len() + usize::from(round == 0);
            if needed <= left {
                left -= needed;
                group.listed += 1;
            }
        }
    }
    groups
}

fn heading(group: &Group) -> String {
    let Group { kind, all, listed, .. } = group;
    let all = words::number(*all);
    let of = if group.is_whole() { all } else { format!("{listed}/{all}") };
    format!("{} {} {of}: {}", kind.severity().as_str(), kind.as_str(), kind.meaning())
}

fn finding(report: &Report, item: &Item, detail: Detail) -> Vec<String> {
    let finished = report.run.finished;
    let age = if item.new { "new".to_owned() } else { words::age(item.first_seen, finished) };
    let mut lines = what(item);
    lines.extend(wrapped(&visible(&item.finding.why), COLUMNS - INDENT, 2));
    if matches!(detail, Detail::Full) {
        let mut seen = format!("since {}", item.first_seen.format("%Y-%m-%d %H:%M UTC"));
        if let Some(id) = &item.finding.external_id {
            seen = format!("{seen}, Entra {}", visible(id));
        }
        lines.push(seen);
    }
    lines.extend(item.command.as_deref().map(|command| visible(command).into_owned()));
    let ages = std::iter::once(format!("{age:>width$}  ", width = INDENT - 2));
    let ages = ages.chain(std::iter::repeat(" ".repeat(INDENT)));
    ages.zip(lines).map(|(age, line)| age + &line).collect()
}

/// Whom it concerns and what differs; on two lines where one is too short.
pub(super) fn what(item: &Item) -> Vec<String> {
    let room = COLUMNS - INDENT;
    let resource = words::resource(item);
    let who = match &item.finding.name {
        Some(name) => format!("{} ({})", cut(&visible(name), 44), cut(&resource, 24)),
        None if resource.is_empty() => "kpifire".to_owned(),
        None => resource,
    };
    let (expected, actual) = words::values(item);
    if item.finding.attribute.is_none() && item.finding.expected == item.finding.actual {
        return vec![who];
    }
    let field = item.finding.attribute.as_deref().map(|path| {
        let path = visible(path);
        format!("{}: ", cut(&path, 32))
    });
    let field = field.unwrap_or_default();
    let line = format!("{who}  {field}{expected} → {actual}");
    if line.width() <= room {
        return vec![line];
    }
    let left = room.saturating_sub(field.width() + 3);
    let (expected, actual) = words::from_the_difference(expected, actual, left / 2);
    // What one of them leaves, the other has.
    let most = (left / 2).max(left.saturating_sub(actual.width()));
    let expected = cut(&expected, most);
    let actual = cut(&actual, left.saturating_sub(expected.width()));
    vec![who, format!("{field}{expected} → {actual}")]
}

/// Deferrals listed at most.
const DEFERRALS: usize = 3;

fn cleanup(report: &Report) -> Vec<String> {
    let plan = &report.cleanup;
    if plan.hash.is_empty() {
        // Nothing was read that one could be made from.
        return vec![labelled("Cleanup", "not known")];
    }
    let mut lines = labelled_lines("Cleanup", &words::cleanup(report));
    for reason in &plan.reasons {
        lines.extend(labelled_lines("", &visible(reason)));
    }
    let thresholds: Vec<String> = plan.thresholds.iter().map(words::threshold).collect();
    if !thresholds.is_empty() {
        lines.extend(labelled_lines("Limits", &thresholds.join("; ")));
    }
    for deferral in plan.deferred.iter().take(DEFERRALS) {
        lines.extend(labelled_lines("Deferred", &words::deferral(deferral)));
    }
    lines.push(labelled("Plan", &format!("{}, see kpifire-scim cleanup plan", plan.hash)));
    lines
}

fn footer(report: &Report) -> Vec<String> {
    let grace = &report.grace;
    let stages = [
        (grace.waiting, "waiting"),
        (grace.strip_due, "to strip"),
        (grace.stripped, "stripped"),
        (grace.anonymise_due, "to anonymise"),
        (grace.anonymised, "anonymised"),
    ];
    let stages = stages.map(|(count, stage)| format!("{} {stage}", words::number(count)));
    let mut lines = vec![String::new()];
    lines.extend(labelled_lines("Disabled", &stages.join(", ")));
    lines.extend(cleanup(report));
    lines.push(labelled("Next run", &words::next(report)));
    lines
}
