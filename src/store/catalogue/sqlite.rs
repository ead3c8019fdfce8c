//! SQLite's catalogue, by its pragma functions.

use std::collections::BTreeMap;

use super::{Catalogue, Column, Database, Error, ForeignKey, Sql, TableName, Tables, Tx, version};
use crate::profile::catalogue::Kind;

const COLUMNS: &str = "SELECT m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk, m.sql \
    FROM sqlite_master m, pragma_table_xinfo(m.name) c \
    WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~' AND c.hidden <> 1 \
    ORDER BY m.name, c.cid";
const INDEXES: &str = "SELECT m.name, i.name, i.\"unique\", x.name, d.sql \
    FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) x \
    LEFT JOIN sqlite_master d ON d.type = 'index' AND d.name = i.name \
    WHERE m.type = 'table' AND x.key = 1 AND i.partial = 0 ORDER BY m.name, i.name, x.seqno";
const FOREIGN_KEYS: &str = "SELECT m.name, f.id, f.\"from\", f.\"table\", f.\"to\", f.on_delete \
    FROM sqlite_master m, pragma_foreign_key_list(m.name) f \
    WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq";

pub(super) async fn read(tx: &mut Tx) -> Result<Catalogue, Error> {
    let mut tables = Tables::default();
    let mut primary: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    let rows = tx.query(Sql::new(COLUMNS)).await?;
    for row in &rows {
        let (Some(table), Some(name)) = (row.text(0), row.text(1)) else { continue };
        let type_name = row.text(2).unwrap_or_default();
        if row.int(5) > 0 {
            primary.entry(table.clone()).or_default().push((row.int(5), name.clone()));
        }
        let definition = row.text(6).unwrap_or_default();
        let collation = declared_collation(&definition, &name);
        tables.column(
            None,
            table,
            Column {
                kind: kind(&type_name),
                max_length: length(&type_name),
                nullable: row.int(3) == 0 && row.int(5) == 0,
                has_default: row.text(4).is_some(),
                generated: false,
                collation,
                enum_values: Vec::new(),
                type_name,
                name,
            },
        );
    }
    for (table, mut columns) in primary {
        columns.sort();
        let table = tables.table(None, table);
        table.primary_key = columns.into_iter().map(|(_, name)| name).collect();
        // An only INTEGER PRIMARY KEY is the rowid, which SQLite allocates.
        if let [only] = table.primary_key.as_slice() {
            let only = only.clone();
            for column in &mut table.columns {
                if column.name == only && column.type_name.eq_ignore_ascii_case("integer") {
                    column.generated = true;
                }
            }
        }
    }
    for row in tx.query(Sql::new(INDEXES)).await? {
        let (Some(table), Some(name)) = (row.text(0), row.text(1)) else { continue };
        let column = row.text(3).unwrap_or_else(|| expression(&row.text(4).unwrap_or_default()));
        tables.index(&TableName { schema: None, name: table }, &name, column, row.int(2) == 1);
    }
    let mut group = BTreeMap::new();
    for row in tx.query(Sql::new(FOREIGN_KEYS)).await? {
        let (Some(table), Some(id), Some(from), Some(target)) =
            (row.text(0), row.text(1), row.text(2), row.text(3))
        else {
            continue;
        };
        let target = TableName { schema: None, name: target };
        let to = row.text(4).unwrap_or_else(|| {
            tables.0.get(&target).and_then(|it| it.primary_key.first().cloned()).unwrap_or_default()
        });
        tables.foreign_key(
            &mut group,
            &id,
            ForeignKey {
                table: TableName { schema: None, name: table },
                columns: vec![from],
                target,
                target_columns: vec![to],
                on_delete: row.text(5).unwrap_or_default(),
            },
        );
    }
    Ok(Catalogue {
        database: Database::Sqlite,
        version: version(tx, "SELECT sqlite_version()").await?,
        search_path: Vec::new(),
        tables: tables.0,
    })
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

/// What an index on an expression is on: all between the outer parentheses of its definition.
fn expression(definition: &str) -> String {
    let list = definition.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')'));
    list.map_or("(expression)", |(list, _)| list).trim().to_owned()
}

/// The collation that a column's definition names: no pragma tells it.
fn declared_collation(definition: &str, column: &str) -> Option<String> {
    let lower = definition.to_ascii_lowercase();
    let at = lower.find(&column.to_ascii_lowercase())?;
    let rest = lower.get(at..)?;
    let end = rest.find(['\n', ',']).unwrap_or(rest.len());
    let (_, named) = rest.get(..end)?.split_once("collate ")?;
    named
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .find(|word| !word.is_empty())
        .map(str::to_ascii_uppercase)
}
