//! `active`: which column says whether a user may sign in. One that says so by its name and its values
//! is taken; where there are several, or none, a person must decide.

use super::draft::{Line, Open};
use super::names;
use super::subject::Users;
use super::view::{is_count, is_text, is_time, shortened, unit};
use super::words;
use crate::profile::catalogue::{Column, Kind};
use crate::profile::evidence::Seen;
use crate::profile::read::toml_text;

/// A column that may say it, as it would stand in the profile.
#[derive(Debug, Clone)]
struct Candidate<'c> {
    column: &'c Column,
    value: String,
    /// The other way round, where that could be.
    turned: Option<String>,
    /// Whether name and values agree.
    sure: bool,
    /// What is to be asked, where they don't.
    question: String,
}

/// Whether a user can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Active {
    /// By this column.
    Sure,
    /// By this column, if it is one that says so.
    Asked,
    /// By no column that was found.
    Unknown,
}

impl<'c> Users<'c, '_> {
    /// Maps it; how far that goes.
    pub(super) fn active(&mut self) -> Active {
        let mut found = self.flags();
        found.extend(self.statuses());
        found.extend(self.times());
        let marks = self.marks();
        // A deletion's mark says who is gone where nothing else says who is switched off.
        if found.is_empty() {
            found.extend(marks.iter().filter_map(|column| self.mark_as_active(column)));
        }
        let elsewhere = self.locked_elsewhere();
        let Some(best) = found.first().cloned() else {
            let open = Open::new(
                "nothing in this table says whether a user may sign in; without it a leaver keeps access",
            );
            let open = open
                .or("active = { column = \"…\", values = { true = \"…\", false = \"…\" } }")
                .or("active = { absent_in = { table = \"…\", user = \"…\" } }    # a row there means locked");
            let open = elsewhere.iter().fold(open, |open, line| open.or(line.clone()));
            self.draft.line(Line::question("active", open));
            return Active::Unknown;
        };
        let lone = found.len() == 1 && elsewhere.is_empty();
        let open = (!lone || !best.sure).then(|| {
            let question = if lone {
                best.question.clone()
            } else {
                "which of these keeps a user from signing in, by the application's own rule?"
                    .to_owned()
            };
            let others = found.iter().skip(1).map(|other| {
                format!("active = {}    # {}", other.value, self.looked.facts(other.column))
            });
            let others: Vec<String> = others.chain(elsewhere.iter().cloned()).collect();
            let own = best.turned.clone().filter(|_| !best.sure).map(|it| format!("active = {it}"));
            own.into_iter().chain(others).fold(Open::new(question), Open::or)
        });
        let facts = self.looked.facts(best.column);
        let active = if best.sure { Active::Sure } else { Active::Asked };
        self.filled.insert(best.column.name.clone());
        self.draft.line(Line::new("active", best.value, facts).maybe(open));
        active
    }

    /// Flags by their names: yes or no by a boolean, by 0 and 1, or by two texts.
    fn flags(&self) -> Vec<Candidate<'c>> {
        let mut found = Vec::new();
        for (words, enabled) in [(words::ENABLED, true), (words::DISABLED, false)] {
            for column in self.unused(words) {
                found.extend(self.flag(column, enabled));
            }
        }
        found
    }

    fn flag(&self, column: &'c Column, enabled: bool) -> Option<Candidate<'c>> {
        let looked = &self.looked;
        let name = toml_text(&column.name);
        let seen = looked.seen(column).filter(|seen| seen.rows() > 0);
        let values = |yes: &str, no: &str| values(column, yes, no);
        let (value, known) = match column.kind {
            Kind::Bool => {
                let value = if enabled { name.clone() } else { values("false", "true") };
                (value, true)
            }
            Kind::Int | Kind::Number => {
                // A number may count or be a time, unless both were seen, or its type has no more.
                let range = seen.and_then(Seen::range);
                let boolean =
                    matches!(column.type_name.to_lowercase().as_str(), "tinyint(1)" | "bit(1)");
                let two = range == Some((0, 1))
                    || boolean && range.is_some_and(|(least, most)| least >= 0 && most <= 1);
                // MariaDB's tinyint(1) and bit(1) are its booleans.
                let whole = column.kind == Kind::Int;
                let value = match (enabled, whole) {
                    (true, true) => name.clone(),
                    (true, false) => values("1", "0"),
                    (false, _) => values("0", "1"),
                };
                (value, two)
            }
            Kind::Text => match self.two_words(column, enabled) {
                Some((yes, no)) => (values(&toml_text(&yes), &toml_text(&no)), true),
                // Nothing or something.
                None if column.max_length.is_none_or(|length| length <= 10) => {
                    let counts = seen.map(|seen| seen.counts()).unwrap_or_default();
                    let some = toml_text(counts.first().map_or("1", |(value, _)| *value));
                    let (yes, no) =
                        if enabled { (some.as_str(), "\"\"") } else { ("\"\"", some.as_str()) };
                    (values(yes, no), false)
                }
                None => return None,
            },
            _ => return None,
        };
        // Most users may sign in.
        let truth = |value: &str| {
            let value = names::plain(value);
            words::YES.contains(&value.as_str()) && !matches!(value.as_str(), "n" | "no")
        };
        let most = seen.and_then(|seen| seen.percent(truth));
        let agrees = match (most, enabled) {
            (Some(share), true) => share >= 50,
            (Some(share), false) => share <= 50,
            (None, _) => false,
        };
        let question =
            format!("does {name} say whether a user may sign in? {}", looked.data(column));
        Some(Candidate { column, value, turned: None, sure: known && agrees, question })
    }

    /// The two texts that a flag holds: by its type, or by its rows.
    fn two_words(&self, column: &Column, enabled: bool) -> Option<(String, String)> {
        let seen = self.looked.seen(column);
        let mut texts: Vec<String> = column.enum_values.clone();
        if texts.is_empty() {
            let counts = seen.map(|seen| seen.counts()).unwrap_or_default();
            texts = counts.iter().map(|(value, _)| (*value).to_owned()).collect();
        }
        let of = |list: &[&str]| {
            texts.iter().find(|text| list.contains(&names::plain(text).as_str())).cloned()
        };
        let (yes, no) = (of(words::YES)?, of(words::NO)?);
        (texts.len() == 2 && yes != no).then_some(if enabled { (yes, no) } else { (no, yes) })
    }

    /// Status columns: by two words, one of which says yes and one no. A number says nothing by itself.
    fn statuses(&self) -> Vec<Candidate<'c>> {
        let postal = self.looked.first(words::POSTAL, |_| true).is_some();
        let mut found = Vec::new();
        for column in self.unused(words::STATUS) {
            // The state of an address.
            let region =
                ["state", "estado", "stato"].contains(&names::plain(&column.name).as_str());
            if region && postal && self.two_words(column, true).is_none() {
                continue;
            }
            found.extend(self.status(column));
        }
        found
    }

    fn status(&self, column: &'c Column) -> Option<Candidate<'c>> {
        let looked = &self.looked;
        let name = toml_text(&column.name);
        let seen = looked.seen(column);
        let listed = if column.enum_values.is_empty() {
            let counts = seen.map(|seen| seen.counts()).unwrap_or_default();
            let shown = counts
                .iter()
                .take(8)
                .map(|(value, times)| format!("{} ({times})", shortened(value)));
            shown.collect::<Vec<_>>().join(", ")
        } else {
            column.enum_values.join(", ")
        };
        let holds = if listed.is_empty() { looked.data(column) } else { listed };
        let question = format!(
            "what does {name} hold for a user who may sign in, and for one who may not? It holds: {holds}"
        );
        if is_text(column)
            && let Some((yes, no)) = self.two_words(column, true)
        {
            let (yes, no) = (toml_text(&yes), toml_text(&no));
            let (value, turned) = (values(column, &yes, &no), Some(values(column, &no, &yes)));
            let sure = seen.is_some_and(|seen| seen.rows() > 0);
            return Some(Candidate { column, value, turned, sure, question });
        }
        if !(is_text(column) || is_count(column) || column.kind == Kind::Bool) {
            return None;
        }
        let (yes, no) = self.likely(column);
        let (value, turned) = (values(column, &yes, &no), Some(values(column, &no, &yes)));
        Some(Candidate { column, value, turned, sure: false, question })
    }

    /// What a status is likely to hold for yes and no: the commonest for yes.
    fn likely(&self, column: &Column) -> (String, String) {
        let seen = self.looked.seen(column);
        let counts = seen.map(|seen| seen.counts()).unwrap_or_default();
        let mut texts: Vec<&str> = counts.iter().map(|(value, _)| *value).collect();
        texts.extend(column.enum_values.iter().map(String::as_str));
        if is_text(column) {
            let of = |list: &[&str]| {
                texts.iter().find(|text| list.contains(&names::plain(text).as_str())).copied()
            };
            let yes = of(words::YES).or(texts.first().copied()).unwrap_or("active");
            let no = of(words::NO).or(texts.iter().find(|it| **it != yes).copied());
            let no = no.filter(|no| *no != yes).unwrap_or("inactive");
            return (toml_text(yes), toml_text(no));
        }
        if column.kind == Kind::Bool {
            return ("true".to_owned(), "false".to_owned());
        }
        let numbers: Vec<i64> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        let yes = numbers.first().copied().unwrap_or(1);
        let no = numbers.iter().find(|it| **it != yes).copied();
        (yes.to_string(), no.unwrap_or(i64::from(yes == 0)).to_string())
    }

    /// Times that end or began a user's right to sign in.
    fn times(&self) -> Vec<Candidate<'c>> {
        let mut found = Vec::new();
        for (words, way) in
            [(words::SINCE, "since"), (words::EXPIRES, "expires"), (words::UNTIL, "until")]
        {
            for column in self.unused(words).into_iter().filter(|it| is_time(it) || is_count(it)) {
                let name = toml_text(&column.name);
                let live = if column.nullable || way == "until" { "" } else { ", live = 0" };
                let unit = unit(&self.looked, column);
                let value = format!("{{ column = {name}, as = \"{way}\"{live}{unit} }}");
                let question = format!(
                    "does {name} keep a user from signing in ({way})? {}",
                    self.looked.data(column)
                );
                found.push(Candidate { column, value, turned: None, sure: false, question });
            }
        }
        found
    }

    /// Columns that mark rows as deleted.
    pub(super) fn marks(&self) -> Vec<&'c Column> {
        self.unused(words::DELETED)
    }

    fn mark_as_active(&self, column: &'c Column) -> Option<Candidate<'c>> {
        let name = toml_text(&column.name);
        let flag = names::parts(&column.name).iter().all(|it| it != "at" && it != "on");
        let value = match column.kind {
            Kind::Bool => {
                format!("{{ column = {name}, values = {{ true = false, false = true }} }}")
            }
            Kind::Timestamp | Kind::Date => format!("{{ column = {name}, as = \"since\" }}"),
            Kind::Int | Kind::Number if flag && !self.holds_times(column) => {
                format!("{{ column = {name}, values = {{ true = 0, false = 1 }} }}")
            }
            Kind::Int | Kind::Number => {
                let unit = unit(&self.looked, column);
                format!("{{ column = {name}, as = \"since\", live = 0{unit} }}")
            }
            _ => return None,
        };
        let question = format!(
            "nothing says whether a user may sign in but the mark of the deleted, {name}; is that enough for a leaver?"
        );
        Some(Candidate { column, value, turned: None, sure: false, question })
    }

    /// Whether a number counts seconds or milliseconds.
    pub(super) fn holds_times(&self, column: &Column) -> bool {
        let range = self.looked.seen(column).and_then(Seen::range);
        range.is_some_and(|(_, most)| most > 100_000_000)
    }

    /// Tables that say by a row who is locked out.
    fn locked_elsewhere(&self) -> Vec<String> {
        let view = self.looked.view();
        let mut lines = Vec::new();
        for other in view.tables().filter(|it| it.table.name != self.looked.table.name) {
            let parts = other.parts();
            let says = parts.iter().any(|part| {
                [
                    "ban",
                    "bans",
                    "banned",
                    "block",
                    "blocks",
                    "blocked",
                    "lock",
                    "lockout",
                    "lockouts",
                    "locks",
                    "locked",
                    "suspension",
                    "suspensions",
                    "blacklist",
                    "banlist",
                    "sperre",
                    "sperren",
                    "ipblocks",
                    "disabled",
                    "inactive",
                    "bloqueos",
                    "blocages",
                ]
                .contains(&part.as_str())
            });
            let pointer = super::find::pointers(&other, &self.looked);
            if let (true, Some(pointer)) = (says, pointer.first()) {
                lines.push(format!(
                    "active = {{ absent_in = {{ table = {}, user = {} }} }}    # {}",
                    toml_text(&other.name()),
                    toml_text(&pointer.column.name),
                    other.rows()
                ));
            }
        }
        lines
    }

    /// The columns of these names that nothing uses yet.
    fn unused(&self, words: &[&str]) -> Vec<&'c Column> {
        self.looked.find(words, |column| !self.filled.contains(&column.name) && !column.computed)
    }
}

fn values(column: &Column, yes: &str, no: &str) -> String {
    let name = toml_text(&column.name);
    format!("{{ column = {name}, values = {{ true = {yes}, false = {no} }} }}")
}
