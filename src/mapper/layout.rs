//! The profile together with what the catalogue says of its columns: everything the mapper and the
//! store need to know of one install. Made once, at start. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDateTime;

use super::Cell;
use crate::profile::catalogue::{Catalogue, Column, Database, Kind};
use crate::profile::model::{Delete, Profile, TableName};
use crate::scim::ResourceType;

/// A profile table or column that the database doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {what}; run `kpifire-scim check` for all that doesn't fit")]
pub struct LayoutError {
    origin: String,
    what: String,
}

/// One install: its profile, its columns.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The profile.
    pub profile: Arc<Profile>,
    /// Which database it is.
    pub database: Database,
    columns: BTreeMap<TableName, BTreeMap<String, Column>>,
    references: BTreeMap<(TableName, ResourceType), Vec<String>>,
    primary_keys: BTreeMap<TableName, Vec<String>>,
    inbound: Vec<(TableName, String)>,
}

impl Layout {
    /// Looks every table and column of the profile up in the catalogue.
    ///
    /// # Errors
    /// The first table or column that isn't there.
    pub fn new(profile: Arc<Profile>, catalogue: &Catalogue) -> Result<Self, LayoutError> {
        let mut columns = BTreeMap::new();
        let mut primary_keys = BTreeMap::new();
        for (table, wanted) in named(&profile) {
            let missing = |what: String| LayoutError { origin: profile.origin.clone(), what };
            let found = catalogue
                .table(&table)
                .ok_or_else(|| missing(format!("there is no table `{table}` in the database")))?;
            for column in wanted {
                if found.column(&column).is_none() {
                    return Err(missing(format!("table `{table}` has no column `{column}`")));
                }
            }
            let by_name = found.columns.iter().map(|it| (it.name.clone(), it.clone())).collect();
            primary_keys.insert(table.clone(), found.primary_key.clone());
            columns.insert(table, by_name);
        }
        let references = references(&profile, catalogue);
        let inbound = inbound(&profile, catalogue);
        let database = catalogue.database;
        Ok(Self { profile, database, columns, references, primary_keys, inbound })
    }

    /// What the catalogue says of a column; `None` only for a column the profile doesn't name.
    pub fn column(&self, table: &TableName, column: &str) -> Option<&Column> {
        self.columns.get(table)?.get(column)
    }

    /// The columns of a table that point at a resource type's key.
    pub fn references(&self, table: &TableName, kind: ResourceType) -> Vec<String> {
        let members = &self.profile.members;
        if *table == members.table {
            return vec![match kind {
                ResourceType::User => members.user.clone(),
                ResourceType::Group => members.group.clone(),
            }];
        }
        self.references.get(&(table.clone(), kind)).cloned().unwrap_or_default()
    }

    /// Every column of a table of the profile, in the order of their names.
    pub fn columns(&self, table: &TableName) -> impl Iterator<Item = &Column> {
        self.columns.get(table).into_iter().flat_map(BTreeMap::values)
    }

    /// The primary key's columns of a table of the profile; empty when it has none.
    pub fn primary_key(&self, table: &TableName) -> &[String] {
        self.primary_keys.get(table).map_or(&[], Vec::as_slice)
    }

    /// The columns, of whatever table, by which a foreign key points at a user's row.
    pub fn pointing_at_users(&self) -> &[(TableName, String)] {
        &self.inbound
    }

    /// The type family of a column.
    pub fn kind(&self, table: &TableName, column: &str) -> Kind {
        self.column(table, column).map_or(Kind::Other, |column| column.kind)
    }

    /// A SCIM id as the key it is the exact text of, or `None`: `03` is not 3 (no such resource).
    pub fn key(&self, kind: ResourceType, id: &str) -> Option<Cell> {
        let table = self.profile.table(kind);
        match self.kind(&table.table, &table.key) {
            Kind::Int => {
                let number: i64 = id.parse().ok()?;
                (number.to_string() == id).then_some(Cell::Int(number))
            }
            Kind::Uuid => {
                let uuid = uuid::Uuid::parse_str(id).ok()?;
                (uuid.hyphenated().to_string() == id).then(|| Cell::Text(id.to_owned()))
            }
            _ => {
                (!id.contains('\0') && id.chars().count() <= 191).then(|| Cell::Text(id.to_owned()))
            }
        }
    }
}

/// Brings a cell into the form its column takes: a flag into a 0/1 column as a number, a number
/// into a text column as text.
pub fn fit(kind: Kind, cell: Cell) -> Cell {
    match (kind, cell) {
        (Kind::Int, Cell::Bool(value)) => Cell::Int(i64::from(value)),
        (Kind::Int, Cell::Text(text)) => text.parse().map_or(Cell::Text(text), Cell::Int),
        (Kind::Bool, Cell::Int(value)) => Cell::Bool(value != 0),
        (Kind::Bool, Cell::Text(text)) => match text.as_str() {
            "true" => Cell::Bool(true),
            "false" => Cell::Bool(false),
            _ => Cell::Text(text),
        },
        (Kind::Text, cell @ (Cell::Int(_) | Cell::Bool(_) | Cell::Number(_))) => {
            cell.to_text().into()
        }
        // A profile may write a time as text.
        (Kind::Timestamp | Kind::Date, cell @ Cell::Text(_)) => {
            cell.to_time().map_or(cell, Cell::Time)
        }
        (Kind::Binary, Cell::Text(text)) => Cell::Bytes(text.into_bytes()),
        (_, cell) => cell,
    }
}

/// Legacy times are written to the second, which every install's column type holds: a database
/// that rounds fractions would write a time that hasn't come yet.
pub fn whole_second(now: NaiveDateTime) -> NaiveDateTime {
    use chrono::Timelike;
    now.with_nanosecond(0).unwrap_or(now)
}

/// For each `cascade` table of the profile, the columns by which it points at the resource.
fn references(
    profile: &Profile,
    catalogue: &Catalogue,
) -> BTreeMap<(TableName, ResourceType), Vec<String>> {
    let mut found = BTreeMap::new();
    for kind in ResourceType::ALL {
        let resource = profile.table(kind);
        let Delete::Delete { cascade } = &resource.delete else { continue };
        let target = catalogue.table(&resource.table).map(|table| &table.name);
        for table in cascade {
            let keys = catalogue.table(table).map(|it| it.foreign_keys.as_slice());
            let columns = keys
                .unwrap_or_default()
                .iter()
                .filter(|key| Some(&key.target) == target)
                .filter_map(|key| key.columns.first().cloned())
                .collect();
            found.insert((table.clone(), kind), columns);
        }
    }
    found
}

/// Foreign keys that point at the users' table, in the catalogue's order.
fn inbound(profile: &Profile, catalogue: &Catalogue) -> Vec<(TableName, String)> {
    let Some(users) = catalogue.table(&profile.users.table) else { return Vec::new() };
    catalogue
        .tables
        .values()
        .flat_map(|table| &table.foreign_keys)
        .filter(|key| key.target == users.name)
        .filter_map(|key| Some((key.table.clone(), key.columns.first()?.clone())))
        .collect()
}

/// Every table the profile names, with the columns it names there.
fn named(profile: &Profile) -> BTreeMap<TableName, Vec<String>> {
    use crate::profile::model::{Encoding, RevokeAction};
    let mut tables: BTreeMap<TableName, Vec<String>> = BTreeMap::new();
    for (kind, resource) in
        [(ResourceType::User, &profile.users), (ResourceType::Group, &profile.groups)]
    {
        let columns = tables.entry(resource.table.clone()).or_default();
        columns.push(resource.key.clone());
        columns.extend(resource.insert.keys().cloned());
        let touch = &resource.touch;
        columns
            .extend([&touch.created, &touch.modified, &touch.actor].into_iter().flatten().cloned());
        columns.extend(resource.attributes.values().map(|mapping| mapping.column.clone()));
        if kind == ResourceType::User {
            columns.extend(profile.anonymise.keys().cloned());
        }
        if let Delete::Deactivate { column: Some((column, _)) } = &resource.delete {
            columns.push(column.clone());
        }
        for mapping in resource.attributes.values() {
            if let Encoding::Lookup(lookup) = &mapping.encoding {
                let columns = tables.entry(lookup.table.clone()).or_default();
                columns.extend([lookup.key.clone(), lookup.label.clone()]);
                columns.extend(lookup.insert.keys().cloned());
            }
        }
    }
    let members = &profile.members;
    let columns = tables.entry(members.table.clone()).or_default();
    columns.extend([members.group.clone(), members.user.clone()]);
    columns.extend(members.insert.keys().cloned());
    let touch = &members.touch;
    columns.extend([&touch.created, &touch.modified, &touch.actor].into_iter().flatten().cloned());
    for revoke in &profile.revoke {
        let columns = tables.entry(revoke.table.clone()).or_default();
        columns.push(revoke.user.clone());
        if let RevokeAction::Set { set, where_null } = &revoke.action {
            columns.extend(set.keys().cloned());
            columns.extend(where_null.clone());
        }
    }
    for ownership in &profile.ownership {
        let columns = tables.entry(ownership.table.clone()).or_default();
        columns.push(ownership.owner.clone());
        columns.extend(ownership.title.clone());
    }
    tables
}
