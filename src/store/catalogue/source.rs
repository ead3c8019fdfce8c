//! What each of the databases tells for itself: the questions, and how the answers' cells are read.
//! Knows none of the databases, and nothing of what is made of the rows.

use crate::profile::catalogue::Column;
use crate::store::row::Row;

/// What a database is asked of its tables. The rows have the same columns whatever the database,
/// but for what is said of a column: that each tells in its own way.
pub(super) struct Source {
    /// Schema, table, and what `column` reads; in the tables' order.
    pub columns: &'static str,
    pub column: fn(&Row) -> Column,
    /// Schema, table, index, column or expression, whether it is unique, whether it is the primary
    /// key, the condition of an index of some rows; in the index's order. A primary key without an
    /// index has none here.
    pub indexes: &'static str,
    /// The column or expression of such a row.
    pub indexed: fn(&Row) -> Option<String>,
    /// The condition of such a row's index.
    pub predicate: fn(&Row) -> Option<String>,
    /// Schema, table, key, column, the target's schema, table and column, `ON DELETE`, `ON UPDATE`;
    /// in the key's order.
    pub foreign_keys: &'static str,
    /// Schema, table; what makes it a view (empty: a table; `r` it takes writes, `t` by triggers, `n`
    /// it takes none); engine, whether it has no transactions, whether row security binds, whether it
    /// has children, whether it inherits, whether autovacuum is off, comment.
    pub tables: &'static str,
    /// Schema, table, trigger.
    pub triggers: &'static str,
    /// Schema, table, column, and the CHECK that is written at it, where the database tells it apart.
    pub checks: Option<&'static str>,
    pub search_path: &'static str,
    pub version: &'static str,
}
