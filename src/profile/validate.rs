//! What must hold between the keys of a profile, whatever the database says.
//!
//! Owns cross-checks of a profile that has been read; the catalogue is `proof`'s.

use std::collections::BTreeMap;

use super::model::{
    Companion, Delete, Encoding, Insert, KeySource, Made, MemberTable, Profile, ResourceTable,
    RevokeAction, Touch,
};
use super::read::{Reader, toml_key};
use crate::scim::{AttributePath, ResourceType};

/// userName (RFC 7643 §4.1.1) and displayName (§4.2) are what Entra matches by: both must lie in a
/// column. Deactivating on DELETE needs a column for `active`.
pub(super) fn required_attributes(
    reader: &mut Reader,
    kind: ResourceType,
    table: &ResourceTable,
    name: &str,
    line: usize,
) {
    let (attribute, example) = match kind {
        ResourceType::User => ("userName", "userName = \"email\""),
        ResourceType::Group => ("displayName", "displayName = \"name\""),
    };
    let key = format!("{name}.attributes");
    match mapped(kind, table, attribute) {
        None => reader.problem(
            key.clone(),
            line,
            format!(
                "doesn't map `{attribute}`, by which Entra finds a resource; for example {example}"
            ),
        ),
        Some(Encoding::Plain | Encoding::Formed(_) | Encoding::Utf8) => {}
        Some(_) => reader.problem(
            key.clone(),
            line,
            format!("`{attribute}` must lie in its column as it is, without `values` or `lookup`"),
        ),
    }
    let deactivates = table.delete == Delete::Deactivate;
    if kind == ResourceType::User && deactivates && mapped(kind, table, "active").is_none() {
        reader.problem(key, line, format!(
            "doesn't map `active`, which `{name}.delete` with mode \"deactivate\" needs; for example \
             active = {{ column = \"status\", values = {{ true = \"Active\", false = \"Inactive\" }} }}"
        ));
    }
}

fn mapped<'t>(kind: ResourceType, table: &'t ResourceTable, name: &str) -> Option<&'t Encoding> {
    let path = AttributePath::parse(kind, name).ok()?;
    table.attributes.get(&path).map(|mapping| &mapping.encoding)
}

/// No column of one INSERT may get two values.
pub(super) fn resource_columns(
    reader: &mut Reader,
    table: &ResourceTable,
    name: &str,
    line: usize,
) {
    let mut uses = BTreeMap::from([(table.key.column.clone(), format!("{name}.key"))]);
    let is_key = |path: &AttributePath| {
        let named = path.is(if name == "groups" { "displayName" } else { "userName" });
        named && matches!(table.key.source, KeySource::Name(_))
    };
    for (path, mapping) in &table.attributes {
        let key = format!("{name}.attributes.{}", toml_key(&path.to_string()));
        if is_key(path) {
            if mapping.column != table.key.column || mapping.within.is_some() {
                let message =
                    format!("must be the key's column `{}`, as `key` says", table.key.column);
                reader.problem(key, line, message);
            }
        } else if mapping.within.is_none() && !matches!(mapping.encoding, Encoding::Row(_)) {
            claim_attribute(reader, &mut uses, &mapping.column, key, line);
        }
    }
    if let Some(column) = table.parent_held_in() {
        claim(reader, &mut uses, column, format!("{name}.parent.held_in"), line);
    }
    for (section, columns) in [
        ("where", table.rows.keys().collect::<Vec<_>>()),
        ("derive", table.derive.keys().collect()),
        ("insert", table.insert.made.keys().collect()),
    ] {
        for column in columns {
            let key = format!("{name}.{section}.{}", toml_key(column));
            claim(reader, &mut uses, column, key, line);
        }
    }
    stamps(reader, &mut uses, &table.touch, name, line);
    // A constant beside a mapped attribute is meant: it is what an absent attribute writes.
    for column in table.insert.constants.keys() {
        let clash = uses.get(column).filter(|key| !key.contains(".attributes."));
        if let Some(other) = clash {
            let key = format!("{name}.insert.{}", toml_key(column));
            reader.problem(key, line, format!("column `{column}` is set by `{other}` already"));
        }
    }
    if let Delete::Mark(mark) = &table.delete
        && let Some(other) = uses.get(&mark.column)
    {
        let (key, column) = (format!("{name}.delete.column"), &mark.column);
        reader.problem(key, line, format!("column `{column}` is set by `{other}` already"));
    }
    if table.takes_key_of_parent() && table.key.source != KeySource::Database {
        reader.problem(
            format!("{name}.key"),
            line,
            format!(
                "the row takes the key of its parent: say under `{name}.parent.key` who makes it; or \
                 name the column that holds the parent's key: `{name}.parent.held_in`"
            ),
        );
    }
    for companion in &table.companions {
        companion_columns(reader, table, companion, name, line);
    }
}

/// The same for a companion's table.
fn companion_columns(
    reader: &mut Reader,
    table: &ResourceTable,
    companion: &Companion,
    name: &str,
    line: usize,
) {
    let section = if companion.parent.is_some() {
        format!("{name}.parent")
    } else {
        format!("{name}.beside.{}", toml_key(&companion.name))
    };
    let own_key = if companion.parent.is_some() { "key" } else { "user" };
    let mut uses = BTreeMap::from([(companion.user.clone(), format!("{section}.{own_key}"))]);
    for (path, mapping) in &table.attributes {
        if mapping.within.as_ref() == Some(&companion.name) {
            let key = format!("{name}.attributes.{}", toml_key(&path.to_string()));
            claim_attribute(reader, &mut uses, &mapping.column, key, line);
        }
    }
    for column in companion.rows.keys() {
        let key = format!("{section}.where.{}", toml_key(column));
        claim(reader, &mut uses, column, key, line);
    }
    inserted(reader, &mut uses, &companion.insert, &section, line);
}

/// Columns of an `insert`, none of which may be set by something else.
fn inserted(
    reader: &mut Reader,
    uses: &mut BTreeMap<String, String>,
    insert: &Insert,
    section: &str,
    line: usize,
) {
    for column in insert.columns() {
        let clash = uses.get(column).filter(|key| !key.contains(".attributes."));
        if let Some(other) = clash {
            let key = format!("{section}.insert.{}", toml_key(column));
            reader.problem(key, line, format!("column `{column}` is set by `{other}` already"));
        }
    }
}

/// The same for the membership table.
pub(super) fn member_columns(reader: &mut Reader, members: &MemberTable, line: usize) {
    let mut uses = BTreeMap::from([(members.group.clone(), "members.group".to_owned())]);
    claim(reader, &mut uses, &members.user, "members.user".to_owned(), line);
    for column in members.rows.keys() {
        let key = format!("members.where.{}", toml_key(column));
        claim(reader, &mut uses, column, key, line);
    }
    stamps(reader, &mut uses, &members.touch, "members", line);
    inserted(reader, &mut uses, &members.insert, "members", line);
    if let Some((column, _)) = members.insert.made.iter().find(|(_, made)| **made == Made::Key) {
        let key = format!("members.insert.{}", toml_key(column));
        reader.problem(
            key,
            line,
            "a membership has no key of its own: take \"uuid\" or \"random:26\"",
        );
    }
    if let Some(mark) = &members.remove
        && let Some(other) = uses.get(&mark.column)
    {
        let column = &mark.column;
        let message = format!("column `{column}` is set by `{other}` already");
        reader.problem("members.remove.column", line, message);
    }
}

fn stamps(
    reader: &mut Reader,
    uses: &mut BTreeMap<String, String>,
    touch: &Touch,
    name: &str,
    line: usize,
) {
    for (stamp, columns) in [("created", &touch.created), ("modified", &touch.modified)] {
        for it in columns {
            claim(reader, uses, &it.column, format!("{name}.touch.{stamp}"), line);
        }
    }
    for (stamp, columns) in
        [("actor", &touch.actor), ("version", &touch.version), ("stamp", &touch.stamp)]
    {
        for column in columns {
            claim(reader, uses, column, format!("{name}.touch.{stamp}"), line);
        }
    }
}

/// A column may carry several attributes.
fn claim_attribute(
    reader: &mut Reader,
    uses: &mut BTreeMap<String, String>,
    column: &str,
    key: String,
    line: usize,
) {
    if !uses.get(column).is_some_and(|other| other.contains(".attributes.")) {
        claim(reader, uses, column, key, line);
    }
}

fn claim(
    reader: &mut Reader,
    uses: &mut BTreeMap<String, String>,
    column: &str,
    key: String,
    line: usize,
) {
    match uses.get(column) {
        Some(other) => {
            reader.problem(key, line, format!("column `{column}` is set by `{other}` already"));
        }
        None => {
            uses.insert(column.to_owned(), key);
        }
    }
}

/// What must hold between sections.
pub(super) fn sections(reader: &mut Reader, profile: &Profile) {
    if let Some(teams) = &profile.teams {
        let (users, groups, members) = (&profile.users, &teams.groups, &teams.members);
        // One table may hold both where `where` tells them apart.
        if users.table == groups.table && (users.rows == groups.rows || users.rows.is_empty()) {
            reader.problem(
                "groups.table",
                1,
                format!(
                    "`{}` holds the users already; groups need a table of their own, or a `where` in \
                     both sections that tells them apart",
                    groups.table
                ),
            );
        }
        for (name, table) in [("users", users), ("groups", groups)] {
            if members.table == table.table {
                reader.problem(
                    "members.table",
                    1,
                    format!("`{}` is `{name}.table` already", table.table),
                );
            }
        }
    }
    if profile.anonymise.contains_key(&profile.users.key.column) {
        reader.problem(
            format!("anonymise.set.{}", toml_key(&profile.users.key.column)),
            1,
            "is the users' key; an anonymised row keeps its key and foreign keys",
        );
    }
    for revoke in &profile.revoke {
        let RevokeAction::Set { set, .. } = &revoke.action else {
            continue;
        };
        if set.contains_key(&revoke.user) {
            let key = format!(
                "revoke.{}.set.{}",
                toml_key(&revoke.table.to_string()),
                toml_key(&revoke.user)
            );
            reader.problem(key, 1, "would take the row away from its user; set other columns");
        }
    }
}

/// `{id}` is the only placeholder of an `[anonymise]` template.
pub(super) fn template(reader: &mut Reader, template: &str, key: &str, line: usize) {
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            return;
        };
        if name != "id" {
            let known = "the only placeholder is {id}, the user's key";
            reader.problem(key, line, format!("has an unknown placeholder {{{name}}}; {known}"));
        }
        rest = tail;
    }
}
