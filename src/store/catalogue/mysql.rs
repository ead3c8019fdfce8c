//! MariaDB's and MySQL's catalogue: `information_schema`, which shows what the account may see.

use super::source::Source;
use crate::profile::catalogue::{Column, Kind};
use crate::store::row::Row;

/// MySQL keeps a column's CHECK through a `MODIFY`, and doesn't tell which column it was written at.
pub(super) const MYSQL: Source = Source { column: mysql_column, checks: None, ..MARIADB };

pub(super) const MARIADB: Source = Source {
    columns: "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, IS_NULLABLE, \
        COLUMN_DEFAULT, EXTRA, CHARACTER_MAXIMUM_LENGTH, COLLATION_NAME, COLUMN_COMMENT \
        FROM information_schema.COLUMNS WHERE TABLE_SCHEMA \
        NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') \
        ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
    column,
    indexes: "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COALESCE(COLUMN_NAME, '(expression)'), \
        NON_UNIQUE = 0, INDEX_NAME = 'PRIMARY' FROM information_schema.STATISTICS WHERE TABLE_SCHEMA \
        NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') \
        ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
    indexed: |row| row.text(3),
    // No index here is of some rows only.
    predicate: |_| None,
    foreign_keys: "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, \
        k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, \
        r.DELETE_RULE, r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k \
        JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
        ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
        AND r.TABLE_NAME = k.TABLE_NAME \
        WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND k.TABLE_SCHEMA \
        NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') \
        ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION",
    tables: "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, CASE WHEN t.TABLE_TYPE = 'VIEW' THEN \
        CASE WHEN v.IS_UPDATABLE = 'NO' THEN 'n' ELSE 'r' END END, t.ENGINE, \
        e.TRANSACTIONS = 'NO', 0, 0, 0, 0, t.TABLE_COMMENT FROM information_schema.TABLES t \
        LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
        LEFT JOIN information_schema.VIEWS v ON v.TABLE_SCHEMA = t.TABLE_SCHEMA \
        AND v.TABLE_NAME = t.TABLE_NAME WHERE t.TABLE_SCHEMA \
        NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')",
    triggers: "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME \
        FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA \
        NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1, 2, 3",
    checks: Some(
        "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE \
         FROM information_schema.CHECK_CONSTRAINTS WHERE LEVEL = 'Column'",
    ),
    search_path: "SELECT DATABASE()",
    version: "SELECT VERSION()",
};

fn column(row: &Row) -> Column {
    let text = |index| row.text(index).unwrap_or_default();
    let (type_name, data_type) = (text(3), text(4));
    let extra = text(7).to_ascii_lowercase();
    let generated = extra.contains("auto_increment");
    // MariaDB writes the default of a column without one as NULL, or as the text NULL.
    let default = row.text(6).filter(|text| text != "NULL");
    // MySQL calls a default that is an expression DEFAULT_GENERATED.
    let computed = ["virtual", "stored", "persistent"].iter().any(|word| extra.contains(word));
    Column {
        name: text(2),
        kind: kind(&data_type, &type_name),
        nullable: text(5) == "YES",
        has_default: default.is_some() || generated || computed,
        generated,
        max_length: row
            .cell(8)
            .to_int()
            .filter(|_| matches!(data_type.as_str(), "char" | "varchar"))
            .and_then(|it| u64::try_from(it).ok()),
        collation: row.text(9),
        enum_values: enum_values(&type_name),
        type_name,
        computed,
        default,
        comment: row.text(10).filter(|text| !text.is_empty()),
    }
}

/// MariaDB writes a column's default as SQL; MySQL a text without its quotes, and an expression without
/// the parentheses that a declaration wants.
fn mysql_column(row: &Row) -> Column {
    let column = column(row);
    let is_expression = row.text(7).unwrap_or_default().contains("DEFAULT_GENERATED");
    let is_number = matches!(column.kind, Kind::Int | Kind::Number);
    let default = column.default.map(|default| match (is_expression, is_number) {
        (true, _) => format!("({default})"),
        (false, true) => default,
        (false, false) => format!("'{}'", default.replace('\'', "''")),
    });
    Column { default, ..column }
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
