//! TOML text → [`Profile`]: the sections and their keys.
//!
//! Owns the shape of the file and its defaults. What must hold between sections is `validate`'s,
//! what must hold in the database is `proof`'s.

use std::collections::BTreeMap;

use super::error::Error;
use super::model::{
    Beside, Companion, Delete, MemberTable, Parent, Profile, Rehire, ResourceTable, Scalar, Teams,
    Timed,
};
use super::other_tables::{anonymise, ownerships, protect, revokes};
use super::read::{self, Item, Reader, Section, Words};
use super::shapes::{self, Caller};
use super::{attributes, validate};
use crate::scim::ResourceType;

const SECTIONS: &[&str] =
    &["timezone", "users", "groups", "members", "revoke", "ownership", "anonymise", "protect"];
const RESOURCE_KEYS: &[&str] = &[
    "table",
    "where",
    "key",
    "parent",
    "beside",
    "attributes",
    "insert",
    "derive",
    "touch",
    "delete",
    "call",
];
/// What `[users]` has beside them.
const USER_KEYS: &[&str] = &["rehire"];
const MEMBER_KEYS: &[&str] =
    &["table", "where", "group", "user", "insert", "touch", "remove", "call"];

/// Parses and validates a profile. `origin` is the built-in's name or the file, for messages.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub fn parse(origin: &str, text: &str) -> Result<Profile, Error> {
    let mut document = read::document(origin, text)?;
    let mut reader = Reader::new(&document);
    let timezone = document.take("timezone").and_then(|item| shapes::zone(&mut reader, &item));
    let users = resource(&mut reader, ResourceType::User, &mut document, "users");
    let teams = teams(&mut reader, &mut document);
    let revoke = revokes(&mut reader, document.take("revoke"));
    let ownership = ownerships(&mut reader, document.take("ownership"));
    let (anonymise, beside) = anonymise(&mut reader, document.take("anonymise"));
    let protect = protect(&mut reader, document.take("protect"));
    reader.finish(&document, SECTIONS);

    let profile = match (users, teams) {
        (Some(mut users), Ok(teams)) => {
            anonymised(&mut reader, &mut users, beside);
            let origin = origin.to_owned();
            Some(Profile { origin, timezone, users, teams, revoke, ownership, anonymise, protect })
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
            Err(Error { origin: origin.to_owned(), problems })
        }
    }
}

/// `[groups]` and `[members]`: both or neither.
fn teams(reader: &mut Reader, document: &mut Section) -> Result<Option<Teams>, Unreadable> {
    if !document.has("groups") && !document.has("members") {
        return Ok(None);
    }
    let groups = resource(reader, ResourceType::Group, document, "groups");
    let members = members(reader, document);
    match (groups, members) {
        (Some(groups), Some(members)) => Ok(Some(Teams { groups, members })),
        _ => Err(Unreadable),
    }
}

/// A section that couldn't be read; the reader has its problems.
struct Unreadable;

/// What `[anonymise.beside]` puts into companions.
fn anonymised(
    reader: &mut Reader,
    users: &mut ResourceTable,
    beside: BTreeMap<String, BTreeMap<String, Scalar>>,
) {
    for (name, set) in beside {
        match users.companions.iter_mut().find(|it| it.name == name) {
            Some(companion) => companion.anonymise = set,
            None => reader.problem(
                format!("anonymise.beside.{}", read::toml_key(&name)),
                1,
                format!("there is no [users.beside.{}]", read::toml_key(&name)),
            ),
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
        return reader.missing(document, name, &format!("[{name}] with table, key and attributes"));
    };
    let mut section = reader.table(item)?;
    let before = reader.problems.len();
    let table = reader.required_table_name(&mut section, &format!("table = \"{name}\""));
    let rows = shapes::rows(reader, section.take("where"));
    let key = shapes::key(reader, kind, &mut section);
    let parent = section.take("parent").map(|item| parent(reader, kind, item));
    let mut companions: Vec<Companion> = parent.into_iter().flatten().collect();
    companions.extend(beside(reader, section.take("beside")));
    let attributes = match section.take("attributes") {
        Some(item) => reader
            .table(item)
            .map(|section| attributes::attributes(reader, kind, section, &companions)),
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
    let insert = shapes::insert(reader, section.take("insert"));
    let derive = shapes::derive(reader, kind, section.take("derive"));
    let touch = shapes::touch(reader, section.take("touch"));
    let delete = match section.take("delete") {
        Some(item) => delete(reader, kind, item),
        None => default_delete(reader, kind, &section),
    };
    let rehire = match (section.take("rehire"), kind) {
        (Some(item), ResourceType::User) => {
            let words = [(Rehire::Revive, "revive"), (Rehire::Refuse, "refuse")];
            shapes::word(reader, &item, &words)
        }
        (Some(item), ResourceType::Group) => {
            reader.problem(item.path, item.line, "is for [users]");
            None
        }
        (None, _) => Some(Rehire::Revive),
    };
    let calls = shapes::calls(reader, Caller::Resource(kind), section.take("call"));
    let of_users = if kind == ResourceType::User { USER_KEYS } else { &[] };
    reader.finish(&section, &[RESOURCE_KEYS, of_users].concat());
    let at = section.line;
    let table = ResourceTable {
        table: table?,
        rows,
        key: key?,
        companions,
        attributes: attributes?,
        insert,
        derive,
        touch,
        delete: delete?,
        rehire: rehire?,
        calls,
    };
    // A mapping that couldn't be read has its own message; "not mapped" on top would be wrong.
    if attributes_read {
        validate::required_attributes(reader, kind, &table, name, at);
    }
    validate::resource_columns(reader, &table, name, at);
    Some(table)
}

/// `parent`: the table whose row is made first and gives the resource's row its key, or is pointed at by it.
fn parent(reader: &mut Reader, kind: ResourceType, item: Item) -> Option<Companion> {
    let mut section = reader.table(item)?;
    let table = reader.required_table_name(&mut section, "table = \"principal\"");
    let key = shapes::key(reader, kind, &mut section);
    let rows = shapes::rows(reader, section.take("where"));
    let insert = shapes::insert(reader, section.take("insert"));
    let held_in = section.take("held_in").map(|item| reader.text(&item));
    reader.finish(&section, &["table", "key", "held_in", "where", "insert"]);
    let key = key?;
    let held_in = match held_in {
        None => None,
        Some(column) => Some(column?),
    };
    Some(Companion {
        name: Companion::PARENT.to_owned(),
        table: table?,
        user: key.column,
        rows,
        insert,
        missing: Beside::Always,
        anonymise: BTreeMap::new(),
        parent: Some(Parent { source: key.source, held_in }),
    })
}

/// `beside`: tables with at most one row per resource.
fn beside(reader: &mut Reader, item: Option<Item>) -> Vec<Companion> {
    let Some(section) = item.and_then(|item| reader.table(item)) else { return Vec::new() };
    let mut companions = Vec::new();
    for (name, item) in section.entries {
        if name == Companion::PARENT {
            reader.problem(item.path, item.line, "is the name of `parent`; take another");
            continue;
        }
        companions.extend(companion(reader, name, item));
    }
    companions
}

fn companion(reader: &mut Reader, name: String, item: Item) -> Option<Companion> {
    let mut section = reader.table(item)?;
    let table = reader.required_table_name(&mut section, "table = \"person_info\"");
    let user = reader.required_text(&mut section, "user", "user = \"person_id\"");
    let rows = shapes::rows(reader, section.take("where"));
    let insert = shapes::insert(reader, section.take("insert"));
    let missing = match section.take("missing") {
        None => Some(Beside::Create),
        Some(item) => {
            shapes::word(reader, &item, &[(Beside::Create, "create"), (Beside::Ignore, "ignore")])
        }
    };
    let required = match section.take("required") {
        None => Some(false),
        Some(item) => {
            let flag = match reader.scalar(&item, Words::Text)? {
                Scalar::Bool(flag) => Some(flag),
                _ => None,
            };
            if flag.is_none() {
                reader.problem(item.path, item.line, "must be true or false");
            }
            flag
        }
    };
    reader.finish(&section, &["table", "user", "where", "insert", "missing", "required"]);
    let missing = match (missing?, required?) {
        (Beside::Ignore, true) => {
            reader.problem(
                section.key("required"),
                section.line,
                "can't stand beside `missing = \"ignore\"`: keep one of the two",
            );
            return None;
        }
        (_, true) => Beside::Always,
        (missing, false) => missing,
    };
    let anonymise = BTreeMap::new();
    let (table, user) = (table?, user?);
    Some(Companion { name, table, user, rows, insert, missing, anonymise, parent: None })
}

/// Users are deactivated unless the profile says otherwise; for groups there is no safe guess.
fn default_delete(reader: &mut Reader, kind: ResourceType, section: &Section) -> Option<Delete> {
    match kind {
        ResourceType::User => Some(Delete::Deactivate),
        ResourceType::Group => reader.missing(
            section,
            "delete",
            "delete = { mode = \"delete\", cascade = [\"team_members\"] } or \
             delete = { mode = \"mark\", column = \"is_archived\", value = 1 }",
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
                names.iter().filter_map(|n| reader.table_name(&item.path, item.line, n)).collect()
            });
            reader.finish(&section, &["mode", "cascade"]);
            Some(Delete::Delete { cascade })
        }
        ("deactivate", ResourceType::User) => {
            for key in ["column", "value"] {
                if let Some(item) = section.take(key) {
                    reader.problem(item.path, item.line, "is for `mode = \"mark\"`; `deactivate` switches users off through what `active` is mapped to");
                }
            }
            reader.finish(&section, &["mode"]);
            Some(Delete::Deactivate)
        }
        // A team has no `active`: it is marked as gone.
        ("mark", _) | ("deactivate", ResourceType::Group) => {
            let mark = shapes::mark(reader, &mut section, &[(Timed::Since, "since")]);
            let mut known = vec!["mode"];
            known.extend(shapes::MARK_KEYS);
            reader.finish(&section, &known);
            mark.map(Delete::Mark)
        }
        _ => {
            reader.problem(
                mode.path,
                mode.line,
                format!("must be \"delete\", \"mark\" or (users) \"deactivate\", not \"{word}\""),
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
    let rows = shapes::rows(reader, section.take("where"));
    let insert = shapes::insert(reader, section.take("insert"));
    let touch = shapes::touch(reader, section.take("touch"));
    let remove = match section.take("remove") {
        Some(item) => Some(remove(reader, item)?),
        None => None,
    };
    let calls = shapes::calls(reader, Caller::Members, section.take("call"));
    reader.finish(&section, MEMBER_KEYS);
    let (table, group, user) = (table?, group?, user?);
    let members = MemberTable { table, group, user, rows, insert, touch, remove, calls };
    validate::member_columns(reader, &members, section.line);
    Some(members)
}

/// `remove`: an edge is marked instead of deleted.
fn remove(reader: &mut Reader, item: Item) -> Option<super::model::Mark> {
    let mut section = reader.table(item)?;
    let timed = [(Timed::Since, "since"), (Timed::Expires, "expires")];
    let mark = shapes::mark(reader, &mut section, &timed);
    reader.finish(&section, &shapes::MARK_KEYS);
    mark
}
