//! The validated profile: how SCIM attributes lie in one install's legacy tables.
//!
//! Plain data. Owns no parsing (`parse`), no catalogue (`catalogue`) and no SQL: every identifier
//! here is a name out of the profile, to be quoted by the dialect that writes it.

use std::collections::BTreeMap;

use crate::scim::{AttributePath, ResourceType};

/// A table name as the profile writes it: `users` or `hr.Person`, split at the dot, case kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The schema (on MariaDB: the database), when the profile names one.
    pub schema: Option<String>,
    /// The table itself.
    pub name: String,
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// A constant that the profile puts into a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// SQL NULL (`"null"` in `[anonymise]`).
    Null,
    /// A TOML boolean.
    Bool(bool),
    /// A TOML integer.
    Int(i64),
    /// A TOML string.
    Text(String),
    /// The time of the statement (`"now"` where a `set` allows it).
    Now,
}

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
    /// What happens to an unknown label.
    pub missing: Missing,
    /// Further columns of a row that `Missing::Create` inserts.
    pub insert: BTreeMap<String, Scalar>,
}

/// How a SCIM value lies in its column.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// As it is: text, or a boolean in a boolean or 0/1 column.
    Plain,
    /// By a list of pairs, both ways. The key is the SCIM value as text (`true`, `Team Member`).
    Values {
        /// SCIM value → legacy value, in the profile's order of keys.
        pairs: Vec<(String, Scalar)>,
        /// What happens to a SCIM value outside the list.
        other: Other,
    },
    /// By a row of another table.
    Lookup(Lookup),
}

/// One mapped attribute: the column that carries it, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// The column of the resource's table.
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
    pub created: Vec<String>,
    /// Set to the time of every write; `created` rows get it as well.
    pub modified: Vec<String>,
    /// Set to `kpifire-scim` at every write.
    pub actor: Vec<String>,
}

/// What a SCIM DELETE does to the legacy row.
#[derive(Debug, Clone, PartialEq)]
pub enum Delete {
    /// Users: `active` becomes false and `[revoke]` runs. Groups: `column` gets `value`.
    Deactivate {
        /// The column and value that switch the row off; `None` for users, whose `active` mapping says it.
        column: Option<(String, Scalar)>,
    },
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
    /// The key column; the SCIM id is its value as text.
    pub key: String,
    /// Mapped attributes, ordered by path.
    pub attributes: BTreeMap<AttributePath, Mapping>,
    /// Columns a new row needs and SCIM doesn't carry; also what clearing a NOT NULL column writes.
    pub insert: BTreeMap<String, Scalar>,
    /// Stamped columns.
    pub touch: Touch,
    /// What DELETE does.
    pub delete: Delete,
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
    /// Columns a new edge needs.
    pub insert: BTreeMap<String, Scalar>,
    /// Stamped columns.
    pub touch: Touch,
}

/// One table of `[revoke]`: what ends a disabled user's access.
#[derive(Debug, Clone, PartialEq)]
pub struct Revoke {
    /// The table.
    pub table: TableName,
    /// The column that holds the user's key.
    pub user: String,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The table.
    pub table: TableName,
    /// The column that holds the owner's user key.
    pub owner: String,
    /// A column that names the row to a person.
    pub title: Option<String>,
}

/// Accounts that cleanup never changes, and SCIM never disables or deletes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protect {
    /// Keys, as text.
    pub keys: Vec<String>,
    /// userName patterns: `*` stands for any run of characters; compared folded.
    pub user_names: Vec<String>,
}

/// A whole profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The built-in's name or the file it came from, for messages.
    pub origin: String,
    /// `[users]`
    pub users: ResourceTable,
    /// `[groups]`
    pub groups: ResourceTable,
    /// `[members]`
    pub members: MemberTable,
    /// `[revoke]`, in the profile's order of keys.
    pub revoke: Vec<Revoke>,
    /// `[ownership]`
    pub ownership: Vec<Ownership>,
    /// `[anonymise] set`: templates with `{id}`.
    pub anonymise: BTreeMap<String, Scalar>,
    /// `[protect]`
    pub protect: Protect,
}

impl Profile {
    /// The table that holds resources of `kind`.
    pub fn table(&self, kind: ResourceType) -> &ResourceTable {
        match kind {
            ResourceType::User => &self.users,
            ResourceType::Group => &self.groups,
        }
    }
}
