//! PostgreSQL's catalogue: `pg_catalog`, which shows every table whatever the grants.

use std::collections::BTreeMap;

use super::{Catalogue, Column, Database, Error, ForeignKey, Sql, TableName, Tables, Tx, version};
use crate::profile::catalogue::Kind;

const VISIBLE: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema') \
    AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'";
const COLUMNS: &str = "SELECT n.nspname, c.relname, a.attname, \
    format_type(a.atttypid, a.atttypmod), COALESCE(b.typname, t.typname), a.attnotnull, \
    a.atthasdef OR a.attidentity <> '', \
    a.attidentity <> '' OR COALESCE(pg_get_expr(d.adbin, d.adrelid), '') LIKE 'nextval(%', \
    CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END, \
    CASE WHEN a.attcollation <> 0 THEN l.collname END, \
    (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e \
     WHERE e.enumtypid = t.oid), \
    CASE WHEN l.collisdeterministic THEN 1 ELSE 0 END \
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_type b ON b.oid = NULLIF(t.typbasetype, 0) \
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    LEFT JOIN pg_collation l ON l.oid = a.attcollation \
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v') AND ";
const INDEXES: &str = "SELECT n.nspname, c.relname, x.relname, i.indisunique, i.indisprimary, \
    CASE WHEN i.indkey[k.at - 1] = 0 THEN pg_get_indexdef(i.indexrelid, k.at::int, true) \
    ELSE (SELECT attname FROM pg_attribute WHERE attrelid = c.oid \
    AND attnum = i.indkey[k.at - 1]) END \
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
    JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    CROSS JOIN LATERAL generate_series(1, i.indnkeyatts::int) AS k(at) \
    WHERE i.indisvalid AND i.indpred IS NULL AND ";
const FOREIGN_KEYS: &str = "SELECT n.nspname, c.relname, k.conname, \
    (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = k.conkey[p.at]), \
    tn.nspname, t.relname, \
    (SELECT attname FROM pg_attribute WHERE attrelid = t.oid AND attnum = k.confkey[p.at]), \
    CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN \
    'SET DEFAULT' WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = k.confrelid \
    JOIN pg_namespace tn ON tn.oid = t.relnamespace \
    CROSS JOIN LATERAL generate_subscripts(k.conkey, 1) AS p(at) \
    WHERE k.contype = 'f' AND ";

pub(super) async fn read(tx: &mut Tx) -> Result<Catalogue, Error> {
    let mut tables = Tables::default();
    let sql = Sql::new(COLUMNS).raw(VISIBLE).raw(" ORDER BY 1, 2, a.attnum");
    for row in tx.query(sql).await? {
        let (Some(table), Some(name)) = (row.text(1), row.text(2)) else { continue };
        let enum_values: Vec<String> =
            row.text(10).and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        let base = row.text(4).unwrap_or_default();
        tables.column(
            row.text(0),
            table,
            Column {
                name,
                kind: if enum_values.is_empty() { kind(&base) } else { Kind::Text },
                type_name: row.text(3).unwrap_or_default(),
                nullable: row.int(5) == 0,
                has_default: row.int(6) == 1,
                generated: row.int(7) == 1,
                max_length: row.cell(8).to_int().and_then(|it| u64::try_from(it).ok()),
                collation: if base == "citext" {
                    Some("citext".to_owned())
                } else if row.int(11) == 0 && row.text(9).is_some() {
                    row.text(9).map(|name| format!("{name} (nondeterministic)"))
                } else {
                    row.text(9)
                },
                enum_values,
            },
        );
    }
    let sql = Sql::new(INDEXES).raw(VISIBLE).raw(" ORDER BY 1, 2, 3, k.at");
    for row in tx.query(sql).await? {
        let (Some(name), Some(index), Some(column)) = (row.text(1), row.text(2), row.text(5))
        else {
            continue;
        };
        let table = TableName { schema: row.text(0), name };
        if row.int(4) == 1
            && let Some(table) = tables.0.get_mut(&table)
        {
            table.primary_key.push(column.clone());
        }
        tables.index(&table, &index, column, row.int(3) == 1);
    }
    let mut group = BTreeMap::new();
    let sql = Sql::new(FOREIGN_KEYS).raw(VISIBLE).raw(" ORDER BY 1, 2, 3, p.at");
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
    let path = tx
        .query(Sql::new("SELECT unnest(current_schemas(false))::text"))
        .await?
        .iter()
        .filter_map(|row| row.text(0))
        .collect();
    Ok(Catalogue {
        database: Database::Postgres,
        version: version(tx, "SHOW server_version").await?,
        search_path: path,
        tables: tables.0,
    })
}

fn kind(type_name: &str) -> Kind {
    match type_name {
        "bool" => Kind::Bool,
        "int2" | "int4" | "int8" => Kind::Int,
        "numeric" | "float4" | "float8" => Kind::Number,
        "text" | "varchar" | "bpchar" | "name" | "citext" => Kind::Text,
        "uuid" => Kind::Uuid,
        "timestamp" | "timestamptz" => Kind::Timestamp,
        "date" => Kind::Date,
        "bytea" => Kind::Binary,
        _ => Kind::Other,
    }
}
