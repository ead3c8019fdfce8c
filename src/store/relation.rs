//! The SQL of relations: the only place that puts a table or column of the profile into a statement.
//!
//! Every statement over the legacy tables takes its FROM, its columns and its values from here, so that
//! what a relation is holds everywhere. Which statements there are is for the other files of the store.

use chrono::{NaiveDateTime, Utc};

use super::dialect::{exact, letters};
use super::sql::Sql;
use crate::mapper::{
    Cell, Column, Companion, Condition, Encoding, Field, Lookup, Mark, MarkedBy, Relation,
    RowSwitch, Switch, fit,
};
use crate::profile::catalogue::{Database, Kind};
use crate::profile::model::{Presence, Test, Timed};

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

    /// Appends what SCIM shows of a field, in a statement over its resource's rows (alias `r`): what its
    /// column holds, the label behind it, or what follows from it.
    #[must_use]
    pub fn shown(self, field: &Field) -> Self {
        match &field.encoding {
            Encoding::Lookup(lookup) => self.label(lookup, held(field)),
            Encoding::Switch(switch) => self
                .raw("CASE WHEN ")
                .append(is_on(switch, &held(field), &field.column))
                .raw(" THEN 1 ELSE 0 END"),
            Encoding::Row(switch) => self.append(row_says(switch)),
            _ => self.append(held(field)),
        }
    }

    /// Appends what a lookup has under a key.
    fn label(self, lookup: &Lookup, key: Self) -> Self {
        self.raw("(SELECT ")
            .column("d", &lookup.label)
            .append(from(&lookup.relation, "d", Self::default()))
            .column("d", &lookup.key)
            .raw(" = ")
            .append(key)
            .raw(")")
    }

    /// Appends the columns' names, with commas between them.
    #[must_use]
    pub fn names<'c>(self, columns: impl IntoIterator<Item = &'c Column>) -> Self {
        self.list(", ", columns.into_iter().map(column))
    }
}

/// What a field's column holds, in a statement over its resource's rows (alias `r`).
pub(super) fn held(field: &Field) -> Sql {
    let text = field.encoding == Encoding::Utf8;
    let column = |alias| {
        let column = of(alias, &field.column);
        if text { utf8(field.column.database, column) } else { column }
    };
    match (&field.within, &field.encoding) {
        (None, Encoding::Row(switch)) => row_says(switch),
        (None, _) => column("r"),
        (Some(companion), _) => Sql::new("(SELECT ")
            .append(column("c"))
            .append(from(&companion.relation, "c", Sql::default()))
            .append(is_of("c", companion))
            .raw(" LIMIT 1)"),
    }
}

/// Whether a companion's row is that of the resource's row `r`.
fn is_of(alias: &str, companion: &Companion) -> Sql {
    of(alias, &companion.user).raw(" = ").column("r", &companion.of)
}

/// 1 where the user of the row `r` is active by what a table of its own says, else 0.
fn row_says(switch: &RowSwitch) -> Sql {
    let (there, absent) = match switch.means {
        Presence::Active => ("1", "0"),
        Presence::Locked => ("0", "1"),
    };
    Sql::new("CASE WHEN EXISTS (SELECT 1")
        .append(from(&switch.relation, "x", Sql::default()))
        .column("x", &switch.user)
        .raw(" = ")
        .column("r", &switch.of)
        .raw(") THEN ")
        .raw(there)
        .raw(" ELSE ")
        .raw(absent)
        .raw(" END")
}

/// Binary data as the text that it is.
fn utf8(database: Database, inner: Sql) -> Sql {
    match database {
        Database::Sqlite => Sql::new("CAST(").append(inner).raw(" AS TEXT)"),
        Database::Postgres => Sql::new("convert_from(").append(inner).raw(", 'UTF8')"),
        Database::Mysql => Sql::new("CONVERT(").append(inner).raw(" USING utf8mb4)"),
    }
}

/// Whether a column of times says that something is on. Never NULL.
fn is_on(switch: &Switch, held: &Sql, column: &Column) -> Sql {
    let bound = |cell: Cell| value(column, cell);
    let compared = |sign: &str| held.clone().raw(sign).append(bound(switch.times.write(now())));
    let mut on = Sql::new("(").append(held.clone()).raw(" IS NULL");
    if let Some(live) = &switch.live {
        let live = Cell::of(live, NaiveDateTime::default());
        on = on.raw(" OR ").append(held.clone()).raw(" = ").append(bound(live));
    }
    // What is no time says nothing.
    on = match (column.database, column.kind) {
        (_, Kind::Int | Kind::Number) => on.raw(" OR ").append(held.clone()).raw(" = 0"),
        (Database::Postgres, Kind::Timestamp) if switch.timed != Timed::Until => {
            on.raw(" OR ").append(held.clone()).raw(" = 'infinity'")
        }
        (Database::Mysql, Kind::Timestamp | Kind::Date) => {
            on.raw(" OR CAST(").append(held.clone()).raw(" AS CHAR) LIKE '0000-%'")
        }
        (_, Kind::Text) => on.raw(" OR ").append(held.clone()).raw(" = ''"),
        _ => on,
    };
    on = match switch.timed {
        Timed::Since => on,
        Timed::Expires => on.raw(" OR ").append(compared(" > ")),
        Timed::Until => on.raw(" OR ").append(compared(" <= ")),
    };
    on.raw(")")
}

/// What times in the tables are compared with.
fn now() -> NaiveDateTime {
    Utc::now().naive_utc()
}

/// Whether a mark says that a row isn't gone. Never NULL.
pub(super) fn is_there(mark: &Mark, alias: Option<&str>) -> Sql {
    let held = named(alias, &mark.column);
    match &mark.by {
        MarkedBy::Time(switch) => is_on(switch, &held, &mark.column),
        MarkedBy::Value { gone, .. } => {
            let gone = Cell::of(gone, NaiveDateTime::default());
            Sql::new("(")
                .append(held.clone())
                .raw(" IS NULL OR ")
                .append(held)
                .raw(" <> ")
                .append(value(&mark.column, gone))
                .raw(")")
        }
    }
}

/// The condition that a row isn't marked as gone, with ` AND ` after it; nothing where rows aren't marked.
pub(super) fn there(mark: Option<&Mark>, alias: Option<&str>) -> Sql {
    mark.map_or_else(Sql::default, |mark| is_there(mark, alias).raw(" AND "))
}

fn named(alias: Option<&str>, column: &Column) -> Sql {
    match alias {
        Some(alias) => of(alias, column),
        None => self::column(column),
    }
}

/// The conditions that make a relation's rows count, each with ` AND ` after it.
pub(super) fn counts(relation: &Relation, alias: Option<&str>) -> Sql {
    let passed = |it: &Condition| {
        let held = || named(alias, &it.column);
        let cell = |scalar| value(&it.column, Cell::of(scalar, NaiveDateTime::default()));
        match &it.test {
            Test::Null => held().raw(" IS NULL AND "),
            Test::NotNull => held().raw(" IS NOT NULL AND "),
            Test::OneOf(values) => match values.as_slice() {
                [one] => held().raw(" = ").append(cell(one)).raw(" AND "),
                values => held().raw(" IN (").list(", ", values.iter().map(cell)).raw(") AND "),
            },
        }
    };
    relation.conditions.iter().fold(Sql::default(), |sql, it| sql.append(passed(it)))
}

/// A relation's table under an alias. What is read of it is read under [`counts`].
fn table(relation: &Relation, alias: &str) -> Sql {
    if relation.spelled.is_empty() {
        return nothing(relation).raw(" ").raw(alias);
    }
    Sql::default().table(&relation.spelled).raw(" ").raw(alias)
}

/// The rows of a table that isn't there: none.
fn nothing(relation: &Relation) -> Sql {
    let null = |it: &std::sync::Arc<Column>| {
        let text = if it.database == Database::Mysql { "CHAR" } else { "text" };
        Sql::new("CAST(NULL AS ").raw(text).raw(") AS ").name(it)
    };
    let mysql = relation.columns.iter().any(|it| it.database == Database::Mysql);
    Sql::new("(SELECT ").list(", ", relation.columns.iter().map(null)).raw(if mysql {
        " FROM DUAL WHERE 1 = 0)"
    } else {
        " WHERE 1 = 0)"
    })
}

/// ` FROM … alias … WHERE `, with what is joined to it, and which of its rows count: a condition follows.
pub(super) fn from(relation: &Relation, alias: &str, joined: Sql) -> Sql {
    Sql::new(" FROM ")
        .append(table(relation, alias))
        .append(joined)
        .raw(" WHERE ")
        .append(counts(relation, Some(alias)))
}

/// ` FROM … WHERE `, as [`from`], under the table's own name.
pub(super) fn from_alone(relation: &Relation) -> Sql {
    Sql::new(" FROM ").table(&relation.spelled).raw(" WHERE ").append(counts(relation, None))
}

/// ` JOIN … alias ON `, and which of its rows count: a condition follows.
pub(super) fn join(relation: &Relation, alias: &str) -> Sql {
    Sql::new(" JOIN ")
        .append(table(relation, alias))
        .raw(" ON ")
        .append(counts(relation, Some(alias)))
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
    let cell = match (column.database, column.kind, fit(column.kind, cell)) {
        // SQLite has no type for a day: it keeps what it is given.
        (Database::Sqlite, Kind::Date, Cell::Time(time)) => {
            Cell::Text(time.format("%Y-%m-%d").to_string())
        }
        (_, _, cell) => cell,
    };
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
                Database::Mysql => letters(of(alias, column)),
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
        (Database::Mysql, Kind::Int | Kind::Number) => {
            Sql::new("CAST(").append(inner).raw(" AS SIGNED)")
        }
        (_, Kind::Number) => Sql::new("CAST(").append(inner).raw(" AS numeric)"),
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
    Sql::new("INSERT INTO ").table(&relation.spelled).raw(" (").names(columns).raw(")")
}

/// `INSERT INTO … ` of a row that has its columns' defaults alone.
pub(super) fn insert_defaults(database: Database, relation: &Relation) -> Sql {
    let defaults = match database {
        Database::Sqlite | Database::Postgres => " DEFAULT VALUES",
        Database::Mysql => " () VALUES ()",
    };
    Sql::new("INSERT INTO ").table(&relation.spelled).raw(defaults)
}

/// `INSERT INTO … (…) VALUES (…)`
pub(super) fn insert_values(relation: &Relation, row: &[(&Column, Cell)]) -> Sql {
    // A number that is given: PostgreSQL's GENERATED ALWAYS wants it said.
    let given = row.iter().any(|(it, _)| it.generated && it.database == Database::Postgres);
    insert(relation, row.iter().map(|(column, _)| *column))
        .raw(if given { " OVERRIDING SYSTEM VALUE VALUES (" } else { " VALUES (" })
        .list(", ", row.iter().map(|(column, cell)| value(column, cell.clone())))
        .raw(")")
}

/// `UPDATE … SET … WHERE `, of the rows that count: a condition follows.
pub(super) fn update<'c>(
    relation: &Relation,
    set: impl IntoIterator<Item = (&'c Column, Cell)>,
) -> Sql {
    update_to(relation, set.into_iter().map(|(it, cell)| assigned(it, cell)))
}

/// `column = value`
pub(super) fn assigned(it: &Column, cell: Cell) -> Sql {
    column(it).raw(" = ").append(value(it, cell))
}

/// As [`update`], with assignments that are SQL.
pub(super) fn update_to(relation: &Relation, assigned: impl IntoIterator<Item = Sql>) -> Sql {
    Sql::new("UPDATE ")
        .table(&relation.spelled)
        .raw(" SET ")
        .list(", ", assigned)
        .raw(" WHERE ")
        .append(counts(relation, None))
}

/// `column = column + 1`
pub(super) fn one_more(it: &Column) -> Sql {
    column(it).raw(" = COALESCE(").name(it).raw(", 0) + 1")
}

/// `DELETE FROM … WHERE `, of the rows that count: a condition follows.
pub(super) fn delete(relation: &Relation) -> Sql {
    Sql::new("DELETE FROM ").table(&relation.spelled).raw(" WHERE ").append(counts(relation, None))
}

/// `SELECT … FROM … alias WHERE `, of the rows that count: a condition follows.
pub(super) fn select(what: &str, relation: &Relation, alias: &str) -> Sql {
    Sql::new("SELECT ").raw(what).append(from(relation, alias, Sql::default()))
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
