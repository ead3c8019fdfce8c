//! Where the databases differ in the SQL of requests: one function per difference.
//!
//! MySQL and MariaDB speak one dialect; where they don't, [`Product`] tells them apart.

use chrono::NaiveDateTime;

use crate::mapper::{Cell, Column};
use crate::profile::catalogue::Database;

use super::server::Product;
use super::sql::Sql;

/// The one rule for names: the expression in which two texts are equal that differ in case alone. It is
/// the database's own word on case; nothing that Rust folds is ever compared with it. An accent is not
/// case, and blanks count.
pub(super) fn fold(database: Database, inner: Sql) -> Sql {
    match database {
        Database::Sqlite => Sql::new("scim_lower(").append(inner).raw(")"),
        Database::Postgres => Sql::new("lower(").append(inner).raw("::text)"),
        // As bytes, whatever the column's collation: a blank at the end counts.
        Database::Mysql => Sql::new("CAST(LOWER(CONVERT(")
            .append(inner)
            .raw(" USING utf8mb4) COLLATE utf8mb4_bin) AS BINARY)"),
    }
}

/// A text that is folded to meet the folded `column`: by the column's collation.
pub(super) fn fold_text(column: &Column, text: &str) -> Sql {
    let bound = Sql::default().bind(text);
    match (column.database, collation(column)) {
        (Database::Postgres, Some(name)) => {
            let name = name.replace('"', "\"\"");
            Sql::new("lower(").append(bound).raw("::text COLLATE \"").raw(&name).raw("\")")
        }
        (database, _) => fold(database, bound),
    }
}

/// The collation that a column of PostgreSQL's has of its own.
fn collation(column: &Column) -> Option<&str> {
    let named = column.collation.as_deref().filter(|name| *name != CITEXT && *name != "default")?;
    named.split(' ').next()
}

/// What the catalogue has for the collation of a column of that type.
const CITEXT: &str = "citext";

/// The folding of SQLite's connections, whose own `lower` knows ASCII alone. One character at a time, so
/// that a part of a text folds as it does within it; and what isn't ASCII never becomes it, so that for a
/// text that is, `lower` says the same.
pub(super) fn sqlite_lower(text: &str) -> String {
    let mut lower = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            lower.push(character.to_ascii_lowercase());
        } else if character.to_lowercase().all(|one| one.is_ascii()) {
            lower.push(character);
        } else {
            lower.extend(character.to_lowercase());
        }
    }
    lower
}

/// The expression over a column that an index must hold to serve [`same`]: `check` prints it. None on
/// MariaDB, which indexes no expression.
pub(super) fn indexed_fold(database: Database, column: Sql) -> Option<Sql> {
    match database {
        Database::Sqlite | Database::Postgres => Some(Sql::new("lower(").append(column).raw(")")),
        Database::Mysql => None,
    }
}

/// Whether a column's `inner` and a text are the same without case. First by what an index of the
/// install's may serve.
pub(super) fn same(column: &Column, inner: Sql, text: &str) -> Sql {
    let database = column.database;
    let given = fold_text(column, text);
    let collation = column.collation.as_deref().unwrap_or_default();
    let equal = match database {
        // `lower` is indexable, and says the same of ASCII.
        Database::Sqlite if text.is_ascii() => {
            Sql::new("lower(").append(inner.clone()).raw(") = lower(").bind(text).raw(")")
        }
        _ => fold(database, inner.clone()).raw(" = ").append(given),
    };
    let own = match database {
        Database::Sqlite => text.is_ascii() && collation.eq_ignore_ascii_case("nocase"),
        Database::Postgres => collation == CITEXT,
        // A collation without case finds a superset, of ASCII for certain.
        Database::Mysql => text.is_ascii() && collation.ends_with("_ci"),
    };
    if !own {
        return equal;
    }
    let cast = if database == Database::Postgres { "::citext" } else { "" };
    Sql::new("(").append(inner).raw(" = ").bind(text).raw(cast).raw(" AND ").append(equal).raw(")")
}

/// Whether `inner` is a text to the letter: first as the column's own index has it.
pub(super) fn spelled(column: &Column, inner: Sql, text: &str) -> Sql {
    let cast = match column.database {
        Database::Postgres if column.collation.as_deref() == Some(CITEXT) => "::citext",
        _ => "",
    };
    let own = Sql::new("(").append(inner.clone()).raw(" = ").bind(text).raw(cast).raw(" AND ");
    let letters = match column.database {
        Database::Sqlite => inner.raw(" COLLATE BINARY = ").bind(text),
        Database::Postgres => inner.raw("::text = ").bind(text),
        Database::Mysql => letters(inner).raw(" = ").bind(text),
    };
    own.append(letters).raw(")")
}

/// A text of MySQL's or MariaDB's as its bytes, in which blanks at the end count.
pub(super) fn letters(inner: Sql) -> Sql {
    Sql::new("CAST(CONVERT(").append(inner).raw(" USING utf8mb4) AS BINARY)")
}

/// One of 256 slots, the same for texts that are the same by [`fold`].
pub(super) fn slot_of(database: Database, what: &str, text: &str) -> Sql {
    let folded = fold(database, Sql::default().bind(text));
    match database {
        // Nothing is locked there.
        Database::Sqlite => Sql::new("0"),
        Database::Postgres => Sql::new("('x' || substr(md5(")
            .bind(what)
            .raw(" || ")
            .append(folded)
            .raw("), 1, 2))::bit(8)::int"),
        Database::Mysql => Sql::new("CAST(CONV(SUBSTR(SHA2(CONCAT(")
            .bind(what)
            .raw(", ")
            .append(folded)
            .raw("), 256), 1, 2), 16, 10) AS UNSIGNED)"),
    }
}

/// A text column or value to the letter, whatever its collation.
pub(super) fn exact(database: Database, inner: Sql) -> Sql {
    match database {
        Database::Sqlite => inner.raw(" COLLATE BINARY"),
        Database::Postgres => inner.raw("::text"),
        Database::Mysql => {
            Sql::new("CONVERT(").append(inner).raw(" USING utf8mb4) COLLATE utf8mb4_bin")
        }
    }
}

/// A key or a name as text, to meet the sidecar's text columns.
pub(super) fn key_text(database: Database, inner: Sql) -> Sql {
    match database {
        Database::Sqlite => Sql::new("CAST(").append(inner).raw(" AS TEXT)"),
        Database::Postgres => Sql::new("CAST(").append(inner).raw(" AS text)"),
        Database::Mysql => Sql::new("CONVERT(CAST(")
            .append(inner)
            .raw(" AS CHAR) USING utf8mb4) COLLATE utf8mb4_bin"),
    }
}

/// A text with a constant before it.
pub(super) fn prefixed(database: Database, prefix: &str, text: Sql) -> Sql {
    if prefix.is_empty() {
        return text;
    }
    match database {
        Database::Sqlite | Database::Postgres => {
            Sql::new("(").bind(prefix).raw(" || ").append(text).raw(")")
        }
        Database::Mysql => Sql::new("CONCAT(").bind(prefix).raw(", ").append(text).raw(")"),
    }
}

/// How many items the array has that a JSON text holds under two names; NULL where it has none.
pub(super) fn json_length(database: Database, column: &str, outer: &str, inner: &str) -> Sql {
    let path = format!("$.{outer}.\"{}\"", inner.replace('"', "\\\""));
    match database {
        Database::Sqlite => {
            Sql::new("json_array_length(").raw(column).raw(", ").bind(path).raw(")")
        }
        Database::Postgres => Sql::new("json_array_length(CAST(")
            .raw(column)
            .raw(" AS json) -> '")
            .raw(outer)
            .raw("' -> CAST(")
            .bind(inner)
            .raw(" AS text))"),
        Database::Mysql => Sql::new("JSON_LENGTH(").raw(column).raw(", ").bind(path).raw(")"),
    }
}

/// The text that a JSON object in a column has under a name of letters; NULL where it has none. Most
/// objects have none: those aren't parsed.
pub(super) fn json_text(database: Database, column: &str, name: &str) -> Sql {
    let value = match database {
        Database::Sqlite => format!("json_extract({column}, '$.{name}')"),
        Database::Postgres => format!("CAST({column} AS json) ->> '{name}'"),
        Database::Mysql => format!("JSON_VALUE({column}, '$.{name}')"),
    };
    Sql::new(&format!("CASE WHEN {column} LIKE '%\"{name}\":%' THEN {value} END"))
}

/// A member of a JSON text that is a list, as JSON text; NULL where there is none. As [`json_text`].
pub(super) fn json_list(database: Database, column: &str, name: &str) -> Sql {
    match database {
        Database::Sqlite | Database::Postgres => json_text(database, column, name),
        Database::Mysql => Sql::new(&format!(
            "CASE WHEN {column} LIKE '%\"{name}\":%' THEN JSON_EXTRACT({column}, '$.{name}') END"
        )),
    }
}

/// A number as a whole one: sums of whole numbers come as decimals elsewhere.
pub(super) fn whole(database: Database, inner: Sql) -> Sql {
    match database {
        Database::Sqlite => inner,
        Database::Postgres => Sql::new("CAST(").append(inner).raw(" AS bigint)"),
        Database::Mysql => Sql::new("CAST(").append(inner).raw(" AS SIGNED)"),
    }
}

/// An aggregate: pairs of texts as one JSON text, an array of arrays; NULL or `[]` for no row.
pub(super) fn json_pairs(database: Database, first: Sql, second: Sql) -> Sql {
    let pair = |function: &str| {
        let texts = [key_text(database, first), key_text(database, second)];
        Sql::new(function).raw("(").list(", ", texts).raw(")")
    };
    match database {
        Database::Sqlite => Sql::new("json_group_array(").append(pair("json_array")).raw(")"),
        Database::Postgres => Sql::new("json_agg(").append(pair("json_build_array")).raw(")"),
        // Not JSON_ARRAYAGG, which quotes an inner array where it comes out of a temporary table.
        Database::Mysql => {
            Sql::new("CONCAT('[', GROUP_CONCAT(").append(pair("JSON_ARRAY")).raw("), ']')")
        }
    }
}

/// A bound time where no column tells PostgreSQL the parameter's type.
pub(super) fn timestamp(database: Database, time: NaiveDateTime) -> Sql {
    let bound = Sql::default().bind(time);
    match database {
        Database::Postgres => Sql::new("CAST(").append(bound).raw(" AS timestamp)"),
        Database::Sqlite | Database::Mysql => bound,
    }
}

/// Appended to a SELECT whose rows the transaction is about to write.
pub(super) fn for_update(database: Database, alias: &str) -> Sql {
    match database {
        // The writer's transaction holds the whole database.
        Database::Sqlite => Sql::default(),
        Database::Postgres => Sql::new(" FOR UPDATE OF ").raw(alias),
        Database::Mysql => Sql::new(" FOR UPDATE"),
    }
}

/// As [`for_update`], of a SELECT from one table without an alias.
pub(super) fn for_update_alone(database: Database) -> Sql {
    match database {
        Database::Sqlite => Sql::default(),
        Database::Postgres | Database::Mysql => Sql::new(" FOR UPDATE"),
    }
}

/// Appended to a SELECT whose rows shall not go away until the transaction ends.
pub(super) fn for_share(database: Database, alias: &str) -> Sql {
    match database {
        Database::Sqlite => Sql::default(),
        Database::Postgres => Sql::new(" FOR KEY SHARE OF ").raw(alias),
        Database::Mysql => Sql::new(" LOCK IN SHARE MODE"),
    }
}

/// The database's clock: UTC, as the sidecar's times are.
pub(super) fn now(database: Database) -> Sql {
    Sql::new(match database {
        Database::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        Database::Postgres => "CAST(clock_timestamp() AS timestamp)",
        Database::Mysql => "UTC_TIMESTAMP(6)",
    })
}

/// A minute ahead of [`now`]: what was noted for later than that, a wrong clock noted.
pub(super) fn soon(database: Database) -> Sql {
    Sql::new(match database {
        Database::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 minute')",
        Database::Postgres => "CAST(clock_timestamp() + INTERVAL '1 minute' AS timestamp)",
        Database::Mysql => "(UTC_TIMESTAMP(6) + INTERVAL 1 MINUTE)",
    })
}

/// Whether an INSERT and a DELETE answer with the rows that they made or took.
pub(super) fn returns_rows(product: Product) -> bool {
    product != Product::Mysql
}

/// Appended to an INSERT of a row that may be there already, which `key` tells: sets what `set` makes of
/// the words before a column that is there, and of the words before one that was to come and after it.
pub(super) fn or_update(
    product: Product,
    table: &str,
    key: &str,
    set: impl Fn(&str, &dyn Fn(&str) -> String) -> String,
) -> String {
    let there = format!("{table}.");
    match product {
        Product::Sqlite | Product::Postgres => {
            let set = set(&there, &|column| format!("excluded.{column}"));
            format!(" ON CONFLICT ({key}) DO UPDATE SET {set}")
        }
        Product::Mariadb => {
            let set = set("", &|column| format!("VALUES({column})"));
            format!(" ON DUPLICATE KEY UPDATE {set}")
        }
        Product::Mysql => {
            let set = set(&there, &|column| format!("incoming.{column}"));
            format!(" AS incoming ON DUPLICATE KEY UPDATE {set}")
        }
    }
}

/// Appended to an INSERT of a row that may be there already, `key` being a column of its key: then
/// nothing is done.
pub(super) fn unless_there(database: Database, key: &str) -> Sql {
    match database {
        Database::Sqlite | Database::Postgres => Sql::new(" ON CONFLICT DO NOTHING"),
        // INSERT IGNORE would leave out other errors too.
        Database::Mysql => Sql::new(" ON DUPLICATE KEY UPDATE ").ident(key).raw(" = ").ident(key),
    }
}

/// Whether a row comes after these values in the order of a key of several columns, in the form
/// from which each database reads the key's index.
pub(super) fn beyond(database: Database, key: &[&str], after: &[Cell]) -> Sql {
    let column = |name: &&str| Sql::default().ident(name);
    let bound = |cell: &Cell| Sql::default().bind(cell.clone());
    if database != Database::Mysql {
        return Sql::new("(")
            .list(", ", key.iter().map(column))
            .raw(") > (")
            .list(", ", after.iter().map(bound))
            .raw(")");
    }
    // MariaDB takes a row comparison for a filter.
    let alternatives = (0..key.len()).map(|last| {
        let pairs = key.iter().zip(after).take(last + 1).enumerate();
        let terms = pairs.map(|(at, (name, cell))| {
            column(name).raw(if at == last { " > " } else { " = " }).append(bound(cell))
        });
        Sql::new("(").list(" AND ", terms).raw(")")
    });
    Sql::new("(").list(" OR ", alternatives).raw(")")
}

/// The rows of a list of texts, as a derived table with one column `item`.
///
/// One text is bound alone, so that planners see one row; more are bound as one JSON array, so that
/// the statement's text doesn't depend on their number.
pub(super) fn text_list(database: Database, texts: &[String]) -> Sql {
    if let [text] = texts {
        let bound = Sql::default().bind(text.as_str());
        return Sql::new("(SELECT ").append(exact(database, bound)).raw(" AS item)");
    }
    let json = serde_json::Value::from(texts.to_vec()).to_string();
    match database {
        Database::Sqlite => Sql::new("(SELECT value AS item FROM json_each(").bind(json).raw("))"),
        Database::Postgres => {
            Sql::new("(SELECT value AS item FROM jsonb_array_elements_text(CAST(")
                .bind(json)
                .raw(" AS jsonb)))")
        }
        Database::Mysql => Sql::new("(SELECT item FROM JSON_TABLE(").bind(json).raw(
            ", '$[*]' COLUMNS (item VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin \
             PATH '$')) AS json_items)",
        ),
    }
}

/// Joins a desired membership `d` to the link `s` of its user, where Entra has disabled the user.
pub(super) const DISABLED: &str = "s.resource_type = 'User' AND s.legacy_key = d.user_key \
    AND s.disabled_at IS NOT NULL AND s.state <> 'deleted'";

/// A deleted group keeps its memberships where its row stays.
pub(super) fn live_group(key: Sql) -> Sql {
    Sql::new(
        " AND NOT EXISTS (SELECT 1 FROM scim_links t WHERE t.resource_type = 'Group' \
         AND t.state = 'deleted' AND t.legacy_key = ",
    )
    .append(key)
    .raw(")")
}

/// Escapes LIKE's wildcards; the statement says `ESCAPE '!'`.
pub(super) fn like_literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(character);
    }
    escaped
}
