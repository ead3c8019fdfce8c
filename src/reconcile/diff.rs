//! From what the tables hold to findings. Pure: rows come in, findings go out; nothing is read or
//! written here, and no clock is looked at.
//!
//! Rows are looked at twice: [`Lens::look`] tells by the baseline's hash which rows say just what
//! Entra asserted, which is nearly all of them, and never sees a baseline; [`examine`] explains the
//! rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::drift::{Finding, Kind};
use crate::mapper::{
    self, Cell, Deletion, Field, Layout, LinkState, Reading, Record, baseline_hash,
};
use crate::profile::model::Piece;
use crate::scim::{AttributePath, ResourceType};
use crate::store::snapshot::Observed;

/// How many sets of asserted attributes are remembered: clients assert a handful of them.
const SHAPES: usize = 16;

/// What a first look at a row tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing is wrong with it.
    Fine,
    /// It says just what Entra asserted.
    Equal,
    /// Entra knows nothing of it.
    Unmanaged,
    /// It must be examined beside its baseline.
    Suspect,
}

/// Tells equal rows from suspect ones, by hash.
pub struct Lens<'a> {
    layout: &'a Layout,
    kind: ResourceType,
    /// Attribute paths as a baseline's JSON writes them, with their place among the readings; in
    /// the order of that JSON.
    names: Vec<(String, usize)>,
    /// Sets of asserted attributes, as places in `names`; the one that fitted last first, since
    /// neighbours were mostly written alike.
    shapes: Vec<Vec<usize>>,
}

impl<'a> Lens<'a> {
    /// A lens for one resource type.
    pub fn new(layout: &'a Layout, kind: ResourceType) -> Self {
        let fields = layout.resource(kind).fields.iter();
        let mut names: Vec<(String, usize)> =
            fields.enumerate().map(|(at, field)| (field.name.clone(), at)).collect();
        names.sort();
        let everything = (0..names.len()).collect();
        Self { layout, kind, names, shapes: vec![everything] }
    }

    /// Whose rows are looked at.
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// By which profile.
    pub fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// Looks at a row.
    pub fn look(&mut self, observed: &Observed) -> Look {
        let Some(link) = &observed.record.link else {
            return if self.unreadable(&observed.record) { Look::Suspect } else { Look::Unmanaged };
        };
        match link.state {
            LinkState::Deleted => Look::Suspect,
            LinkState::Matched if self.unreadable(&observed.record) => Look::Suspect,
            LinkState::Matched => Look::Fine,
            LinkState::Managed => {
                let readings = mapper::readings(self.layout, self.kind, &observed.record);
                let unreadable =
                    readings.iter().any(|(_, it)| matches!(it, Reading::Unreadable(_)));
                let derived = mapper::underived(self.layout, self.kind, &observed.record);
                if !unreadable && derived.is_empty() && self.fits(observed, &readings) {
                    Look::Equal
                } else {
                    Look::Suspect
                }
            }
        }
    }

    /// Whether `[protect]` names the row.
    pub fn protected(&self, record: &Record) -> bool {
        let protect = &self.layout.profile.protect;
        if self.kind != ResourceType::User || protect.keys.len() + protect.user_names.len() == 0 {
            return false;
        }
        let field = self.layout.resource(self.kind).name();
        let name = field.and_then(|field| record.shown(field).to_text());
        mapper::protected(protect, &record.key_text(), name.as_deref())
    }

    /// Remembers which attributes a baseline asserts.
    pub fn learn(&mut self, baseline: &Map<String, Value>) {
        let shape: Vec<usize> = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| baseline.contains_key(name))
            .map(|(at, _)| at)
            .collect();
        if self.shapes.len() < SHAPES && !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
    }

    fn unreadable(&self, record: &Record) -> bool {
        mapper::readings(self.layout, self.kind, record)
            .iter()
            .any(|(_, reading)| matches!(reading, Reading::Unreadable(_)))
    }

    /// Whether a baseline that asserts just what the row says, in one of the known shapes, has the
    /// row's hash.
    fn fits(&mut self, observed: &Observed, readings: &[(&Arc<Field>, Reading)]) -> bool {
        let Some(hash) = &observed.baseline_hash else { return false };
        let members: Vec<String> = self
            .names
            .iter()
            .map(|(name, at)| {
                let value =
                    readings.get(*at).map_or(Value::Null, |(_, reading)| reading.to_value());
                format!("{}:{value}", Value::from(name.as_str()))
            })
            .collect();
        let fitting = self.shapes.iter().position(|shape| *hash == hash_of(shape, &members));
        if let Some(at) = fitting {
            self.shapes.swap(0, at);
        }
        fitting.is_some()
    }
}

/// The hash of the baseline that has these of the members.
fn hash_of(shape: &[usize], members: &[String]) -> String {
    let members: Vec<&str> =
        shape.iter().filter_map(|at| members.get(*at)).map(String::as_str).collect();
    baseline_hash(&format!("{{{}}}", members.join(",")))
}

/// What a run found and nobody took yet.
#[derive(Debug, Default)]
pub struct Findings {
    /// The findings.
    pub list: Vec<Finding>,
    /// Those of attributes that `reconcile.tolerate` names, by attribute.
    pub tolerated: BTreeMap<String, u64>,
}

impl Findings {
    /// Adds a finding, or counts it where its attribute is tolerated.
    pub fn push(&mut self, finding: Finding, tolerate: &BTreeSet<AttributePath>) {
        let tolerable = matches!(
            finding.kind,
            Kind::Attribute | Kind::TeamAttribute | Kind::InvalidValue | Kind::SourceAttribute
        );
        let attribute = finding.attribute.as_deref().unwrap_or_default();
        if tolerable && tolerate.iter().any(|path| path.to_string() == attribute) {
            *self.tolerated.entry(attribute.to_owned()).or_default() += 1;
        } else {
            self.list.push(finding);
        }
    }
}

/// Explains a suspect row; whether it turned out to say what Entra asserted after all.
pub fn examine(
    layout: &Layout,
    kind: ResourceType,
    record: &Record,
    baseline: &Map<String, Value>,
    tolerate: &BTreeSet<AttributePath>,
    findings: &mut Findings,
) -> bool {
    let before = findings.list.len();
    let subject = Subject::of(layout, kind, record, baseline);
    let state = record.link.as_ref().map(|link| link.state);
    if state == Some(LinkState::Deleted) {
        findings.list.extend(revived(layout, kind, &subject, baseline));
        return false;
    }
    let asserted = baseline.get(kind.name_attribute()).and_then(Value::as_str);
    if mapper::recycled(record, asserted, subject.name.as_deref()) {
        findings.list.push(subject.recycled(asserted));
        return false;
    }
    for (field, reading) in &subject.readings {
        let value = baseline.get(&field.name);
        // A column that several attributes lie in is one cause: the name's finding, or the first's.
        let name = kind.name_attribute();
        let first = |it: &Arc<Field>| it.is(name) || !field.is(name) && it.path < field.path;
        let told = |it: &Arc<Field>| first(it) && baseline.contains_key(&it.name);
        if layout.resource(kind).beside(field).any(told) {
            continue;
        }
        if let Reading::Unreadable(text) = reading {
            findings.push(subject.unreadable(&field.name, value, text), tolerate);
            continue;
        }
        let Some(value) = value else { continue };
        if !mapper::agrees(field, value, record, reading) {
            findings.push(subject.differs(&field.name, value, reading), tolerate);
        }
    }
    let known = &findings.list.get(before..).unwrap_or_default();
    let told = |path: &AttributePath| {
        let name = path.to_string();
        known.iter().any(|it| it.attribute.as_ref() == Some(&name))
    };
    let follows: Vec<Finding> = mapper::underived(layout, kind, record)
        .into_iter()
        .filter(|(derived, ..)| {
            // What follows from a value that drifted is part of that finding.
            let sources = derived.template.iter();
            state == Some(LinkState::Managed)
                && !sources.into_iter().any(|it| matches!(it, Piece::Attribute(path) if told(path)))
        })
        .map(|(derived, wanted, held)| subject.underived(&derived.column.name, &wanted, &held))
        .collect();
    findings.list.extend(follows);
    state == Some(LinkState::Managed) && findings.list.len() == before
}

/// A tombstone whose row is in use again.
fn revived(
    layout: &Layout,
    kind: ResourceType,
    subject: &Subject<'_>,
    baseline: &Map<String, Value>,
) -> Option<Finding> {
    let active = subject.reading("active") == Some(&Reading::Value(Value::Bool(true)));
    // Cleanup leaves the row of a user whose personal data it replaced, and forgets the baseline.
    let anonymised = kind == ResourceType::User && baseline.is_empty() && !active;
    if matches!(layout.resource(kind).delete, Deletion::Delete { .. }) && !anonymised {
        return Some(subject.finding(
            Kind::Recycled,
            None,
            Value::Null,
            subject.name.clone().into(),
            "Entra deleted what had this key, and kpifire uses the key for another row: Entra's \
             next write to it would hit the wrong one"
                .to_owned(),
        ));
    }
    active.then(|| {
        subject.finding(
            Kind::Reactivated,
            Some("active"),
            false.into(),
            true.into(),
            "Entra deleted the user, and kpifire has it active again".to_owned(),
        )
    })
}

/// The resource that findings are about.
struct Subject<'l> {
    kind: ResourceType,
    id: String,
    external_id: Option<String>,
    name: Option<String>,
    readings: Vec<(&'l Arc<Field>, Reading)>,
}

impl<'l> Subject<'l> {
    fn of(
        layout: &'l Layout,
        kind: ResourceType,
        record: &Record,
        baseline: &Map<String, Value>,
    ) -> Self {
        let readings = mapper::readings(layout, kind, record);
        let mut subject = Self {
            kind,
            id: kind.id(&record.key_text()),
            external_id: record.link.as_ref().and_then(|link| link.external_id.clone()),
            name: None,
            readings,
        };
        let name = kind.name_attribute();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        subject.name = match subject.reading(name) {
            Some(Reading::Value(value)) => text(value),
            _ => baseline.get(name).and_then(text),
        };
        subject
    }

    fn reading(&self, attribute: &str) -> Option<&Reading> {
        let found = self.readings.iter().find(|(field, _)| field.name == attribute);
        found.map(|(_, reading)| reading)
    }

    fn finding(
        &self,
        kind: Kind,
        attribute: Option<&str>,
        expected: Value,
        actual: Value,
        why: String,
    ) -> Finding {
        Finding {
            kind,
            resource: Some(self.kind),
            scim_id: Some(self.id.clone()),
            attribute: attribute.map(str::to_owned),
            external_id: self.external_id.clone(),
            name: self.name.clone(),
            expected,
            actual,
            why,
        }
    }

    fn recycled(&self, asserted: Option<&str>) -> Finding {
        self.finding(
            Kind::Recycled,
            Some(self.kind.name_attribute()),
            asserted.into(),
            self.name.clone().into(),
            "the row was made after Entra's link, under another name: nothing is written to it \
             until the link lets go of it"
                .to_owned(),
        )
    }

    fn unreadable(&self, attribute: &str, asserted: Option<&Value>, text: &str) -> Finding {
        self.finding(
            Kind::InvalidValue,
            Some(attribute),
            asserted.cloned().unwrap_or_default(),
            text.into(),
            format!("the profile has no meaning for the value; correct it in kpifire, or add it to the profile's `{attribute}`"),
        )
    }

    fn underived(&self, column: &str, wanted: &Cell, held: &Cell) -> Finding {
        let kind = match self.kind {
            ResourceType::User => Kind::Attribute,
            ResourceType::Group => Kind::TeamAttribute,
        };
        let value = |cell: &Cell| cell.to_text().map_or(Value::Null, Value::from);
        let why = "the column no longer holds what follows from the attributes (`derive`)";
        self.finding(kind, Some(column), value(wanted), value(held), why.to_owned())
    }

    fn differs(&self, attribute: &str, asserted: &Value, reading: &Reading) -> Finding {
        let actual = reading.to_value();
        let (kind, why) = match (self.kind, attribute, asserted, &actual) {
            (ResourceType::User, "active", Value::Bool(false), Value::Bool(true)) => (
                Kind::Reactivated,
                "Entra disabled the user, and kpifire enabled it again: the person can sign in",
            ),
            (ResourceType::User, "active", Value::Bool(true), Value::Bool(false)) => (
                Kind::WronglyDisabled,
                "Entra has the user active, and kpifire locked it: the person can't sign in",
            ),
            (ResourceType::User, ..) => {
                (Kind::Attribute, "changed in kpifire; Entra will not write it again by itself")
            }
            (ResourceType::Group, ..) => {
                (Kind::TeamAttribute, "changed in kpifire; Entra will not write it again by itself")
            }
        };
        self.finding(kind, Some(attribute), asserted.clone(), actual, why.to_owned())
    }
}

/// A user whose row was a deleted user's of another externalId.
pub fn reused(layout: &Layout, record: &Record) -> Option<Finding> {
    let link = record.link.as_ref().filter(|_| !record.deleted())?;
    let former = link.reused_from.as_deref()?;
    let subject = Subject::of(layout, ResourceType::User, record, &Map::new());
    let why = "Entra deleted the user of this row, and its userName came back under another externalId: \
               perhaps another person";
    let now = link.external_id.clone().into();
    Some(subject.finding(Kind::Reused, Some("externalId"), former.into(), now, why.to_owned()))
}

/// The fingerprint of the finding that Entra doesn't know the user row of this id.
pub fn id_of_unmanaged(id: String) -> String {
    let (expected, actual) = (Value::Null, Value::Null);
    let (attribute, external_id, name) = (None, None, None);
    let (kind, resource, scim_id) = (Kind::Unmanaged, Some(ResourceType::User), Some(id));
    let why = String::new();
    Finding { kind, resource, scim_id, attribute, external_id, name, expected, actual, why }
        .fingerprint()
}

/// A user row that Entra neither matched nor wrote.
pub fn unmanaged(layout: &Layout, record: &Record) -> Finding {
    let subject = Subject::of(layout, ResourceType::User, record, &Map::new());
    let active = subject.reading("active").map(Reading::to_value).unwrap_or_default();
    let why = if active == Value::Bool(false) {
        "no one of Entra's; inactive in kpifire"
    } else {
        "no one of Entra's, and can sign in: assign the person in Entra, or name the account in the \
         profile's [protect] if it is a service account"
    };
    let name = subject.name.clone();
    subject.finding(Kind::Unmanaged, None, Value::Null, name.into(), why.to_owned())
}
