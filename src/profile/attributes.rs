//! The language of `[users.attributes]` and `[groups.attributes]`: which column carries which SCIM
//! attribute, and how.
//!
//! Owns paths, `values` and `lookup`. Doesn't know the other keys of a section.

use std::collections::BTreeMap;

use super::model::{Encoding, Lookup, Mapping, Missing, Other, Scalar};
use super::read::{Item, Node, Reader, Section, Words};
use crate::scim::{AttributeKind, AttributePath, ResourceType};

const MAPPING_KEYS: &[&str] = &["column", "values", "other", "lookup"];
const LOOKUP_KEYS: &[&str] = &["table", "key", "label", "missing", "insert"];

/// Reads the mapped attributes of one resource type.
pub(super) fn attributes(
    reader: &mut Reader,
    kind: ResourceType,
    section: Section,
) -> BTreeMap<AttributePath, Mapping> {
    let mut read = Attributes { kind, mapped: BTreeMap::new(), columns: BTreeMap::new() };
    for (name, item) in section.entries {
        read.entry(reader, &name, item);
    }
    read.mapped
}

struct Attributes {
    kind: ResourceType,
    mapped: BTreeMap<AttributePath, Mapping>,
    /// column → the key that maps it
    columns: BTreeMap<String, String>,
}

impl Attributes {
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
        if let Some(other) = self.columns.get(&mapping.column) {
            reader.problem(
                &key,
                line,
                format!(
                    "column `{}` is mapped already by `{other}`; a column carries one attribute",
                    mapping.column
                ),
            );
            return;
        }
        self.columns.insert(mapping.column.clone(), key.clone());
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
        return Some(Mapping { column, encoding: Encoding::Plain });
    }
    if !matches!(item.value, Node::Table(_)) {
        reader.problem(&item.path, item.line, "must be a column name or a table with `column`");
        return None;
    }
    let mut section = reader.table(item)?;
    let column = reader.required_text(&mut section, "column", "column = \"status\"");
    let values = section.take("values");
    let other = section.take("other");
    let lookup = section.take("lookup");
    reader.finish(&section, MAPPING_KEYS);
    if let (Some(_), Some(lookup)) = (&values, &lookup) {
        reader.problem(
            &lookup.path,
            lookup.line,
            "can't stand beside `values`; keep one of the two",
        );
        return None;
    }
    if let (None, Some(other)) = (&values, &other) {
        reader.problem(
            &other.path,
            other.line,
            "says what happens to values outside `values`; there is none",
        );
    }
    let boolean = path.definition().kind == AttributeKind::Boolean;
    let encoding = match (values, lookup) {
        (Some(item), _) => {
            let other = other.map_or(Some(Other::Reject), |item| other_word(reader, &item));
            let pairs = pairs(reader, item, boolean)?;
            Encoding::Values { pairs, other: other? }
        }
        (None, Some(item)) if boolean => {
            reader.problem(&item.path, item.line, "can't carry a boolean attribute; use `values`");
            return None;
        }
        (None, Some(item)) => Encoding::Lookup(lookup_table(reader, item)?),
        (None, None) => Encoding::Plain,
    };
    Some(Mapping { column: column?, encoding })
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
    let insert = super::constants::constants(reader, section.take("insert"), Words::Now);
    if let Some(line) = insert_line
        && missing.as_ref().is_some_and(|missing| *missing != Missing::Create)
    {
        reader.problem(section.key("insert"), line, "is used only with `missing = \"create\"`");
    }
    reader.finish(&section, LOOKUP_KEYS);
    let (table, key, label) = (table?, key?, label?);
    for (column, what) in [(&key, "key"), (&label, "label")] {
        if insert.contains_key(column) {
            reader.problem(
                section.key("insert"),
                section.line,
                format!("column `{column}` is the lookup's {what} already"),
            );
        }
    }
    Some(Lookup { table, key, label, missing: missing?, insert })
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
