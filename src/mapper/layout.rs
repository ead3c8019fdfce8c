//! One install: its profile laid over its catalogue, every table and column looked up once, at start.
//! Everything that mapper and store need to know of it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cell::Cell;
use super::field::{Encoding, Field, Lookup};
use super::relation::{Column, Reference, Relation};
use crate::profile::catalogue::{Catalogue, Database, Kind};
use crate::profile::model::{self, Delete, Profile, RevokeAction, Scalar, TableName};
use crate::scim::{AttributePath, ResourceType};

/// A profile table or column that the database doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {what}; run `kpifire-scim check` for all that doesn't fit")]
pub struct LayoutError {
    origin: String,
    what: String,
}

/// One install.
#[derive(Debug)]
pub struct Layout {
    /// The profile that it was made from.
    pub profile: Arc<Profile>,
    /// Which database it is.
    pub database: Database,
    /// `[users]`
    pub users: ResourceRelation,
    /// `[groups]`
    pub groups: ResourceRelation,
    /// `[members]`
    pub members: MemberRelation,
    /// `[revoke]`
    pub revoke: Vec<RevokeRelation>,
    /// `[ownership]`
    pub ownership: Vec<OwnedRelation>,
    /// `[anonymise] set`
    pub anonymise: Constants,
    /// The foreign keys, of whatever table, that point at a user's row.
    pub pointing_at_users: Vec<Reference>,
}

/// Columns and what the profile puts into them.
pub type Constants = Vec<(Arc<Column>, Scalar)>;

/// A resource type's rows.
#[derive(Debug)]
pub struct ResourceRelation {
    /// Their table.
    pub relation: Relation,
    /// The key; the SCIM id is its value as text.
    pub key: Arc<Column>,
    /// The mapped attributes, in the order of their paths.
    pub fields: Vec<Arc<Field>>,
    /// What a new row gets beside them.
    pub insert: Constants,
    /// Stamped columns.
    pub touch: Touch,
    /// What DELETE does.
    pub delete: Deletion,
    kind: ResourceType,
}

/// Columns that the agent stamps.
#[derive(Debug, Default)]
pub struct Touch {
    /// With the time of creation.
    pub created: Vec<Arc<Column>>,
    /// With the time of every write.
    pub modified: Vec<Arc<Column>>,
    /// With the agent's name.
    pub actor: Vec<Arc<Column>>,
}

/// What a SCIM DELETE does to the row.
#[derive(Debug)]
pub enum Deletion {
    /// `active` becomes false.
    Deactivate,
    /// A column gets a value.
    Set(Arc<Column>, Scalar),
    /// The row goes, and first those that point at it.
    Delete {
        /// Rows of the `cascade` tables.
        cascade: Vec<Reference>,
    },
}

/// The memberships.
#[derive(Debug)]
pub struct MemberRelation {
    /// Their table.
    pub relation: Relation,
    /// The column that holds the group's key.
    pub group: Arc<Column>,
    /// The column that holds the user's key.
    pub user: Arc<Column>,
    /// What a new membership gets.
    pub insert: Constants,
    /// Stamped columns.
    pub touch: Touch,
}

/// A table of `[revoke]`.
#[derive(Debug)]
pub struct RevokeRelation {
    /// The table.
    pub relation: Relation,
    /// The column that holds the user's key.
    pub user: Arc<Column>,
    /// Columns and values that end the access; without any, the rows go.
    pub set: Option<Constants>,
    /// Only rows where this column is NULL.
    pub where_null: Option<Arc<Column>>,
}

/// A table of `[ownership]`.
#[derive(Debug)]
pub struct OwnedRelation {
    /// The table.
    pub relation: Relation,
    /// The column that holds the owner's key.
    pub owner: Arc<Column>,
}

impl Layout {
    /// Looks every table and column of the profile up in the catalogue.
    ///
    /// # Errors
    /// The first table or column that isn't there.
    pub fn new(profile: Arc<Profile>, catalogue: &Catalogue) -> Result<Self, LayoutError> {
        let resolver = Resolver::new(&profile, catalogue)?;
        let mut users = resolver.resource(ResourceType::User)?;
        let mut groups = resolver.resource(ResourceType::Group)?;
        let members = resolver.members()?;
        users.delete = resolver.deletion(ResourceType::User, &users, &members)?;
        groups.delete = resolver.deletion(ResourceType::Group, &groups, &members)?;
        Ok(Self {
            database: catalogue.database,
            anonymise: resolver.constants(&users.relation, &profile.anonymise)?,
            revoke: resolver.revoke()?,
            ownership: resolver.ownership()?,
            pointing_at_users: resolver.pointing_at(&profile.users.table),
            users,
            groups,
            members,
            profile,
        })
    }

    /// The rows of a resource type.
    pub fn resource(&self, kind: ResourceType) -> &ResourceRelation {
        match kind {
            ResourceType::User => &self.users,
            ResourceType::Group => &self.groups,
        }
    }

    /// The relation that the profile writes so: of the users, or of what they own.
    pub fn owned_or_users(&self, table: &str) -> Option<&Relation> {
        let owned = self.ownership.iter().map(|it| &it.relation);
        owned.chain([&self.users.relation]).find(|it| it.table.to_string() == table)
    }

    /// The key that a SCIM id is made of, or `None`: no resource of this type has such an id.
    pub fn key(&self, kind: ResourceType, id: &str) -> Option<Cell> {
        self.key_of(kind, kind.key(id)?)
    }

    /// The key that this is the exact text of, or `None`: `03` is not 3.
    pub fn key_of(&self, kind: ResourceType, text: &str) -> Option<Cell> {
        let id = text;
        match self.resource(kind).key.kind {
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

impl ResourceRelation {
    /// The field of the matching attribute: userName or displayName.
    pub fn name(&self) -> Option<&Arc<Field>> {
        self.whole(self.kind.name_attribute())
    }

    /// The field of `active`.
    pub fn active(&self) -> Option<&Arc<Field>> {
        self.whole("active")
    }

    /// The field of a whole attribute of the core schema.
    pub fn whole(&self, attribute: &str) -> Option<&Arc<Field>> {
        self.fields.iter().find(|field| field.is(attribute))
    }

    /// The field of an attribute.
    pub fn field(&self, path: &AttributePath) -> Option<&Arc<Field>> {
        self.fields.iter().find(|field| field.path == *path)
    }

    /// The field that a baseline or a finding names so.
    pub fn named(&self, name: &str) -> Option<&Arc<Field>> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// How many cells of a row carry attributes: one a field, and one more for each lookup's key.
    pub fn width(&self) -> usize {
        self.fields.len() + self.fields.iter().filter(|field| field.is_looked_up()).count()
    }
}

/// Finds what the profile names in the catalogue.
struct Resolver<'a> {
    profile: &'a Profile,
    catalogue: &'a Catalogue,
    relations: BTreeMap<&'a TableName, Relation>,
}

impl<'a> Resolver<'a> {
    fn new(profile: &'a Profile, catalogue: &'a Catalogue) -> Result<Self, LayoutError> {
        let mut resolver = Self { profile, catalogue, relations: BTreeMap::new() };
        for named in profile.relations() {
            let table = named.table;
            let found = catalogue.table(table);
            let found = found.ok_or_else(|| {
                resolver.missing(format!("there is no table `{table}` in the database"))
            })?;
            if let Some(column) = named.columns.iter().find(|it| found.column(it).is_none()) {
                return Err(resolver.missing(format!("table `{table}` has no column `{column}`")));
            }
            let relation = Relation::new(catalogue.database, table, found);
            resolver.relations.insert(table, relation);
        }
        Ok(resolver)
    }

    fn missing(&self, what: String) -> LayoutError {
        LayoutError { origin: self.profile.origin.clone(), what }
    }

    fn relation(&self, table: &TableName) -> Result<Relation, LayoutError> {
        let found = self.relations.get(table).cloned();
        found.ok_or_else(|| self.missing(format!("there is no table `{table}` in the database")))
    }

    fn column(&self, relation: &Relation, name: &str) -> Result<Arc<Column>, LayoutError> {
        let table = &relation.table;
        let found = relation.column(name).cloned();
        found.ok_or_else(|| self.missing(format!("table `{table}` has no column `{name}`")))
    }

    fn columns(
        &self,
        relation: &Relation,
        names: &[String],
    ) -> Result<Vec<Arc<Column>>, LayoutError> {
        names.iter().map(|name| self.column(relation, name)).collect()
    }

    fn constants(
        &self,
        relation: &Relation,
        constants: &BTreeMap<String, Scalar>,
    ) -> Result<Constants, LayoutError> {
        let resolved =
            |(name, scalar): (&String, &Scalar)| Ok((self.column(relation, name)?, scalar.clone()));
        constants.iter().map(resolved).collect()
    }

    fn touch(&self, relation: &Relation, touch: &model::Touch) -> Result<Touch, LayoutError> {
        Ok(Touch {
            created: self.columns(relation, &touch.created)?,
            modified: self.columns(relation, &touch.modified)?,
            actor: self.columns(relation, &touch.actor)?,
        })
    }

    /// The rows of a resource type, which are switched off until [`Self::deletion`] says otherwise.
    fn resource(&self, kind: ResourceType) -> Result<ResourceRelation, LayoutError> {
        let table = self.profile.table(kind);
        let relation = self.relation(&table.table)?;
        let mut fields = Vec::with_capacity(table.attributes.len());
        let mut keys = table.attributes.len()..;
        for (shown, (path, mapping)) in table.attributes.iter().enumerate() {
            let encoding = self.encoding(&mapping.encoding)?;
            let looked_up = matches!(encoding, Encoding::Lookup(_));
            let key = if looked_up { keys.next() } else { None };
            fields.push(Arc::new(Field {
                path: path.clone(),
                name: path.to_string(),
                column: self.column(&relation, &mapping.column)?,
                encoding,
                constant: table.insert.get(&mapping.column).cloned(),
                shown,
                held: key.unwrap_or(shown),
            }));
        }
        Ok(ResourceRelation {
            key: self.column(&relation, &table.key)?,
            fields,
            insert: self.constants(&relation, &table.insert)?,
            touch: self.touch(&relation, &table.touch)?,
            delete: Deletion::Deactivate,
            relation,
            kind,
        })
    }

    fn encoding(&self, encoding: &model::Encoding) -> Result<Encoding, LayoutError> {
        Ok(match encoding {
            model::Encoding::Plain => Encoding::Plain,
            model::Encoding::Values { pairs, other } => {
                Encoding::Values { pairs: pairs.clone(), other: *other }
            }
            model::Encoding::Lookup(lookup) => {
                let relation = self.relation(&lookup.table)?;
                Encoding::Lookup(Lookup {
                    key: self.column(&relation, &lookup.key)?,
                    label: self.column(&relation, &lookup.label)?,
                    missing: lookup.missing.clone(),
                    insert: self.constants(&relation, &lookup.insert)?,
                    relation,
                })
            }
        })
    }

    fn members(&self) -> Result<MemberRelation, LayoutError> {
        let members = &self.profile.members;
        let relation = self.relation(&members.table)?;
        Ok(MemberRelation {
            group: self.column(&relation, &members.group)?,
            user: self.column(&relation, &members.user)?,
            insert: self.constants(&relation, &members.insert)?,
            touch: self.touch(&relation, &members.touch)?,
            relation,
        })
    }

    fn deletion(
        &self,
        kind: ResourceType,
        own: &ResourceRelation,
        members: &MemberRelation,
    ) -> Result<Deletion, LayoutError> {
        let table = self.profile.table(kind);
        Ok(match &table.delete {
            Delete::Deactivate { column: None } => Deletion::Deactivate,
            Delete::Deactivate { column: Some((column, value)) } => {
                Deletion::Set(self.column(&own.relation, column)?, value.clone())
            }
            Delete::Delete { cascade } => {
                let mut references = Vec::new();
                for name in cascade {
                    if *name == members.relation.table {
                        let column = match kind {
                            ResourceType::User => &members.user,
                            ResourceType::Group => &members.group,
                        };
                        let (relation, column) = (members.relation.clone(), Arc::clone(column));
                        references.push(Reference { relation, column });
                    } else {
                        references.extend(self.references(name, &table.table)?);
                    }
                }
                Deletion::Delete { cascade: references }
            }
        })
    }

    /// The columns of a table of the profile by which foreign keys point at another.
    fn references(
        &self,
        table: &TableName,
        target: &TableName,
    ) -> Result<Vec<Reference>, LayoutError> {
        let target = self.catalogue.table(target).map(|found| &found.name);
        let relation = self.relation(table)?;
        let keys = self.catalogue.table(table).map(|found| found.foreign_keys.as_slice());
        let pointing = keys.unwrap_or_default().iter().filter(|key| Some(&key.target) == target);
        let columns = pointing.filter_map(|key| relation.column(key.columns.first()?).cloned());
        Ok(columns.map(|column| Reference { relation: relation.clone(), column }).collect())
    }

    fn revoke(&self) -> Result<Vec<RevokeRelation>, LayoutError> {
        let resolved = |revoke: &model::Revoke| {
            let relation = self.relation(&revoke.table)?;
            let (set, where_null) = match &revoke.action {
                RevokeAction::Delete => (None, None),
                RevokeAction::Set { set, where_null } => {
                    let column = where_null.as_ref().map(|name| self.column(&relation, name));
                    (Some(self.constants(&relation, set)?), column.transpose()?)
                }
            };
            let user = self.column(&relation, &revoke.user)?;
            Ok(RevokeRelation { relation, user, set, where_null })
        };
        self.profile.revoke.iter().map(resolved).collect()
    }

    fn ownership(&self) -> Result<Vec<OwnedRelation>, LayoutError> {
        let resolved = |owned: &model::Ownership| {
            let relation = self.relation(&owned.table)?;
            Ok(OwnedRelation { owner: self.column(&relation, &owned.owner)?, relation })
        };
        self.profile.ownership.iter().map(resolved).collect()
    }

    /// Foreign keys of every table that point at this one, in the catalogue's order.
    fn pointing_at(&self, target: &TableName) -> Vec<Reference> {
        let Some(target) = self.catalogue.table(target) else { return Vec::new() };
        let tables = self.catalogue.tables.values();
        let pointing = tables.flat_map(|table| {
            let keys = table.foreign_keys.iter().filter(|key| key.target == target.name);
            keys.map(move |key| (table, key))
        });
        let reference = |(table, key): (&crate::profile::catalogue::Table, _)| {
            let key: &crate::profile::catalogue::ForeignKey = key;
            let relation = Relation::new(self.catalogue.database, &table.name, table);
            let column = relation.column(key.columns.first()?).cloned()?;
            Some(Reference { relation, column })
        };
        pointing.filter_map(reference).collect()
    }
}
