//! One user of an export: which properties are of interest, and how they are kept.
//!
//! Owns the names that either format gives them and the SCIM paths that they are compared under.

use std::borrow::Cow;

use super::error::{Error, Kind, shown};

/// A property of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    Id,
    UserName,
    Active,
    /// A place in [`ATTRIBUTES`].
    Attribute(usize),
    /// Graph's list of work phones, of which Entra provisions the first.
    Phones,
}

/// The attributes that are compared, sorted: SCIM path, and name in an export.
const ATTRIBUTES: [(&str, &str); 6] = [
    ("displayName", "displayName"),
    ("name.familyName", "surname"),
    ("name.givenName", "givenName"),
    ("phoneNumbers[type eq \"work\"].value", "telephoneNumber"),
    ("title", "jobTitle"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "department"),
];
/// The phone's place among them.
const WORK_PHONE: usize = 3;

/// Id, userPrincipalName and the attributes.
const TEXTS: usize = ATTRIBUTES.len() + 2;

impl Property {
    /// The property that an export calls `name`; PowerShell capitalises.
    pub(super) fn named(name: &str) -> Option<Self> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        if is("id") || is("objectId") {
            return Some(Self::Id);
        }
        let single = [Self::UserName, Self::Active, Self::Phones];
        let attribute = || ATTRIBUTES.iter().position(|(_, known)| is(known)).map(Self::Attribute);
        single.into_iter().find(|property| is(property.name())).or_else(attribute)
    }

    /// What messages call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::UserName => "userPrincipalName",
            Self::Active => "accountEnabled",
            Self::Phones => "businessPhones",
            Self::Attribute(at) => ATTRIBUTES.get(at).map_or("", |(_, name)| name),
        }
    }

    /// Its place among a user's texts.
    fn place(self) -> Option<usize> {
        match self {
            Self::Id => Some(0),
            Self::UserName => Some(1),
            Self::Active => None,
            Self::Attribute(at) => Some(at + 2),
            Self::Phones => Some(WORK_PHONE + 2),
        }
    }
}

/// A user of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceUser {
    /// Every text, one behind the other: a million users of eight texts each are many.
    texts: Box<str>,
    /// Where each text ends.
    ends: [u16; TEXTS],
    /// Which properties the export carries, and which of them have a value, a bit for each.
    carried: u8,
    valued: u8,
    active: Option<bool>,
    line: u32,
}

impl SourceUser {
    /// The object id.
    pub fn id(&self) -> &str {
        self.text(0)
    }

    /// `userPrincipalName`.
    pub fn user_name(&self) -> &str {
        self.text(1)
    }

    /// `accountEnabled`; `None` when the export doesn't carry it.
    pub fn active(&self) -> Option<bool> {
        self.active
    }

    /// The line where the user begins.
    pub fn line(&self) -> usize {
        usize::try_from(self.line).unwrap_or(usize::MAX)
    }

    /// The attributes that the export carries, by SCIM path, in the paths' order; `None` for one
    /// without a value.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        ATTRIBUTES.iter().enumerate().filter_map(|(at, (path, _))| {
            let bit = 1 << (at + 2);
            let value = (self.valued & bit != 0).then(|| self.text(at + 2));
            (self.carried & bit != 0).then_some((*path, value))
        })
    }

    fn text(&self, place: usize) -> &str {
        let end = |place: usize| self.ends.get(place).map_or(0, |end| usize::from(*end));
        let start = place.checked_sub(1).map_or(0, end);
        self.texts.get(start..end(place)).unwrap_or_default()
    }
}

/// What an export says of a text.
#[derive(Debug)]
pub(super) enum Given<'a> {
    /// It doesn't carry the property.
    Absent,
    /// It has no value.
    Null,
    Text(Cow<'a, str>),
}

impl Given<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Text(text) => Some(text),
        }
    }
}

/// A user that is being read.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    line: usize,
    active: Option<bool>,
    texts: [Given<'a>; TEXTS],
}

impl<'a> Draft<'a> {
    pub(super) fn new(line: usize) -> Self {
        Self { line, active: None, texts: [const { Given::Absent }; TEXTS] }
    }

    pub(super) fn set_text(&mut self, property: Property, value: Given<'a>) {
        if let Some(text) = property.place().and_then(|place| self.texts.get_mut(place)) {
            *text = value;
        }
    }

    /// Sets `accountEnabled` from its text: `true` and `False` and all between.
    pub(super) fn set_active(&mut self, value: &str) -> Result<(), Error> {
        self.active = Some(match value.trim() {
            it if it.eq_ignore_ascii_case("true") => true,
            it if it.eq_ignore_ascii_case("false") => false,
            "" => return Err(self.wrong_type(Property::Active, "empty")),
            _ => {
                return Err(self.wrong_type(Property::Active, &format!("`{}`", shown(value))));
            }
        });
        Ok(())
    }

    /// Something that `property` can't be.
    pub(super) fn wrong_type(&self, property: Property, found: &str) -> Error {
        let wanted = match property {
            Property::Active => "true or false",
            Property::Phones => "a list of texts",
            Property::Id | Property::UserName | Property::Attribute(_) => "a text",
        };
        let found = found.to_owned();
        Error::new(self.line, Kind::Type { property: property.name(), found, wanted })
    }

    /// Whether nothing was set.
    pub(super) fn is_blank(&self) -> bool {
        self.active.is_none() && self.texts.iter().all(|it| matches!(it, Given::Absent))
    }

    pub(super) fn finish(self) -> Result<SourceUser, Error> {
        let text = |place: usize| self.texts.get(place).and_then(Given::text);
        let given = |place: usize| text(place).filter(|text| !text.trim().is_empty());
        for (place, other, property) in
            [(0, 1, Property::Id.name()), (1, 0, Property::UserName.name())]
        {
            if given(place).is_none() {
                let user = given(other).map(str::to_owned);
                return Err(Error::new(self.line, Kind::Without { property, user }));
            }
        }
        let mut texts = String::with_capacity((0..TEXTS).filter_map(text).map(str::len).sum());
        let (mut ends, mut carried, mut valued) = ([0; TEXTS], 0, 0);
        for (place, (end, given)) in ends.iter_mut().zip(&self.texts).enumerate() {
            carried |= u8::from(!matches!(given, Given::Absent)) << place;
            if let Some(text) = given.text() {
                valued |= 1 << place;
                texts.push_str(text);
            }
            *end = u16::try_from(texts.len()).map_err(|_| Error::new(self.line, Kind::TooLong))?;
        }
        let line = u32::try_from(self.line).unwrap_or(u32::MAX);
        let texts = texts.into_boxed_str();
        Ok(SourceUser { texts, ends, carried, valued, active: self.active, line })
    }
}
