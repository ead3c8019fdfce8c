//! PostgreSQL's catalogue: `pg_catalog`, which shows every table whatever the grants. The views of its
//! `information_schema` don't, and they know no index.

use super::source::Source;
use crate::profile::catalogue::{Column, Kind};
use crate::store::row::Row;

pub(super) const SOURCE: Source = Source {
    columns: "SELECT n.nspname, c.relname, a.attname, \
        format_type(a.atttypid, a.atttypmod), COALESCE(b.typname, t.typname), a.attnotnull, \
        a.atthasdef OR a.attidentity <> '', \
        a.attidentity <> '' OR COALESCE(pg_get_expr(d.adbin, d.adrelid), '') LIKE 'nextval(%', \
        CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END, \
        CASE WHEN a.attcollation <> 0 THEN l.collname END, \
        (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e \
        WHERE e.enumtypid = t.oid), \
        CASE WHEN l.collisdeterministic THEN 1 ELSE 0 END, a.attgenerated <> '', \
        pg_get_expr(d.adbin, d.adrelid), o.description \
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid \
        LEFT JOIN pg_type b ON b.oid = NULLIF(t.typbasetype, 0) \
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        LEFT JOIN pg_collation l ON l.oid = a.attcollation \
        LEFT JOIN pg_description o ON o.classoid = 'pg_class'::regclass AND o.objoid = c.oid \
        AND o.objsubid = a.attnum \
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v') \
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
        AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%' \
        ORDER BY 1, 2, a.attnum",
    column,
    indexes: "SELECT n.nspname, c.relname, x.relname, \
        CASE WHEN i.indkey[k.at - 1] = 0 THEN pg_get_indexdef(i.indexrelid, k.at::int, true) \
        ELSE (SELECT attname FROM pg_attribute WHERE attrelid = c.oid \
        AND attnum = i.indkey[k.at - 1]) END, i.indisunique, i.indisprimary, \
        pg_get_expr(i.indpred, i.indrelid) \
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
        JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
        CROSS JOIN LATERAL generate_series(1, i.indnkeyatts::int) AS k(at) \
        WHERE i.indisvalid AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
        AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%' \
        ORDER BY 1, 2, 3, k.at",
    indexed: |row| row.text(3),
    predicate: |row| row.text(6),
    foreign_keys: "SELECT n.nspname, c.relname, k.conname, \
        (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = k.conkey[p.at]), \
        tn.nspname, t.relname, \
        (SELECT attname FROM pg_attribute WHERE attrelid = t.oid AND attnum = k.confkey[p.at]), \
        CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN \
        'SET DEFAULT' WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END, \
        CASE k.confupdtype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN \
        'SET DEFAULT' WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END \
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = k.confrelid \
        JOIN pg_namespace tn ON tn.oid = t.relnamespace \
        CROSS JOIN LATERAL generate_subscripts(k.conkey, 1) AS p(at) \
        WHERE k.contype = 'f' \
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
        AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%' \
        ORDER BY 1, 2, 3, p.at",
    // What a view takes: INSERT, UPDATE and DELETE are the bits 8, 4 and 16.
    tables: "SELECT n.nspname, c.relname, CASE WHEN c.relkind = 'v' THEN \
        CASE WHEN pg_relation_is_updatable(c.oid, true) & 28 <> 28 THEN 'n' \
        WHEN EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 64 <> 0) \
        THEN 't' ELSE 'r' END END, NULL::text, false, \
        c.relrowsecurity AND row_security_active(c.oid), c.relkind = 'r' AND c.relhassubclass \
        AND EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid), NOT c.relispartition \
        AND EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid), \
        array_to_string(c.reloptions, ',') ~* 'autovacuum_enabled=(false|off|no|0)', \
        obj_description(c.oid, 'pg_class') \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p', 'v') \
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
        AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'",
    triggers: "SELECT n.nspname, c.relname, t.tgname FROM pg_trigger t \
        JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' ORDER BY 1, 2, 3",
    checks: None,
    search_path: "SELECT unnest(current_schemas(false))::text",
    version: "SHOW server_version",
};

fn column(row: &Row) -> Column {
    let text = |index| row.text(index).unwrap_or_default();
    let enum_values: Vec<String> =
        row.text(10).and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let base = text(4);
    let collation = match row.text(9) {
        _ if base == "citext" => Some(base.clone()),
        Some(name) if row.int(11) == 0 => Some(format!("{name} (nondeterministic)")),
        named => named,
    };
    Column {
        name: text(2),
        kind: if enum_values.is_empty() { kind(&base) } else { Kind::Text },
        type_name: text(3),
        nullable: row.int(5) == 0,
        has_default: row.int(6) == 1,
        generated: row.int(7) == 1,
        max_length: row.cell(8).to_int().and_then(|it| u64::try_from(it).ok()),
        collation,
        enum_values,
        computed: row.int(12) == 1,
        default: row.text(13),
        comment: row.text(14),
    }
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
