//! The validated profile: how SCIM attributes lie in one install's legacy tables.
//!
//! Plain data. Owns no parsing (`parse`), no catalogue (`catalogue`) and no SQL: every identifier
//! here is a name out of the profile, to be quoted by the dialect that writes it.

use std::collections::BTreeMap;

pub use super::terms::*;
use crate::scim::{AttributePath, ResourceType};

/// What to do with a SCIM value that `values` doesn't list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// Answer 400 `invalidValue`, naming the attribute and the allowed values.
    Reject,
    /// Leave the column as it is.
    Keep,
}

/// What to do with a SCIM value that the lookup table doesn't hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Missing {
    /// Insert a row with this label and the lookup's `insert` columns.
    Create,
    /// Answer 400 `invalidValue`, naming the value.
    Reject,
    /// Use this key instead.
    Default(Scalar),
}

/// A column that holds a key into another table, whose label SCIM carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// The table looked into.
    pub table: TableName,
    /// Its key column.
    pub key: String,
    /// The column that holds what SCIM shows.
    pub label: String,
    /// Which of its rows count.
    pub rows: Where,
    /// What happens to an unknown label.
    pub missing: Missing,
    /// The key that stands for "none".
    pub none: Option<Scalar>,
    /// Further columns of a row that `Missing::Create` inserts.
    pub insert: Insert,
}

/// How a SCIM value lies in its column.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// As it is: text, or a boolean in a boolean or 0/1 column.
    Plain,
    /// By a list of pairs, both ways. The key is the SCIM value as text (`true`, `Team Member`).
    Values {
        /// SCIM value → legacy value, in the profile's order of keys. Where several legacy values mean
        /// one SCIM value, the first is written.
        pairs: Vec<(String, Scalar)>,
        /// What happens to a SCIM value outside the list.
        other: Other,
    },
    /// By a row of another table.
    Lookup(Lookup),
    /// Text in a form: written, matched and compared in it, shown as the client said it.
    Formed(Form),
    /// Text in a binary column.
    Utf8,
    /// A time in a notation.
    Time(TimeForm),
    /// `active` by a time.
    Switch(TimeSwitch),
    /// `active` by a row of another table; no column of the resource's own carries it.
    Row(RowSwitch),
}

/// One mapped attribute: the column that carries it, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// The companion that it lies in (`in`); the resource's own table without one.
    pub within: Option<String>,
    /// The column; for a [`RowSwitch`] the one that holds the user's key there.
    pub column: String,
    /// How the value lies in it.
    pub encoding: Encoding,
}

impl Mapping {
    /// Whether the value is another table's.
    pub fn is_looked_up(&self) -> bool {
        matches!(self.encoding, Encoding::Lookup(_))
    }
}

/// Columns the agent stamps when it writes a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touch {
    /// Set to the time of creation.
    pub created: Vec<TimeColumn>,
    /// Set to the time of every write; `created` rows get it as well.
    pub modified: Vec<TimeColumn>,
    /// Set to `kpifire-scim` at every write.
    pub actor: Vec<String>,
    /// Counted up by one at every write.
    pub version: Vec<String>,
    /// Set to a new UUID at every write.
    pub stamp: Vec<String>,
}

impl Touch {
    /// Every column.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let timed = self.created.iter().chain(&self.modified).map(|it| &it.column);
        timed.chain(&self.actor).chain(&self.version).chain(&self.stamp).map(String::as_str)
    }
}

/// What a SCIM DELETE does to the legacy row.
#[derive(Debug, Clone, PartialEq)]
pub enum Delete {
    /// Users: `active` becomes false and `[revoke]` runs.
    Deactivate,
    /// A column marks the row as gone; whoever set it, the row isn't there any more.
    Mark(Mark),
    /// The row goes, with its rows in the `cascade` tables (their `[members]`/key column) first.
    Delete {
        /// Tables whose rows that point at the deleted one go first.
        cascade: Vec<TableName>,
    },
}

/// One SCIM resource type's legacy table.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceTable {
    /// The table.
    pub table: TableName,
    /// Which of its rows count.
    pub rows: Where,
    /// The key column, whose value as text is the SCIM id, and who makes it.
    pub key: Key,
    /// Tables beside it where attributes lie; the parent, if there is one, first.
    pub companions: Vec<Companion>,
    /// Mapped attributes, ordered by path.
    pub attributes: BTreeMap<AttributePath, Mapping>,
    /// Columns a new row needs and SCIM doesn't carry; also what clearing a NOT NULL column writes.
    pub insert: Insert,
    /// Columns whose values follow from attributes.
    pub derive: BTreeMap<String, Derived>,
    /// Stamped columns.
    pub touch: Touch,
    /// What DELETE does.
    pub delete: Delete,
    /// What becomes of a deleted user's row under another externalId.
    pub rehire: Rehire,
    /// Statements of the application's to call.
    pub calls: Calls,
}

impl ResourceTable {
    /// The companion of this name.
    pub fn companion(&self, name: &str) -> Option<&Companion> {
        self.companions.iter().find(|it| it.name == name)
    }

    /// The table whose row is made first, and whose key the resource's row takes.
    pub fn parent(&self) -> Option<&Companion> {
        self.companion(Companion::PARENT)
    }

    /// Whether the row's key is that of its parent.
    pub fn takes_key_of_parent(&self) -> bool {
        let parent = self.parent().and_then(|it| it.parent.as_ref());
        parent.is_some_and(|it| it.held_in.is_none())
    }

    /// The column that holds the parent's key, where that isn't the row's own.
    pub fn parent_held_in(&self) -> Option<&str> {
        self.parent()?.parent.as_ref()?.held_in.as_deref()
    }
}

/// The membership table.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberTable {
    /// The table.
    pub table: TableName,
    /// The column that holds the group's key.
    pub group: String,
    /// The column that holds the user's key.
    pub user: String,
    /// Which of its rows are memberships.
    pub rows: Where,
    /// Columns a new edge needs.
    pub insert: Insert,
    /// Stamped columns.
    pub touch: Touch,
    /// What marks an edge as gone; without it edges are deleted.
    pub remove: Option<Mark>,
    /// Statements of the application's to call.
    pub calls: Calls,
}

/// One table of `[revoke]`: what ends a disabled user's access.
#[derive(Debug, Clone, PartialEq)]
pub struct Revoke {
    /// The table.
    pub table: TableName,
    /// The column that holds the user's key.
    pub user: String,
    /// Which of its rows count.
    pub rows: Where,
    /// Delete the rows, or set columns of those where `where_null` is NULL.
    pub action: RevokeAction,
}

/// What `[revoke]` does to the rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub enum RevokeAction {
    /// `action = "delete"`
    Delete,
    /// `action = "set"`
    Set {
        /// Columns and their values.
        set: BTreeMap<String, Scalar>,
        /// Only rows where this column is NULL.
        where_null: Option<String>,
    },
}

/// One table of `[ownership]`: what a leaver still owns.
#[derive(Debug, Clone, PartialEq)]
pub struct Ownership {
    /// The table.
    pub table: TableName,
    /// Which of its rows count.
    pub rows: Where,
    /// The column that holds the owner's user key.
    pub owner: String,
    /// A column that names the row to a person.
    pub title: Option<String>,
}

/// Accounts that cleanup never changes, and SCIM never disables, deletes or renames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protect {
    /// Keys, as text.
    pub keys: Vec<String>,
    /// userName patterns: `*` stands for any run of characters; compared folded.
    pub user_names: Vec<String>,
    /// What SCIM doesn't change of them besides.
    pub keep: Vec<AttributePath>,
}

/// A whole profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The built-in's name or the file it came from, for messages.
    pub origin: String,
    /// `timezone`: the IANA zone of times that carry none; UTC without it.
    pub timezone: Option<String>,
    /// `[users]`
    pub users: ResourceTable,
    /// `[groups]` and `[members]`; an install may have no teams.
    pub teams: Option<Teams>,
    /// `[revoke]`, in the profile's order of keys.
    pub revoke: Vec<Revoke>,
    /// `[ownership]`
    pub ownership: Vec<Ownership>,
    /// `[anonymise] set`: templates with `{id}`.
    pub anonymise: BTreeMap<String, Scalar>,
    /// `[protect]`
    pub protect: Protect,
}

/// What the profile says of teams.
#[derive(Debug, Clone, PartialEq)]
pub struct Teams {
    /// `[groups]`
    pub groups: ResourceTable,
    /// `[members]`
    pub members: MemberTable,
}

impl Profile {
    /// The table that holds resources of `kind`; none where there are no teams.
    pub fn table(&self, kind: ResourceType) -> Option<&ResourceTable> {
        match kind {
            ResourceType::User => Some(&self.users),
            ResourceType::Group => self.teams.as_ref().map(|teams| &teams.groups),
        }
    }

    /// The membership table; none where there are no teams.
    pub fn members(&self) -> Option<&MemberTable> {
        self.teams.as_ref().map(|teams| &teams.members)
    }
}
