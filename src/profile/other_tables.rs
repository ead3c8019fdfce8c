//! `[revoke]`, `[ownership]`, `[anonymise]` and `[protect]`: all optional, about what hangs on users.

use std::collections::BTreeMap;

use super::constants::constants;
use super::model::{Ownership, Protect, Revoke, RevokeAction, Scalar, TableName};
use super::read::{Item, Node, Reader, Section, Words};
use super::{shapes, validate};
use crate::scim::{AttributePath, ResourceType};

const REVOKE_KEYS: &[&str] = &["user", "where", "action", "set", "where_null"];
const OWNERSHIP_KEYS: &[&str] = &["owner", "where", "title"];

/// `[revoke]`, in the file's order.
pub(super) fn revokes(reader: &mut Reader, item: Option<Item>) -> Vec<Revoke> {
    tables(reader, item, REVOKE_KEYS, revoke)
}

/// `[ownership]`, in the file's order.
pub(super) fn ownerships(reader: &mut Reader, item: Option<Item>) -> Vec<Ownership> {
    tables(reader, item, OWNERSHIP_KEYS, ownership)
}

/// `[revoke]` and `[ownership]`: one key per table. `[revoke.hr.sessions]` is the table
/// `hr.sessions`, as is `"hr.sessions" = { … }`.
fn tables<T>(
    reader: &mut Reader,
    item: Option<Item>,
    known: &[&str],
    read: fn(&mut Reader, TableName, Section) -> Option<T>,
) -> Vec<T> {
    let Some(section) = item.and_then(|item| reader.table(item)) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for (name, item) in section.entries {
        let (path, line) = (item.path.clone(), item.line);
        let Some(section) = reader.table(item) else {
            continue;
        };
        let is_schema = !section.entries.is_empty()
            && !known.iter().any(|key| section.has(key))
            && section.entries.iter().all(|(_, item)| matches!(item.value, Node::Table(_)));
        if is_schema {
            for (table, item) in section.entries {
                let Some(section) = reader.table(item) else {
                    continue;
                };
                let name = TableName { schema: Some(name.clone()), name: table };
                rows.extend(read(reader, name, section));
            }
        } else if let Some(name) = reader.table_name(&path, line, &name) {
            rows.extend(read(reader, name, section));
        }
    }
    rows
}

fn revoke(reader: &mut Reader, table: TableName, mut section: Section) -> Option<Revoke> {
    let user = reader.required_text(&mut section, "user", "user = \"user_id\"");
    let rows = shapes::rows(reader, section.take("where"));
    let Some(action) = section.take("action") else {
        return reader.missing(&section, "action", "action = \"delete\"");
    };
    let word = reader.text(&action)?;
    let action = match word.as_str() {
        "delete" => {
            for key in ["set", "where_null"] {
                if let Some(item) = section.take(key) {
                    reader.problem(item.path, item.line, "is used only with `action = \"set\"`");
                }
            }
            RevokeAction::Delete
        }
        "set" => {
            if !section.has("set") {
                reader.missing(&section, "set", "set = { revoked_at = \"now\" }")?;
            }
            let set = constants(reader, section.take("set"), Words::NowAndNull);
            let where_null = section.take("where_null").and_then(|item| reader.text(&item));
            if set.is_empty() {
                reader.problem(section.key("set"), section.line, "names no column to set");
            }
            RevokeAction::Set { set, where_null }
        }
        _ => {
            reader.problem(
                action.path,
                action.line,
                format!("must be \"delete\" or \"set\", not \"{word}\""),
            );
            return None;
        }
    };
    reader.finish(&section, REVOKE_KEYS);
    Some(Revoke { table, user: user?, rows, action })
}

fn ownership(reader: &mut Reader, table: TableName, mut section: Section) -> Option<Ownership> {
    let owner = reader.required_text(&mut section, "owner", "owner = \"owner_id\"");
    let rows = shapes::rows(reader, section.take("where"));
    let title = section.take("title").and_then(|item| reader.text(&item));
    reader.finish(&section, OWNERSHIP_KEYS);
    Some(Ownership { table, rows, owner: owner?, title })
}

/// `[anonymise]`: what it sets in the users' table, and in companions by their names.
pub(super) fn anonymise(
    reader: &mut Reader,
    item: Option<Item>,
) -> (BTreeMap<String, Scalar>, BTreeMap<String, BTreeMap<String, Scalar>>) {
    let Some(mut section) = item.and_then(|item| reader.table(item)) else {
        return Default::default();
    };
    let own = pseudonyms(reader, section.take("set"));
    let mut beside = BTreeMap::new();
    if let Some(companions) = section.take("beside").and_then(|item| reader.table(item)) {
        for (name, item) in companions.entries {
            beside.insert(name, pseudonyms(reader, Some(item)));
        }
    }
    reader.finish(&section, &["set", "beside"]);
    (own, beside)
}

fn pseudonyms(reader: &mut Reader, set: Option<Item>) -> BTreeMap<String, Scalar> {
    let lines: BTreeMap<String, (String, usize)> = match &set {
        Some(Item { value: Node::Table(set), .. }) => {
            set.entries.iter().map(|(k, i)| (k.clone(), (i.path.clone(), i.line))).collect()
        }
        _ => BTreeMap::new(),
    };
    let set = constants(reader, set, Words::NowAndNull);
    for (column, value) in &set {
        if let (Scalar::Text(template), Some((path, line))) = (value, lines.get(column)) {
            validate::template(reader, template, path, *line);
        }
    }
    set
}

/// `[protect]`
pub(super) fn protect(reader: &mut Reader, item: Option<Item>) -> Protect {
    let Some(mut section) = item.and_then(|item| reader.table(item)) else {
        return Protect::default();
    };
    let keys = section.take("keys").map(|item| keys(reader, &item)).unwrap_or_default();
    let user_names = section.take("userNames").map(|i| reader.texts(&i)).unwrap_or_default();
    let keep = section.take("keep").map(|item| paths(reader, &item)).unwrap_or_default();
    reader.finish(&section, &["keys", "userNames", "keep"]);
    Protect { keys, user_names, keep }
}

/// Attributes of users, each one simple value.
fn paths(reader: &mut Reader, item: &Item) -> Vec<AttributePath> {
    let mut paths = Vec::new();
    for text in reader.texts(item) {
        match AttributePath::parse(ResourceType::User, &text) {
            Ok(path) => paths.push(path),
            Err(problem) => reader.problem(&item.path, item.line, problem),
        }
    }
    paths
}

/// Keys may be written as integers or as text; the SCIM id is text.
fn keys(reader: &mut Reader, item: &Item) -> Vec<String> {
    let Node::List(items) = &item.value else {
        reader.problem(&item.path, item.line, "must be a list of keys, for example keys = [1]");
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| match &item.value {
            Node::Int(key) => Some(key.to_string()),
            _ => reader.text(item),
        })
        .collect()
}
