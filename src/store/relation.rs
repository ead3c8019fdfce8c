//! The SQL of relations: the only place that puts a table or column of the profile into a statement.
//!
//! Every statement over the legacy tables takes its FROM, its columns and its values from here, so that
//! what a relation is holds everywhere. Which statements there are is for the other files of the store.

use super::dialect::exact;
use super::sql::Sql;
use crate::mapper::{Cell, Column, Encoding, Field, Lookup, Relation, fit};
use crate::profile::catalogue::{Database, Kind};

impl Sql {
    /// Appends `alias.column`.
    #[must_use]
    pub fn column(self, alias: &str, column: &Column) -> Self {
        self.raw(alias).raw(".").raw(&column.spelled)
    }

    /// Appends a column's name alone.
    #[must_use]
    pub fn name(self, column: &Column) -> Self {
        self.raw(&column.spelled)
    }

    /// Appends what SCIM shows of a field, in a statement over its resource's rows (alias `r`): the
    /// column, or the label behind it.
    #[must_use]
    pub fn shown(self, field: &Field) -> Self {
        match &field.encoding {
            Encoding::Lookup(lookup) => self.label(lookup, &field.column),
            Encoding::Plain | Encoding::Values { .. } => self.column("r", &field.column),
        }
    }

    /// Appends what a row's column points at by its key.
    fn label(self, lookup: &Lookup, column: &Column) -> Self {
        self.raw("(SELECT ")
            .column("d", &lookup.label)
            .raw(" FROM ")
            .relation(&lookup.relation, "d")
            .raw(" WHERE ")
            .column("d", &lookup.key)
            .raw(" = ")
            .column("r", column)
            .raw(")")
    }

    /// Appends a relation's table under an alias.
    #[must_use]
    pub fn relation(self, relation: &Relation, alias: &str) -> Self {
        self.raw(&relation.spelled).raw(" ").raw(alias)
    }

    /// Appends the columns' names, with commas between them.
    #[must_use]
    pub fn names<'c>(self, columns: impl IntoIterator<Item = &'c Column>) -> Self {
        self.list(", ", columns.into_iter().map(column))
    }
}

/// A column by its name alone.
pub(super) fn column(column: &Column) -> Sql {
    Sql::new(&column.spelled)
}

/// `alias.column`
pub(super) fn of(alias: &str, column: &Column) -> Sql {
    Sql::default().column(alias, column)
}

/// A value bound for a column: in the form the column takes, cast where the database would not
/// take it as it is.
pub(super) fn value(column: &Column, cell: Cell) -> Sql {
    let cell = fit(column.kind, cell);
    let cast = column.database == Database::Postgres && wants_cast(column, &cell);
    let bound = Sql::default().bind(cell);
    if !cast {
        return bound;
    }
    Sql::new("CAST(").append(bound).raw(" AS ").raw(&column.type_name).raw(")")
}

/// Whether PostgreSQL takes the value by a cast alone. Not to a character type: one with a length would
/// cut the value short in silence.
fn wants_cast(column: &Column, cell: &Cell) -> bool {
    // A text that is none of the kind: the cast's refusal tells that the value is wrong, where the
    // column's would be of types, as of a statement that is.
    let unfit = matches!(cell, Cell::Text(_))
        && matches!(column.kind, Kind::Int | Kind::Bool | Kind::Timestamp);
    unfit
        || !column.enum_values.is_empty()
        || matches!(column.kind, Kind::Uuid | Kind::Date | Kind::Other | Kind::Number)
}

/// Whether a column equals a value, as a key: NULL equals nothing.
pub(super) fn equals(column: &Column, cell: &Cell) -> Sql {
    Sql::default().name(column).raw(" = ").append(value(column, cell.clone()))
}

/// Whether a column holds a value, NULL included.
pub(super) fn holds(column: &Column, cell: &Cell) -> Sql {
    match cell {
        Cell::Null => Sql::default().name(column).raw(" IS NULL"),
        cell => equals(column, cell),
    }
}

/// Whether a column is this key: by its index, and to the letter, whatever its collation says.
pub(super) fn is_key(database: Database, alias: &str, column: &Column, key: &Cell) -> Sql {
    let equal = of(alias, column).raw(" = ").append(value(column, key.clone()));
    match (column.kind, key) {
        (Kind::Text, Cell::Text(text)) => {
            let exact = match database {
                // Blanks at the end count too.
                Database::Mysql => Sql::new("CONVERT(")
                    .column(alias, column)
                    .raw(" USING utf8mb4) COLLATE utf8mb4_nopad_bin"),
                database => exact(database, of(alias, column)),
            };
            equal.raw(" AND ").append(exact).raw(" = ").bind(text.as_str())
        }
        _ => equal,
    }
}

/// A sidecar text as a key of the column's type, so that the legacy table's index serves it.
pub(super) fn text_key(database: Database, column: &Column, inner: Sql) -> Sql {
    match (database, column.kind) {
        (Database::Mysql, Kind::Int) => Sql::new("CAST(").append(inner).raw(" AS SIGNED)"),
        (_, Kind::Int) => Sql::new("CAST(").append(inner).raw(" AS bigint)"),
        (Database::Postgres, Kind::Uuid) => Sql::new("CAST(").append(inner).raw(" AS uuid)"),
        (Database::Mysql, Kind::Text) => match column.collation.as_deref() {
            Some(collation) => {
                let charset = collation.split('_').next().unwrap_or("utf8mb4");
                Sql::new("CONVERT(")
                    .append(inner)
                    .raw(" USING ")
                    .raw(charset)
                    .raw(") COLLATE ")
                    .raw(collation)
            }
            None => inner,
        },
        _ => inner,
    }
}

/// A column in a form that can be read and written back: PostgreSQL sends types that the agent
/// doesn't know (numeric, jsonb, arrays) in their binary forms.
pub(super) fn readable(database: Database, it: &Column) -> Sql {
    let known = !matches!(it.kind, Kind::Number | Kind::Other);
    if database != Database::Postgres || known {
        return column(it);
    }
    Sql::new("CAST(").name(it).raw(" AS text)")
}

/// `INSERT INTO … (…)`, up to where its values come from.
pub(super) fn insert<'c>(
    relation: &Relation,
    columns: impl IntoIterator<Item = &'c Column>,
) -> Sql {
    Sql::new("INSERT INTO ").raw(&relation.spelled).raw(" (").names(columns).raw(")")
}

/// `INSERT INTO … DEFAULT VALUES`
pub(super) fn insert_defaults(relation: &Relation) -> Sql {
    Sql::new("INSERT INTO ").raw(&relation.spelled).raw(" DEFAULT VALUES")
}

/// `UPDATE … SET … WHERE `
pub(super) fn update<'c>(
    relation: &Relation,
    set: impl IntoIterator<Item = (&'c Column, Cell)>,
) -> Sql {
    let assigned = set.into_iter().map(|(it, cell)| column(it).raw(" = ").append(value(it, cell)));
    Sql::new("UPDATE ").raw(&relation.spelled).raw(" SET ").list(", ", assigned).raw(" WHERE ")
}

/// `DELETE FROM … WHERE `
pub(super) fn delete(relation: &Relation) -> Sql {
    Sql::new("DELETE FROM ").raw(&relation.spelled).raw(" WHERE ")
}

/// `SELECT … FROM … alias WHERE `
pub(super) fn select(what: &str, relation: &Relation, alias: &str) -> Sql {
    Sql::new("SELECT ").raw(what).raw(" FROM ").relation(relation, alias).raw(" WHERE ")
}

/// The subquery of what a relation has of the user with this key.
pub(super) fn rows_of(what: &str, relation: &Relation, user: &Column, key: Sql) -> Sql {
    Sql::new("(")
        .append(select(what, relation, "x"))
        .column("x", user)
        .raw(" = ")
        .append(key)
        .raw(")")
}
