//! SQLite's catalogue, by its pragma functions, and by a definition's text where no pragma tells.

mod definition;

use super::source::Source;
use crate::profile::catalogue::{Column, Kind};
use crate::store::row::Row;

pub(super) const SOURCE: Source = Source {
    // An only INTEGER PRIMARY KEY is the rowid, which SQLite allocates.
    columns: "SELECT NULL, m.name, c.name, c.type, c.\"notnull\" OR c.pk > 0, \
        c.dflt_value IS NOT NULL, m.sql, c.pk > 0 AND upper(c.type) = 'INTEGER' AND \
        (SELECT count(*) FROM pragma_table_xinfo(m.name) WHERE pk > 0) = 1, \
        c.hidden IN (2, 3), c.dflt_value, m.type = 'view' \
        FROM sqlite_master m, pragma_table_xinfo(m.name) c \
        WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~' AND c.hidden <> 1 \
        ORDER BY m.name, c.cid",
    column,
    // An index on an expression comes with its definition.
    indexes: "SELECT NULL, m.name, NULL, c.name, 1, 1, c.pk AS at, 0, NULL \
        FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND c.pk > 0 \
        UNION ALL SELECT NULL, m.name, i.name, COALESCE(x.name, d.sql), \
        i.\"unique\", 0, x.seqno, x.name IS NULL, \
        CASE WHEN i.partial THEN d.sql END \
        FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) x \
        LEFT JOIN sqlite_master d ON d.type = 'index' AND d.name = i.name \
        WHERE m.type = 'table' AND x.key = 1 ORDER BY 2, 3, 7",
    indexed,
    predicate: |row| definition::predicate(&row.text(8)?).map(str::to_owned),
    // A key that names no column of its target points at the primary key.
    foreign_keys: "SELECT NULL, m.name, f.id, f.\"from\", NULL, f.\"table\", COALESCE(f.\"to\", \
        (SELECT name FROM pragma_table_xinfo(f.\"table\") WHERE pk = f.seq + 1)), f.on_delete, f.on_update \
        FROM sqlite_master m, pragma_foreign_key_list(m.name) f \
        WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq",
    // A view takes what its triggers do, and nothing by itself.
    tables: "SELECT NULL, m.name, CASE WHEN m.type = 'view' THEN CASE WHEN EXISTS \
        (SELECT 1 FROM sqlite_master t WHERE t.type = 'trigger' AND t.tbl_name = m.name) \
        THEN 't' ELSE 'n' END END, NULL, 0, 0, 0, 0, 0, NULL \
        FROM sqlite_master m WHERE m.type IN ('table', 'view')",
    triggers: "SELECT NULL, tbl_name, name FROM sqlite_master WHERE type = 'trigger' ORDER BY 2, 3",
    checks: None,
    search_path: "SELECT NULL",
    version: "SELECT sqlite_version()",
};

fn indexed(row: &Row) -> Option<String> {
    let column = row.text(3)?;
    if row.int(7) == 0 {
        return Some(column);
    }
    Some(definition::expression(&column).unwrap_or("(expression)").to_owned())
}

fn column(row: &Row) -> Column {
    let text = |index| row.text(index).unwrap_or_default();
    let (name, type_name) = (text(2), text(3));
    let computed = row.int(8) == 1;
    Column {
        // A view's expression has no type.
        kind: if type_name.is_empty() && row.int(10) == 1 { Kind::Text } else { kind(&type_name) },
        max_length: length(&type_name),
        nullable: row.int(4) == 0,
        has_default: row.int(5) == 1 || computed,
        generated: row.int(7) == 1,
        collation: collation(&text(6), &name),
        enum_values: Vec::new(),
        computed,
        default: row.text(9),
        comment: None,
        type_name,
        name,
    }
}

/// SQLite takes any type name; the family follows its affinity rules (datatype3.html §3.1), after
/// the names that mean something to people.
fn kind(type_name: &str) -> Kind {
    let name = type_name.to_ascii_uppercase();
    let has = |part: &str| name.contains(part);
    if has("BOOL") {
        Kind::Bool
    } else if has("TIMESTAMP") || has("DATETIME") {
        Kind::Timestamp
    } else if name == "DATE" {
        Kind::Date
    } else if has("INT") {
        Kind::Int
    } else if has("UUID") || has("CHAR") || has("CLOB") || has("TEXT") {
        Kind::Text
    } else if has("BLOB") || name.is_empty() {
        Kind::Binary
    } else {
        Kind::Number
    }
}

fn length(type_name: &str) -> Option<u64> {
    let upper = type_name.to_ascii_uppercase();
    if !upper.contains("CHAR") {
        return None;
    }
    upper.split_once('(')?.1.split(')').next()?.trim().parse().ok()
}

/// The collation that a column's definition names: no pragma tells it.
fn collation(made: &str, column: &str) -> Option<String> {
    let declared = definition::collations(made);
    let of_column = |(name, _): &(String, String)| name.eq_ignore_ascii_case(column);
    declared.into_iter().rfind(of_column).map(|(_, collation)| collation)
}
