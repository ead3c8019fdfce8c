//! One value, from its column to SCIM and back, as the profile encodes it.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::change::NewValue;
use super::{Cell, Layout};
use crate::profile::catalogue::Kind;
use crate::profile::model::{Encoding, Mapping, Other, TableName};
use crate::scim::{AttributeKind, AttributePath, Error};

/// The SCIM value that a cell holds; `None` for NULL, empty text, and a value that the profile
/// can't read, all of which read as absent.
pub(super) fn to_scim(path: &AttributePath, mapping: &Mapping, cell: &Cell) -> Option<Value> {
    let kind = path.definition().kind;
    match &mapping.encoding {
        Encoding::Values { pairs, .. } => {
            let (scim, _) = pairs.iter().find(|(_, legacy)| cell.is(legacy))?;
            typed(kind, scim)
        }
        Encoding::Lookup(_) => text(cell).map(Value::String),
        Encoding::Plain => match kind {
            AttributeKind::Boolean => match cell {
                Cell::Bool(value) => Some(Value::Bool(*value)),
                Cell::Int(0) => Some(Value::Bool(false)),
                Cell::Int(1) => Some(Value::Bool(true)),
                _ => typed(kind, &cell.to_text()?),
            },
            AttributeKind::Integer => cell.to_int().map(Value::from),
            AttributeKind::Decimal => match cell {
                Cell::Number(number) => serde_json::Number::from_f64(*number).map(Value::Number),
                other => typed(kind, &other.to_text()?),
            },
            AttributeKind::DateTime => cell.to_time().map(|time| {
                Value::String(time.and_utc().format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
            }),
            _ => text(cell).map(Value::String),
        },
    }
}

fn text(cell: &Cell) -> Option<String> {
    cell.to_text().filter(|text| !text.is_empty())
}

fn typed(kind: AttributeKind, text: &str) -> Option<Value> {
    match kind {
        AttributeKind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Some(Value::Bool(true)),
            "false" | "f" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        AttributeKind::Integer => text.parse::<i64>().ok().map(Value::from),
        AttributeKind::Decimal => {
            text.parse().ok().and_then(serde_json::Number::from_f64).map(Value::Number)
        }
        _ => Some(Value::String(text.to_owned())),
    }
}

/// A SCIM value as text: what `values` lists and lookups hold.
pub(super) fn scim_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a SCIM value becomes in its column; `None` where the profile says to keep the column.
///
/// # Errors
/// 400 `invalidValue`, naming the attribute and what is allowed.
pub(super) fn to_legacy(
    layout: &Layout,
    table: &TableName,
    path: &AttributePath,
    mapping: &Mapping,
    value: &Value,
) -> Result<Option<NewValue>, Error> {
    match &mapping.encoding {
        Encoding::Values { pairs, other } => {
            let text = scim_text(value);
            let found = pairs
                .iter()
                .find(|(scim, _)| *scim == text)
                .or_else(|| pairs.iter().find(|(scim, _)| scim.eq_ignore_ascii_case(&text)));
            match (found, other) {
                // `values` never holds `now`: the profile's parser refuses it.
                (Some((_, legacy)), _) => {
                    Ok(Some(NewValue::Cell(Cell::of(legacy, chrono::NaiveDateTime::default()))))
                }
                (None, Other::Keep) => Ok(None),
                (None, Other::Reject) => {
                    let allowed: Vec<&str> = pairs.iter().map(|(scim, _)| scim.as_str()).collect();
                    Err(Error::invalid_value(format!(
                        "{path}: `{text}` is not one of {}",
                        allowed.join(", ")
                    )))
                }
            }
        }
        Encoding::Lookup(lookup) => {
            let label = scim_text(value);
            check_length(layout, &lookup.table, &lookup.label, path, &label)?;
            Ok(Some(NewValue::Label { attribute: path.to_string(), label, lookup: lookup.clone() }))
        }
        Encoding::Plain => plain(layout, table, path, mapping, value).map(Some),
    }
}

fn plain(
    layout: &Layout,
    table: &TableName,
    path: &AttributePath,
    mapping: &Mapping,
    value: &Value,
) -> Result<NewValue, Error> {
    let column_kind = layout.kind(table, &mapping.column);
    let cell = match (path.definition().kind, value) {
        (_, Value::Bool(flag)) => Cell::Bool(*flag),
        (_, Value::Number(number)) => match number.as_i64() {
            Some(whole) => Cell::Int(whole),
            None => number.as_f64().map_or(Cell::Null, Cell::Number),
        },
        (AttributeKind::DateTime, Value::String(text)) if column_kind == Kind::Timestamp => {
            let time = DateTime::parse_from_rfc3339(text).map_err(|_| {
                Error::invalid_value(format!("{path}: `{text}` is no time of RFC 3339"))
            })?;
            Cell::Time(time.with_timezone(&Utc).naive_utc())
        }
        (_, Value::String(text)) => {
            check_length(layout, table, &mapping.column, path, text)?;
            Cell::Text(text.clone())
        }
        _ => return Err(Error::invalid_value(format!("{path}: a simple value is expected"))),
    };
    Ok(NewValue::Cell(cell))
}

/// Lengths and enum values are proved here, on every database alike: SQLite would take anything.
fn check_length(
    layout: &Layout,
    table: &TableName,
    column: &str,
    path: &AttributePath,
    text: &str,
) -> Result<(), Error> {
    let Some(column) = layout.column(table, column) else { return Ok(()) };
    let length = text.chars().count() as u64;
    if let Some(most) = column.max_length.filter(|most| length > *most) {
        return Err(Error::invalid_value(format!(
            "{path}: {length} characters are too long, {most} is the most that its column holds"
        )));
    }
    if !column.enum_values.is_empty() && !column.enum_values.iter().any(|value| value == text) {
        return Err(Error::invalid_value(format!(
            "{path}: `{text}` is not one of {}",
            column.enum_values.join(", ")
        )));
    }
    Ok(())
}
