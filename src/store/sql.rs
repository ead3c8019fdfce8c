//! Dynamic statements: literal SQL, quoted identifiers and bound values, in order.
//!
//! The legacy tables' names are data, so no statement over them can be static. The sidecar's use
//! the same mechanism, since most statements join both. The statement cache of each connection is
//! keyed by the SQL text; a statement's text depends on its values only in which of them are NULL.

use chrono::NaiveDateTime;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types as types;

use crate::mapper::Cell;

/// A statement under construction: its text, and what stands in it that isn't SQL.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sql {
    text: String,
    /// Names and values, each with its place in the text; in the text's order.
    parts: Vec<(usize, Part)>,
    once: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// So many bytes of the text are an identifier, which the dialect quotes.
    Identifier(usize),
    /// So many bytes of the text are a table's name, quoted already.
    Table(usize),
    /// A value.
    Bind(Cell),
}

impl Sql {
    /// Starts with literal SQL out of this crate.
    pub fn new(raw: &str) -> Self {
        Self::default().raw(raw)
    }

    /// Appends literal SQL out of this crate or the catalogue, never a value or a profile's name.
    #[must_use]
    pub fn raw(mut self, raw: &str) -> Self {
        self.text.push_str(raw);
        self
    }

    /// Appends an identifier, quoted by the dialect.
    #[must_use]
    pub fn ident(mut self, name: &str) -> Self {
        self.parts.push((self.text.len(), Part::Identifier(name.len())));
        self.text.push_str(name);
        self
    }

    /// Appends the name of a legacy table, quoted already.
    #[must_use]
    pub fn table(mut self, spelled: &str) -> Self {
        self.parts.push((self.text.len(), Part::Table(spelled.len())));
        self.text.push_str(spelled);
        self
    }

    /// The legacy tables that it is about, each once, without their quotes.
    pub fn tables(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (at, part) in &self.parts {
            let Part::Table(length) = part else { continue };
            let name = self.text.get(*at..at + length).unwrap_or_default().replace(['`', '"'], "");
            if !found.contains(&name) {
                found.push(name);
            }
        }
        found
    }

    /// Appends a bound value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Cell>) -> Self {
        self.parts.push((self.text.len(), Part::Bind(value.into())));
        self
    }

    /// Says that no statement will have this text again: it is not worth a place in the cache.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Appends another fragment.
    #[must_use]
    pub fn append(mut self, other: Self) -> Self {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.parts.extend(other.parts.into_iter().map(|(at, part)| (start + at, part)));
        self.once |= other.once;
        self
    }

    /// Appends fragments with a separator between them.
    #[must_use]
    pub fn list(mut self, separator: &str, items: impl IntoIterator<Item = Self>) -> Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self = self.raw(separator);
            }
            self = self.append(item);
        }
        self
    }

    /// The text of what has no values and no identifiers for the dialect to quote.
    pub fn into_text(self) -> String {
        let plain = self.parts.iter().all(|(_, part)| matches!(part, Part::Table(_)));
        debug_assert!(plain, "{} has values", self.text);
        self.text
    }
}

impl QueryId for Sql {
    type QueryId = ();
    // Keyed by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> diesel::RunQueryDsl<C> for Sql {}

impl Query for Sql {
    type SqlType = types::Untyped;
}

impl<DB> QueryFragment<DB> for Sql
where
    DB: Backend,
    bool: ToSql<types::Bool, DB>,
    i64: ToSql<types::BigInt, DB>,
    f64: ToSql<types::Double, DB>,
    String: ToSql<types::Text, DB>,
    Vec<u8>: ToSql<types::Binary, DB>,
    NaiveDateTime: ToSql<types::Timestamp, DB>,
    DB: types::HasSqlType<types::Bool>
        + types::HasSqlType<types::BigInt>
        + types::HasSqlType<types::Double>
        + types::HasSqlType<types::Text>
        + types::HasSqlType<types::Timestamp>
        + types::HasSqlType<types::Binary>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.once {
            out.unsafe_to_cache_prepared();
        }
        let text = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let mut written = 0;
        for (at, part) in &self.parts {
            out.push_sql(text(written, *at));
            written = *at;
            match part {
                Part::Identifier(length) => {
                    written += length;
                    out.push_identifier(text(*at, written))?;
                }
                Part::Table(length) => {
                    written += length;
                    out.push_sql(text(*at, written));
                }
                Part::Bind(cell) => match cell {
                    // A literal, since a bound NULL would need the column's type.
                    Cell::Null => out.push_sql("NULL"),
                    Cell::Bool(value) => out.push_bind_param::<types::Bool, _>(value)?,
                    Cell::Int(value) => out.push_bind_param::<types::BigInt, _>(value)?,
                    Cell::Number(value) => out.push_bind_param::<types::Double, _>(value)?,
                    Cell::Text(value) => out.push_bind_param::<types::Text, _>(value)?,
                    Cell::Bytes(value) => out.push_bind_param::<types::Binary, _>(value)?,
                    Cell::Time(value) => out.push_bind_param::<types::Timestamp, _>(value)?,
                },
            }
        }
        out.push_sql(text(written, self.text.len()));
        Ok(())
    }
}
