//! What must hold between the keys of a profile, whatever the database says.
//!
//! Owns cross-checks of a profile that has been read; the catalogue is `proof`'s.

use std::collections::BTreeMap;

use super::model::{Delete, Encoding, MemberTable, Profile, ResourceTable, RevokeAction, Touch};
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
        Some(Encoding::Plain) => {}
        Some(_) => reader.problem(
            key.clone(),
            line,
            format!("`{attribute}` must lie in its column as it is, without `values` or `lookup`"),
        ),
    }
    let deactivates = matches!(table.delete, Delete::Deactivate { .. });
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
    let mut uses = BTreeMap::from([(table.key.clone(), format!("{name}.key"))]);
    for (path, mapping) in &table.attributes {
        let key = format!("{name}.attributes.{}", toml_key(&path.to_string()));
        claim(reader, &mut uses, &mapping.column, key, line);
    }
    stamps(reader, &mut uses, &table.touch, name, line);
    // `insert` beside a mapped attribute is meant: it is what an absent attribute writes.
    for column in table.insert.keys() {
        let clash = uses.get(column).filter(|key| !key.contains(".attributes."));
        if let Some(other) = clash {
            let key = format!("{name}.insert.{}", toml_key(column));
            reader.problem(key, line, format!("column `{column}` is set by `{other}` already"));
        }
    }
    if let Delete::Deactivate { column: Some((column, _)) } = &table.delete
        && let Some(other) = uses.get(column)
    {
        let key = format!("{name}.delete.column");
        reader.problem(key, line, format!("column `{column}` is set by `{other}` already"));
    }
}

/// The same for the membership table.
pub(super) fn member_columns(reader: &mut Reader, members: &MemberTable, line: usize) {
    let mut uses = BTreeMap::from([(members.group.clone(), "members.group".to_owned())]);
    claim(reader, &mut uses, &members.user, "members.user".to_owned(), line);
    stamps(reader, &mut uses, &members.touch, "members", line);
    for column in members.insert.keys() {
        let key = format!("members.insert.{}", toml_key(column));
        claim(reader, &mut uses, column, key, line);
    }
}

fn stamps(
    reader: &mut Reader,
    uses: &mut BTreeMap<String, String>,
    touch: &Touch,
    name: &str,
    line: usize,
) {
    for (stamp, columns) in
        [("created", &touch.created), ("modified", &touch.modified), ("actor", &touch.actor)]
    {
        for column in columns {
            claim(reader, uses, column, format!("{name}.touch.{stamp}"), line);
        }
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
    if profile.users.table == profile.groups.table {
        reader.problem(
            "groups.table",
            1,
            format!(
                "`{}` holds the users already; groups need a table of their own",
                profile.groups.table
            ),
        );
    }
    for (name, table) in [("users", &profile.users), ("groups", &profile.groups)] {
        if profile.members.table == table.table {
            reader.problem(
                "members.table",
                1,
                format!("`{}` is `{name}.table` already", table.table),
            );
        }
    }
    if profile.anonymise.contains_key(&profile.users.key) {
        reader.problem(
            format!("anonymise.set.{}", toml_key(&profile.users.key)),
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
