//! Values that an install may take: modelled on those it has, and on no row of it. Pure but for the salt.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::mapper::{Encoding, Field, Layout};
use crate::profile::catalogue::Kind;
use crate::profile::model::Missing;
use crate::scim::{AttributeKind, Resource, ResourceType};

/// What rows of the install hold, by attribute.
#[derive(Debug, Default)]
pub(super) struct Observed(BTreeMap<String, Vec<Value>>);

impl Observed {
    /// What these resources say.
    pub(super) fn new(layout: &Layout, kind: ResourceType, resources: &[Value]) -> Self {
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for field in &layout.resource(kind).fields {
            let held = found.entry(field.name.clone()).or_default();
            for resource in resources.iter().filter_map(Value::as_object) {
                let value = field.path.get(resource).filter(|value| !value.is_null());
                held.extend(value.filter(|value| !held.contains(value)).cloned());
            }
        }
        Self(found)
    }

    fn of(&self, field: &Field) -> &[Value] {
        self.0.get(&field.name).map(Vec::as_slice).unwrap_or_default()
    }

    fn text_of(&self, field: &Field) -> Option<&str> {
        self.of(field).iter().find_map(Value::as_str)
    }
}

/// Letters that no name has yet.
pub(super) fn salt() -> String {
    uuid::Uuid::new_v4()
        .as_bytes()
        .iter()
        .take(7)
        .map(|byte| char::from(b'a' + byte % 26))
        .collect()
}

/// Makes values for attributes, other ones for each number.
pub(super) struct Maker<'a> {
    pub layout: &'a Layout,
    pub observed: &'a Observed,
    pub salt: &'a str,
    pub kind: ResourceType,
}

impl Maker<'_> {
    /// A resource with every attribute that the profile maps and the database lets be written.
    pub(super) fn resource(&self, number: usize) -> Resource {
        let mut resource = Resource::new();
        let mut columns: BTreeMap<(Option<&str>, &str), Value> = BTreeMap::new();
        // The name first: another attribute may lie in its column.
        let fields = &self.layout.resource(self.kind).fields;
        let names = fields.iter().filter(|field| self.is_name(field));
        for field in names.chain(fields.iter().filter(|field| !self.is_name(field))) {
            if !field.is_writable() {
                continue;
            }
            let made = || self.value(field, number);
            // A row of another table lies in no column, whatever the one is called that finds it.
            if matches!(field.encoding, Encoding::Row(_)) {
                field.path.set(&mut resource, made());
                continue;
            }
            let place = place(field);
            let shared = columns.get(&place).cloned();
            let Some(value) = shared.or_else(made) else { continue };
            columns.insert(place, value.clone());
            field.path.set(&mut resource, Some(value));
        }
        resource
    }

    /// A value of an attribute; `None` where none can be thought of.
    pub(super) fn value(&self, field: &Field, number: usize) -> Option<Value> {
        let kind = field.path.definition().kind;
        if field.is("active") {
            return Some(Value::Bool(true));
        }
        if kind == AttributeKind::Boolean {
            return Some(Value::Bool(number.is_multiple_of(2)));
        }
        if let Encoding::Lookup(lookup) = &field.encoding
            && lookup.missing == Missing::Create
            && number > 0
        {
            // A label that is there at first, and then ones that are made.
            return Some(json!(cut(&self.text(field, number), lookup.label.max_length)));
        }
        let listed: Vec<Value> = if let Encoding::Values { pairs, .. } = &field.encoding {
            pairs.iter().map(|(scim, _)| json!(scim)).collect()
        } else if is_open(field) {
            Vec::new()
        } else {
            // What the rows have is what other tables have.
            self.observed.of(field).to_vec()
        };
        if !listed.is_empty() {
            return listed.get(number % listed.len()).cloned();
        }
        let enums = &field.column.enum_values;
        if let Some(value) = enums.get(number.checked_rem(enums.len()).unwrap_or(0)) {
            return Some(json!(value));
        }
        match (kind, field.column.kind) {
            (AttributeKind::Integer | AttributeKind::Decimal, _) => {
                Some(json!(self.digits(number)))
            }
            (AttributeKind::DateTime, _) => Some(json!("2024-02-29T12:00:00Z")),
            (AttributeKind::Complex, _) => None,
            (_, Kind::Int | Kind::Number) => Some(json!(self.digits(number).to_string())),
            (_, Kind::Uuid) => Some(json!(uuid::Uuid::new_v4().to_string())),
            _ => Some(json!(self.text(field, number))),
        }
    }

    fn text(&self, field: &Field, number: usize) -> String {
        let example = self.observed.text_of(field);
        let text = if let Some(common) = common(field) {
            example.unwrap_or(common).to_owned()
        } else {
            self.like(field, example, number)
        };
        cut(&text, field.column.max_length)
    }

    /// A text of the form that the install's own have.
    fn like(&self, field: &Field, example: Option<&str>, number: usize) -> String {
        let (salt, letter) = (self.salt, letter(number));
        let is_mail = field.name.contains("emails") || field.column.name.contains("mail");
        let dialled = |c: char| c.is_ascii_digit() || " +-/()".contains(c);
        match example.map(str::trim).filter(|it| !it.is_empty()) {
            Some(mail) if mail.contains('@') => {
                let domain = mail.rsplit('@').next().unwrap_or("example.com");
                format!("{salt}{letter}@{domain}")
            }
            Some(link) if link.contains("://") => format!("{link}/{salt}{letter}"),
            Some(number_like) if number_like.chars().all(dialled) => {
                self.dialled(number_like, number)
            }
            None if is_mail => format!("{salt}{letter}@example.com"),
            None if field.name.contains("phoneNumbers") => self.dialled("+49 30 5550000", number),
            Some(lower) if lower.chars().all(|c| !c.is_uppercase()) => format!("{salt}{letter}"),
            _ => format!("R{salt}{letter}"),
        }
    }

    /// The same number with other digits at its end.
    fn dialled(&self, example: &str, number: usize) -> String {
        let mut digits: Vec<char> = self.digits(number).to_string().chars().collect();
        let kept = example.chars().rev().map(|c| {
            let other = if c.is_ascii_digit() { digits.pop() } else { None };
            other.unwrap_or(c)
        });
        let turned: Vec<char> = kept.collect();
        turned.into_iter().rev().collect()
    }

    /// A number of six digits that is the salt's.
    fn digits(&self, number: usize) -> u64 {
        let sum = self.salt.bytes().fold(7_u64, |sum, byte| sum * 31 + u64::from(byte));
        100_000 + (sum + number as u64) % 900_000
    }

    fn is_name(&self, field: &Field) -> bool {
        field.is(self.kind.name_attribute())
    }
}

/// Where it lies: two attributes in one place are one.
pub(super) fn place(field: &Field) -> (Option<&str>, &str) {
    (field.within.as_ref().map(|it| it.name.as_str()), &field.column.name)
}

/// Whether the column takes whatever text there is.
pub(super) fn is_open(field: &Field) -> bool {
    matches!(field.encoding, Encoding::Plain | Encoding::Formed(_) | Encoding::Utf8)
}

/// What an attribute of a closed form holds where no row has one.
fn common(field: &Field) -> Option<&'static str> {
    let last = field.name.rsplit(['.', ':']).next().unwrap_or_default();
    match last {
        "preferredLanguage" | "locale" => Some("en"),
        "timezone" => Some("Europe/Berlin"),
        "country" => Some("DE"),
        "postalCode" => Some("10115"),
        "profileUrl" => Some("https://example.com/"),
        _ => None,
    }
}

fn letter(number: usize) -> char {
    let at = u8::try_from(number % 26).unwrap_or(0);
    char::from(b'a' + at)
}

/// What fits; the end goes on telling one from another.
fn cut(text: &str, most: Option<u64>) -> String {
    let most = usize::try_from(most.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let length = text.chars().count();
    text.chars().skip(length.saturating_sub(most)).collect()
}
