//! What a live database says of its tables, as plain data: the store reads it, the profile is
//! proved against it. Knows no SQL and no driver.

use std::collections::BTreeMap;

use super::model::TableName;

/// The family of a column's type: how a value is bound to it and read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A boolean (PostgreSQL `boolean`).
    Bool,
    /// Any whole number, MariaDB's `TINYINT(1)` and `BIT(1)` included.
    Int,
    /// A decimal or floating-point number.
    Number,
    /// Character data, enums included.
    Text,
    /// A UUID type.
    Uuid,
    /// Date and time, with or without a zone.
    Timestamp,
    /// A calendar date.
    Date,
    /// Binary data.
    Binary,
    /// Anything else; neither read nor written by the agent.
    Other,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Column {
    /// Its name, as the catalogue spells it.
    pub name: String,
    /// Its type family.
    pub kind: Kind,
    /// Its type as the database writes it (`character varying(100)`, `enum('Y','N')`).
    pub type_name: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Whether the database fills it when an INSERT leaves it out.
    pub has_default: bool,
    /// Whether it is auto-increment, identity, serial or SQLite's rowid alias.
    pub generated: bool,
    /// The greatest length in characters, where the type has one.
    pub max_length: Option<u64>,
    /// The collation, where the type has one and the database names it.
    pub collation: Option<String>,
    /// The allowed texts of an enum type, in order; empty for any other type.
    pub enum_values: Vec<String>,
    /// Whether the database computes it from other columns: it can be read, never written.
    pub computed: bool,
    /// The default as the database writes it, where it has one.
    pub default: Option<String>,
    /// What somebody wrote down about the column.
    pub comment: Option<String>,
}

/// One index, the primary key's included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its columns in order; an expression is given as the database prints it.
    pub columns: Vec<String>,
    /// Whether it is unique.
    pub unique: bool,
}

/// An index of some of the rows: what it says of uniqueness holds for these alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialIndex {
    /// The index.
    pub index: Index,
    /// Which rows it is of, as the database prints the condition.
    pub predicate: String,
}

/// What a view takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct View {
    /// Whether INSERT, UPDATE and DELETE reach it: it is updatable by itself, or has INSTEAD OF triggers.
    pub writable: bool,
    /// Whether triggers do the work: what an INSERT made can't be known by `RETURNING`.
    pub by_triggers: bool,
}

/// One foreign key that points at a table of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The table that holds the reference.
    pub table: TableName,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The referenced table.
    pub target: TableName,
    /// The referenced columns.
    pub target_columns: Vec<String>,
    /// `ON DELETE`: `NO ACTION`, `RESTRICT`, `CASCADE`, `SET NULL`, `SET DEFAULT`.
    pub on_delete: String,
    /// `ON UPDATE`, in the same words.
    pub on_update: String,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name; the schema is filled in where the database has schemas.
    pub name: TableName,
    /// Its columns in the catalogue's order.
    pub columns: Vec<Column>,
    /// The primary key's columns, in order; empty when there is none.
    pub primary_key: Vec<String>,
    /// Its indexes, but for those of some rows only.
    pub indexes: Vec<Index>,
    /// Its indexes of some rows only.
    pub partial_indexes: Vec<PartialIndex>,
    /// Foreign keys of this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// What it is besides its columns and keys.
    pub traits: Traits,
}

/// What a table is besides its columns and keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Traits {
    /// It is a view, of which the catalogue tells neither keys nor uniqueness nor NOT NULL.
    pub view: Option<View>,
    /// The storage engine, where the database has several.
    pub engine: Option<String>,
    /// Whether its storage can't take a write back.
    pub no_transactions: bool,
    /// Whether row security is on, and binds the agent's account.
    pub row_security: bool,
    /// Whether other tables inherit from it: a statement reaches their rows as well.
    pub has_children: bool,
    /// Whether it inherits from another table, whose statements reach its rows.
    pub inherits: bool,
    /// The names of its triggers, as far as the account sees them.
    pub triggers: Vec<String>,
    /// Whether somebody switched its regular cleaning off (PostgreSQL's autovacuum).
    pub no_autovacuum: bool,
    /// The CHECKs that are written at a column itself, by the column, where the database tells them apart.
    pub column_checks: BTreeMap<String, String>,
    /// What somebody wrote down about it.
    pub comment: Option<String>,
}

impl Table {
    /// The column of this exact name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// SQLite
    Sqlite,
    /// PostgreSQL
    Postgres,
    /// MariaDB or MySQL
    Mysql,
}

/// Every table the agent's connection can see (system schemas left out), by name.
///
/// Keys are the names with their schema; [`Catalogue::table`] resolves a name without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// Which database it is.
    pub database: Database,
    /// The agent's account, as a GRANT names it; empty where there are none.
    pub account: String,
    /// The server's version string.
    pub version: String,
    /// The schemas that an unqualified name is looked up in, in order.
    pub search_path: Vec<String>,
    /// The tables.
    pub tables: BTreeMap<TableName, Table>,
}

impl Catalogue {
    /// The table a profile means by `name`: exact case, the search path for a name without schema.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        if let Some(table) = self.tables.get(name) {
            return Some(table);
        }
        if let Some(schema) = &name.schema {
            // SQLite's own file is the schema `main`, which its catalogue doesn't spell out.
            let main = self.database == Database::Sqlite && schema == "main";
            let bare = TableName { schema: None, name: name.name.clone() };
            return main.then(|| self.tables.get(&bare)).flatten();
        }
        self.search_path.iter().find_map(|schema| {
            self.tables.get(&TableName { schema: Some(schema.clone()), name: name.name.clone() })
        })
    }
}
