//! Microsoft Graph's answers to `/users`: one page or several one after another, an array of pages,
//! or users alone, as tools write them.
//!
//! Owns what makes a set of pages whole. Users are taken as they are read; no page is held.

use std::fmt;
use std::io::Read;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::Value;

use super::error::{Error, Kind};
use super::text::{Line, Text};
use super::user::{Draft, Given, Property, SourceUser};

/// The users, and how many there are by Graph's own word (`@odata.count`), if it was asked for.
pub(super) fn read(text: Text<impl Read>) -> Result<(Vec<SourceUser>, Option<u64>), Error> {
    let mut export = Export {
        users: Vec::new(),
        last_page: Page::Last,
        of_answer: None,
        announced: Announced::default(),
        line: text.line(),
        refused: None,
    };
    let mut json = serde_json::Deserializer::from_reader(text);
    loop {
        let read = Node { export: &mut export, place: Place::Top }.deserialize(&mut json);
        if let Err(error) = read {
            return Err(export.refused.take().unwrap_or_else(|| unreadable(error)));
        }
        match json.end() {
            Ok(()) => break,
            Err(error) if error.is_io() => return Err(unreadable(error)),
            // Another page follows.
            Err(_) => {}
        }
    }
    match export.last_page {
        Page::Last => Ok((export.users, export.announced.sum())),
        Page::MoreFollow { line } => Err(Error::new(line, Kind::Partial)),
    }
}

struct Export {
    users: Vec<SourceUser>,
    last_page: Page,
    /// What the pages of the answer under way say how many there are in all of them.
    of_answer: Option<u64>,
    announced: Announced,
    line: Line,
    /// An error of ours, while one of the parser's makes its way up.
    refused: Option<Error>,
}

/// How many users the answers say that they have: each one's pages say it once or every time.
#[derive(Default)]
struct Announced {
    users: u64,
    answers: u32,
    /// Answers that don't say.
    silent: u32,
}

impl Announced {
    fn sum(&self) -> Option<u64> {
        (self.answers > 0 && self.silent == 0).then_some(self.users)
    }
}

#[derive(Clone, Copy)]
enum Page {
    Last,
    MoreFollow { line: usize },
}

impl Export {
    /// A page is read; the one that names no next one ends an answer.
    fn turn(&mut self, page: Page, count: Option<u64>) {
        self.last_page = page;
        self.of_answer = self.of_answer.max(count);
        if let Page::Last = page {
            match self.of_answer.take() {
                Some(users) => {
                    self.announced.users = self.announced.users.saturating_add(users);
                    self.announced.answers += 1;
                }
                None => self.announced.silent += 1,
            }
        }
    }

    fn refuse<E: serde::de::Error>(&mut self, error: Error) -> E {
        self.refused = Some(error);
        E::custom("refused")
    }
}

/// Where a value stands, which says what it may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A page, a user, or an array of either.
    Top,
    /// A page or a user.
    InArray,
    /// A user.
    InPage,
}

struct Node<'a> {
    export: &'a mut Export,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self.place {
            Place::Top => "pages or users",
            Place::InArray => "a page or a user",
            Place::InPage => "a user",
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.place != Place::Top {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let place = Place::InArray;
        while items.next_element_seed(Node { export: &mut *self.export, place })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<(), A::Error> {
        let Self { export, place } = self;
        let line = export.line.now();
        let mut draft = Draft::new(line);
        let mut is_page = false;
        let mut page = Page::Last;
        let mut count = None;
        while let Some(key) = properties.next_key::<Key>()? {
            match key {
                Key::Value if place != Place::InPage => {
                    is_page = true;
                    properties.next_value_seed(Users(&mut *export))?;
                }
                Key::NextLink if place != Place::InPage => {
                    let line = export.line.now();
                    if properties.next_value::<Option<IgnoredAny>>()?.is_some() {
                        page = Page::MoreFollow { line };
                    }
                }
                Key::Count if place != Place::InPage => {
                    count = properties.next_value::<Option<u64>>()?;
                }
                Key::Error if place != Place::InPage => {
                    let answer: Answer = properties.next_value()?;
                    let said = format!("{}: {}", answer.code, answer.message);
                    return Err(export.refuse(Error::new(line, Kind::Refused(said))));
                }
                Key::Property(property) => {
                    let value = properties.next_value()?;
                    set(&mut draft, property, value).map_err(|error| export.refuse(error))?;
                }
                Key::Value | Key::NextLink | Key::Count | Key::Error | Key::Other => {
                    properties.next_value::<IgnoredAny>()?;
                }
            }
        }
        if is_page {
            export.turn(page, count);
        } else if draft.is_blank() {
            return Err(export.refuse(Error::new(line, Kind::NotUsers)));
        } else {
            let user = draft.finish().map_err(|error| export.refuse(error))?;
            export.users.push(user);
        }
        Ok(())
    }
}

/// A page's `value`.
struct Users<'a>(&'a mut Export);

impl<'de> DeserializeSeed<'de> for Users<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Users<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of users as `value`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let place = Place::InPage;
        while items.next_element_seed(Node { export: &mut *self.0, place })?.is_some() {}
        Ok(())
    }
}

enum Key {
    Value,
    NextLink,
    Count,
    Error,
    Property(Property),
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a property's name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(match name {
                    "value" => Key::Value,
                    "@odata.nextLink" => Key::NextLink,
                    "@odata.count" => Key::Count,
                    "error" => Key::Error,
                    name => Property::named(name).map_or(Key::Other, Key::Property),
                })
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Graph's `error`.
#[derive(serde::Deserialize)]
struct Answer {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

fn set(draft: &mut Draft, property: Property, value: Value) -> Result<(), Error> {
    match (property, value) {
        (Property::Active, Value::Bool(value)) => return draft.set_active(&value.to_string()),
        (Property::Active, Value::String(value)) => return draft.set_active(&value),
        (Property::Id | Property::UserName | Property::Attribute(_), Value::String(value)) => {
            draft.set_text(property, Given::Text(value.into()));
        }
        (Property::Phones, Value::Array(phones)) => match phones.into_iter().next() {
            None => draft.set_text(property, Given::Null),
            Some(Value::String(first)) => draft.set_text(property, Given::Text(first.into())),
            Some(_) => return Err(draft.wrong_type(property, "a list of something else")),
        },
        (Property::Active, Value::Null) => return Err(draft.wrong_type(property, "null")),
        (_, Value::Null) => draft.set_text(property, Given::Null),
        (_, Value::Bool(_)) => return Err(draft.wrong_type(property, "true or false")),
        (_, Value::Number(_)) => return Err(draft.wrong_type(property, "a number")),
        (_, Value::String(_)) => return Err(draft.wrong_type(property, "a text")),
        (_, Value::Array(_)) => return Err(draft.wrong_type(property, "a list")),
        (_, Value::Object(_)) => return Err(draft.wrong_type(property, "an object")),
    }
    Ok(())
}

fn unreadable(error: serde_json::Error) -> Error {
    let (line, column) = (error.line().max(1), error.column());
    if error.is_io() {
        return Error::from_io(error.into(), line);
    }
    if error.is_eof() {
        return Error::new(line, Kind::BrokenOff { column });
    }
    let message = error.to_string();
    // The parser appends the place, which opens our message.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let message = super::error::shown(message);
    Error::new(line, Kind::Json { column, message })
}
