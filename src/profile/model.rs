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

/// Which rows of a table count (`where`): every column must pass its test. Rows outside aren't there.
pub type Where = BTreeMap<String, Test>;

/// What a row's column must hold for the row to count.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// NULL.
    Null,
    /// Anything but NULL.
    NotNull,
    /// One of these; a new row gets the first.
    OneOf(Vec<Scalar>),
}

/// A value that the agent makes for a new row.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    /// A random UUID.
    Uuid,
    /// The same without hyphens.
    UuidPlain,
    /// So many random letters and digits.
    Random(usize),
    /// The key of the resource that the row is of.
    Key,
    /// The next number of a row that counts.
    Counter(Counter),
}

/// A table whose row holds the next key (`ids`, `sequences`).
#[derive(Debug, Clone, PartialEq)]
pub struct Counter {
    /// The table.
    pub table: TableName,
    /// The column that counts.
    pub column: String,
    /// Which row.
    pub rows: Where,
    /// What the column holds.
    pub holds: Holds,
}

/// What a counter's column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// The number that the next row gets.
    Next,
    /// The number that the last row got.
    Last,
}

/// What a new row gets beside what SCIM says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Insert {
    /// Constants; also what clearing a NOT NULL column writes.
    pub constants: BTreeMap<String, Scalar>,
    /// Values that the agent makes.
    pub made: BTreeMap<String, Made>,
}

impl Insert {
    /// The columns, constants first.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.constants.keys().chain(self.made.keys()).map(String::as_str)
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.constants.is_empty() && self.made.is_empty()
    }
}

/// Who makes a table's keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key column.
    pub column: String,
    /// Where a new row's key comes from.
    pub source: KeySource,
}

/// Where a new row's key comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// The database: auto-increment, identity, a default, a trigger. With a parent: the parent's row.
    Database,
    /// The agent.
    Made(Made),
    /// The matching attribute is the key.
    Name(Rename),
}

/// What renaming does where the matching attribute is the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rename {
    /// It is refused: 400 `mutability`.
    Refuse,
    /// The key changes, and the database's foreign keys follow (`ON UPDATE CASCADE`).
    Cascade,
}

/// How a column holds a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeForm {
    /// The notation; by the column's type where none is named.
    pub notation: Option<Notation>,
    /// The IANA zone of what has none; the profile's, else UTC.
    pub zone: Option<String>,
    /// In a text column, numbers get so many digits.
    pub digits: Option<usize>,
}

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notation {
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
    /// ISO 8601, as RFC 3339 has it.
    Iso,
    /// A strftime pattern.
    Pattern(String),
}

/// A column that holds a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeColumn {
    /// The column.
    pub column: String,
    /// How it holds it.
    pub form: TimeForm,
}

/// A form that text is brought into before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// In small letters.
    Lower,
    /// In capitals.
    Upper,
    /// Small letters and digits, with hyphens between the words.
    Slug,
}

impl Form {
    /// Every form and its name.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Plain, "plain"),
        (Self::Lower, "lower"),
        (Self::Upper, "upper"),
        (Self::Slug, "slug"),
    ];
}

/// How a column of times says whether something is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// Off since the time that it holds.
    Since,
    /// Off once the time that it holds has come.
    Expires,
    /// Off until the time that it holds has come.
    Until,
}

impl Timed {
    /// Every way and its name.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Since, "since"), (Self::Expires, "expires"), (Self::Until, "until")];
}

/// A column of times that switches something off.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeSwitch {
    /// How.
    pub timed: Timed,
    /// What a row that is on holds instead of NULL.
    pub live: Option<Scalar>,
    /// How the column holds times.
    pub form: TimeForm,
}

/// A column that marks a row as gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The column.
    pub column: String,
    /// What marks it.
    pub by: MarkedBy,
}

/// What marks a row as gone.
#[derive(Debug, Clone, PartialEq)]
pub enum MarkedBy {
    /// A value.
    Value(Scalar),
    /// A time.
    Time(TimeSwitch),
}

/// A table whose rows say which users are on or off.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSwitch {
    /// The table.
    pub table: TableName,
    /// Its column that holds the user's key.
    pub user: String,
    /// Which of its rows count.
    pub rows: Where,
    /// What a new row gets.
    pub insert: Insert,
    /// What a user's row says.
    pub means: Presence,
}

/// What a row in a table says of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// `present_in`: the user is active.
    Active,
    /// `absent_in`: the user is locked.
    Locked,
}

/// A companion: a table with at most one row per resource, where attributes lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Companion {
    /// Its name in the profile; [`Companion::PARENT`] for the parent.
    pub name: String,
    /// The table.
    pub table: TableName,
    /// Its column that holds the resource's key.
    pub user: String,
    /// Which of its rows count.
    pub rows: Where,
    /// What a new row gets.
    pub insert: Insert,
    /// What happens where the row isn't there.
    pub missing: Beside,
    /// What `[anonymise]` puts into its columns.
    pub anonymise: BTreeMap<String, Scalar>,
    /// The parent: where its own key, which the resource takes, comes from.
    pub parent: Option<KeySource>,
}

impl Companion {
    /// The name under which a parent's columns are mapped.
    pub const PARENT: &'static str = "parent";
}

/// When a companion's row is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// With the resource, whatever it says (`required = true`).
    Always,
    /// When an attribute in it gets a value.
    Create,
    /// Never by the agent: written only where it is there.
    Ignore,
}

/// A column whose value follows from attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Texts and attributes, in order.
    pub template: Vec<Piece>,
    /// The form that the whole is brought into.
    pub form: Form,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// An attribute's value; the key where it is `id`.
    Attribute(AttributePath),
    /// The resource's key.
    Id,
}

/// When the profile calls a statement of the application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// A row was made.
    AfterCreate,
    /// A row was changed.
    AfterUpdate,
    /// A user was disabled.
    AfterDisable,
    /// A user was enabled.
    AfterEnable,
    /// A row is about to be deleted.
    BeforeDelete,
    /// A membership was added.
    AfterAdd,
    /// A membership was removed.
    AfterRemove,
}

impl Moment {
    /// Every moment and its key.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::AfterCreate, "after_create"),
        (Self::AfterUpdate, "after_update"),
        (Self::AfterDisable, "after_disable"),
        (Self::AfterEnable, "after_enable"),
        (Self::BeforeDelete, "before_delete"),
        (Self::AfterAdd, "after_add"),
        (Self::AfterRemove, "after_remove"),
    ];

    /// Its key.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(it, _)| *it == self).map_or("", |(_, name)| name)
    }
}

/// Statements of the application's, by when they are called: SQL with parameters between its pieces.
pub type Calls = BTreeMap<Moment, Vec<CallPiece>>;

/// A piece of a called statement.
#[derive(Debug, Clone, PartialEq)]
pub enum CallPiece {
    /// SQL out of the profile.
    Sql(String),
    /// The key of the resource; of the user for a membership.
    Id,
    /// The key of a membership's group.
    Group,
    /// An attribute's value.
    Attribute(AttributePath),
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
