//! The one walk over a profile: every relation that it names, with the columns that it names there
//! and what the agent does to the rows. Layout, grants and proof take from here what tables there are.
//!
//! Pure; knows no catalogue.

use super::model::{Delete, Encoding, Lookup, Missing, Profile, ResourceTable, RevokeAction};
use super::model::{TableName, Touch};
use super::read::toml_key;

/// What a kind of statement does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Reads them.
    Select,
    /// Makes new ones.
    Insert,
    /// Changes them.
    Update,
    /// Removes them.
    Delete,
}

impl Right {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Select, Self::Insert, Self::Update, Self::Delete];

    /// As SQL spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// A relation as the profile names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<'p> {
    /// The profile's key that names the table: `users.table`, `revoke.api_tokens`.
    pub key: String,
    /// The table.
    pub table: &'p TableName,
    /// The columns that the profile names there, the ones by which rows are found first.
    pub columns: Vec<&'p str>,
    /// What the agent does to its rows.
    pub rights: Vec<Right>,
    /// The columns that every INSERT of the agent's fills.
    pub filled: Vec<&'p str>,
    /// The columns that an UPDATE of the agent's may set.
    pub updated: Vec<&'p str>,
}

impl Profile {
    /// Every relation, in the order of the sections.
    pub fn relations(&self) -> Vec<Named<'_>> {
        let mut named = Vec::new();
        resource(&mut named, "users", &self.users);
        resource(&mut named, "groups", &self.groups);
        if let Some(users) = named.first_mut() {
            users.columns.extend(self.anonymise.keys().map(String::as_str));
            users.updated.extend(self.anonymise.keys().map(String::as_str));
        }
        named.push(self.memberships());
        named.extend(self.revoked());
        named.extend(self.owned());
        named
    }

    fn memberships(&self) -> Named<'_> {
        let members = &self.members;
        let mut filled = vec![members.group.as_str(), members.user.as_str()];
        filled.extend(members.insert.keys().map(String::as_str));
        filled.extend(stamped(&members.touch));
        Named {
            key: "members.table".to_owned(),
            table: &members.table,
            columns: filled.clone(),
            rights: vec![Right::Select, Right::Insert, Right::Delete],
            filled,
            updated: Vec::new(),
        }
    }

    fn revoked(&self) -> impl Iterator<Item = Named<'_>> {
        self.revoke.iter().map(|revoke| {
            let mut named = Named {
                key: format!("revoke.{}", toml_key(&revoke.table.to_string())),
                table: &revoke.table,
                columns: vec![revoke.user.as_str()],
                rights: vec![Right::Select, Right::Delete],
                filled: Vec::new(),
                updated: Vec::new(),
            };
            if let RevokeAction::Set { set, where_null } = &revoke.action {
                named.rights = vec![Right::Select, Right::Update];
                named.updated.extend(set.keys().map(String::as_str));
                named.columns.extend(set.keys().chain(where_null).map(String::as_str));
            }
            named
        })
    }

    fn owned(&self) -> impl Iterator<Item = Named<'_>> {
        self.ownership.iter().map(|owned| Named {
            key: format!("ownership.{}", toml_key(&owned.table.to_string())),
            table: &owned.table,
            columns: std::iter::once(&owned.owner)
                .chain(&owned.title)
                .map(String::as_str)
                .collect(),
            rights: vec![Right::Select, Right::Update],
            filled: Vec::new(),
            updated: vec![owned.owner.as_str()],
        })
    }
}

fn resource<'p>(named: &mut Vec<Named<'p>>, section: &str, resource: &'p ResourceTable) {
    let mapped = || resource.attributes.values().map(|mapping| mapping.column.as_str());
    let filled: Vec<&str> =
        resource.insert.keys().map(String::as_str).chain(stamped(&resource.touch)).collect();
    let mut columns: Vec<&str> = std::iter::once(resource.key.as_str()).chain(mapped()).collect();
    columns.extend(&filled);
    let mut updated: Vec<&str> = mapped().collect();
    let mut rights = vec![Right::Select, Right::Insert, Right::Update];
    let mut cascaded = Vec::new();
    match &resource.delete {
        Delete::Delete { cascade } => {
            rights.push(Right::Delete);
            cascaded.extend(cascade);
        }
        Delete::Deactivate { column: Some((column, _)) } => {
            columns.push(column);
            updated.push(column);
        }
        Delete::Deactivate { column: None } => {}
    }
    let key = format!("{section}.table");
    named.push(Named { key, table: &resource.table, columns, rights, filled, updated });
    for (path, mapping) in &resource.attributes {
        if let Encoding::Lookup(lookup) = &mapping.encoding {
            let key = format!("{section}.attributes.{}", toml_key(&path.to_string()));
            named.push(looked_up(format!("{key}.lookup.table"), lookup));
        }
    }
    named.extend(cascaded.into_iter().map(|table| Named {
        key: format!("{section}.delete.cascade"),
        table,
        columns: Vec::new(),
        rights: vec![Right::Select, Right::Delete],
        filled: Vec::new(),
        updated: Vec::new(),
    }));
}

fn looked_up(key: String, lookup: &Lookup) -> Named<'_> {
    let made = lookup.missing == Missing::Create;
    let inserted = lookup.insert.keys().map(String::as_str);
    let columns = [lookup.key.as_str(), lookup.label.as_str()];
    let filled = inserted.clone().chain([lookup.label.as_str()]).filter(|_| made).collect();
    Named {
        key,
        table: &lookup.table,
        columns: columns.into_iter().chain(inserted).collect(),
        rights: if made { vec![Right::Select, Right::Insert] } else { vec![Right::Select] },
        filled,
        updated: Vec::new(),
    }
}

fn stamped(touch: &Touch) -> impl Iterator<Item = &str> {
    [&touch.created, &touch.modified, &touch.actor].into_iter().flatten().map(String::as_str)
}
