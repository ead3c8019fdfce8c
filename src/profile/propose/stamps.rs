//! What a new row needs beside attributes: the times and names that are stamped, and the values of
//! columns that nothing else fills.

use std::collections::BTreeSet;

use super::draft::{Draft, Line, Open};
use super::key::{self, is_plain_uuid, is_uuid};
use super::view::{
    Looked, is_copy, is_count, is_password, is_text, is_textual, is_time, must_fill, shortened,
};
use super::words;
use crate::profile::catalogue::{Column, Kind, Table};
use crate::profile::evidence::Seen;
use crate::profile::read::{toml_key, toml_text};

/// Which rows they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Users,
    Groups,
    Members,
}

impl Rows {
    fn section(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Members => "members",
        }
    }
}

/// A column that is stamped, as it stands in the profile.
struct Stamp {
    key: &'static str,
    value: String,
    evidence: String,
    open: Option<Open>,
}

/// Writes `[….insert]` and `[….touch]`. `filled` are the columns that something fills already;
/// `first` are lines to begin `insert` with.
pub(super) fn write(
    draft: &mut Draft,
    rows: Rows,
    looked: &Looked<'_>,
    filled: &mut BTreeSet<String>,
    first: Vec<Line>,
) {
    let stamps = stamps(rows, looked, filled);
    draft.section(&format!("{}.insert", rows.section()));
    for line in first {
        draft.line(line);
    }
    inserts(draft, rows, looked, filled);
    draft.drop_idle();
    draft.section(&format!("{}.touch", rows.section()));
    for stamp in stamps {
        let line = Line::new(stamp.key, format!("[{}]", stamp.value), stamp.evidence);
        draft.line(line.maybe(stamp.open));
    }
    draft.drop_idle();
}

fn stamps(rows: Rows, looked: &Looked<'_>, filled: &mut BTreeSet<String>) -> Vec<Stamp> {
    let mut stamps = Vec::new();
    let created: Vec<&str> = match rows {
        Rows::Members => words::CREATED.iter().chain(words::JOINED).copied().collect(),
        Rows::Users | Rows::Groups => words::CREATED.to_vec(),
    };
    for (key, list) in [("created", created.as_slice()), ("modified", words::MODIFIED)] {
        if let Some(stamp) = time(rows, key, list, looked, filled) {
            stamps.push(stamp);
        }
    }
    stamps.extend(actor(looked, filled));
    stamps.extend(version(looked, filled));
    stamps
}

fn time(
    rows: Rows,
    key: &'static str,
    list: &[&str],
    looked: &Looked<'_>,
    filled: &mut BTreeSet<String>,
) -> Option<Stamp> {
    let free = |column: &Column| {
        !filled.contains(&column.name)
            && !column.computed
            && (is_time(column) || is_count(column) || is_textual(column))
    };
    let found = looked.find(list, free);
    // A flag called `registered` is no time.
    let column = found
        .iter()
        .find(|column| is_time(column))
        .or_else(|| found.iter().find(|column| !is_time(column) && way(looked, column).is_some()));
    let column = *column?;
    filled.insert(column.name.clone());
    let name = toml_text(&column.name);
    let evidence = looked.facts(column);
    let ask = |question: String| Some(Open::new(question));
    if is_time(column) {
        // The day on which somebody was hired is none on which a row was made.
        let hired = rows == Rows::Users
            && column.kind == Kind::Date
            && ["join", "regist", "alta", "add", "cadastro", "inserimento"]
                .iter()
                .any(|word| looked.forms(column).iter().any(|form| form.contains(word)));
        let some = !hired && looked.seen(column).is_some_and(|seen| seen.filled().next().is_some());
        let question = format!("is {name} the time when a row was {key}? {}", looked.data(column));
        return Some(Stamp {
            key,
            value: name,
            evidence,
            open: if some { None } else { ask(question) },
        });
    }
    let way = way(looked, column)?;
    let padded = looked.seen(column).filter(|_| is_textual(column)).and_then(padded);
    let digits = padded.map(|digits| format!(", digits = {digits}")).unwrap_or_default();
    let value = format!("{{ column = {name}, as = \"{way}\"{digits} }}");
    Some(Stamp { key, value, evidence, open: None })
}

/// The length of numbers that zeros fill up to it.
fn padded(seen: &Seen) -> Option<usize> {
    let length = seen.filled().next()?.len();
    let filled_up = |value: &str| value.len() == length && value.starts_with('0');
    let number = |value: &str| value.len() <= 18 && value.chars().all(|c| c.is_ascii_digit());
    seen.filled().all(|value| filled_up(value) && number(value)).then_some(length)
}

/// How a column that isn't of a time type holds times, by its values.
fn way(looked: &Looked<'_>, column: &Column) -> Option<&'static str> {
    let seen = looked.seen(column)?;
    let digits = |value: &str| value.chars().all(|c| c.is_ascii_digit());
    let stamped = |value: &str| {
        value.len() == 14 && digits(value) && (value.starts_with("19") || value.starts_with("20"))
    };
    if seen.mostly(stamped) {
        return Some("%Y%m%d%H%M%S");
    }
    if is_textual(column) && seen.mostly(is_iso) {
        return Some("iso");
    }
    // From 1998 to 2065, in seconds and in milliseconds; zero stands for none.
    let within = |least: i64, most: i64| {
        move |value: &str| value.parse().is_ok_and(|it: i64| it == 0 || (least..most).contains(&it))
    };
    let some = seen.range().is_some_and(|(_, most)| most > 0);
    if some && seen.mostly(within(900_000_000, 3_000_000_000)) {
        return Some("epoch-s");
    }
    if some && seen.mostly(within(900_000_000_000, 3_000_000_000_000)) {
        return Some("epoch-ms");
    }
    None
}

fn is_iso(value: &str) -> bool {
    let shape: String =
        value.chars().take(10).map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    shape == "9999-99-99"
}

/// Who changed a row: a text, that holds no key.
fn actor(looked: &Looked<'_>, filled: &mut BTreeSet<String>) -> Option<Stamp> {
    let key = |value: &str| {
        is_uuid(value) || is_plain_uuid(value) || value.chars().all(|c| c.is_ascii_digit())
    };
    let column = looked.first(words::ACTOR, |column| {
        is_text(column)
            && !filled.contains(&column.name)
            && !column.computed
            && column.max_length.is_none_or(|length| length >= 12)
            && looked.points_at(&column.name).is_none()
    })?;
    let seen = looked.seen(column);
    if seen.is_some_and(|seen| seen.percent(key).is_some_and(|share| share > 0)) {
        return None;
    }
    filled.insert(column.name.clone());
    let name = toml_text(&column.name);
    let some = seen.is_some_and(|seen| seen.distinct() > 0);
    let open = (!some).then(|| {
        Open::new(format!(
            "does {name} take a name (the agent writes \"kpifire-scim\"), or a user's key? {}",
            looked.data(column)
        ))
    });
    Some(Stamp { key: "actor", value: name, evidence: looked.facts(column), open })
}

/// What counts a row's changes.
fn version(looked: &Looked<'_>, filled: &mut BTreeSet<String>) -> Option<Stamp> {
    let free = |column: &Column| column.kind == Kind::Int && !filled.contains(&column.name);
    let column = looked.first(words::VERSION, free)?;
    if is_plain_version(column) || must_fill(column) {
        filled.insert(column.name.clone());
        let name = toml_text(&column.name);
        let open = Open::new(format!("does kpifire count a row's changes in {name}?"));
        let evidence = looked.facts(column);
        return Some(Stamp { key: "version", value: name, evidence, open: Some(open) });
    }
    None
}

fn is_plain_version(column: &Column) -> bool {
    matches!(column.name.to_lowercase().as_str(), "lock_version" | "row_version" | "optlock")
}

/// The columns that a new row needs and nothing fills.
fn inserts(draft: &mut Draft, rows: Rows, looked: &Looked<'_>, filled: &mut BTreeSet<String>) {
    for column in &looked.table.columns {
        // What says whose a row is, a `where` fills.
        let scope =
            key::is_scope(looked, column) && looked.table.primary_key.contains(&column.name);
        if filled.contains(&column.name) || column.computed || scope {
            continue;
        }
        let unique = looked.is_unique(&column.name);
        let constant = column.has_default
            && !column.generated
            && column.default.as_deref().is_some_and(|it| !it.contains('(') && it != "NULL");
        if must_fill(column) {
            filled.insert(column.name.clone());
            draft.line(if unique {
                unique_value(rows, looked, column)
            } else {
                needed(rows, looked, column)
            });
        } else if unique && constant && !column.nullable && column.kind != Kind::Uuid {
            // The second row with the default is refused.
            filled.insert(column.name.clone());
            draft.line(unique_value(rows, looked, column));
        } else if rows == Rows::Users && looked.is(column, words::CONFIRMED) {
            draft.line_if(confirmed(looked, column));
        } else if rows != Rows::Members {
            draft.line_if(unlike_the_others(rows, looked, column));
        }
    }
}

/// A column in which a new row would hold what no row holds: every row there has another value than the
/// default. An application that always fills it may not bear a row without.
fn unlike_the_others(rows: Rows, looked: &Looked<'_>, column: &Column) -> Option<Line> {
    let seen = looked.seen(column).filter(|seen| seen.rows() >= 3)?;
    let target = looked.points_at(&column.name).filter(|_| !column.has_default);
    if let Some(target) = target.filter(|_| seen.all_different()) {
        return Some(pointing(rows, looked, column, target));
    }
    let plain = matches!(column.kind, Kind::Int | Kind::Number | Kind::Bool | Kind::Text);
    if !plain || column.generated || looked.is_unique(&column.name) || is_password(looked, column) {
        return None;
    }
    let default = match column.default.as_deref() {
        None if column.has_default => return None,
        Some(_) if column.kind == Kind::Bool => return None,
        None => "NULL",
        Some(default) if default.contains('(') => return None,
        Some(default) => {
            let literal = default.split("::").next().unwrap_or(default);
            literal.trim_start_matches('b').trim_matches('\'')
        }
    };
    // Another default is meant for new rows; long texts are seen in part.
    let nothing = matches!(default, "NULL" | "" | "0" | "-1");
    if !nothing || seen.filled().any(|value| value.len() > 24) {
        return None;
    }
    let key = toml_key(&column.name);
    if column.kind == Kind::Text && seen.all_different() {
        return Some(own_text(rows, looked, column, default));
    }
    let alike = |value: &str| value.parse::<i64>().is_ok_and(|it| default.parse() == Ok(it));
    let counts = seen.counts();
    let (common, times) = *counts.first()?;
    let always =
        seen.percent_filled() == 100 && !seen.filled().any(|it| it == default || alike(it));
    // Values that most rows have for themselves tell of each row, and not of what a row needs.
    if !always || times < 2 || counts.len() > 4 {
        return None;
    }
    let value = match column.kind {
        Kind::Int | Kind::Number => common.parse::<i64>().ok()?.to_string(),
        Kind::Bool => matches!(common, "t" | "true" | "1").to_string(),
        _ => toml_text(common),
    };
    let default = if default.is_empty() { "\"\"" } else { default };
    let open = Open::new(format!(
        "a new row gets {default} in {key}, which no row has: must it be filled? {}",
        looked.data(column)
    ));
    Some(Line::question(&column.name, open.or(format!("{key} = {value}"))))
}

/// Each row has a text of its own, and a new one would have none.
fn own_text(rows: Rows, looked: &Looked<'_>, column: &Column, default: &str) -> Line {
    let key = toml_key(&column.name);
    let default = if default.is_empty() { "\"\"" } else { default };
    let open = Open::new(format!(
        "each row has a text of its own in {key}, and a new one gets {default}: what is it made of? {}",
        looked.data(column)
    ));
    let uuid = looked.seen(column).is_some_and(|seen| seen.mostly(is_uuid));
    let open = if uuid { open.or(format!("{key} = {{ new = \"uuid\" }}")) } else { open };
    let name = if rows == Rows::Users { "userName" } else { "displayName" };
    let open = open
        .or(format!("[{}.derive]    # below this section: made of attributes", rows.section()))
        .or(format!("{key} = {{ from = \"{{{name}}}\", as = \"slug\" }}"));
    Line::question(&column.name, open)
}

/// What is unique gets a value of its own: never a constant.
fn unique_value(rows: Rows, looked: &Looked<'_>, column: &Column) -> Line {
    if let Some(target) = looked.points_at(&column.name).filter(|_| rows != Rows::Members) {
        return pointing(rows, looked, column, target);
    }
    let key = toml_key(&column.name);
    let seen = looked.seen(column);
    let uuid = seen.is_some_and(|seen| seen.mostly(is_uuid)) || column.kind == Kind::Uuid;
    let plain = seen.is_some_and(|seen| seen.mostly(is_plain_uuid));
    let likely = match (uuid, plain) {
        (true, _) => "{ new = \"uuid\" }".to_owned(),
        (_, true) => "{ new = \"uuid-plain\" }".to_owned(),
        _ if matches!(column.kind, Kind::Int | Kind::Number) => match key::counter(looked) {
            Some(counter) => format!("{{ new = {{ counter = {counter} }} }}"),
            None if rows == Rows::Members => {
                "{ new = { counter = { table = \"…\", column = \"…\" } } }".to_owned()
            }
            None => "{ new = \"key\" }".to_owned(),
        },
        _ => {
            let length = column.max_length.unwrap_or(20).min(20);
            format!("{{ new = \"random:{length}\" }}")
        }
    };
    let open = Open::new(format!(
        "{key} is unique: each row needs another value, so no constant will do. {}",
        looked.data(column)
    ));
    let open = open.or(format!("{key} = {likely}"));
    let name = match rows {
        Rows::Users => Some("userName"),
        Rows::Groups => Some("displayName"),
        Rows::Members => None,
    };
    let open = match name.filter(|_| is_text(column) && !uuid && !plain) {
        Some(name) => open
            .or(format!("[{}.derive]    # below this section: made of attributes", rows.section()))
            .or(format!("{key} = {{ from = \"{{{name}}}\", as = \"lower\" }}")),
        None => open,
    };
    Line::question(&column.name, open)
}

/// Each row has a row of its own in another table.
fn pointing(rows: Rows, looked: &Looked<'_>, column: &Column, target: &Table) -> Line {
    let key = toml_key(&column.name);
    let open = Open::new(format!(
        "{key} points at {}, and no two rows at the same one: shall a new row get one of its own there, which is made first? {}",
        looked.view().name(target),
        looked.data(column)
    ));
    let open = key::parented(open, looked, target, rows.section(), Some(&column.name));
    Line::question(&column.name, open.or(format!("{key} = …")))
}

fn needed(rows: Rows, looked: &Looked<'_>, column: &Column) -> Line {
    let key = &column.name;
    let seen = looked.seen(column);
    if rows == Rows::Users
        && is_password(looked, column)
        && column.max_length.is_none_or(|it| it >= 4)
    {
        let why = "no password hashes to this: sign-in is by single sign-on alone";
        return Line::new(key, "\"!sso\"", why);
    }
    let common = seen.map(|seen| seen.counts()).unwrap_or_default();
    let common = common.first().copied();
    let points_at = looked.points_at(&column.name);
    // A row of the other table for each: none of them is a new user's.
    let each = rows != Rows::Members && seen.is_some_and(Seen::all_different);
    if let Some(target) = points_at.filter(|_| each) {
        return pointing(rows, looked, column, target);
    }
    let target = points_at.map(|target| looked.view().name(target));
    let what = match &target {
        Some(target) => format!("a key of {target}"),
        None => column.type_name.to_lowercase(),
    };
    let data = match common {
        Some((value, times)) => {
            format!("{times} of {} hold {}", seen.map_or(0, Seen::rows), shortened(value))
        }
        None => looked.data(column),
    };
    let open = Open::new(format!(
        "what does a new row get in {} ({what}), which is NOT NULL without a default? {data}",
        toml_key(key)
    ));
    if looked.is(column, words::PRIVILEGE) {
        let none = if column.kind == Kind::Bool { "false" } else { "0" };
        return Line::new(key, none, "no privileges for a new user").open(open);
    }
    let uuids = |holds: fn(&str) -> bool| {
        column.kind == Kind::Text
            && seen.is_some_and(|seen| seen.distinct() > 1 && seen.mostly(holds))
    };
    let value = match (column.kind, common, column.enum_values.first()) {
        _ if uuids(is_uuid) => Some("{ new = \"uuid\" }".to_owned()),
        _ if uuids(is_plain_uuid) => Some("{ new = \"uuid-plain\" }".to_owned()),
        (Kind::Timestamp | Kind::Date, ..) => Some("\"now\"".to_owned()),
        (_, _, Some(first)) => Some(toml_text(common.map_or(first.as_str(), |(value, _)| value))),
        (Kind::Int, Some((value, _)), _) => value.parse::<i64>().ok().map(|it| it.to_string()),
        (Kind::Int, None, _) if target.is_none() => Some("0".to_owned()),
        (Kind::Number, Some((value, _)), _) => value.parse::<i64>().ok().map(|it| it.to_string()),
        (Kind::Number, None, _) => Some("0".to_owned()),
        (Kind::Bool, Some((value, _)), _) => Some(matches!(value, "t" | "true" | "1").to_string()),
        (Kind::Bool, None, _) => Some("false".to_owned()),
        (Kind::Text, Some((value, times)), _) if times > 1 => Some(toml_text(value)),
        (Kind::Text | Kind::Binary, ..) => Some("\"\"".to_owned()),
        _ => None,
    };
    match value {
        Some(value) => Line::new(key, value, String::new()).open(open),
        None => Line::question(key, open.or(format!("{} = …", toml_key(key)))),
    }
}

/// A flag that most users have and a new row hasn't.
fn confirmed(looked: &Looked<'_>, column: &Column) -> Option<Line> {
    let flag = matches!(column.kind, Kind::Bool | Kind::Int);
    if !flag || is_copy(column) {
        return None;
    }
    let default = column.default.as_deref().unwrap_or_default();
    if matches!(default, "1" | "true" | "'1'" | "b'1'") {
        return None;
    }
    let value = if column.kind == Kind::Bool { "true" } else { "1" };
    let open = Open::new(format!(
        "may somebody sign in whose {} isn't set? {}",
        toml_key(&column.name),
        looked.data(column)
    ));
    Some(Line::question(&column.name, open.or(format!("{} = {value}", toml_key(&column.name)))))
}
