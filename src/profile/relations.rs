//! The one walk over a profile: every relation that it names, with the columns that it names there
//! and what the agent does to the rows. Layout, grants and proof take from here what tables there are.
//!
//! Pure; knows no catalogue.

use super::model::{
    Beside, Companion, Counter, Delete, Encoding, Insert, KeySource, Lookup, Made, MemberTable,
    Missing, Parent, Profile, ResourceTable, RevokeAction, RowSwitch, TableName,
};
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
        if let Some(users) = named.first_mut() {
            users.columns.extend(self.anonymise.keys().map(String::as_str));
            users.updated.extend(self.anonymise.keys().map(String::as_str));
        }
        if let Some(teams) = &self.teams {
            resource(&mut named, "groups", &teams.groups);
            memberships(&mut named, &teams.members);
        }
        named.extend(self.revoked());
        named.extend(self.owned());
        named
    }

    fn revoked(&self) -> impl Iterator<Item = Named<'_>> {
        self.revoke.iter().map(|revoke| {
            let mut named = Named {
                key: format!("revoke.{}", toml_key(&revoke.table.to_string())),
                table: &revoke.table,
                columns: std::iter::once(&revoke.user)
                    .chain(revoke.rows.keys())
                    .map(String::as_str)
                    .collect(),
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
                .chain(owned.rows.keys())
                .map(String::as_str)
                .collect(),
            rights: vec![Right::Select, Right::Update],
            filled: Vec::new(),
            updated: vec![owned.owner.as_str()],
        })
    }
}

fn memberships<'p>(named: &mut Vec<Named<'p>>, members: &'p MemberTable) {
    let mut filled = vec![members.group.as_str(), members.user.as_str()];
    filled.extend(members.rows.keys().map(String::as_str));
    filled.extend(members.insert.columns());
    filled.extend(members.touch.columns());
    let mut columns = filled.clone();
    let mut rights = vec![Right::Select, Right::Insert];
    let mut updated = Vec::new();
    match &members.remove {
        Some(mark) => {
            columns.push(&mark.column);
            updated.push(mark.column.as_str());
            rights.push(Right::Update);
        }
        None => rights.push(Right::Delete),
    }
    let key = "members.table".to_owned();
    named.push(Named { key, table: &members.table, columns, rights, filled, updated });
    counters(named, "members.insert", members.insert.made.values());
}

fn resource<'p>(named: &mut Vec<Named<'p>>, section: &str, resource: &'p ResourceTable) {
    let own = |it: &&super::model::Mapping| {
        it.within.is_none() && !matches!(it.encoding, Encoding::Row(_))
    };
    let mapped = || resource.attributes.values().filter(own).map(|it| it.column.as_str());
    let mut filled: Vec<&str> = resource.rows.keys().map(String::as_str).collect();
    filled.extend(resource.insert.columns());
    filled.extend(resource.derive.keys().map(String::as_str));
    filled.extend(resource.touch.columns());
    let key = &resource.key;
    if key.source != KeySource::Database || resource.takes_key_of_parent() {
        filled.push(&key.column);
    }
    filled.extend(resource.parent_held_in());
    let mut columns: Vec<&str> = std::iter::once(key.column.as_str()).chain(mapped()).collect();
    columns.extend(&filled);
    let mut updated: Vec<&str> = mapped().collect();
    updated.extend(resource.derive.keys().map(String::as_str));
    updated.extend(resource.parent_held_in());
    let mut rights = vec![Right::Select, Right::Insert, Right::Update];
    let mut cascaded = Vec::new();
    match &resource.delete {
        Delete::Delete { cascade } => {
            rights.push(Right::Delete);
            cascaded.extend(cascade);
        }
        Delete::Mark(mark) => {
            columns.push(&mark.column);
            updated.push(&mark.column);
        }
        Delete::Deactivate => {}
    }
    let table = &resource.table;
    let key = format!("{section}.table");
    named.push(Named { key, table, columns, rights, filled, updated });
    if let KeySource::Made(made) = &resource.key.source {
        counters(named, &format!("{section}.key.new"), [made]);
    }
    counters(named, &format!("{section}.insert"), resource.insert.made.values());
    let deletes = matches!(resource.delete, Delete::Delete { .. });
    for companion in &resource.companions {
        beside(named, section, resource, companion, deletes);
    }
    for (path, mapping) in &resource.attributes {
        let key = format!("{section}.attributes.{}", toml_key(&path.to_string()));
        match &mapping.encoding {
            Encoding::Lookup(lookup) => {
                named.push(looked_up(format!("{key}.lookup.table"), lookup));
            }
            Encoding::Row(switch) => named.push(row_switch(format!("{key}.table"), switch)),
            _ => {}
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

fn beside<'p>(
    named: &mut Vec<Named<'p>>,
    section: &str,
    resource: &'p ResourceTable,
    companion: &'p Companion,
    deletes: bool,
) {
    let within = |it: &&super::model::Mapping| it.within.as_ref() == Some(&companion.name);
    let mapped = || resource.attributes.values().filter(within).map(|it| it.column.as_str());
    let keyed = companion.parent.as_ref().is_none_or(|it| it.source != KeySource::Database);
    let mut filled: Vec<&str> = Vec::new();
    filled.extend(Some(companion.user.as_str()).filter(|_| keyed));
    filled.extend(companion.rows.keys().map(String::as_str));
    filled.extend(companion.insert.columns());
    let pseudonyms = || companion.anonymise.keys().map(String::as_str);
    let mut columns = vec![companion.user.as_str()];
    columns.extend(mapped());
    columns.extend(&filled);
    columns.extend(pseudonyms());
    let mut rights = vec![Right::Select];
    if companion.missing != Beside::Ignore {
        rights.push(Right::Insert);
    }
    rights.push(Right::Update);
    if deletes {
        rights.push(Right::Delete);
    }
    let key = if companion.parent.is_some() {
        format!("{section}.parent.table")
    } else {
        format!("{section}.beside.{}.table", toml_key(&companion.name))
    };
    let updated = mapped().chain(pseudonyms()).collect();
    named.push(Named { key, table: &companion.table, columns, rights, filled, updated });
    if let Some(Parent { source: KeySource::Made(made), .. }) = &companion.parent {
        counters(named, &format!("{section}.parent.key.new"), [made]);
    }
    counters(named, &format!("{section}.insert"), companion.insert.made.values());
}

fn row_switch(key: String, switch: &RowSwitch) -> Named<'_> {
    let mut filled = vec![switch.user.as_str()];
    filled.extend(switch.rows.keys().map(String::as_str));
    filled.extend(switch.insert.columns());
    Named {
        key,
        table: &switch.table,
        columns: filled.clone(),
        rights: vec![Right::Select, Right::Insert, Right::Delete],
        filled,
        updated: Vec::new(),
    }
}

fn counters<'p>(named: &mut Vec<Named<'p>>, key: &str, made: impl IntoIterator<Item = &'p Made>) {
    let counters = made.into_iter().filter_map(|made| match made {
        Made::Counter(counter) => Some(counter),
        _ => None,
    });
    named.extend(counters.map(|counter: &Counter| {
        Named {
            key: format!("{key}.counter.table"),
            table: &counter.table,
            columns: std::iter::once(&counter.column)
                .chain(counter.rows.keys())
                .map(String::as_str)
                .collect(),
            rights: vec![Right::Select, Right::Update],
            filled: Vec::new(),
            updated: vec![counter.column.as_str()],
        }
    }));
}

fn looked_up(key: String, lookup: &Lookup) -> Named<'_> {
    let made = lookup.missing == Missing::Create;
    let insert: &Insert = &lookup.insert;
    let rows = || lookup.rows.keys().map(String::as_str);
    let columns = [lookup.key.as_str(), lookup.label.as_str()];
    let filled = insert.columns().chain([lookup.label.as_str()]).chain(rows());
    Named {
        key,
        table: &lookup.table,
        columns: columns.into_iter().chain(insert.columns()).chain(rows()).collect(),
        rights: if made { vec![Right::Select, Right::Insert] } else { vec![Right::Select] },
        filled: filled.filter(|_| made).collect(),
        updated: Vec::new(),
    }
}
