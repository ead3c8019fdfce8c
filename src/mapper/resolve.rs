//! Laying a profile over a catalogue: every table and column is looked up once. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::field::{
    Companion, Constant, Constants, Counter, Encoding, Field, KeySource, Lookup, Made, NewRow,
    RowSwitch,
};
use super::layout::{
    Deletion, Derived, Layout, MemberRelation, OwnedRelation, ResourceRelation, RevokeRelation,
    Stamped, Touch,
};
use super::relation::{Column, Condition, Reference, Relation};
use super::times::{Mark, MarkedBy, Switch, Times};
use crate::profile::catalogue::{Catalogue, Kind, Table};
use crate::profile::model::{self, Delete, Profile, RevokeAction, Scalar, TableName, Where};
use crate::profile::pointing::{self, Pointing};
use crate::scim::{AttributeKind, AttributePath, ResourceType};

/// A profile table or column that the database doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {what}; run `kpifire-scim check` for all that doesn't fit")]
pub struct LayoutError {
    origin: String,
    what: String,
}

impl LayoutError {
    /// What isn't there, without where the profile says so.
    pub fn what(&self) -> &str {
        &self.what
    }
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
        let members_of = members.as_ref();
        users.delete = resolver.deletion(ResourceType::User, &users, members_of)?;
        groups.delete = resolver.deletion(ResourceType::Group, &groups, members_of)?;
        Ok(Self {
            database: catalogue.database,
            anonymise: resolver.constants(&users.relation, &profile.anonymise)?,
            revoke: resolver.revoke()?,
            ownership: resolver.ownership()?,
            pointing_at_users: resolver.pointing_at(&profile.users),
            users,
            groups,
            members,
            profile,
        })
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

    /// The rows of a table that count.
    fn rows(&self, table: &TableName, rows: &Where) -> Result<Relation, LayoutError> {
        self.narrowed(self.relation(table)?, rows)
    }

    fn narrowed(&self, mut relation: Relation, rows: &Where) -> Result<Relation, LayoutError> {
        for (name, test) in rows {
            let (column, test) = (self.column(&relation, name)?, test.clone());
            relation.conditions.push(Condition { column, test });
        }
        Ok(relation)
    }

    fn times(&self, column: &Column, form: &model::TimeForm) -> Times {
        Times::of(column, form, self.profile.timezone.as_deref())
    }

    fn new_row(&self, relation: &Relation, insert: &model::Insert) -> Result<NewRow, LayoutError> {
        let filled = relation.filled().map(|(column, value)| (column, Constant::Value(value)));
        let mut constants: Constants = filled.collect();
        constants.extend(self.constants(relation, &insert.constants)?);
        let made = insert.made.iter();
        let made = made.map(|(name, made)| Ok((self.column(relation, name)?, self.made(made)?)));
        Ok(NewRow { constants, made: made.collect::<Result<_, LayoutError>>()? })
    }

    fn made(&self, made: &model::Made) -> Result<Made, LayoutError> {
        Ok(match made {
            model::Made::Uuid => Made::Uuid,
            model::Made::UuidPlain => Made::UuidPlain,
            model::Made::Random(length) => Made::Random(*length),
            model::Made::Key => Made::Key,
            model::Made::Counter(counter) => {
                let relation = self.rows(&counter.table, &counter.rows)?;
                let column = self.column(&relation, &counter.column)?;
                Made::Counter(Arc::new(Counter { relation, column, holds: counter.holds }))
            }
        })
    }

    fn source(&self, source: &model::KeySource) -> Result<KeySource, LayoutError> {
        Ok(match source {
            model::KeySource::Database => KeySource::Database,
            model::KeySource::Made(made) => KeySource::Made(self.made(made)?),
            model::KeySource::Name(rename) => KeySource::Name(*rename),
        })
    }

    fn companion(
        &self,
        resource: &Relation,
        key: &Arc<Column>,
        it: &model::Companion,
    ) -> Result<Arc<Companion>, LayoutError> {
        let relation = self.rows(&it.table, &it.rows)?;
        let parent = it.parent.as_ref();
        let of = match parent.and_then(|it| it.held_in.as_ref()) {
            Some(column) => self.column(resource, column)?,
            None => Arc::clone(key),
        };
        let parent = parent.map(|it| self.source(&it.source)).transpose()?;
        Ok(Arc::new(Companion {
            name: it.name.clone(),
            user: self.column(&relation, &it.user)?,
            of,
            insert: self.new_row(&relation, &it.insert)?,
            missing: it.missing,
            anonymise: self.constants(&relation, &it.anonymise)?,
            parent,
            relation,
        }))
    }

    fn switch(&self, column: &Column, switch: &model::TimeSwitch) -> Switch {
        let times = self.times(column, &switch.form);
        Switch { timed: switch.timed, live: switch.live.clone(), times }
    }

    /// A mark; what takes it back is the profile's constant, else the other of two flags.
    fn mark(
        &self,
        relation: &Relation,
        mark: &model::Mark,
        constant: Option<&Scalar>,
    ) -> Result<Mark, LayoutError> {
        let column = self.column(relation, &mark.column)?;
        let by = match &mark.by {
            model::MarkedBy::Time(switch) => MarkedBy::Time(self.switch(&column, switch)),
            model::MarkedBy::Value(gone) => {
                let there = match (constant, gone) {
                    (Some(constant), _) => constant.clone(),
                    (None, Scalar::Bool(value)) => Scalar::Bool(!value),
                    (None, Scalar::Int(0)) => Scalar::Int(1),
                    (None, Scalar::Int(_)) => Scalar::Int(0),
                    (None, _) => Scalar::Null,
                };
                MarkedBy::Value { gone: gone.clone(), there }
            }
        };
        Ok(Mark { column, by })
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
        let resolved = |(name, scalar): (&String, &Scalar)| {
            let column = self.column(relation, name)?;
            let constant = self.constant(&column, scalar);
            Ok((column, constant))
        };
        constants.iter().map(resolved).collect()
    }

    fn constant(&self, column: &Column, scalar: &Scalar) -> Constant {
        match scalar {
            Scalar::Now => Constant::Now(self.times(column, &model::TimeForm::default())),
            value => Constant::Value(value.clone()),
        }
    }

    fn touch(&self, relation: &Relation, touch: &model::Touch) -> Result<Touch, LayoutError> {
        let stamped = |columns: &[model::TimeColumn]| -> Result<Vec<Stamped>, LayoutError> {
            let stamped = columns.iter().map(|it| {
                let column = self.column(relation, &it.column)?;
                let times = self.times(&column, &it.form);
                Ok(Stamped { column, times })
            });
            stamped.collect()
        };
        Ok(Touch {
            created: stamped(&touch.created)?,
            modified: stamped(&touch.modified)?,
            actor: self.columns(relation, &touch.actor)?,
            version: self.columns(relation, &touch.version)?,
            stamp: self.columns(relation, &touch.stamp)?,
        })
    }

    /// The rows of a resource type, which are switched off until [`Self::deletion`] says otherwise.
    fn resource(&self, kind: ResourceType) -> Result<ResourceRelation, LayoutError> {
        let Some(table) = self.profile.table(kind) else { return self.nothing(kind) };
        let relation = self.rows(&table.table, &table.rows)?;
        let key = self.column(&relation, &table.key.column)?;
        let beside = table.companions.iter().map(|it| self.companion(&relation, &key, it));
        let companions = beside.collect::<Result<Vec<_>, _>>()?;
        let insert = self.new_row(&relation, &table.insert)?;
        let mut fields = Vec::with_capacity(table.attributes.len());
        let mut keys = table.attributes.len()..;
        for (shown, (path, mapping)) in table.attributes.iter().enumerate() {
            let named = |it: &&Arc<Companion>| mapping.within.as_ref() == Some(&it.name);
            let within = companions.iter().find(named).cloned();
            let place = within.as_ref().map_or(&relation, |companion| &companion.relation);
            let (column, encoding) = self.encoding(path, mapping, place, &key)?;
            let constants = within.as_ref().map_or(&insert, |it| &it.insert).constants.iter();
            let mut of_column = constants.filter(|(it, _)| it.name == mapping.column);
            let constant = of_column.next().map(|(_, constant)| constant.clone());
            let mut field = Field {
                path: path.clone(),
                name: path.to_string(),
                within,
                column,
                encoding,
                constant,
                shown,
                held: shown,
            };
            if field.is_computed() {
                field.held = keys.next().unwrap_or(shown);
            }
            fields.push(Arc::new(field));
        }
        let derived = table.derive.iter().map(|(name, it)| {
            let column = self.column(&relation, name)?;
            Ok(Derived { column, template: it.template.clone(), form: it.form })
        });
        Ok(ResourceRelation {
            source: self.source(&table.key.source)?,
            key,
            companions,
            fields,
            insert,
            derived: derived.collect::<Result<_, LayoutError>>()?,
            touch: self.touch(&relation, &table.touch)?,
            delete: Deletion::Deactivate,
            calls: table.calls.clone(),
            relation,
            kind,
        })
    }

    /// What an install has of a resource type that it doesn't have: a key and a name, and no rows.
    fn nothing(&self, kind: ResourceType) -> Result<ResourceRelation, LayoutError> {
        let relation = Relation::without_rows(self.catalogue.database);
        let path = AttributePath::parse(kind, kind.name_attribute())
            .map_err(|message| self.missing(message))?;
        let name = Field {
            name: path.to_string(),
            path,
            within: None,
            column: self.column(&relation, "name")?,
            encoding: Encoding::Plain,
            constant: None,
            shown: 0,
            held: 0,
        };
        Ok(ResourceRelation {
            key: self.column(&relation, "id")?,
            source: KeySource::Database,
            companions: Vec::new(),
            fields: vec![Arc::new(name)],
            insert: NewRow::default(),
            derived: Vec::new(),
            touch: Touch::default(),
            delete: Deletion::Deactivate,
            calls: BTreeMap::new(),
            relation,
            kind,
        })
    }

    fn encoding(
        &self,
        path: &AttributePath,
        mapping: &model::Mapping,
        place: &Relation,
        key: &Arc<Column>,
    ) -> Result<(Arc<Column>, Encoding), LayoutError> {
        if let model::Encoding::Row(switch) = &mapping.encoding {
            let relation = self.rows(&switch.table, &switch.rows)?;
            let user = self.column(&relation, &switch.user)?;
            let switch = RowSwitch {
                insert: self.new_row(&relation, &switch.insert)?,
                of: Arc::clone(key),
                means: switch.means,
                user: Arc::clone(&user),
                relation,
            };
            return Ok((user, Encoding::Row(Arc::new(switch))));
        }
        let column = self.column(place, &mapping.column)?;
        let timed = path.definition().kind == AttributeKind::DateTime
            && matches!(column.kind, Kind::Timestamp | Kind::Int);
        let encoding = match &mapping.encoding {
            model::Encoding::Plain if timed => {
                Encoding::Time(self.times(&column, &model::TimeForm::default()))
            }
            model::Encoding::Plain | model::Encoding::Row(_) => Encoding::Plain,
            model::Encoding::Values { pairs, other } => {
                Encoding::Values { pairs: pairs.clone(), other: *other }
            }
            model::Encoding::Formed(form) => Encoding::Formed(*form),
            model::Encoding::Utf8 => Encoding::Utf8,
            model::Encoding::Time(form) => Encoding::Time(self.times(&column, form)),
            model::Encoding::Switch(switch) => Encoding::Switch(self.switch(&column, switch)),
            model::Encoding::Lookup(lookup) => {
                let relation = self.rows(&lookup.table, &lookup.rows)?;
                Encoding::Lookup(Lookup {
                    key: self.column(&relation, &lookup.key)?,
                    label: self.column(&relation, &lookup.label)?,
                    missing: lookup.missing.clone(),
                    none: lookup.none.clone(),
                    insert: self.new_row(&relation, &lookup.insert)?,
                    relation,
                })
            }
        };
        Ok((column, encoding))
    }

    fn members(&self) -> Result<Option<MemberRelation>, LayoutError> {
        let Some(members) = self.profile.members() else { return Ok(None) };
        let relation = self.rows(&members.table, &members.rows)?;
        let constant = |mark: &model::Mark| members.insert.constants.get(&mark.column);
        let remove = members.remove.as_ref();
        let remove = remove.map(|mark| self.mark(&relation, mark, constant(mark))).transpose()?;
        Ok(Some(MemberRelation {
            group: self.column(&relation, &members.group)?,
            user: self.column(&relation, &members.user)?,
            insert: self.new_row(&relation, &members.insert)?,
            touch: self.touch(&relation, &members.touch)?,
            remove,
            calls: members.calls.clone(),
            relation,
        }))
    }

    fn deletion(
        &self,
        kind: ResourceType,
        own: &ResourceRelation,
        members: Option<&MemberRelation>,
    ) -> Result<Deletion, LayoutError> {
        let Some(table) = self.profile.table(kind) else { return Ok(Deletion::Deactivate) };
        Ok(match &table.delete {
            Delete::Deactivate => Deletion::Deactivate,
            Delete::Mark(mark) => {
                let constant = table.insert.constants.get(&mark.column);
                Deletion::Mark(self.mark(&own.relation, mark, constant)?)
            }
            Delete::Delete { cascade } => {
                let mut references = Vec::new();
                for name in cascade {
                    let members = members.filter(|it| *name == it.relation.table);
                    if let Some(members) = members {
                        let column = match kind {
                            ResourceType::User => &members.user,
                            ResourceType::Group => &members.group,
                        };
                        let (relation, column) = (members.relation.clone(), Arc::clone(column));
                        references.push(Reference { relation, column });
                    } else {
                        references.extend(self.references(name, table)?);
                    }
                }
                Deletion::Delete { cascade: references }
            }
        })
    }

    /// The rows of a `cascade` table that point at a resource's row.
    fn references(
        &self,
        name: &TableName,
        resource: &model::ResourceTable,
    ) -> Result<Vec<Reference>, LayoutError> {
        let target = self.catalogue.table(&resource.table);
        let (Some(target), Some(table)) = (target, self.catalogue.table(name)) else {
            return Ok(Vec::new());
        };
        let found = pointing::cascaded(table, &target.name, resource);
        found.iter().map(|it| self.reference(self.relation(name)?, it)).collect()
    }

    fn reference(&self, relation: Relation, it: &Pointing) -> Result<Reference, LayoutError> {
        let relation = self.narrowed(relation, &it.rows)?;
        Ok(Reference { column: self.column(&relation, &it.column)?, relation })
    }

    fn revoke(&self) -> Result<Vec<RevokeRelation>, LayoutError> {
        let resolved = |revoke: &model::Revoke| {
            let relation = self.rows(&revoke.table, &revoke.rows)?;
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
            let relation = self.rows(&owned.table, &owned.rows)?;
            Ok(OwnedRelation { owner: self.column(&relation, &owned.owner)?, relation })
        };
        self.profile.ownership.iter().map(resolved).collect()
    }

    /// Foreign keys of every table that point at this one, in the catalogue's order.
    fn pointing_at(&self, resource: &model::ResourceTable) -> Vec<Reference> {
        let Some(target) = self.catalogue.table(&resource.table) else { return Vec::new() };
        let tables = self.catalogue.tables.values();
        let keys = tables.flat_map(|table| {
            let keys = table.foreign_keys.iter().filter(|key| key.target == target.name);
            keys.map(move |key| (table, key))
        });
        // Mostly of tables that the profile doesn't name. What the account doesn't see of them is no fault.
        let reference = |(table, key): (&Table, _)| {
            let relation = Relation::new(self.catalogue.database, &table.name, table);
            self.reference(relation, &pointing::by_key(key, resource)?).ok()
        };
        keys.filter_map(reference).collect()
    }
}
