//! A relation: a table of the install's as profile and catalogue together know it, resolved once at
//! start. Pure; its SQL is the store's (`store/relation.rs`).

use std::ops::Deref;
use std::sync::Arc;

use crate::profile::catalogue::{self, Database, Kind, Table};
use crate::profile::model::{Scalar, TableName, Test};

/// A column of a relation: what the catalogue says of it, and how statements spell it.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    described: catalogue::Column,
    /// Its name, quoted.
    pub(crate) spelled: String,
    /// Which database it is of.
    pub(crate) database: Database,
}

impl Deref for Column {
    type Target = catalogue::Column;

    fn deref(&self) -> &catalogue::Column {
        &self.described
    }
}

impl Column {
    fn new(database: Database, described: &catalogue::Column) -> Self {
        let spelled = quoted(database, &described.name);
        Self { spelled, database, described: described.clone() }
    }
}

/// A table and its columns.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The table, as the profile names it.
    pub table: TableName,
    /// Its name, each part quoted; empty where there is no such table.
    pub(crate) spelled: String,
    /// Its columns, in the order of their names.
    pub columns: Vec<Arc<Column>>,
    /// The primary key's columns; empty when it has none.
    pub primary_key: Vec<Arc<Column>>,
    /// Columns that no two rows have alike together, in the catalogue's order of indexes.
    pub unique: Vec<Vec<String>>,
    /// Which of its rows count: all that pass every condition.
    pub conditions: Vec<Condition>,
}

/// What a column must hold for its row to count.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The column.
    pub column: Arc<Column>,
    /// What it must hold.
    pub test: Test,
}

impl Condition {
    /// What a new row gets so that it counts; `None` where any value will do.
    pub fn first(&self) -> Option<Scalar> {
        match &self.test {
            Test::Null => Some(Scalar::Null),
            Test::NotNull => None,
            Test::OneOf(values) => values.first().cloned(),
        }
    }
}

impl Relation {
    /// A table of the catalogue, by the name that the profile gives it.
    pub(super) fn new(database: Database, table: &TableName, found: &Table) -> Self {
        let mut columns: Vec<Arc<Column>> =
            found.columns.iter().map(|it| Arc::new(Column::new(database, it))).collect();
        columns.sort_by(|one, other| one.name.cmp(&other.name));
        let named = |name: &String| columns.iter().find(|column| column.name == *name).cloned();
        let parts = table.schema.iter().chain([&table.name]);
        let quoted: Vec<String> = parts.map(|part| self::quoted(database, part)).collect();
        Self {
            primary_key: found.primary_key.iter().filter_map(named).collect(),
            table: table.clone(),
            spelled: quoted.join("."),
            unique: unique(found),
            conditions: Vec::new(),
            columns,
        }
    }

    /// A relation without rows, with a key and a name: what an install without teams has of them.
    pub(super) fn without_rows(database: Database) -> Self {
        let column = |name: &str| {
            let described = catalogue::Column {
                name: name.to_owned(),
                kind: Kind::Text,
                type_name: "text".to_owned(),
                nullable: true,
                has_default: false,
                generated: false,
                max_length: None,
                collation: None,
                enum_values: Vec::new(),
                computed: true,
                default: None,
                comment: None,
            };
            Arc::new(Column::new(database, &described))
        };
        let columns = vec![column("id"), column("name")];
        Self {
            table: TableName { schema: None, name: "(no teams)".to_owned() },
            spelled: String::new(),
            primary_key: Vec::new(),
            unique: Vec::new(),
            conditions: Vec::new(),
            columns,
        }
    }

    /// The table with all its rows.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { conditions: Vec::new(), ..self.clone() }
    }

    /// What a new row gets so that it counts.
    pub fn filled(&self) -> impl Iterator<Item = (Arc<Column>, Scalar)> {
        let first = |it: &Condition| Some((Arc::clone(&it.column), it.first()?));
        self.conditions.iter().filter_map(first)
    }

    /// Whether no two rows that count have these columns alike.
    pub fn is_unique(&self, columns: &[&Column]) -> bool {
        let fixed = |name: &String| {
            columns.iter().any(|it| it.name == *name)
                || self.conditions.iter().any(|it| it.column.name == *name)
        };
        self.unique.iter().any(|key| key.iter().all(fixed))
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Arc<Column>> {
        let found = self.columns.binary_search_by(|column| column.name.as_str().cmp(name)).ok()?;
        self.columns.get(found)
    }
}

/// Rows of a relation that a column ties to a resource's row: a foreign key, or what the profile says
/// is one.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The table whose rows point.
    pub relation: Relation,
    /// Its column that holds the key.
    pub column: Arc<Column>,
}

/// The columns of each unique index and of the primary key.
fn unique(table: &Table) -> Vec<Vec<String>> {
    let indexes = table.indexes.iter().filter(|index| index.unique).map(|index| &index.columns);
    let keys = std::iter::once(&table.primary_key).filter(|key| !key.is_empty());
    keys.chain(indexes).cloned().collect()
}

fn quoted(database: Database, name: &str) -> String {
    match database {
        Database::Mysql | Database::Sqlite => format!("`{}`", name.replace('`', "``")),
        Database::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}
