//! A mapped attribute: its column, and how a value lies in it, both ways, as the profile encodes it.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use super::cell::Cell;
use super::relation::{Column, Relation};
use crate::profile::catalogue::Kind;
use crate::profile::model::{Missing, Other, Scalar};
use crate::scim::{AttributeKind, AttributePath, Error};

/// A mapped attribute of a resource.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// The attribute.
    pub path: AttributePath,
    /// The same as text, as baselines, findings and messages name it.
    pub name: String,
    /// The column that carries it.
    pub column: Arc<Column>,
    /// How the value lies in it.
    pub encoding: Encoding,
    /// The profile's `[insert]` value for the column.
    pub constant: Option<Scalar>,
    /// Where among a record's cells the value is that SCIM shows: for a lookup the label.
    pub(super) shown: usize,
    /// Where among them the value is that the column holds: for a lookup the key.
    pub(super) held: usize,
}

/// How a SCIM value lies in its column.
#[derive(Debug, PartialEq)]
pub enum Encoding {
    /// As it is: text, or a boolean in a boolean or 0/1 column.
    Plain,
    /// By a list of pairs, both ways: SCIM value and legacy value.
    Values {
        /// In the profile's order of keys.
        pairs: Vec<(String, Scalar)>,
        /// What happens to a SCIM value outside the list.
        other: Other,
    },
    /// By a row of another table.
    Lookup(Lookup),
}

/// The table that a lookup's column points into.
#[derive(Debug)]
pub struct Lookup {
    /// The table looked into.
    pub relation: Relation,
    /// Its key column.
    pub key: Arc<Column>,
    /// The column that holds what SCIM shows.
    pub label: Arc<Column>,
    /// What happens to an unknown label.
    pub missing: Missing,
    /// Further columns of a row that `Missing::Create` inserts.
    pub insert: Vec<(Arc<Column>, Scalar)>,
}

impl PartialEq for Lookup {
    /// Two lookups of one install are the same where they look into the same table by the same columns.
    fn eq(&self, other: &Self) -> bool {
        self.relation.table == other.relation.table
            && (&self.key, &self.label) == (&other.key, &other.label)
    }
}

/// A new value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum NewValue {
    /// The value itself.
    Cell(Cell),
    /// The key of the row with this label in the field's lookup.
    Label(String),
}

impl Field {
    /// Whether the value is another table's.
    pub fn is_looked_up(&self) -> bool {
        matches!(self.encoding, Encoding::Lookup(_))
    }

    /// Whether the attribute is `active`, userName or another whole one of the core schema.
    pub fn is(&self, attribute: &str) -> bool {
        self.path.is(attribute)
    }

    /// The SCIM value that a cell holds; `None` for NULL, empty text, and a value that the profile
    /// can't read, all of which read as absent.
    pub fn to_scim(&self, cell: &Cell) -> Option<Value> {
        let kind = self.path.definition().kind;
        match &self.encoding {
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
                    Cell::Number(number) => {
                        serde_json::Number::from_f64(*number).map(Value::Number)
                    }
                    other => typed(kind, &other.to_text()?),
                },
                AttributeKind::DateTime => cell.to_time().map(|time| {
                    Value::String(time.and_utc().format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
                }),
                _ => text(cell).map(Value::String),
            },
        }
    }

    /// What a SCIM value becomes in the column; `None` where the profile says to keep the column.
    ///
    /// # Errors
    /// 400 `invalidValue`, naming the attribute and what is allowed.
    pub fn to_legacy(&self, value: &Value) -> Result<Option<NewValue>, Error> {
        match &self.encoding {
            Encoding::Values { pairs, other } => {
                let text = scim_text(value);
                let found = pairs
                    .iter()
                    .find(|(scim, _)| *scim == text)
                    .or_else(|| pairs.iter().find(|(scim, _)| scim.eq_ignore_ascii_case(&text)));
                match (found, other) {
                    // `values` never holds `now`: the profile's parser refuses it.
                    (Some((_, legacy)), _) => {
                        Ok(Some(NewValue::Cell(Cell::of(legacy, NaiveDateTime::default()))))
                    }
                    (None, Other::Keep) => Ok(None),
                    (None, Other::Reject) => {
                        let allowed: Vec<&str> =
                            pairs.iter().map(|(scim, _)| scim.as_str()).collect();
                        Err(self.invalid(&format!("`{text}` is not one of {}", allowed.join(", "))))
                    }
                }
            }
            Encoding::Lookup(lookup) => {
                let label = scim_text(value);
                self.fits(&lookup.label, &label)?;
                Ok(Some(NewValue::Label(label)))
            }
            Encoding::Plain => self.plain(value).map(|cell| Some(NewValue::Cell(cell))),
        }
    }

    fn plain(&self, value: &Value) -> Result<Cell, Error> {
        Ok(match (self.path.definition().kind, value) {
            (_, Value::Bool(flag)) => Cell::Bool(*flag),
            (_, Value::Number(number)) => match number.as_i64() {
                Some(whole) => Cell::Int(whole),
                None => number.as_f64().map_or(Cell::Null, Cell::Number),
            },
            (AttributeKind::DateTime, Value::String(text))
                if self.column.kind == Kind::Timestamp =>
            {
                let time = DateTime::parse_from_rfc3339(text)
                    .map_err(|_| self.invalid(&format!("`{text}` is no time of RFC 3339")))?;
                Cell::Time(time.with_timezone(&Utc).naive_utc())
            }
            (_, Value::String(text)) => {
                self.fits(&self.column, text)?;
                Cell::Text(text.clone())
            }
            _ => return Err(self.invalid("a simple value is expected")),
        })
    }

    /// Lengths and enum values are proved here, on every database alike: SQLite would take anything.
    fn fits(&self, column: &Column, text: &str) -> Result<(), Error> {
        let length = text.chars().count() as u64;
        if let Some(most) = column.max_length.filter(|most| length > *most) {
            return Err(self.invalid(&format!(
                "{length} characters are too long, {most} is the most that its column holds"
            )));
        }
        if !column.enum_values.is_empty() && !column.enum_values.iter().any(|value| value == text) {
            let allowed = column.enum_values.join(", ");
            return Err(self.invalid(&format!("`{text}` is not one of {allowed}")));
        }
        Ok(())
    }

    /// What clearing the attribute writes.
    ///
    /// # Errors
    /// 400 `invalidValue` where its column takes none away.
    pub fn cleared(&self, now: NaiveDateTime) -> Result<NewValue, Error> {
        // Whatever the column holds then would say whether its user may sign in, which is for `false`
        // to say: only that disables with all that belongs to it.
        if self.is("active") {
            return Err(self.invalid("true or false is needed"));
        }
        if self.column.nullable {
            return Ok(NewValue::Cell(Cell::Null));
        }
        if let Some(scalar) = &self.constant {
            return Ok(NewValue::Cell(Cell::of(scalar, whole_second(now))));
        }
        let plain = self.encoding == Encoding::Plain;
        if plain && self.column.kind == Kind::Text && self.column.enum_values.is_empty() {
            return Ok(NewValue::Cell(Cell::Text(String::new())));
        }
        let column = &self.column.name;
        Err(self.invalid(&format!("a value is needed, its column `{column}` takes none away")))
    }

    fn invalid(&self, why: &str) -> Error {
        Error::invalid_value(format!("{}: {why}", self.name))
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

/// Brings a cell into the form its column takes: a flag into a 0/1 column as a number, a number
/// into a text column as text.
pub fn fit(kind: Kind, cell: Cell) -> Cell {
    match (kind, cell) {
        (Kind::Int, Cell::Bool(value)) => Cell::Int(i64::from(value)),
        (Kind::Int, Cell::Text(text)) => text.parse().map_or(Cell::Text(text), Cell::Int),
        (Kind::Bool, Cell::Int(value)) => Cell::Bool(value != 0),
        (Kind::Bool, Cell::Text(text)) => match text.as_str() {
            "true" => Cell::Bool(true),
            "false" => Cell::Bool(false),
            _ => Cell::Text(text),
        },
        (Kind::Text, cell @ (Cell::Int(_) | Cell::Bool(_) | Cell::Number(_))) => {
            cell.to_text().into()
        }
        // A profile may write a time as text.
        (Kind::Timestamp | Kind::Date, cell @ Cell::Text(_)) => {
            cell.to_time().map_or(cell, Cell::Time)
        }
        (Kind::Binary, Cell::Text(text)) => Cell::Bytes(text.into_bytes()),
        (_, cell) => cell,
    }
}

/// Legacy times are written to the second, which every install's column type holds: a database
/// that rounds fractions would write a time that hasn't come yet.
pub fn whole_second(now: NaiveDateTime) -> NaiveDateTime {
    use chrono::Timelike;
    now.with_nanosecond(0).unwrap_or(now)
}
