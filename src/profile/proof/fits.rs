//! Whether a constant of the profile can stand in a column.

use crate::profile::catalogue::{Column, Database, Kind};
use crate::profile::model::Scalar;
use crate::profile::read::toml_text;

/// A value that the column could hold, for a fix a person completes.
pub(super) fn example(column: &Column) -> String {
    match (column.kind, column.enum_values.first()) {
        (_, Some(first)) => toml_text(first),
        (Kind::Bool, _) => "false".to_owned(),
        (Kind::Int | Kind::Number, _) => "0".to_owned(),
        (Kind::Timestamp | Kind::Date, _) => "\"now\"".to_owned(),
        (Kind::Uuid, _) => "\"00000000-0000-0000-0000-000000000000\"".to_owned(),
        (Kind::Text | Kind::Binary | Kind::Other, _) => "\"\"".to_owned(),
    }
}

/// Why a constant can't stand in a column.
pub(super) fn fits(database: Database, column: &Column, value: &Scalar) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("the column's type takes no {what}"));
    // SQLite's declared types bind nothing: an INTEGER column holds text as well.
    let strict = database != Database::Sqlite;
    match (value, column.kind) {
        (Scalar::Null, _) if !column.nullable => Err("the column is NOT NULL".to_owned()),
        (Scalar::Now, Kind::Timestamp | Kind::Date) => Ok(()),
        (Scalar::Now, Kind::Text) if !strict => Ok(()),
        (Scalar::Now, _) => wrong("time"),
        (Scalar::Bool(_), Kind::Timestamp | Kind::Date | Kind::Uuid | Kind::Text) => {
            wrong("boolean; write what the column holds")
        }
        (Scalar::Int(value), Kind::Bool) if !matches!(value, 0 | 1) => wrong("number but 0 and 1"),
        (Scalar::Int(_), Kind::Uuid | Kind::Timestamp | Kind::Date) => wrong("number"),
        (Scalar::Int(_), Kind::Text) if strict => wrong("number; write it as a string"),
        (Scalar::Text(text), Kind::Int) if strict && text.trim().parse::<i64>().is_err() => {
            wrong("text")
        }
        (Scalar::Text(text), Kind::Number) if strict && text.trim().parse::<f64>().is_err() => {
            wrong("text")
        }
        (Scalar::Text(_), Kind::Bool) if strict => wrong("text; write true or false"),
        (Scalar::Text(text), Kind::Uuid) if uuid::Uuid::parse_str(text).is_err() => {
            wrong("text but a UUID")
        }
        (Scalar::Text(text), _) => text_fits(database, column, text),
        _ => Ok(()),
    }
}

fn text_fits(database: Database, column: &Column, text: &str) -> Result<(), String> {
    let listed = |allowed: &String| match database {
        Database::Mysql => allowed.to_lowercase() == text.to_lowercase(),
        Database::Sqlite | Database::Postgres => allowed == text,
    };
    if !column.enum_values.is_empty() && !column.enum_values.iter().any(listed) {
        return Err(format!("the column takes only {}", column.enum_values.join(", ")));
    }
    // A template's {id} becomes a key of at least one digit.
    let length = text.replace("{id}", "0").chars().count() as u64;
    match column.max_length {
        Some(max) if length > max => {
            Err(format!("it has {length} characters, the column holds {max}"))
        }
        _ => Ok(()),
    }
}
