//! A table as the proposal looks at it: its columns by the words of `words`, with what the catalogue
//! and the rows say of each.

use super::names::{self, Prefixes};
use super::words;
use crate::profile::catalogue::{Catalogue, Column, Kind, Table};
use crate::profile::evidence::{Evidence, Sample, Seen};
use crate::profile::model::TableName;
use crate::profile::proof::short_name;
use crate::profile::read::toml_text;

/// The database as it is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'c> {
    /// The tables at home alone: those whose names need no schema.
    pub catalogue: &'c Catalogue,
    pub evidence: &'c Evidence,
    /// What most tables begin with.
    pub prefix: Option<&'c str>,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Looked<'c> {
    pub table: &'c Table,
    view: View<'c>,
    prefixes: Prefixes,
}

impl<'c> View<'c> {
    /// The tables that could be kpifire's: not the agent's own, and no views.
    pub fn tables(self) -> impl Iterator<Item = Looked<'c>> {
        let own = |name: &TableName| {
            name.name.starts_with("scim_") || name.name == "__diesel_schema_migrations"
        };
        let kept = move |table: &&Table| !own(&table.name) && table.traits.view.is_none();
        self.catalogue.tables.values().filter(kept).map(move |table| self.look(table))
    }

    pub fn look(self, table: &'c Table) -> Looked<'c> {
        Looked { table, view: self, prefixes: Prefixes::new(table) }
    }

    /// How the profile names a table.
    pub fn name(self, table: &Table) -> String {
        short_name(self.catalogue, &table.name)
    }

    /// How many tables point at this one by a foreign key.
    pub fn inbound(self, target: &Table) -> usize {
        let points = |table: &&Table| {
            table.name != target.name
                && table.foreign_keys.iter().any(|key| key.target == target.name)
        };
        self.catalogue.tables.values().filter(points).count()
    }
}

impl<'c> Looked<'c> {
    pub fn view(&self) -> View<'c> {
        self.view
    }

    pub fn name(&self) -> String {
        self.view.name(self.table)
    }

    /// The parts of its name that say what it holds.
    pub fn parts(&self) -> Vec<String> {
        names::table_parts(&self.table.name.name, self.view.prefix)
    }

    pub fn sample(&self) -> Option<&'c Sample> {
        self.view.evidence.table(&self.table.name)
    }

    /// How many rows were seen, for a person.
    pub fn rows(&self) -> String {
        self.sample().map_or("rows not seen".to_owned(), Sample::count)
    }

    pub fn has_rows(&self) -> bool {
        self.sample().is_some_and(|sample| sample.rows > 0)
    }

    pub fn seen(&self, column: &Column) -> Option<&'c Seen> {
        self.view.evidence.column(&self.table.name, &column.name)
    }

    /// The forms in which a column's name can be meant.
    pub fn forms(&self, column: &Column) -> Vec<String> {
        self.prefixes.forms(&column.name)
    }

    /// Whether a column's name is one of these words.
    pub fn is(&self, column: &Column, words: &[&str]) -> bool {
        self.forms(column).iter().any(|form| words.contains(&form.as_str()))
    }

    /// The columns whose names are one of these words and that `suits`, by the order of the words.
    /// A whole name comes before one that has lost a prefix.
    pub fn find(&self, words: &[&str], suits: impl Fn(&Column) -> bool) -> Vec<&'c Column> {
        let mut found: Vec<(usize, usize, &'c Column)> = Vec::new();
        for column in self.table.columns.iter().filter(|column| suits(column)) {
            let forms = self.forms(column);
            let at = forms.iter().enumerate().find_map(|(lost, form)| {
                words.iter().position(|word| word == form).map(|word| (lost, word))
            });
            found.extend(at.map(|(lost, word)| (lost, word, column)));
        }
        found.sort_by_key(|(lost, word, _)| (*lost, *word));
        found.into_iter().map(|(.., column)| column).collect()
    }

    pub fn first(&self, words: &[&str], suits: impl Fn(&Column) -> bool) -> Option<&'c Column> {
        self.find(words, suits).first().copied()
    }

    /// The key: the primary key when it is one column, be it beside one that says whose the row is; else
    /// what the database counts, else what is unique and always there.
    pub fn key(&self) -> Option<&'c Column> {
        let unique = |column: &&Column| self.is_unique(&column.name) && !column.nullable;
        let columns = &self.table.columns;
        if let [only] = self.table.primary_key.as_slice() {
            // A name as primary key, and a number beside it that the database counts: the number stays.
            let column = self.table.column(only)?;
            let counted = columns.iter().find(|it| it.name != *only && unique(it) && it.generated);
            let named = column.kind == Kind::Text && !self.is_pointed_at(only);
            return counted.filter(|_| named).or(Some(column));
        }
        if !self.table.primary_key.is_empty() {
            let own = |name: &&String| {
                self.table.column(name).is_some_and(|it| !self.is(it, words::SCOPE))
            };
            let mut own = self.table.primary_key.iter().filter(own);
            let (Some(only), None) = (own.next(), own.next()) else { return None };
            return self.table.column(only);
        }
        columns
            .iter()
            .find(|column| unique(column) && column.generated)
            .or_else(|| columns.iter().find(unique))
    }

    /// Whether a foreign key points at this column alone.
    fn is_pointed_at(&self, column: &str) -> bool {
        let keys = self.view.catalogue.tables.values().flat_map(|table| &table.foreign_keys);
        keys.filter(|key| key.target == self.table.name)
            .any(|key| key.target_columns.is_empty() || key.target_columns == [column.to_owned()])
    }

    /// Whether a column alone is a unique key.
    pub fn is_unique(&self, column: &str) -> bool {
        let only = |columns: &[String]| matches!(columns, [only] if only == column);
        only(&self.table.primary_key)
            || self.table.indexes.iter().any(|index| index.unique && only(&index.columns))
    }

    /// Whether a column is unique by itself in any way that the catalogue tells: to the letter, without
    /// case, or among some rows.
    pub fn is_nearly_unique(&self, column: &str) -> bool {
        let partly = self.table.partial_indexes.iter().map(|partial| &partial.index);
        self.is_unique(column)
            || self.table.indexes.iter().chain(partly).any(|index| {
                let of = |part: &String| {
                    let part = names::plain(part);
                    let name = names::plain(column);
                    part == name
                        || part == format!("lower{name}")
                        || part.starts_with(&format!("lower{name}"))
                };
                index.unique && matches!(index.columns.as_slice(), [only] if of(only))
            })
    }

    /// The other columns of the unique keys that a column is part of.
    pub fn unique_with(&self, column: &str) -> Vec<&'c Column> {
        let mut found: Vec<&Column> = Vec::new();
        let keys = self.table.indexes.iter().filter(|index| index.unique).map(|it| &it.columns);
        for columns in keys.chain([&self.table.primary_key]) {
            if columns.len() > 1 && columns.iter().any(|it| it == column) {
                let others = columns.iter().filter(|it| *it != column);
                found.extend(others.filter_map(|it| self.table.column(it)));
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.dedup_by(|a, b| a.name == b.name);
        found
    }

    /// The target of the foreign key that a column alone makes.
    pub fn points_at(&self, column: &str) -> Option<&'c Table> {
        let key = self.table.foreign_keys.iter().find(|key| key.columns == [column.to_owned()])?;
        self.view.catalogue.tables.get(&key.target)
    }

    /// What speaks for a column, in a few words.
    pub fn facts(&self, column: &Column) -> String {
        let mut facts = vec![column.type_name.to_lowercase()];
        if self.is_unique(&column.name) {
            facts.push("unique".to_owned());
        }
        if !column.nullable {
            facts.push("NOT NULL".to_owned());
        }
        facts.push(self.data(column));
        facts.join(", ")
    }

    /// What the rows say of a column.
    pub fn data(&self, column: &Column) -> String {
        let Some(sample) = self.sample() else { return "rows not seen".to_owned() };
        let Some(seen) = self.seen(column) else { return format!("{}, not read", sample.count()) };
        if sample.rows == 0 {
            return "no rows".to_owned();
        }
        let count = sample.count();
        let distinct = seen.distinct();
        if distinct == 0 {
            return format!("empty in {count}");
        }
        let text = column.kind == Kind::Text;
        let mut facts = if seen.all_different() {
            vec![format!("{count}, all filled, all different")]
        } else if distinct <= 4 {
            let shown = seen.counts().into_iter().map(|(value, times)| {
                let value = shortened(value);
                format!("{value} ({times})")
            });
            vec![format!("{count}: {}", shown.collect::<Vec<_>>().join(", "))]
        } else {
            vec![format!("{count}, {} % filled, {distinct} values", seen.percent_filled())]
        };
        match seen.percent(is_mail) {
            Some(share) if text && share > 0 => facts.push(format!("{share} % mail addresses")),
            _ => {}
        }
        facts.join(", ")
    }
}

/// A value for a person, on one line.
pub(super) fn shortened(value: &str) -> String {
    let kept: String = value.chars().filter(|c| !c.is_control()).take(24).collect();
    if kept.len() < value.len() { format!("{kept}…") } else { kept }
}

pub(super) fn is_text(column: &Column) -> bool {
    column.kind == Kind::Text
}

/// Text, or bytes that could be text.
pub(super) fn is_textual(column: &Column) -> bool {
    matches!(column.kind, Kind::Text | Kind::Binary)
}

pub(super) fn is_time(column: &Column) -> bool {
    matches!(column.kind, Kind::Timestamp | Kind::Date)
}

/// A number that could count seconds or milliseconds.
pub(super) fn is_count(column: &Column) -> bool {
    matches!(column.kind, Kind::Int | Kind::Number)
}

/// A column that nothing but the profile can fill.
pub(super) fn must_fill(column: &Column) -> bool {
    !column.nullable && !column.has_default && !column.generated && !column.computed
}

/// How a number's column counts time, as `time` says it: by its own values, else by those of the other
/// columns of the table; empty for a column of a time type.
pub(super) fn unit(looked: &Looked<'_>, column: &Column) -> &'static str {
    if is_time(column) {
        return "";
    }
    let most = |column: &Column| {
        let range = looked.seen(column).and_then(Seen::range);
        range.map(|(_, most)| most).filter(|most| *most > 100_000_000)
    };
    let others = looked.table.columns.iter().filter(|it| is_count(it)).filter_map(most);
    match most(column).or(others.max()) {
        Some(most) if most > 100_000_000_000 => ", time = \"epoch-ms\"",
        _ => ", time = \"epoch-s\"",
    }
}

/// Whether a column holds times, be it as numbers: by its values, or by its name where other columns of
/// the table hold such numbers.
pub(super) fn holds_times(looked: &Looked<'_>, column: &Column) -> bool {
    let great = |column: &Column| {
        let range = looked.seen(column).and_then(Seen::range);
        is_count(column) && range.is_some_and(|(_, most)| most > 100_000_000)
    };
    let name = names::plain(&column.name);
    let named = ["at", "on", "time", "date", "since"].iter().any(|it| name.ends_with(it));
    let unset = looked.seen(column).is_none_or(|seen| seen.filled().all(|value| value == "0"));
    is_time(column)
        || great(column)
        || is_count(column) && named && unset && looked.table.columns.iter().any(great)
}

/// What looks like a password's column, by its whole name.
pub(super) fn is_password(looked: &Looked<'_>, column: &Column) -> bool {
    is_textual(column) && looked.is(column, words::PASSWORD)
}

/// Whether a value looks like a mail address.
pub(super) fn is_mail(value: &str) -> bool {
    let Some((local, domain)) = value.trim().split_once('@') else { return false };
    !local.is_empty() && domain.contains('.') && !value.trim().contains(' ')
}

/// Whether a value could be typed as a login.
pub(super) fn is_login_like(value: &str) -> bool {
    let value = value.trim();
    (2..=120).contains(&value.chars().count()) && !value.contains(char::is_whitespace)
}

/// Whether a value looks like a telephone number.
pub(super) fn is_phone(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    digits >= 3
        && !value.chars().any(|c| c == '@' || c == ':')
        && value.chars().filter(|c| c.is_alphabetic()).count() <= 4
}

/// Whether a value has letters and isn't a number or an address.
pub(super) fn is_words(value: &str) -> bool {
    value.chars().any(char::is_alphabetic) && !value.contains('@')
}

/// How a column that is mapped as it is stands in the profile.
pub(super) fn value(column: &Column) -> String {
    let name = toml_text(&column.name);
    if column.kind == Kind::Binary {
        return format!("{{ column = {name}, text = \"utf8\" }}");
    }
    name
}

/// A second spelling of another column.
pub(super) fn is_copy(column: &Column) -> bool {
    let parts = names::parts(&column.name);
    parts.len() > 1 && parts.iter().any(|part| words::COPIES.contains(&part.as_str()))
}

/// The tables that need no schema in front of their names: those of the database that the URL names.
/// An account that sees others too shall not have them mixed in.
pub(super) fn at_home(catalogue: &Catalogue) -> Catalogue {
    let mut home = catalogue.clone();
    home.tables.retain(|name, _| {
        name.schema.as_ref().is_none_or(|schema| catalogue.search_path.contains(schema))
    });
    home
}
