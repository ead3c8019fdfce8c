//! TOML text → [`Profile`]: the sections and their keys.
//!
//! Owns the shape of the file and its defaults. What must hold between sections is `validate`'s,
//! what must hold in the database is `proof`'s.

use std::collections::BTreeMap;

use super::model::{
    Delete, MemberTable, Ownership, Profile, Protect, ResourceTable, Revoke, RevokeAction, Scalar,
    TableName, Touch,
};
use super::read::{self, Item, Node, Reader, Section, Words};
use super::{Error, attributes, validate};
use crate::scim::ResourceType;

const SECTIONS: &[&str] = &[
    "users",
    "groups",
    "members",
    "revoke",
    "ownership",
    "anonymise",
    "protect",
];
const RESOURCE_KEYS: &[&str] = &["table", "key", "attributes", "insert", "touch", "delete"];
const MEMBER_KEYS: &[&str] = &["table", "group", "user", "insert", "touch"];
const REVOKE_KEYS: &[&str] = &["user", "action", "set", "where_null"];
const OWNERSHIP_KEYS: &[&str] = &["owner", "title"];

/// Parses and validates a profile. `origin` is the built-in's name or the file, for messages.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub fn parse(origin: &str, text: &str) -> Result<Profile, Error> {
    let mut document = read::document(origin, text)?;
    let mut reader = Reader::new(&document);
    let users = resource(&mut reader, ResourceType::User, &mut document, "users");
    let groups = resource(&mut reader, ResourceType::Group, &mut document, "groups");
    let members = members(&mut reader, &mut document);
    let revoke = tables(&mut reader, document.take("revoke"), REVOKE_KEYS, revoke);
    let ownership = tables(
        &mut reader,
        document.take("ownership"),
        OWNERSHIP_KEYS,
        ownership,
    );
    let anonymise = anonymise(&mut reader, document.take("anonymise"));
    let protect = protect(&mut reader, document.take("protect"));
    reader.finish(&document, SECTIONS);

    let profile = match (users, groups, members) {
        (Some(users), Some(groups), Some(members)) => {
            let origin = origin.to_owned();
            Some(Profile {
                origin,
                users,
                groups,
                members,
                revoke,
                ownership,
                anonymise,
                protect,
            })
        }
        _ => None,
    };
    if let Some(profile) = &profile {
        validate::sections(&mut reader, profile);
    }
    let mut problems = reader.problems;
    match profile {
        Some(profile) if problems.is_empty() => Ok(profile),
        _ => {
            problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
            Err(Error {
                origin: origin.to_owned(),
                problems,
            })
        }
    }
}

fn resource(
    reader: &mut Reader,
    kind: ResourceType,
    document: &mut Section,
    name: &str,
) -> Option<ResourceTable> {
    let Some(item) = document.take(name) else {
        return reader.missing(
            document,
            name,
            &format!("[{name}] with table, key and attributes"),
        );
    };
    let mut section = reader.table(item)?;
    let before = reader.problems.len();
    let table = reader.required_table_name(&mut section, &format!("table = \"{name}\""));
    let key = reader.required_text(&mut section, "key", "key = \"id\"");
    let attributes = match section.take("attributes") {
        Some(item) => reader
            .table(item)
            .map(|section| attributes::attributes(reader, kind, section)),
        None => reader.missing(
            &section,
            "attributes",
            match kind {
                ResourceType::User => "attributes = { userName = \"email\" }",
                ResourceType::Group => "attributes = { displayName = \"name\" }",
            },
        ),
    };
    let attributes_read = reader.problems.len() == before;
    let insert = constants(reader, section.take("insert"), Words::Now);
    let touch = touch(reader, section.take("touch"));
    let delete = match section.take("delete") {
        Some(item) => delete(reader, kind, item),
        None => default_delete(reader, kind, &section),
    };
    reader.finish(&section, RESOURCE_KEYS);
    let at = section.line;
    let table = ResourceTable {
        table: table?,
        key: key?,
        attributes: attributes?,
        insert,
        touch,
        delete: delete?,
    };
    // A mapping that couldn't be read has its own message; "not mapped" on top would be wrong.
    if attributes_read {
        validate::required_attributes(reader, kind, &table, name, at);
    }
    validate::resource_columns(reader, &table, name, at);
    Some(table)
}

/// Users are deactivated unless the profile says otherwise; for groups there is no safe guess.
fn default_delete(reader: &mut Reader, kind: ResourceType, section: &Section) -> Option<Delete> {
    match kind {
        ResourceType::User => Some(Delete::Deactivate { column: None }),
        ResourceType::Group => reader.missing(
            section,
            "delete",
            "delete = { mode = \"delete\", cascade = [\"team_members\"] } or \
             delete = { mode = \"deactivate\", column = \"is_archived\", value = 1 }",
        ),
    }
}

fn delete(reader: &mut Reader, kind: ResourceType, item: Item) -> Option<Delete> {
    let mut section = reader.table(item)?;
    let Some(mode) = section.take("mode") else {
        return reader.missing(&section, "mode", "mode = \"deactivate\"");
    };
    let word = reader.text(&mode)?;
    match (word.as_str(), kind) {
        ("delete", _) => {
            let cascade = section.take("cascade").map_or_else(Vec::new, |item| {
                let names = reader.texts(&item);
                names
                    .iter()
                    .filter_map(|n| reader.table_name(&item.path, item.line, n))
                    .collect()
            });
            reader.finish(&section, &["mode", "cascade"]);
            Some(Delete::Delete { cascade })
        }
        ("deactivate", ResourceType::User) => {
            for key in ["column", "value"] {
                if let Some(item) = section.take(key) {
                    reader.problem(item.path, item.line, "is for groups; users are switched off through the column that `active` is mapped to");
                }
            }
            reader.finish(&section, &["mode"]);
            Some(Delete::Deactivate { column: None })
        }
        ("deactivate", ResourceType::Group) => {
            let column = reader.required_text(&mut section, "column", "column = \"is_archived\"");
            let value = match section.take("value") {
                Some(item) => reader.scalar(&item, Words::Now),
                None => reader.missing(&section, "value", "value = 1"),
            };
            reader.finish(&section, &["mode", "column", "value"]);
            Some(Delete::Deactivate {
                column: Some((column?, value?)),
            })
        }
        _ => {
            reader.problem(
                mode.path,
                mode.line,
                format!("must be \"deactivate\" or \"delete\", not \"{word}\""),
            );
            None
        }
    }
}

fn members(reader: &mut Reader, document: &mut Section) -> Option<MemberTable> {
    let Some(item) = document.take("members") else {
        return reader.missing(document, "members", "[members] with table, group and user");
    };
    let mut section = reader.table(item)?;
    let table = reader.required_table_name(&mut section, "table = \"team_members\"");
    let group = reader.required_text(&mut section, "group", "group = \"team_id\"");
    let user = reader.required_text(&mut section, "user", "user = \"user_id\"");
    let insert = constants(reader, section.take("insert"), Words::Now);
    let touch = touch(reader, section.take("touch"));
    reader.finish(&section, MEMBER_KEYS);
    let members = MemberTable {
        table: table?,
        group: group?,
        user: user?,
        insert,
        touch,
    };
    validate::member_columns(reader, &members, section.line);
    Some(members)
}

/// A table of columns and constants.
pub(super) fn constants(
    reader: &mut Reader,
    item: Option<Item>,
    words: Words,
) -> BTreeMap<String, Scalar> {
    let Some(section) = item.and_then(|item| reader.table(item)) else {
        return BTreeMap::new();
    };
    let mut columns = BTreeMap::new();
    for (column, item) in section.entries {
        if column.trim().is_empty() {
            reader.problem(
                &item.path,
                item.line,
                "a column has a name; this key is empty",
            );
        } else if let Some(value) = reader.scalar(&item, words) {
            columns.insert(column, value);
        }
    }
    columns
}

fn touch(reader: &mut Reader, item: Option<Item>) -> Touch {
    let Some(mut section) = item.and_then(|item| reader.table(item)) else {
        return Touch::default();
    };
    let mut columns = |key: &str| {
        let item = section.take(key);
        item.map(|item| reader.texts(&item)).unwrap_or_default()
    };
    let touch = Touch {
        created: columns("created"),
        modified: columns("modified"),
        actor: columns("actor"),
    };
    reader.finish(&section, &["created", "modified", "actor"]);
    touch
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
            && section
                .entries
                .iter()
                .all(|(_, item)| matches!(item.value, Node::Table(_)));
        if is_schema {
            for (table, item) in section.entries {
                let Some(section) = reader.table(item) else {
                    continue;
                };
                let name = TableName {
                    schema: Some(name.clone()),
                    name: table,
                };
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
            let where_null = section
                .take("where_null")
                .and_then(|item| reader.text(&item));
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
    Some(Revoke {
        table,
        user: user?,
        action,
    })
}

fn ownership(reader: &mut Reader, table: TableName, mut section: Section) -> Option<Ownership> {
    let owner = reader.required_text(&mut section, "owner", "owner = \"owner_id\"");
    let title = section.take("title").and_then(|item| reader.text(&item));
    reader.finish(&section, OWNERSHIP_KEYS);
    Some(Ownership {
        table,
        owner: owner?,
        title,
    })
}

fn anonymise(reader: &mut Reader, item: Option<Item>) -> BTreeMap<String, Scalar> {
    let Some(mut section) = item.and_then(|item| reader.table(item)) else {
        return BTreeMap::new();
    };
    let set = section.take("set");
    let lines: BTreeMap<String, (String, usize)> = match &set {
        Some(Item {
            value: Node::Table(set),
            ..
        }) => set
            .entries
            .iter()
            .map(|(k, i)| (k.clone(), (i.path.clone(), i.line)))
            .collect(),
        _ => BTreeMap::new(),
    };
    let set = constants(reader, set, Words::NowAndNull);
    for (column, value) in &set {
        if let (Scalar::Text(template), Some((path, line))) = (value, lines.get(column)) {
            validate::template(reader, template, path, *line);
        }
    }
    reader.finish(&section, &["set"]);
    set
}

fn protect(reader: &mut Reader, item: Option<Item>) -> Protect {
    let Some(mut section) = item.and_then(|item| reader.table(item)) else {
        return Protect::default();
    };
    let keys = section
        .take("keys")
        .map(|item| keys(reader, &item))
        .unwrap_or_default();
    let user_names = section
        .take("userNames")
        .map(|i| reader.texts(&i))
        .unwrap_or_default();
    reader.finish(&section, &["keys", "userNames"]);
    Protect { keys, user_names }
}

/// Keys may be written as integers or as text; the SCIM id is text.
fn keys(reader: &mut Reader, item: &Item) -> Vec<String> {
    let Node::List(items) = &item.value else {
        reader.problem(
            &item.path,
            item.line,
            "must be a list of keys, for example keys = [1]",
        );
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
