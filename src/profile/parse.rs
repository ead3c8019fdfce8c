//! TOML text → [`Profile`]: the sections and their keys.
//!
//! Owns the shape of the file and its defaults. What must hold between sections is `validate`'s,
//! what must hold in the database is `proof`'s.

use super::constants::constants;
use super::error::Error;
use super::model::{Delete, MemberTable, Profile, ResourceTable, Touch};
use super::other_tables::{anonymise, ownerships, protect, revokes};
use super::read::{self, Item, Reader, Section, Words};
use super::{attributes, validate};
use crate::scim::ResourceType;

const SECTIONS: &[&str] =
    &["users", "groups", "members", "revoke", "ownership", "anonymise", "protect"];
const RESOURCE_KEYS: &[&str] = &["table", "key", "attributes", "insert", "touch", "delete"];
const MEMBER_KEYS: &[&str] = &["table", "group", "user", "insert", "touch"];

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
    let revoke = revokes(&mut reader, document.take("revoke"));
    let ownership = ownerships(&mut reader, document.take("ownership"));
    let anonymise = anonymise(&mut reader, document.take("anonymise"));
    let protect = protect(&mut reader, document.take("protect"));
    reader.finish(&document, SECTIONS);

    let profile = match (users, groups, members) {
        (Some(users), Some(groups), Some(members)) => {
            let origin = origin.to_owned();
            Some(Profile { origin, users, groups, members, revoke, ownership, anonymise, protect })
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
    let key = reader.required_text(&mut section, "key", "key = \"id\"");
    let attributes = match section.take("attributes") {
        Some(item) => {
            reader.table(item).map(|section| attributes::attributes(reader, kind, section))
        }
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
                names.iter().filter_map(|n| reader.table_name(&item.path, item.line, n)).collect()
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
            Some(Delete::Deactivate { column: Some((column?, value?)) })
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
    let members = MemberTable { table: table?, group: group?, user: user?, insert, touch };
    validate::member_columns(reader, &members, section.line);
    Some(members)
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
