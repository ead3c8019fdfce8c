//! The language of `[users.attributes]` and `[groups.attributes]`: which column carries which SCIM
//! attribute, and how.
//!
//! Owns paths, `values` and `lookup`. Doesn't know the other keys of a section.

use std::collections::BTreeMap;

use super::model::{
    Companion, Encoding, Form, Lookup, Mapping, Missing, Other, Presence, RowSwitch, Scalar,
    TimeForm, Timed,
};
use super::read::{Item, Node, Reader, Section, Words};
use super::shapes::{self, word};
use crate::scim::{AttributeKind, AttributePath, ResourceType};

const MAPPING_KEYS: &[&str] = &[
    "column",
    "in",
    "values",
    "other",
    "lookup",
    "as",
    "live",
    "time",
    "zone",
    "digits",
    "text",
    "absent_in",
    "present_in",
];
const LOOKUP_KEYS: &[&str] = &["table", "where", "key", "label", "missing", "none", "insert"];

/// Reads the mapped attributes of one resource type.
pub(super) fn attributes(
    reader: &mut Reader,
    kind: ResourceType,
    section: Section,
    companions: &[Companion],
) -> BTreeMap<AttributePath, Mapping> {
    let (mapped, columns) = (BTreeMap::new(), BTreeMap::new());
    let mut read = Attributes { kind, companions, mapped, columns };
    for (name, item) in section.entries {
        read.entry(reader, &name, item);
    }
    read.mapped
}

struct Attributes<'c> {
    kind: ResourceType,
    companions: &'c [Companion],
    mapped: BTreeMap<AttributePath, Mapping>,
    /// companion and column → what maps it first
    columns: BTreeMap<(Option<String>, String), Carried>,
}

/// What a column carries.
struct Carried {
    key: String,
    kind: AttributeKind,
    encoding: Encoding,
}

impl Attributes<'_> {
    fn entry(&mut self, reader: &mut Reader, name: &str, item: Item) {
        // `name.givenName = "…"` without quotes is a TOML table `name`: meant as the dotted path.
        if let Node::Table(section) = &item.value
            && !section.entries.is_empty()
            && !MAPPING_KEYS.iter().any(|key| section.has(key))
            && AttributePath::parse(self.kind, name).is_err()
        {
            for (sub, item) in section.entries.clone() {
                self.entry(reader, &format!("{name}.{sub}"), item);
            }
            return;
        }
        let path = match AttributePath::parse(self.kind, name) {
            Ok(path) => path,
            Err(message) => return reader.problem(&item.path, item.line, message),
        };
        let (key, line) = (item.path.clone(), item.line);
        if forbidden(reader, &path, &key, line) {
            return;
        }
        let Some(mapping) = mapping(reader, &path, item) else {
            return;
        };
        if let Some(within) = &mapping.within
            && !self.companions.iter().any(|it| it.name == *within)
        {
            let message = if within == Companion::PARENT {
                "there is no `parent` in this section".to_owned()
            } else {
                format!("there is no companion `{within}`: describe it under `beside.{within}`")
            };
            return reader.problem(format!("{key}.in"), line, message);
        }
        let place = (mapping.within.clone(), mapping.column.clone());
        // A row switch has a table of its own.
        let own = !matches!(mapping.encoding, Encoding::Row(_));
        if let Some(carried) = self.columns.get(&place).filter(|_| own) {
            // Read and written alike, they are one value.
            let alike =
                path.definition().kind == carried.kind && mapping.encoding == carried.encoding;
            if !alike {
                reader.problem(
                    &key,
                    line,
                    format!(
                        "column `{}` is mapped already by `{}`, in another way: attributes of one \
                         column have one type and lie in it alike",
                        mapping.column, carried.key
                    ),
                );
                return;
            }
        }
        if own {
            let (kind, encoding) = (path.definition().kind, mapping.encoding.clone());
            self.columns.entry(place).or_insert(Carried { key: key.clone(), kind, encoding });
        }
        if self.mapped.insert(path, mapping).is_some() {
            reader.problem(key, line, "this attribute is mapped twice; keep one of the two keys");
        }
    }
}

/// Attributes that the agent itself answers for.
fn forbidden(reader: &mut Reader, path: &AttributePath, key: &str, line: usize) -> bool {
    let text = path.to_string();
    let head = text.split(['.', '[']).next().unwrap_or_default();
    let why = match head {
        "id" => "is the table's key and can't be mapped; name the column in `key`",
        "meta" => "is kept by the agent; stamp kpifire's columns with `touch`",
        "password" => {
            "is never stored; put the column under `insert` with a value that no password matches"
        }
        "groups" | "members" => "is the membership table, described under `[members]`",
        _ => return false,
    };
    reader.problem(key, line, why);
    true
}

fn mapping(reader: &mut Reader, path: &AttributePath, item: Item) -> Option<Mapping> {
    if let Node::Text(_) = item.value {
        let column = reader.text(&item)?;
        return Some(Mapping { within: None, column, encoding: Encoding::Plain });
    }
    if !matches!(item.value, Node::Table(_)) {
        reader.problem(&item.path, item.line, "must be a column name or a table with `column`");
        return None;
    }
    let mut section = reader.table(item)?;
    for (key, means) in [("absent_in", Presence::Locked), ("present_in", Presence::Active)] {
        if let Some(item) = section.take(key) {
            return row_switch(reader, path, &section, item, means);
        }
    }
    let column = reader.required_text(&mut section, "column", "column = \"status\"");
    let within = match section.take("in") {
        None => None,
        Some(item) => Some(reader.text(&item)?),
    };
    let before = reader.problems.len();
    let encoding = encoding(reader, path, &mut section);
    reader.finish(&section, MAPPING_KEYS);
    if reader.problems.len() > before {
        return None;
    }
    Some(Mapping { within, column: column?, encoding: encoding? })
}

/// `absent_in`, `present_in`: a row of another table says whether the user is active.
fn row_switch(
    reader: &mut Reader,
    path: &AttributePath,
    rest: &Section,
    item: Item,
    means: Presence,
) -> Option<Mapping> {
    let (key, line) = (item.path.clone(), item.line);
    if !path.is("active") {
        reader.problem(key, line, "says whether a user is active: it is for `active` alone");
        return None;
    }
    if let Some((_, other)) = rest.entries.first() {
        reader.problem(&other.path, other.line, "can't stand beside a table that says it all");
        return None;
    }
    let mut section = reader.table(item)?;
    let table = reader.required_table_name(&mut section, "table = \"lockout\"");
    let user = reader.required_text(&mut section, "user", "user = \"person_id\"");
    let rows = shapes::rows(reader, section.take("where"));
    let insert = shapes::insert(reader, section.take("insert"));
    reader.finish(&section, &["table", "user", "where", "insert"]);
    let (table, user) = (table?, user?);
    let column = user.clone();
    let switch = RowSwitch { table, user, rows, insert, means };
    Some(Mapping { within: None, column, encoding: Encoding::Row(switch) })
}

fn encoding(reader: &mut Reader, path: &AttributePath, section: &mut Section) -> Option<Encoding> {
    let (values, other) = (section.take("values"), section.take("other"));
    let (lookup, text, form) = (section.take("lookup"), section.take("text"), section.take("as"));
    let ways: Vec<&Item> = [&values, &lookup, &text, &form].into_iter().flatten().collect();
    if let [first, second, ..] = ways.as_slice() {
        let said = first.path.rsplit('.').next().unwrap_or_default();
        let message = format!("can't stand beside `{said}`; keep one of the two");
        reader.problem(&second.path, second.line, message);
        return None;
    }
    if let (None, Some(other)) = (&values, &other) {
        reader.problem(
            &other.path,
            other.line,
            "says what happens to values outside `values`; there is none",
        );
    }
    let attribute = path.definition().kind;
    let boolean = attribute == AttributeKind::Boolean;
    if let Some(item) = values {
        let other = other.map_or(Some(Other::Reject), |item| other_word(reader, &item));
        let pairs = pairs(reader, item, boolean)?;
        return Some(Encoding::Values { pairs, other: other? });
    }
    if let Some(item) = lookup {
        if boolean {
            reader.problem(&item.path, item.line, "can't carry a boolean attribute; use `values`");
            return None;
        }
        return lookup_table(reader, item).map(Encoding::Lookup);
    }
    if let Some(item) = text {
        word(reader, &item, &[((), "utf8")])?;
        return Some(Encoding::Utf8);
    }
    match (form, attribute) {
        (Some(item), AttributeKind::Boolean) => {
            if !path.is("active") {
                reader.problem(
                    item.path,
                    item.line,
                    "says when a user is locked: it is for `active` alone",
                );
                return None;
            }
            let timed = word(reader, &item, &Timed::ALL)?;
            shapes::time_switch(reader, section, timed).map(Encoding::Switch)
        }
        (notation, AttributeKind::DateTime) => {
            let form = shapes::time_form(reader, section, notation)?;
            let plain = form == TimeForm::default();
            Some(if plain { Encoding::Plain } else { Encoding::Time(form) })
        }
        (Some(item), _) => word(reader, &item, &Form::ALL).map(|form| match form {
            Form::Plain => Encoding::Plain,
            form => Encoding::Formed(form),
        }),
        (None, _) => Some(Encoding::Plain),
    }
}

fn other_word(reader: &mut Reader, item: &Item) -> Option<Other> {
    let text = reader.text(item)?;
    match text.as_str() {
        "reject" => Some(Other::Reject),
        "keep" => Some(Other::Keep),
        _ => {
            reader.problem(
                &item.path,
                item.line,
                format!(
                    "must be \"reject\" (answer 400) or \"keep\" (leave the column), not \"{text}\""
                ),
            );
            None
        }
    }
}

/// `values`: pairs that must be readable in both directions.
fn pairs(reader: &mut Reader, item: Item, boolean: bool) -> Option<Vec<(String, Scalar)>> {
    let (path, line) = (item.path.clone(), item.line);
    let section = reader.table(item)?;
    if section.entries.is_empty() {
        reader.problem(path, line, "is empty; list SCIM values and what the column holds for each");
        return None;
    }
    let mut pairs: Vec<(String, Scalar)> = Vec::new();
    let before = reader.problems.len();
    for (scim, item) in &section.entries {
        if boolean && scim != "true" && scim != "false" {
            reader.problem(
                &item.path,
                item.line,
                "the attribute is a boolean: only `true` and `false` can be listed",
            );
            continue;
        }
        let listed = match &item.value {
            Node::List(items) if items.is_empty() => {
                reader.problem(&item.path, item.line, "is empty; list what the column may hold");
                continue;
            }
            Node::List(items) => items.as_slice(),
            _ => std::slice::from_ref(item),
        };
        for item in listed {
            let Some(legacy) = reader.scalar(item, Words::Text) else {
                continue;
            };
            if let Some((other, _)) = pairs.iter().find(|(_, listed)| *listed == legacy) {
                reader.problem(
                    &item.path,
                    item.line,
                    format!(
                        "has the same legacy value as `{other}`; reading it back would be ambiguous"
                    ),
                );
                continue;
            }
            pairs.push((scim.clone(), legacy));
        }
    }
    for wanted in ["true", "false"] {
        if boolean && !section.has(wanted) {
            reader.problem(
                &path,
                line,
                format!("doesn't say what the column holds for `{wanted}`"),
            );
        }
    }
    (reader.problems.len() == before).then_some(pairs)
}

fn lookup_table(reader: &mut Reader, item: Item) -> Option<Lookup> {
    let mut section = reader.table(item)?;
    let table = reader.required_table_name(&mut section, "table = \"departments\"");
    let key = reader.required_text(&mut section, "key", "key = \"department_id\"");
    let label = reader.required_text(&mut section, "label", "label = \"name\"");
    let missing =
        section.take("missing").map_or(Some(Missing::Reject), |item| missing(reader, item));
    let insert_line =
        section.entries.iter().find(|(name, _)| name == "insert").map(|(_, item)| item.line);
    let insert = shapes::insert(reader, section.take("insert"));
    let rows = shapes::rows(reader, section.take("where"));
    let none = match section.take("none") {
        None => None,
        Some(item) => Some(reader.scalar(&item, Words::Text)?),
    };
    if let Some(line) = insert_line
        && missing.as_ref().is_some_and(|missing| *missing != Missing::Create)
    {
        reader.problem(section.key("insert"), line, "is used only with `missing = \"create\"`");
    }
    reader.finish(&section, LOOKUP_KEYS);
    let (table, key, label) = (table?, key?, label?);
    for (column, what) in [(&key, "key"), (&label, "label")] {
        if insert.columns().any(|it| it == column) {
            reader.problem(
                section.key("insert"),
                section.line,
                format!("column `{column}` is the lookup's {what} already"),
            );
        }
    }
    Some(Lookup { table, key, label, rows, missing: missing?, none, insert })
}

fn missing(reader: &mut Reader, item: Item) -> Option<Missing> {
    const ALLOWED: &str = "\"create\", \"reject\" or { default = KEY }";
    match item.value {
        Node::Text(text) if text == "create" => Some(Missing::Create),
        Node::Text(text) if text == "reject" => Some(Missing::Reject),
        Node::Table(mut section) => {
            let key = match section.take("default") {
                Some(item) => reader.scalar(&item, Words::Text),
                None => reader.missing(&section, "default", "missing = { default = 1 }"),
            };
            reader.finish(&section, &["default"]);
            key.map(Missing::Default)
        }
        _ => {
            reader.problem(item.path, item.line, format!("must be {ALLOWED}"));
            None
        }
    }
}
