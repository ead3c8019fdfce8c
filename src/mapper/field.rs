//! A mapped attribute: its column, and how a value lies in it, both ways, as the profile encodes it.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use super::cell::Cell;
use super::relation::{Column, Relation};
use super::times::{Switch, Times, whole_second};
use crate::profile::catalogue::Kind;
use crate::profile::model::{Beside, Form, Missing, Other, Presence, Scalar};
use crate::scim::{AttributeKind, AttributePath, Error};

/// A mapped attribute of a resource.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// The attribute.
    pub path: AttributePath,
    /// The same as text, as baselines, findings and messages name it.
    pub name: String,
    /// The companion that the column is of; the resource's own table without one.
    pub within: Option<Arc<Companion>>,
    /// The column that carries it; of a [`RowSwitch`] the one that holds the user's key there.
    pub column: Arc<Column>,
    /// How the value lies in it.
    pub encoding: Encoding,
    /// The profile's `[insert]` value for the column.
    pub constant: Option<Constant>,
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
    /// Text in a form.
    Formed(Form),
    /// Text in a binary column.
    Utf8,
    /// A time.
    Time(Times),
    /// `active` by a time.
    Switch(Switch),
    /// `active` by a row of another table.
    Row(Arc<RowSwitch>),
}

/// Columns and what the profile puts into them.
pub type Constants = Vec<(Arc<Column>, Constant)>;

/// What the profile puts into a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// The same at all times.
    Value(Scalar),
    /// The time of the statement, as the column holds times.
    Now(Times),
}

impl Constant {
    /// What is written at a time, UTC.
    pub fn cell(&self, now: NaiveDateTime) -> Cell {
        match self {
            Self::Value(scalar) => Cell::of(scalar, now),
            Self::Now(times) => times.write(now),
        }
    }

    /// Whether a column holds it.
    pub fn is(&self, held: &Cell) -> bool {
        matches!(self, Self::Value(scalar) if held.is(scalar))
    }
}

/// What a new row gets beside what SCIM says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewRow {
    /// Constants; with what makes the row count.
    pub constants: Constants,
    /// Values that the agent makes.
    pub made: Vec<(Arc<Column>, Made)>,
}

/// A value that the agent makes.
#[derive(Debug, Clone)]
pub enum Made {
    /// A random UUID.
    Uuid,
    /// The same without hyphens.
    UuidPlain,
    /// So many random letters and digits.
    Random(usize),
    /// The key of the resource that the row is of.
    Key,
    /// The next number of a row that counts.
    Counter(Arc<Counter>),
}

impl PartialEq for Made {
    /// Two counters are the same where they are one.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Random(one), Self::Random(two)) => one == two,
            (Self::Counter(one), Self::Counter(two)) => Arc::ptr_eq(one, two),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// A table whose row holds the next key.
#[derive(Debug)]
pub struct Counter {
    /// The table.
    pub relation: Relation,
    /// The column that counts.
    pub column: Arc<Column>,
    /// What it holds.
    pub holds: crate::profile::model::Holds,
}

/// Where a new row's key comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// The database.
    Database,
    /// The agent.
    Made(Made),
    /// The matching attribute is the key.
    Name(crate::profile::model::Rename),
}

/// A table beside a resource's own, with at most one row for each, where attributes lie.
#[derive(Debug)]
pub struct Companion {
    /// Its name in the profile.
    pub name: String,
    /// The table.
    pub relation: Relation,
    /// Its column that holds the resource's key; of a parent its own key.
    pub user: Arc<Column>,
    /// The resource's column that holds the same: its key, or the one that points at the parent.
    pub of: Arc<Column>,
    /// What a new row gets.
    pub insert: NewRow,
    /// When its row is made.
    pub missing: Beside,
    /// What `[anonymise]` puts into its columns.
    pub anonymise: Constants,
    /// The parent, whose row is made first: where its key comes from.
    pub parent: Option<KeySource>,
}

impl Companion {
    /// By what a journal names its rows: several companions may lie in one table.
    pub fn place(&self) -> String {
        format!("beside:{}", self.name)
    }
}

impl PartialEq for Companion {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.relation.table == other.relation.table
    }
}

/// A table whose rows say which users are on or off.
#[derive(Debug)]
pub struct RowSwitch {
    /// The table.
    pub relation: Relation,
    /// Its column that holds the user's key.
    pub user: Arc<Column>,
    /// The key of the users' own table.
    pub of: Arc<Column>,
    /// What a new row gets.
    pub insert: NewRow,
    /// What a user's row says.
    pub means: Presence,
}

impl RowSwitch {
    /// Whether a user who is active has a row.
    pub fn there(&self, active: bool) -> bool {
        active == (self.means == Presence::Active)
    }
}

impl PartialEq for RowSwitch {
    fn eq(&self, other: &Self) -> bool {
        self.relation.table == other.relation.table && self.user == other.user
    }
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
    /// The key that stands for "none".
    pub none: Option<Scalar>,
    /// Further columns of a row that `Missing::Create` inserts.
    pub insert: NewRow,
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
    /// The user is on, or off from now on.
    On(bool),
}

impl Field {
    /// Whether both lie in one column.
    pub fn shares_column(&self, other: &Self) -> bool {
        let place = |it: &Self| it.within.as_ref().map(|within| within.name.clone());
        let row = |it: &Self| matches!(it.encoding, Encoding::Row(_));
        self.column == other.column && place(self) == place(other) && !row(self) && !row(other)
    }

    /// Whether the value is another table's.
    pub fn is_looked_up(&self) -> bool {
        matches!(self.encoding, Encoding::Lookup(_))
    }

    /// Whether what SCIM shows is made of what the column holds by the database, so that both are read.
    pub fn is_computed(&self) -> bool {
        matches!(self.encoding, Encoding::Lookup(_) | Encoding::Switch(_))
    }

    /// Whether the agent may write it: what the database computes it never writes.
    pub fn is_writable(&self) -> bool {
        !self.column.computed
    }

    /// Whether it lies in a column of the resource's own table.
    pub fn is_own(&self) -> bool {
        self.within.is_none() && !matches!(self.encoding, Encoding::Row(_))
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
            Encoding::Lookup(_) | Encoding::Formed(_) | Encoding::Utf8 => {
                text(cell).map(Value::String)
            }
            Encoding::Time(times) => times.read(cell).map(shown_time),
            Encoding::Switch(_) | Encoding::Row(_) => cell.to_int().map(|on| Value::Bool(on != 0)),
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
                AttributeKind::DateTime => cell.to_time().map(shown_time),
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
            Encoding::Formed(form) => match value {
                Value::String(text) => {
                    let text = formed(*form, text);
                    self.fits(&self.column, &text)?;
                    Ok(Some(NewValue::Cell(Cell::Text(text))))
                }
                _ => Err(self.invalid("a text is expected")),
            },
            Encoding::Time(times) => {
                let text = scim_text(value);
                let time = DateTime::parse_from_rfc3339(&text)
                    .map_err(|_| self.invalid(&format!("`{text}` is no time of RFC 3339")))?;
                let cell = times.write(time.with_timezone(&Utc).naive_utc());
                Ok(Some(NewValue::Cell(cell)))
            }
            Encoding::Switch(_) | Encoding::Row(_) => {
                let on = typed(AttributeKind::Boolean, &scim_text(value));
                match on.as_ref().and_then(Value::as_bool) {
                    Some(on) => Ok(Some(NewValue::On(on))),
                    None => Err(self.invalid("true or false is needed")),
                }
            }
            Encoding::Plain | Encoding::Utf8 => {
                self.plain(value).map(|cell| Some(NewValue::Cell(cell)))
            }
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
        if self.is_name()
            && let Some(odd) =
                text.chars().find(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        {
            return Err(self.invalid(&format!(
                "it contains the control character U+{:04X}, which no name has",
                u32::from(odd)
            )));
        }
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
        if column.kind == Kind::Int && text.trim().parse::<i64>().is_err() {
            return Err(
                self.invalid(&format!("`{text}` is no whole number, which its column takes"))
            );
        }
        if column.kind == Kind::Uuid && uuid::Uuid::parse_str(text).is_err() {
            return Err(self.invalid(&format!("`{text}` is no UUID, which its column takes")));
        }
        Ok(())
    }

    /// Whether people are called by it.
    fn is_name(&self) -> bool {
        let of = self.path.resolved();
        matches!(of.attribute.name, "userName" | "displayName" | "nickName" | "name")
    }

    /// Whether a cell says that the user is active, at a time.
    pub fn reads_active(&self, held: &Cell, now: NaiveDateTime) -> bool {
        match &self.encoding {
            Encoding::Switch(switch) => switch.is_on(held, now),
            _ => self.to_scim(held) == Some(Value::Bool(true)),
        }
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
        if let Encoding::Lookup(Lookup { none: Some(none), .. }) = &self.encoding {
            return Ok(NewValue::Cell(Cell::of(none, whole_second(now))));
        }
        if self.column.nullable {
            return Ok(NewValue::Cell(Cell::Null));
        }
        if let Some(constant) = &self.constant {
            return Ok(NewValue::Cell(constant.cell(now)));
        }
        let plain = matches!(self.encoding, Encoding::Plain | Encoding::Formed(_));
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

/// Text in a form.
pub(super) fn formed(form: Form, text: &str) -> String {
    match form {
        Form::Plain => text.to_owned(),
        Form::Lower => text.to_lowercase(),
        Form::Upper => text.to_uppercase(),
        Form::Slug => {
            let lower = text.to_lowercase();
            let words = lower.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
            words.collect::<Vec<_>>().join("-")
        }
    }
}

fn shown_time(time: NaiveDateTime) -> Value {
    Value::String(time.and_utc().format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
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
        (Kind::Text, Cell::Time(time)) => Cell::Text(time.format("%Y-%m-%d %H:%M:%S").to_string()),
        (Kind::Int, Cell::Time(time)) => Cell::Int(time.and_utc().timestamp()),
        (Kind::Binary, Cell::Text(text)) => Cell::Bytes(text.into_bytes()),
        (_, cell) => cell,
    }
}
