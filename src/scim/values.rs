//! Values against their attribute's type: what JSON an attribute accepts, in which forms, and how it
//! is kept. The one place that knows Entra's malformed values.

use serde_json::{Map, Value};

use super::elements;
use super::error::{Error, excerpt};
use super::ignored::Ignored;
use super::schema::{AttributeKind, Resolved};

/// The value as it is kept: canonical names, booleans unquoted, read-only and unknown parts dropped (the
/// latter noted), explicit nulls kept.
///
/// # Errors
/// 400 `invalidValue`, naming the attribute.
pub(super) fn normalise(
    of: Resolved,
    value: &Value,
    ignored: &mut Ignored,
) -> Result<Value, Error> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    if of.sub.is_none() && of.attribute.multi_valued {
        return many(of, value, ignored);
    }
    match of.leaf().kind {
        AttributeKind::Complex => complex(of, value, ignored),
        _ => simple(of, value),
    }
}

/// Elements of a multi-valued attribute at most; a group's members are none of these.
const MOST: usize = 1000;

/// Refuses more elements than an attribute may have.
///
/// # Errors
/// 400 `invalidValue`, naming the attribute.
pub(super) fn refuse_many(of: Resolved, count: usize) -> Result<(), Error> {
    if count <= MOST {
        return Ok(());
    }
    let of = of.with_sub(None);
    Err(Error::invalid_value(format!("`{of}` would have {count} values; {MOST} is the limit")))
}

fn many(of: Resolved, value: &Value, ignored: &mut Ignored) -> Result<Value, Error> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        // One element without its array loses nothing.
        Value::Object(_) => std::slice::from_ref(value),
        _ => return Err(wrong(of, "an array of objects", value)),
    };
    refuse_many(of, items.len())?;
    let mut kept = Vec::with_capacity(items.len());
    for item in items.iter().filter(|item| !item.is_null()) {
        let Value::Object(parts) = item else {
            return Err(wrong(of, "an array of objects", item));
        };
        let parts = object(of, parts, ignored)?;
        if !parts.is_empty() {
            kept.push(Value::Object(parts));
        }
    }
    elements::unify(&mut kept);
    let primaries = kept.iter().filter(|item| is_primary(item)).count();
    if primaries > 1 {
        return Err(Error::invalid_value(format!(
            "`{of}` has {primaries} values with `primary` true; at most one may be (RFC 7643 §2.4)"
        )));
    }
    Ok(Value::Array(kept))
}

/// `""` is null, as Entra means it, anywhere in a value.
pub(super) fn blanks_to_null(value: &mut Value) {
    match value {
        Value::String(text) if text.is_empty() => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(blanks_to_null),
        Value::Object(parts) => parts.values_mut().for_each(blanks_to_null),
        _ => {}
    }
}

/// Whether an element says it is the preferred one.
pub(super) fn is_primary(item: &Value) -> bool {
    item.get("primary").and_then(Value::as_bool) == Some(true)
}

fn complex(of: Resolved, value: &Value, ignored: &mut Ignored) -> Result<Value, Error> {
    if of.attribute.name == "manager" {
        return manager(of, value, ignored);
    }
    match value {
        Value::Object(parts) => object(of, parts, ignored).map(Value::Object),
        _ => Err(wrong(of, "an object", value)),
    }
}

/// Entra sends a manager as an id, as an object, and as an array of one object.
fn manager(of: Resolved, value: &Value, ignored: &mut Ignored) -> Result<Value, Error> {
    match value {
        Value::String(text) if text.trim().is_empty() => Ok(Value::Null),
        Value::String(_) => {
            let mut parts = Map::new();
            let id = of.with_sub(of.attribute.sub("value"));
            parts.insert("value".to_owned(), simple(id, value)?);
            Ok(Value::Object(parts))
        }
        Value::Object(parts) => object(of, parts, ignored).map(Value::Object),
        Value::Array(items) => match items.as_slice() {
            [] => Ok(Value::Null),
            [only @ (Value::String(_) | Value::Object(_) | Value::Null)] => {
                normalise(of, only, ignored)
            }
            [_] => Err(wrong(of, "an id or an object with a `value`", value)),
            _ => Err(Error::invalid_value(format!(
                "`{of}` has one value, and {} were given",
                items.len()
            ))),
        },
        _ => Err(wrong(of, "an id or an object with a `value`", value)),
    }
}

fn object(
    of: Resolved,
    parts: &Map<String, Value>,
    ignored: &mut Ignored,
) -> Result<Map<String, Value>, Error> {
    let mut kept = Map::new();
    for (name, value) in parts {
        let Some(sub) = of.attribute.sub(name) else {
            ignored.note(&format!("{of}.{name}"));
            continue;
        };
        if sub.is_read_only() || sub.name == "$ref" {
            continue;
        }
        kept.insert(sub.name.to_owned(), normalise(of.with_sub(Some(sub)), value, ignored)?);
    }
    Ok(kept)
}

fn simple(of: Resolved, value: &Value) -> Result<Value, Error> {
    match (of.leaf().kind, value) {
        (AttributeKind::Boolean, Value::Bool(_)) | (AttributeKind::Decimal, Value::Number(_)) => {
            Ok(value.clone())
        }
        (AttributeKind::Boolean, Value::String(text)) => {
            quoted_bool(text).map(Value::Bool).ok_or_else(|| wrong(of, "true or false", value))
        }
        (AttributeKind::Boolean, _) => Err(wrong(of, "true or false", value)),
        (AttributeKind::Integer, Value::Number(number)) if !number.is_f64() => Ok(value.clone()),
        (AttributeKind::Integer, _) => Err(wrong(of, "a whole number", value)),
        (AttributeKind::Decimal, _) => Err(wrong(of, "a number", value)),
        (_, Value::String(text)) if text.contains('\0') => Err(nul(&of.to_string())),
        (_, Value::String(_)) => Ok(value.clone()),
        _ => Err(wrong(of, "a string", value)),
    }
}

fn quoted_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// The error for a NUL character, which no database keeps.
pub(super) fn nul(name: &str) -> Error {
    Error::invalid_value(format!("`{name}` contains a NUL character, which can't be stored"))
}

/// Refuses NUL in any string of `value`; `name` is what the message blames.
///
/// # Errors
/// 400 `invalidValue`
pub(super) fn refuse_nul(name: &str, value: &Value) -> Result<(), Error> {
    match value {
        Value::String(text) if text.contains('\0') => Err(nul(name)),
        Value::Array(items) => items.iter().try_for_each(|item| refuse_nul(name, item)),
        Value::Object(parts) => parts.values().try_for_each(|part| refuse_nul(name, part)),
        _ => Ok(()),
    }
}

/// The error for a value of the wrong type.
pub(super) fn wrong(of: Resolved, expected: &str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text \"{}\"", excerpt(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    Error::invalid_value(format!("`{of}` must be {expected}; {found} was given"))
}
