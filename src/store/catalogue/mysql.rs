//! MariaDB's catalogue: `information_schema`, which shows what the account may see.

use std::collections::BTreeMap;

use super::{Catalogue, Column, Database, Error, ForeignKey, Sql, TableName, Tables, Tx, version};
use crate::profile::catalogue::Kind;

const VISIBLE: &str = " NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')";

pub(super) async fn read(tx: &mut Tx) -> Result<Catalogue, Error> {
    let mut tables = Tables::default();
    let sql = Sql::new(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, IS_NULLABLE, \
         COLUMN_DEFAULT, EXTRA, CHARACTER_MAXIMUM_LENGTH, COLLATION_NAME \
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA",
    )
    .raw(VISIBLE)
    .raw(" ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION");
    for row in tx.query(sql).await? {
        let (Some(table), Some(name)) = (row.text(1), row.text(2)) else { continue };
        let type_name = row.text(3).unwrap_or_default();
        let data_type = row.text(4).unwrap_or_default();
        let extra = row.text(7).unwrap_or_default().to_ascii_lowercase();
        let nullable = row.text(5).as_deref() == Some("YES");
        let generated = extra.contains("auto_increment");
        // MariaDB writes the default of a column without one as NULL, or as the text NULL.
        let default = row.text(6).filter(|text| text != "NULL");
        tables.column(
            row.text(0),
            table,
            Column {
                name,
                kind: kind(&data_type, &type_name),
                nullable,
                has_default: default.is_some() || generated || extra.contains("generated"),
                generated,
                max_length: row
                    .cell(8)
                    .to_int()
                    .filter(|_| matches!(data_type.as_str(), "char" | "varchar"))
                    .and_then(|it| u64::try_from(it).ok()),
                collation: row.text(9),
                enum_values: enum_values(&type_name),
                type_name,
            },
        );
    }
    let sql = Sql::new(
        "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, \
         COALESCE(COLUMN_NAME, '(expression)') FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA",
    )
    .raw(VISIBLE)
    .raw(" ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX");
    for row in tx.query(sql).await? {
        let (Some(name), Some(index), Some(column)) = (row.text(1), row.text(2), row.text(4))
        else {
            continue;
        };
        let table = TableName { schema: row.text(0), name };
        if index == "PRIMARY"
            && let Some(table) = tables.0.get_mut(&table)
        {
            table.primary_key.push(column.clone());
        }
        tables.index(&table, &index, column, row.int(3) == 0);
    }
    let sql = Sql::new(
        "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, \
         k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, \
         r.DELETE_RULE FROM information_schema.KEY_COLUMN_USAGE k \
         JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
         ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
         AND r.TABLE_NAME = k.TABLE_NAME \
         WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND k.TABLE_SCHEMA",
    )
    .raw(VISIBLE)
    .raw(" ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION");
    let mut group = BTreeMap::new();
    for row in tx.query(sql).await? {
        let (Some(name), Some(id), Some(target)) = (row.text(1), row.text(2), row.text(5)) else {
            continue;
        };
        tables.foreign_key(
            &mut group,
            &id,
            ForeignKey {
                table: TableName { schema: row.text(0), name },
                columns: row.text(3).into_iter().collect(),
                target: TableName { schema: row.text(4), name: target },
                target_columns: row.text(6).into_iter().collect(),
                on_delete: row.text(7).unwrap_or_default(),
            },
        );
    }
    let path = tx.query(Sql::new("SELECT DATABASE()")).await?;
    Ok(Catalogue {
        database: Database::Mysql,
        version: version(tx, "SELECT VERSION()").await?,
        search_path: path.iter().filter_map(|row| row.text(0)).collect(),
        tables: tables.0,
    })
}

fn kind(data_type: &str, type_name: &str) -> Kind {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Kind::Int,
        "bit" if type_name == "bit(1)" => Kind::Int,
        "decimal" | "float" | "double" => Kind::Number,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" => Kind::Text,
        "uuid" => Kind::Uuid,
        "datetime" | "timestamp" => Kind::Timestamp,
        "date" => Kind::Date,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Binary,
        _ => Kind::Other,
    }
}

/// The texts of `enum('a','it''s')`.
fn enum_values(type_name: &str) -> Vec<String> {
    let Some(inner) = type_name.strip_prefix("enum('").and_then(|it| it.strip_suffix("')")) else {
        return Vec::new();
    };
    inner.split("','").map(|value| value.replace("''", "'")).collect()
}
