//! The terms that several sections of a profile are made of: names, constants, which rows count, keys,
//! times, marks, templates, calls. Plain data.

use std::collections::BTreeMap;

use crate::scim::AttributePath;

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

/// What becomes of the row of a deleted user whose userName comes back under another externalId: perhaps
/// another person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehire {
    /// It is brought back, and a finding says so.
    Revive,
    /// The request is refused: 409 `uniqueness`.
    Refuse,
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
    /// What makes it the parent: its row is made before the resource's.
    pub parent: Option<Parent>,
}

/// How a resource has its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Parent {
    /// Where the parent's own key comes from.
    pub source: KeySource,
    /// The resource's column that holds it; `None`: the resource takes it as its own.
    pub held_in: Option<String>,
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
