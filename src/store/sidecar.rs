//! What statements over the sidecar tables are made of: columns with their types, and rows read and
//! written by them.
//!
//! Knows no table: `schema` declares them. What can't be read is an error that names table, column and
//! row, never a row left out or a value of its own making.

mod value;

use std::marker::PhantomData;

use chrono::NaiveDateTime;

pub(super) use value::{Applied, Form, Object, Value, json};

use super::dialect;
use super::error::{Error, ErrorKind};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::Cell;
use crate::profile::catalogue::Database;

/// A sidecar table, as all three databases have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Described],
}

/// A column, whatever its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Described {
    pub name: &'static str,
    /// Whether the primary key has it.
    pub key: bool,
    pub form: Form,
    pub nullable: bool,
}

/// A column of a sidecar table.
#[derive(Debug)]
pub(super) struct Column<T> {
    table: &'static str,
    alias: Option<&'static str>,
    pub name: &'static str,
    key: bool,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

impl<T: Value> Column<T> {
    pub const fn new(table: &'static str, name: &'static str, key: bool) -> Self {
        Self { table, alias: None, name, key, value: PhantomData }
    }

    pub const fn described(self) -> Described {
        Described { name: self.name, key: self.key, form: T::FORM, nullable: T::NULLABLE }
    }

    /// The column of a table that goes by another name in a statement.
    pub fn of(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// The column where an outer join may have found no row.
    pub fn optional(self) -> Column<Option<T>> {
        let Self { table, alias, name, key, .. } = self;
        Column { table, alias, name, key, value: PhantomData }
    }

    /// Its name in a statement.
    pub fn sql(self) -> Sql {
        self.after(Sql::default())
    }

    fn after(self, sql: Sql) -> Sql {
        match self.alias {
            Some(alias) => sql.raw(alias).raw(".").raw(self.name),
            None => sql.raw(self.name),
        }
    }

    /// Whether it has a value.
    pub fn is(self, value: impl Into<T>) -> Sql {
        self.sql().raw(" = ").bind(value.into().cell())
    }

    /// What a statement writes into it.
    pub fn to(self, value: impl Into<T>) -> Set {
        Set { column: self.name, value: Written::Value(value.into().cell()) }
    }

    /// As [`Self::to`], of a value that stays where it is.
    pub fn set(self, value: &T) -> Set {
        Set { column: self.name, value: Written::Value(value.cell()) }
    }

    /// The expression that a statement writes into it.
    pub fn to_sql(self, value: Sql) -> Set {
        Set { column: self.name, value: Written::Sql(value) }
    }

    /// The greatest of its values that aren't NULL.
    pub fn max<U: Value>(self) -> Expression<Option<U>>
    where
        T: Holds<U>,
    {
        Expression::new(Sql::new("MAX(").append(self.sql()).raw(")"))
    }

    /// The least.
    pub fn min<U: Value>(self) -> Expression<Option<U>>
    where
        T: Holds<U>,
    {
        Expression::new(Sql::new("MIN(").append(self.sql()).raw(")"))
    }
}

impl<T: Value> Column<Option<T>> {
    /// The column in a statement whose condition leaves no NULL of it.
    pub fn present(self) -> Column<T> {
        let Self { table, alias, name, key, .. } = self;
        Column { table, alias, name, key, value: PhantomData }
    }
}

/// A type whose values, but for NULL, are those of another.
pub(super) trait Holds<U> {}
impl Holds<Self> for String {}
impl Holds<Self> for NaiveDateTime {}
impl Holds<NaiveDateTime> for Option<NaiveDateTime> {}
impl Holds<Self> for Applied {}

/// What a SELECT asks for that is no column.
#[derive(Debug, Clone)]
pub(super) struct Expression<T> {
    sql: Sql,
    value: PhantomData<fn() -> T>,
}

impl<T: Value> Expression<T> {
    pub fn new(sql: Sql) -> Self {
        Self { sql, value: PhantomData }
    }
}

/// How many rows.
pub(super) fn count() -> Expression<u64> {
    Expression::new(Sql::new("COUNT(*)"))
}

/// How many rows in which something isn't NULL.
pub(super) fn count_of(something: Sql) -> Expression<u64> {
    Expression::new(Sql::new("COUNT(").append(something).raw(")"))
}

/// The database's clock.
pub(super) fn clock(database: Database) -> Expression<NaiveDateTime> {
    Expression::new(dialect::now(database))
}

/// A column and what is written into it.
pub(super) struct Set {
    column: &'static str,
    value: Written,
}

enum Written {
    Value(Cell),
    Sql(Sql),
}

impl Written {
    fn after(self, sql: Sql) -> Sql {
        match self {
            Self::Value(cell) => sql.bind(cell),
            Self::Sql(value) => sql.append(value),
        }
    }
}

impl Table {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `INSERT INTO …` of one row.
    pub(super) fn insert(&self, row: impl IntoIterator<Item = Set>) -> Sql {
        self.insert_all([row])
    }

    /// `INSERT INTO …` of rows that have the same columns.
    pub(super) fn insert_all<R: IntoIterator<Item = Set>>(
        &self,
        rows: impl IntoIterator<Item = R>,
    ) -> Sql {
        let mut names = String::new();
        let mut values = Sql::default();
        for (at, row) in rows.into_iter().enumerate() {
            values = values.raw(if at == 0 { "(" } else { ", (" });
            for (index, set) in row.into_iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                if at == 0 {
                    names.push_str(comma);
                    names.push_str(set.column);
                }
                values = set.value.after(values.raw(comma));
            }
            values = values.raw(")");
        }
        let sql = Sql::new("INSERT INTO ").raw(self.name).raw(" (").raw(&names);
        sql.raw(") VALUES ").append(values)
    }

    /// `INSERT INTO … SELECT …` of what stands for each column.
    pub(super) fn insert_select(&self, row: impl IntoIterator<Item = Set>) -> Sql {
        let mut names = String::new();
        let mut values = Sql::default();
        for (index, set) in row.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            names.push_str(comma);
            names.push_str(set.column);
            values = set.value.after(values.raw(comma));
        }
        let sql = Sql::new("INSERT INTO ").raw(self.name).raw(" (").raw(&names);
        sql.raw(") SELECT ").append(values)
    }

    /// `UPDATE … SET …`
    pub(super) fn update(&self, sets: impl IntoIterator<Item = Set>) -> Sql {
        let mut sql = Sql::new("UPDATE ").raw(self.name).raw(" SET ");
        for (index, set) in sets.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            sql = set.value.after(sql.raw(comma).raw(set.column).raw(" = "));
        }
        sql
    }

    /// `DELETE FROM … WHERE …`
    pub(super) fn delete(&self, which: Sql) -> Sql {
        Sql::new("DELETE FROM ").raw(self.name).raw(" WHERE ").append(which)
    }
}

/// What a SELECT asks for, and how its rows are read.
pub(super) trait Selection {
    /// What a row becomes.
    type Row;
    /// Appends what stands between SELECT and FROM.
    fn list(&self, sql: Sql) -> Sql;
    /// Reads that much of a row.
    fn read(&self, cells: &mut Cells<'_>) -> Result<Self::Row, Unreadable>;
    /// Which of what it asks for name the row.
    fn keys(&self) -> Vec<bool>;
}

/// The cells of a row that aren't read yet.
pub(super) struct Cells<'a>(std::slice::Iter<'a, Cell>);

impl<'a> Cells<'a> {
    pub fn of(row: &'a [Cell]) -> Self {
        Self(row.iter())
    }

    /// The next one, as a column's value.
    pub fn take<T: Value>(&mut self, column: Column<T>) -> Result<T, Unreadable> {
        let found = self.0.next().and_then(T::read);
        found.ok_or(Unreadable { table: column.table, column: column.name, what: T::WHAT })
    }

    /// Passes over some.
    pub fn skip(&mut self, cells: usize) {
        self.0.by_ref().take(cells).for_each(drop);
    }
}

/// A value that isn't what its column holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unreadable {
    table: &'static str,
    column: &'static str,
    what: &'static str,
}

impl Unreadable {
    /// The error, of the row that goes by a name.
    pub fn of_row(self, row: &str) -> Error {
        let Self { table, column, what } = self;
        let row = if row.is_empty() { String::new() } else { format!(" of the row `{row}`") };
        let said = format!("the column `{column}`{row} doesn't hold {what}");
        Error::new(ErrorKind::Other, table, said)
    }
}

impl<T: Value> Selection for Column<T> {
    type Row = T;
    fn list(&self, sql: Sql) -> Sql {
        self.after(sql)
    }
    fn read(&self, cells: &mut Cells<'_>) -> Result<T, Unreadable> {
        cells.take(*self)
    }
    fn keys(&self) -> Vec<bool> {
        vec![self.key]
    }
}

impl<T: Value> Selection for Expression<T> {
    type Row = T;
    fn list(&self, sql: Sql) -> Sql {
        sql.append(self.sql.clone())
    }
    fn read(&self, cells: &mut Cells<'_>) -> Result<T, Unreadable> {
        cells.take(Column::new("an answer of the database", "an expression", false))
    }
    fn keys(&self) -> Vec<bool> {
        vec![false]
    }
}

macro_rules! together {
    ($($first:ident $(, $more:ident)+;)+) => {$(
        impl<$first: Selection, $($more: Selection),+> Selection for ($first, $($more),+) {
            type Row = ($first::Row, $($more::Row),+);
            #[expect(non_snake_case, reason = "named as their types are")]
            fn list(&self, sql: Sql) -> Sql {
                let ($first, $($more),+) = self;
                let sql = $first.list(sql);
                $(let sql = $more.list(sql.raw(", "));)+
                sql
            }
            #[expect(non_snake_case, reason = "named as their types are")]
            fn read(&self, cells: &mut Cells<'_>) -> Result<Self::Row, Unreadable> {
                let ($first, $($more),+) = self;
                Ok(($first.read(cells)?, $($more.read(cells)?),+))
            }
            #[expect(non_snake_case, reason = "named as their types are")]
            fn keys(&self) -> Vec<bool> {
                let ($first, $($more),+) = self;
                let mut keys = $first.keys();
                $(keys.extend($more.keys());)+
                keys
            }
        }
    )+};
}

together! {
    A, B;
    A, B, C;
    A, B, C, D;
    A, B, C, D, E;
}

/// A type of rows: each field is a column.
pub(super) trait Fields: Sized {
    /// Its columns, in its order.
    const COLUMNS: &'static [Described];
    /// Reads that many cells.
    fn read(cells: &mut Cells<'_>) -> Result<Self, Unreadable>;
    /// What a statement writes that writes all of it.
    fn sets(&self) -> Vec<Set>;
}

/// Rows of such a type, as a [`Selection`].
pub(super) struct Rows<F> {
    alias: &'static str,
    fields: PhantomData<fn() -> F>,
}

/// The columns of a type of rows.
pub(super) fn fields<F: Fields>() -> Rows<F> {
    fields_of("")
}

/// The same of a table that goes by another name in the statement, which is said with its dot.
pub(super) fn fields_of<F: Fields>(alias: &'static str) -> Rows<F> {
    Rows { alias, fields: PhantomData }
}

impl<F: Fields> Selection for Rows<F> {
    type Row = F;
    fn list(&self, mut sql: Sql) -> Sql {
        for (index, column) in F::COLUMNS.iter().enumerate() {
            sql = sql.raw(if index == 0 { "" } else { ", " }).raw(self.alias).raw(column.name);
        }
        sql
    }
    fn read(&self, cells: &mut Cells<'_>) -> Result<F, Unreadable> {
        F::read(cells)
    }
    fn keys(&self) -> Vec<bool> {
        F::COLUMNS.iter().map(|column| column.key).collect()
    }
}

/// A struct whose fields are columns of a table, `field: Type = column`.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident of $table:ident {
            $($(#[$about:meta])* $fvis:vis $field:ident: $type:ty = $column:ident,)+
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$about])* $fvis $field: $type,)+
        }

        impl $crate::store::sidecar::Fields for $name {
            const COLUMNS: &'static [$crate::store::sidecar::Described] =
                &[$($table::$column.described()),+];

            fn read(
                cells: &mut $crate::store::sidecar::Cells<'_>,
            ) -> Result<Self, $crate::store::sidecar::Unreadable> {
                Ok(Self { $($field: cells.take($table::$column)?,)+ })
            }

            fn sets(&self) -> Vec<$crate::store::sidecar::Set> {
                vec![$($table::$column.set(&self.$field)),+]
            }
        }
    };
}
pub(super) use row;

impl Tx {
    /// The rows of `SELECT … rest`. One statement.
    pub(super) async fn rows<S: Selection>(
        &mut self,
        selection: S,
        rest: Sql,
    ) -> Result<Vec<S::Row>, Error> {
        let sql = selection.list(Sql::new("SELECT ")).append(rest);
        let rows = self.query(sql).await?;
        let read = |cells: &Vec<Cell>| {
            let row = selection.read(&mut Cells::of(cells));
            row.map_err(|unreadable| unreadable.of_row(&named(&selection.keys(), cells)))
        };
        rows.iter().map(|row| read(&row.0)).collect()
    }

    /// As [`Self::rows`], each handed out as it comes: there may be very many. One statement.
    pub(super) async fn each<S: Selection + Sync>(
        &mut self,
        selection: S,
        rest: Sql,
        take: &mut (dyn FnMut(S::Row) + Send),
    ) -> Result<(), Error> {
        let sql = selection.list(Sql::new("SELECT ")).append(rest);
        let keys = selection.keys();
        let mut broken = None;
        let mut read = |row: super::row::Row| match selection.read(&mut Cells::of(&row.0)) {
            Ok(row) => take(row),
            Err(unreadable) => {
                broken.get_or_insert_with(|| unreadable.of_row(&named(&keys, &row.0)));
            }
        };
        self.each_row(sql, &mut read).await?;
        broken.map_or(Ok(()), Err)
    }

    /// The first of them, if there is one. One statement.
    pub(super) async fn first<S: Selection>(
        &mut self,
        selection: S,
        rest: Sql,
    ) -> Result<Option<S::Row>, Error> {
        Ok(self.rows(selection, rest).await?.into_iter().next())
    }

    /// The only one, of a statement that always has one: an aggregate. One statement.
    pub(super) async fn scalar<S: Selection>(
        &mut self,
        selection: S,
        rest: Sql,
    ) -> Result<S::Row, Error> {
        let none = || Error::new(ErrorKind::Other, "an answer of the database", "no row came");
        self.first(selection, rest).await?.ok_or_else(none)
    }

    /// Whether `SELECT 1 rest` has a row. One statement.
    pub(super) async fn any(&mut self, rest: Sql) -> Result<bool, Error> {
        Ok(!self.query(Sql::new("SELECT 1").append(rest)).await?.is_empty())
    }
}

/// What a row goes by: its key, as far as it was asked for.
fn named(keys: &[bool], cells: &[Cell]) -> String {
    let key = keys.iter().zip(cells).filter(|(key, _)| **key);
    key.filter_map(|(_, cell)| cell.to_text()).collect::<Vec<_>>().join(" ")
}
