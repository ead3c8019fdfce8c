//! What a column of a sidecar table can hold, and how it lies in the three databases.

use chrono::NaiveDateTime;
use serde_json::{Map, Value as Json};

use crate::drift::Kind;
use crate::mapper::{Cell, LinkState};
use crate::scim::ResourceType;

/// How a column's values lie in the three databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Form {
    /// A character type.
    Text,
    /// A whole number.
    Int,
    /// A time in UTC.
    Time,
}

/// What a column can hold.
pub(in crate::store) trait Value: Sized {
    /// How it lies there.
    const FORM: Form;
    /// What it is, for the message of a value that isn't.
    const WHAT: &'static str;
    /// Whether NULL is one of its values.
    const NULLABLE: bool = false;
    /// The value; `None` for what isn't one.
    fn read(cell: &Cell) -> Option<Self>;
    /// The value as it is bound.
    fn cell(&self) -> Cell;
}

impl Value for String {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "text";
    fn read(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
    fn cell(&self) -> Cell {
        Cell::Text(self.clone())
    }
}

impl Value for i64 {
    const FORM: Form = Form::Int;
    const WHAT: &'static str = "a whole number";
    fn read(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Int(number) => Some(*number),
            _ => None,
        }
    }
    fn cell(&self) -> Cell {
        Cell::Int(*self)
    }
}

/// A count.
impl Value for u64 {
    const FORM: Form = Form::Int;
    const WHAT: &'static str = "a count";
    fn read(cell: &Cell) -> Option<Self> {
        i64::read(cell).and_then(|number| Self::try_from(number).ok())
    }
    fn cell(&self) -> Cell {
        Cell::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Value for NaiveDateTime {
    const FORM: Form = Form::Time;
    const WHAT: &'static str = "a time";
    fn read(cell: &Cell) -> Option<Self> {
        match cell {
            // SQLite keeps times as text.
            Cell::Time(_) | Cell::Text(_) => cell.to_time(),
            _ => None,
        }
    }
    fn cell(&self) -> Cell {
        Cell::Time(*self)
    }
}

impl<T: Value> Value for Option<T> {
    const FORM: Form = T::FORM;
    const WHAT: &'static str = T::WHAT;
    const NULLABLE: bool = true;
    fn read(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::read(cell).map(Some),
        }
    }
    fn cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Null, T::cell)
    }
}

impl Value for Json {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "JSON";
    fn read(cell: &Cell) -> Option<Self> {
        json(cell)
    }
    fn cell(&self) -> Cell {
        Cell::Text(self.to_string())
    }
}

/// A value of a legacy column, as JSON.
impl Value for Cell {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a legacy value";
    fn read(cell: &Cell) -> Option<Self> {
        json(cell)
    }
    fn cell(&self) -> Cell {
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// A JSON object; an empty one is NULL.
impl Value for Map<String, Json> {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a JSON object";
    const NULLABLE: bool = true;
    fn read(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(Self::new()),
            cell => json(cell),
        }
    }
    fn cell(&self) -> Cell {
        if self.is_empty() { Cell::Null } else { Object::text(self).into() }
    }
}

/// A JSON object that may be empty, and then isn't the same as none.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) struct Object(pub Map<String, Json>);

impl Object {
    /// An object's text: a map of strings to values always has one.
    pub fn text(object: &Map<String, Json>) -> String {
        serde_json::to_string(object).unwrap_or_default()
    }
}

impl Value for Object {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a JSON object";
    fn read(cell: &Cell) -> Option<Self> {
        json(cell).map(Self)
    }
    fn cell(&self) -> Cell {
        Self::text(&self.0).into()
    }
}

/// When a migration was applied: text, which is the same in a DBA's SQL on each of the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Applied(pub NaiveDateTime);

impl Applied {
    /// As it is written.
    pub fn text(self) -> String {
        self.0.format("%Y-%m-%d %H:%M:%S").to_string()
    }
}

impl Value for Applied {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a time";
    fn read(cell: &Cell) -> Option<Self> {
        NaiveDateTime::read(cell).map(Self)
    }
    fn cell(&self) -> Cell {
        self.text().into()
    }
}

/// What a text holds as JSON.
pub(in crate::store) fn json<T: serde::de::DeserializeOwned>(cell: &Cell) -> Option<T> {
    match cell {
        Cell::Text(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// What is kept by its name.
macro_rules! by_name {
    ($($type:ty: $what:literal, $read:expr;)+) => {$(
        impl Value for $type {
            const FORM: Form = Form::Text;
            const WHAT: &'static str = $what;
            fn read(cell: &Cell) -> Option<Self> {
                match cell {
                    Cell::Text(name) => $read(name),
                    _ => None,
                }
            }
            fn cell(&self) -> Cell {
                self.as_str().into()
            }
        }
    )+};
}

by_name! {
    LinkState: "a state of a link", LinkState::from_name;
    Kind: "a kind of finding", Kind::from_name;
    ResourceType: "a resource type", |name: &str| {
        ResourceType::ALL.into_iter().find(|kind| kind.as_str() == name)
    };
}
