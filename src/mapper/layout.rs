//! One install: its profile laid over its catalogue, every table and column looked up once, at start.
//! Everything that mapper and store need to know of it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cell::Cell;
use super::field::{Companion, Constants, Field, KeySource, NewRow};
use super::relation::{Column, Reference, Relation};
use super::times::{Mark, Times};
use crate::profile::catalogue::{Database, Kind};
use crate::profile::model::{CallPiece, Form, Moment, Piece, Profile};
use crate::scim::{AttributePath, ResourceType};

/// One install.
#[derive(Debug)]
pub struct Layout {
    /// The profile that it was made from.
    pub profile: Arc<Profile>,
    /// Which database it is.
    pub database: Database,
    /// `[users]`
    pub users: ResourceRelation,
    /// `[groups]`; a relation without rows where there are no teams.
    pub groups: ResourceRelation,
    /// `[members]`; none where there are no teams.
    pub members: Option<MemberRelation>,
    /// `[revoke]`
    pub revoke: Vec<RevokeRelation>,
    /// `[ownership]`
    pub ownership: Vec<OwnedRelation>,
    /// `[anonymise] set`
    pub anonymise: Constants,
    /// The foreign keys, of whatever table, that point at a user's row.
    pub pointing_at_users: Vec<Reference>,
}

/// A resource type's rows.
#[derive(Debug)]
pub struct ResourceRelation {
    /// Their table.
    pub relation: Relation,
    /// The key; the SCIM id is its value as text.
    pub key: Arc<Column>,
    /// Where a new row's key comes from.
    pub source: KeySource,
    /// The tables beside it, the parent first.
    pub companions: Vec<Arc<Companion>>,
    /// The mapped attributes, in the order of their paths.
    pub fields: Vec<Arc<Field>>,
    /// What a new row gets beside them.
    pub insert: NewRow,
    /// Columns whose values follow from attributes.
    pub derived: Vec<Derived>,
    /// Stamped columns.
    pub touch: Touch,
    /// What DELETE does.
    pub delete: Deletion,
    /// Statements of the application's, by when they are called.
    pub calls: BTreeMap<Moment, Vec<CallPiece>>,
    pub(super) kind: ResourceType,
}

/// A column whose value follows from attributes.
#[derive(Debug)]
pub struct Derived {
    /// The column.
    pub column: Arc<Column>,
    /// Texts and attributes, in order.
    pub template: Vec<Piece>,
    /// The form that the whole is brought into.
    pub form: Form,
}

/// A column that is stamped with a time.
#[derive(Debug)]
pub struct Stamped {
    /// The column.
    pub column: Arc<Column>,
    /// How it holds times.
    pub times: Times,
}

/// Columns that the agent stamps.
#[derive(Debug, Default)]
pub struct Touch {
    /// With the time of creation.
    pub created: Vec<Stamped>,
    /// With the time of every write.
    pub modified: Vec<Stamped>,
    /// With the agent's name.
    pub actor: Vec<Arc<Column>>,
    /// Counted up at every write.
    pub version: Vec<Arc<Column>>,
    /// With a new UUID at every write.
    pub stamp: Vec<Arc<Column>>,
}

/// What a SCIM DELETE does to the row.
#[derive(Debug)]
pub enum Deletion {
    /// `active` becomes false.
    Deactivate,
    /// A column marks it as gone.
    Mark(Mark),
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
    pub insert: NewRow,
    /// Stamped columns.
    pub touch: Touch,
    /// What marks a membership as gone; without it memberships are deleted.
    pub remove: Option<Mark>,
    /// Statements of the application's, by when they are called.
    pub calls: BTreeMap<Moment, Vec<CallPiece>>,
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
    /// Whether it is the same profile over tables of the same shape.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        // All that it was made of shows in it.
        format!("{self:?}") == format!("{other:?}")
    }

    /// The rows of a resource type.
    pub fn resource(&self, kind: ResourceType) -> &ResourceRelation {
        match kind {
            ResourceType::User => &self.users,
            ResourceType::Group => &self.groups,
        }
    }

    /// The relation that a journal names so: of the users, of memberships, of what users own, by their
    /// tables; of what lies beside users by the companion.
    pub fn relation(&self, place: &str) -> Option<&Relation> {
        let beside = self.users.companions.iter().find(|it| it.place() == place);
        if let Some(companion) = beside {
            return Some(&companion.relation);
        }
        let members = self.members.iter().map(|it| &it.relation);
        let owned = self.ownership.iter().map(|it| &it.relation);
        let all = std::iter::once(&self.users.relation).chain(members).chain(owned);
        all.into_iter().find(|it| it.table.to_string() == place)
    }

    /// Whether the install has resources of this type.
    pub fn offers(&self, kind: ResourceType) -> bool {
        kind == ResourceType::User || self.members.is_some()
    }

    /// The key that a SCIM id is made of, or `None`: no resource of this type has such an id.
    pub fn key(&self, kind: ResourceType, id: &str) -> Option<Cell> {
        self.key_of(kind, kind.key(id)?)
    }

    /// The key that this is the exact text of, or `None`: `03` is not 3.
    pub fn key_of(&self, kind: ResourceType, text: &str) -> Option<Cell> {
        let id = text;
        match self.resource(kind).key.kind {
            // Some keep whole numbers in a decimal type.
            Kind::Int | Kind::Number => {
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

    /// The attributes that lie in the column of this one, itself left out.
    pub fn beside<'l>(&'l self, field: &'l Field) -> impl Iterator<Item = &'l Arc<Field>> {
        let others = self.fields.iter().filter(move |it| it.path != field.path);
        others.filter(move |it| it.shares_column(field))
    }

    /// Attributes that lie in one column, set by set.
    pub fn shared(&self) -> Vec<Vec<&Arc<Field>>> {
        let mut sets: Vec<Vec<&Arc<Field>>> = Vec::new();
        for field in &self.fields {
            let set = sets.iter_mut().find(|set| set.iter().any(|it| it.shares_column(field)));
            match set {
                Some(set) => set.push(field),
                None => sets.push(vec![field]),
            }
        }
        sets.retain(|set| set.len() > 1);
        sets
    }

    /// How many cells of a row carry attributes: one a field, and one more where the column holds
    /// something else than SCIM shows.
    pub fn width(&self) -> usize {
        self.fields.len() + self.fields.iter().filter(|field| field.is_computed()).count()
    }

    /// What marks a row as gone.
    pub fn mark(&self) -> Option<&Mark> {
        match &self.delete {
            Deletion::Mark(mark) => Some(mark),
            Deletion::Deactivate | Deletion::Delete { .. } => None,
        }
    }

    /// The table whose row is made first.
    pub fn parent(&self) -> Option<&Arc<Companion>> {
        self.companions.iter().find(|it| it.parent.is_some())
    }
}
