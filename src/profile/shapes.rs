//! Shapes that several sections of a profile share: which rows count, what a new row gets, keys,
//! times, marks, templates, calls.

use std::collections::BTreeMap;

use super::model::{
    CallPiece, Calls, Counter, Derived, Form, Holds, Insert, Key, KeySource, Made, Mark, MarkedBy,
    Moment, Notation, Piece, Rename, Test, TimeColumn, TimeForm, TimeSwitch, Timed, Touch, Where,
};
use super::read::{Item, Node, Reader, Section, Words};
use crate::scim::{AttributePath, ResourceType};

/// How many random characters a key may have.
const RANDOM: std::ops::RangeInclusive<usize> = 4..=191;

/// The words of a `where`.
pub(super) const NULL: &str = "null";
pub(super) const NOT_NULL: &str = "not null";

/// `where`
pub(super) fn rows(reader: &mut Reader, item: Option<Item>) -> Where {
    let Some(section) = item.and_then(|item| reader.table(item)) else { return Where::new() };
    let mut rows = Where::new();
    for (column, item) in section.entries {
        if let Some(test) = test(reader, &item) {
            rows.insert(column, test);
        }
    }
    rows
}

fn test(reader: &mut Reader, item: &Item) -> Option<Test> {
    match &item.value {
        Node::Text(text) if text == NULL => Some(Test::Null),
        Node::Text(text) if text == NOT_NULL => Some(Test::NotNull),
        Node::List(items) if items.is_empty() => {
            reader.problem(&item.path, item.line, "is empty: no row would count");
            None
        }
        Node::List(items) => {
            let listed = items.iter().map(|item| reader.scalar(item, Words::Text));
            listed.collect::<Option<Vec<_>>>().map(Test::OneOf)
        }
        _ => reader.scalar(item, Words::Text).map(|scalar| Test::OneOf(vec![scalar])),
    }
}

/// `insert`: constants, and `{ new = … }` for what the agent makes.
pub(super) fn insert(reader: &mut Reader, item: Option<Item>) -> Insert {
    let Some(section) = item.and_then(|item| reader.table(item)) else { return Insert::default() };
    let mut insert = Insert::default();
    for (column, item) in section.entries {
        if column.trim().is_empty() {
            reader.problem(&item.path, item.line, "a column has a name; this key is empty");
        } else if matches!(&item.value, Node::Table(section) if section.has("new")) {
            if let Some(made) = made_table(reader, item) {
                insert.made.insert(column, made);
            }
        } else if let Some(value) = reader.scalar(&item, Words::Now) {
            insert.constants.insert(column, value);
        }
    }
    insert
}

fn made_table(reader: &mut Reader, item: Item) -> Option<Made> {
    let mut section = reader.table(item)?;
    let new = section.take("new")?;
    reader.finish(&section, &["new"]);
    made(reader, new, Keyed::Column)
}

/// Whether what is made is a key, which can't be made of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyed {
    Key,
    Column,
}

fn made(reader: &mut Reader, item: Item, keyed: Keyed) -> Option<Made> {
    let (path, line) = (item.path.clone(), item.line);
    if let Node::Table(_) = item.value {
        let mut section = reader.table(item)?;
        let Some(counter) = section.take("counter") else {
            return reader.missing(
                &section,
                "counter",
                "counter = { table = \"ids\", column = \"next\" }",
            );
        };
        reader.finish(&section, &["counter"]);
        return self::counter(reader, counter).map(Made::Counter);
    }
    let word = reader.text(&item)?;
    let random = word.strip_prefix("random:").map(str::parse::<usize>);
    match (word.as_str(), random, keyed) {
        ("uuid", ..) => Some(Made::Uuid),
        ("uuid-plain", ..) => Some(Made::UuidPlain),
        ("key", _, Keyed::Column) => Some(Made::Key),
        (_, Some(Ok(length)), _) if RANDOM.contains(&length) => Some(Made::Random(length)),
        _ => {
            let key = if keyed == Keyed::Column { ", \"key\"" } else { "" };
            reader.problem(path, line, format!(
                "must be \"uuid\", \"uuid-plain\", \"random:26\" (so many characters, {} to {}){key} \
                 or {{ counter = {{ table, column }} }}, not \"{word}\"",
                RANDOM.start(), RANDOM.end()
            ));
            None
        }
    }
}

fn counter(reader: &mut Reader, item: Item) -> Option<Counter> {
    let mut section = reader.table(item)?;
    let table = reader.required_table_name(&mut section, "table = \"ids\"");
    let column = reader.required_text(&mut section, "column", "column = \"next\"");
    let rows = rows(reader, section.take("where"));
    let holds = match section.take("holds") {
        None => Some(Holds::Next),
        Some(item) => word(reader, &item, &[(Holds::Next, "next"), (Holds::Last, "last")]),
    };
    reader.finish(&section, &["table", "column", "where", "holds"]);
    Some(Counter { table: table?, column: column?, rows, holds: holds? })
}

/// One of a few words.
pub(super) fn word<T: Copy>(reader: &mut Reader, item: &Item, words: &[(T, &str)]) -> Option<T> {
    let text = reader.text(item)?;
    let found = words.iter().find(|(_, word)| *word == text).map(|(it, _)| *it);
    if found.is_none() {
        let allowed: Vec<String> = words.iter().map(|(_, word)| format!("\"{word}\"")).collect();
        reader.problem(
            &item.path,
            item.line,
            format!("must be {}, not \"{text}\"", allowed.join(" or ")),
        );
    }
    found
}

/// `key`: the column, or who makes it.
pub(super) fn key(reader: &mut Reader, kind: ResourceType, section: &mut Section) -> Option<Key> {
    let Some(item) = section.take("key") else {
        return reader.missing(section, "key", "key = \"id\"");
    };
    if !matches!(item.value, Node::Table(_)) {
        let column = reader.text(&item)?;
        return Some(Key { column, source: KeySource::Database });
    }
    let mut section = reader.table(item)?;
    let column = reader.required_text(&mut section, "column", "column = \"id\"");
    let (new, is, rename) = (section.take("new"), section.take("is"), section.take("rename"));
    reader.finish(&section, &["column", "new", "is", "rename"]);
    if let (None, Some(rename)) = (&is, &rename) {
        reader.problem(&rename.path, rename.line, "is used only with `is`");
    }
    let source = match (new, is) {
        (Some(new), Some(is)) => {
            reader.problem(is.path, is.line, "can't stand beside `new`; keep one of the two");
            made(reader, new, Keyed::Key).map(KeySource::Made)
        }
        (Some(new), None) => made(reader, new, Keyed::Key).map(KeySource::Made),
        (None, Some(is)) => {
            let rename = match rename {
                None => Some(Rename::Refuse),
                Some(item) => {
                    word(reader, &item, &[(Rename::Refuse, "refuse"), (Rename::Cascade, "cascade")])
                }
            };
            word(reader, &is, &[((), kind.name_attribute())])?;
            rename.map(KeySource::Name)
        }
        (None, None) => Some(KeySource::Database),
    };
    Some(Key { column: column?, source: source? })
}

/// `touch`
pub(super) fn touch(reader: &mut Reader, item: Option<Item>) -> Touch {
    let Some(mut section) = item.and_then(|item| reader.table(item)) else {
        return Touch::default();
    };
    let (created, modified) = (section.take("created"), section.take("modified"));
    let mut names = |key: &str| {
        let item = section.take(key);
        item.map(|item| reader.texts(&item)).unwrap_or_default()
    };
    let (actor, version, stamp) = (names("actor"), names("version"), names("stamp"));
    let created = created.map(|item| time_columns(reader, item)).unwrap_or_default();
    let modified = modified.map(|item| time_columns(reader, item)).unwrap_or_default();
    reader.finish(&section, &["created", "modified", "actor", "version", "stamp"]);
    Touch { created, modified, actor, version, stamp }
}

fn time_columns(reader: &mut Reader, item: Item) -> Vec<TimeColumn> {
    match item.value {
        Node::List(items) => {
            items.into_iter().filter_map(|item| time_column(reader, item)).collect()
        }
        _ => time_column(reader, item).into_iter().collect(),
    }
}

fn time_column(reader: &mut Reader, item: Item) -> Option<TimeColumn> {
    if !matches!(item.value, Node::Table(_)) {
        let column = reader.text(&item)?;
        return Some(TimeColumn { column, form: TimeForm::default() });
    }
    let mut section = reader.table(item)?;
    let column = reader.required_text(&mut section, "column", "column = \"made\"");
    let notation = section.take("as");
    let form = time_form(reader, &mut section, notation);
    reader.finish(&section, &["column", "as", "zone", "digits"]);
    Some(TimeColumn { column: column?, form: form? })
}

/// `zone`, `digits`, and the notation, under whatever key it stands.
pub(super) fn time_form(
    reader: &mut Reader,
    section: &mut Section,
    notation: Option<Item>,
) -> Option<TimeForm> {
    let notation = match notation {
        None => Some(None),
        Some(item) => self::notation(reader, &item).map(Some),
    };
    let zone = match section.take("zone") {
        None => Some(None),
        Some(item) => zone(reader, &item).map(Some),
    };
    let digits = match section.take("digits") {
        None => Some(None),
        Some(Item { value: Node::Int(digits @ 1..=30), .. }) => Some(usize::try_from(digits).ok()),
        Some(item) => {
            reader.problem(item.path, item.line, "must be a number from 1 to 30");
            None
        }
    };
    Some(TimeForm { notation: notation?, zone: zone?, digits: digits? })
}

fn notation(reader: &mut Reader, item: &Item) -> Option<Notation> {
    let text = reader.text(item)?;
    match text.as_str() {
        "epoch-s" => return Some(Notation::EpochSeconds),
        "epoch-ms" => return Some(Notation::EpochMillis),
        "iso" => return Some(Notation::Iso),
        _ => {}
    }
    let pattern = chrono::format::StrftimeItems::new(&text);
    let broken = pattern.clone().any(|it| matches!(it, chrono::format::Item::Error));
    if !text.contains('%') || broken {
        reader.problem(&item.path, item.line, format!(
            "must be \"epoch-s\", \"epoch-ms\", \"iso\" or a pattern as \"%Y%m%d%H%M%S\", not \"{text}\""
        ));
        return None;
    }
    Some(Notation::Pattern(text))
}

/// An IANA time zone's name.
pub(super) fn zone(reader: &mut Reader, item: &Item) -> Option<String> {
    let text = reader.text(item)?;
    if text.parse::<chrono_tz::Tz>().is_err() {
        reader.problem(
            &item.path,
            item.line,
            format!("`{text}` is no time zone; write its IANA name, for example \"Europe/Berlin\""),
        );
        return None;
    }
    Some(text)
}

/// A time switch's `live`, `time`, `zone`, `digits`.
pub(super) fn time_switch(
    reader: &mut Reader,
    section: &mut Section,
    timed: Timed,
) -> Option<TimeSwitch> {
    let live = match section.take("live") {
        None => Some(None),
        Some(item) => reader.scalar(&item, Words::Text).map(Some),
    };
    let notation = section.take("time");
    let form = time_form(reader, section, notation);
    Some(TimeSwitch { timed, live: live?, form: form? })
}

/// The keys of a mark beside its `mode`.
pub(super) const MARK_KEYS: [&str; 7] = ["column", "value", "as", "live", "time", "zone", "digits"];

/// A mark: a column, and a value or `as`.
pub(super) fn mark(
    reader: &mut Reader,
    section: &mut Section,
    timed: &[(Timed, &'static str)],
) -> Option<Mark> {
    let column = reader.required_text(section, "column", "column = \"is_deleted\"");
    let by = match (section.take("value"), section.take("as")) {
        (Some(value), Some(other)) => {
            reader.problem(
                other.path,
                other.line,
                "can't stand beside `value`; keep one of the two",
            );
            reader.scalar(&value, Words::Now).map(MarkedBy::Value)
        }
        (Some(value), None) => {
            // The time of the mark is what `as = "since"` says.
            reader.scalar(&value, Words::Now).map(|scalar| match scalar {
                super::model::Scalar::Now => MarkedBy::Time(TimeSwitch {
                    timed: Timed::Since,
                    live: None,
                    form: TimeForm::default(),
                }),
                scalar => MarkedBy::Value(scalar),
            })
        }
        (None, Some(item)) => {
            let timed = word(reader, &item, timed)?;
            time_switch(reader, section, timed).map(MarkedBy::Time)
        }
        (None, None) => reader.missing(section, "value", "value = 1"),
    };
    Some(Mark { column: column?, by: by? })
}

/// `derive`
pub(super) fn derive(
    reader: &mut Reader,
    kind: ResourceType,
    item: Option<Item>,
) -> BTreeMap<String, Derived> {
    let Some(section) = item.and_then(|item| reader.table(item)) else { return BTreeMap::new() };
    let mut derived = BTreeMap::new();
    for (column, item) in section.entries {
        if let Some(it) = derived_column(reader, kind, item) {
            derived.insert(column, it);
        }
    }
    derived
}

fn derived_column(reader: &mut Reader, kind: ResourceType, item: Item) -> Option<Derived> {
    if !matches!(item.value, Node::Table(_)) {
        let template = template(reader, kind, &item)?;
        return Some(Derived { template, form: Form::Plain });
    }
    let mut section = reader.table(item)?;
    let template = match section.take("from") {
        Some(item) => template(reader, kind, &item),
        None => reader.missing(&section, "from", "from = \"{userName}\""),
    };
    let form = match section.take("as") {
        None => Some(Form::Plain),
        Some(item) => word(reader, &item, &Form::ALL),
    };
    reader.finish(&section, &["from", "as"]);
    Some(Derived { template: template?, form: form? })
}

fn template(reader: &mut Reader, kind: ResourceType, item: &Item) -> Option<Vec<Piece>> {
    let text = reader.text(item)?;
    let mut pieces = Vec::new();
    for part in parts(reader, item, &text)? {
        pieces.push(match part {
            Part::Text(text) => Piece::Text(text.to_owned()),
            Part::Named("id") => Piece::Id,
            Part::Named(name) => Piece::Attribute(attribute(reader, kind, item, name)?),
        });
    }
    Some(pieces)
}

enum Part<'t> {
    Text(&'t str),
    Named(&'t str),
}

/// Texts and `{names}`.
fn parts<'t>(reader: &mut Reader, item: &Item, text: &'t str) -> Option<Vec<Part<'t>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            reader.problem(&item.path, item.line, "has a `{` without its `}`");
            return None;
        };
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Named(name));
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Some(parts)
}

fn attribute(
    reader: &mut Reader,
    kind: ResourceType,
    item: &Item,
    name: &str,
) -> Option<AttributePath> {
    match AttributePath::parse(kind, name) {
        Ok(path) => Some(path),
        Err(message) => {
            reader.problem(&item.path, item.line, format!("{{{name}}}: {message}"));
            None
        }
    }
}

/// Whose calls they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// A resource type's.
    Resource(ResourceType),
    /// The memberships'.
    Members,
}

impl Caller {
    fn moments(self) -> &'static [Moment] {
        match self {
            Self::Resource(ResourceType::User) => &[
                Moment::AfterCreate,
                Moment::AfterUpdate,
                Moment::AfterDisable,
                Moment::AfterEnable,
                Moment::BeforeDelete,
            ],
            Self::Resource(ResourceType::Group) => {
                &[Moment::AfterCreate, Moment::AfterUpdate, Moment::BeforeDelete]
            }
            Self::Members => &[Moment::AfterAdd, Moment::AfterRemove],
        }
    }
}

/// `call`
pub(super) fn calls(reader: &mut Reader, caller: Caller, item: Option<Item>) -> Calls {
    let Some(mut section) = item.and_then(|item| reader.table(item)) else { return Calls::new() };
    let mut calls = Calls::new();
    for moment in caller.moments() {
        let Some(item) = section.take(moment.name()) else { continue };
        if let Some(call) = call(reader, caller, &item) {
            calls.insert(*moment, call);
        }
    }
    let known: Vec<&str> = caller.moments().iter().map(|it| it.name()).collect();
    reader.finish(&section, &known);
    calls
}

fn call(reader: &mut Reader, caller: Caller, item: &Item) -> Option<Vec<CallPiece>> {
    let text = reader.text(item)?;
    let mut pieces = Vec::new();
    for part in parts(reader, item, &text)? {
        pieces.push(match (part, caller) {
            (Part::Text(text), _) => CallPiece::Sql(text.to_owned()),
            (Part::Named("group"), Caller::Members) => CallPiece::Group,
            (Part::Named("user" | "id"), Caller::Members)
            | (Part::Named("id"), Caller::Resource(_)) => CallPiece::Id,
            (Part::Named(name), Caller::Members) => {
                let known = "a membership's call knows {group} and {user}";
                reader.problem(
                    &item.path,
                    item.line,
                    format!("has an unknown {{{name}}}; {known}"),
                );
                return None;
            }
            (Part::Named(name), Caller::Resource(kind)) => {
                CallPiece::Attribute(attribute(reader, kind, item, name)?)
            }
        });
    }
    Some(pieces)
}
