//! kpifire's users beside an export of Entra itself: who is missing, who is too many, what differs.
//! Pure: rows come in as the snapshot streams them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::source::{Source, SourceUser};
use crate::drift::{Finding, Kind, SourceScope};
use crate::mapper::{self, Field, Layout, LinkState, Reading, Record};
use crate::scim::{ResourceType, fold};

/// An export, and what it is called.
#[derive(Debug)]
pub struct Export {
    /// The file's name, without its folder.
    pub file: String,
    /// Its users.
    pub source: Source,
}

impl Export {
    /// What a report says of it.
    pub fn scope(&self) -> SourceScope {
        SourceScope { file: self.file.clone(), users: self.source.users().len() as u64 }
    }
}

/// A comparison under way.
pub struct Comparison<'a> {
    export: &'a Export,
    layout: &'a Layout,
    /// For each user of the export, the rows that may be theirs.
    seen: Vec<Seen>,
    provisioned: Provisioned,
}

/// The active users whom Entra provisioned: an export that lacks many of them isn't whole, or is another
/// tenant's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// How many there are.
    pub users: u64,
    /// Of them, those that the export has.
    pub exported: u64,
}

/// The rows that may be a user's.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// With a link: Entra knows them.
    linked: u8,
    /// Without one.
    unlinked: u8,
}

/// What a comparison came to, beside its findings.
#[derive(Debug, Default)]
pub struct Compared {
    /// How many of those whom it should have the export has.
    pub provisioned: Provisioned,
    /// Folded userNames that more than one unmanaged row has, and one user of the export.
    pub ambiguous: BTreeSet<String>,
}

impl<'a> Comparison<'a> {
    /// Begins.
    pub fn new(export: &'a Export, layout: &'a Layout) -> Self {
        let seen = vec![Seen::default(); export.source.users().len()];
        Self { export, layout, seen, provisioned: Provisioned::default() }
    }

    /// Looks at a row of kpifire's users.
    pub fn row(&mut self, record: &Record, found: &mut dyn FnMut(Finding)) {
        if record.deleted() {
            return;
        }
        let row = Row::of(self.layout, record);
        let by_id = row.external_id.and_then(|id| self.export.source.by_id(id));
        let by_name = || row.name.as_deref().and_then(|it| self.export.source.by_user_name(it));
        let at = by_id.or_else(by_name);
        if row.is_provisioned() {
            self.provisioned.users += 1;
            self.provisioned.exported += u64::from(at.is_some());
        }
        let Some(at) = at else {
            row.too_many().into_iter().for_each(found);
            return;
        };
        if let Some(seen) = self.seen.get_mut(at) {
            let count = if record.link.is_some() { &mut seen.linked } else { &mut seen.unlinked };
            *count = count.saturating_add(1);
        }
        // What Entra doesn't manage is a finding of its own.
        if record.link.is_some()
            && let Some(user) = self.export.source.users().get(at)
        {
            row.differing(user).into_iter().for_each(found);
        }
    }

    /// What the rows seen leave to be said of the export's users.
    pub fn finish(self, found: &mut dyn FnMut(Finding)) -> Compared {
        let mut compared = Compared { provisioned: self.provisioned, ..Compared::default() };
        for (user, seen) in self.export.source.users().iter().zip(&self.seen) {
            match (seen.linked, seen.unlinked) {
                (0, 0) if user.active() != Some(false) => found(missing(user)),
                (0, rows) if rows > 1 => {
                    compared.ambiguous.insert(fold(user.user_name()));
                    found(ambiguous(user, rows));
                }
                _ => {}
            }
        }
        compared
    }
}

/// A row of kpifire's, read.
struct Row<'a> {
    record: &'a Record,
    external_id: Option<&'a str>,
    name: Option<String>,
    readings: Vec<(&'a Arc<Field>, Reading)>,
}

impl<'a> Row<'a> {
    fn of(layout: &'a Layout, record: &'a Record) -> Self {
        let readings = mapper::readings(layout, ResourceType::User, record);
        let mut row = Self {
            record,
            external_id: record.link.as_ref().and_then(|link| link.external_id.as_deref()),
            name: None,
            readings,
        };
        row.name = match row.reading("userName") {
            Some(Reading::Value(Value::String(name))) => Some(name.clone()),
            _ => None,
        };
        row
    }

    fn reading(&self, attribute: &str) -> Option<&Reading> {
        let found = self.readings.iter().find(|(field, _)| field.name == attribute);
        found.map(|(_, reading)| reading)
    }

    /// Whether Entra provisioned the user, and they can sign in.
    fn is_provisioned(&self) -> bool {
        let active = self.reading("active") == Some(&Reading::Value(Value::Bool(true)));
        let state = self.record.link.as_ref().map(|link| link.state);
        active && matches!(state, Some(LinkState::Managed | LinkState::Matched))
    }

    /// A user whom Entra provisioned, who can sign in, and whom the export doesn't have.
    fn too_many(&self) -> Option<Finding> {
        self.is_provisioned().then(|| {
            self.finding(
                Kind::SourceExtra,
                None,
                Value::Null,
                self.name.clone().into(),
                "Entra provisioned the user, the export doesn't have them, and they can sign in: \
                 deleted or out of scope, and not disabled here"
                    .to_owned(),
            )
        })
    }

    /// What the row says otherwise than the export.
    fn differing(&self, user: &SourceUser) -> Vec<Finding> {
        let mut asserted: Vec<(&str, Value)> =
            user.attributes().map(|(path, value)| (path, value.into())).collect();
        asserted.push(("userName", user.user_name().into()));
        asserted.extend(user.active().map(|active| ("active", Value::from(active))));
        self.readings
            .iter()
            .filter_map(|(field, reading)| {
                let (_, wanted) =
                    asserted.iter().find(|(attribute, _)| *attribute == field.name)?;
                if mapper::agrees(field, wanted, self.record, reading) {
                    return None;
                }
                let why = format!(
                    "line {} of the export: provisioning on demand in Entra writes it",
                    user.line()
                );
                let (kind, actual) = (Kind::SourceAttribute, reading.to_value());
                Some(self.finding(kind, Some(field.name.clone()), wanted.clone(), actual, why))
            })
            .collect()
    }

    fn finding(
        &self,
        kind: Kind,
        attribute: Option<String>,
        expected: Value,
        actual: Value,
        why: String,
    ) -> Finding {
        Finding {
            kind,
            resource: Some(ResourceType::User),
            scim_id: Some(self.record.key_text()),
            attribute,
            external_id: self.external_id.map(str::to_owned),
            name: self.name.clone(),
            expected,
            actual,
            why,
        }
    }
}

fn missing(user: &SourceUser) -> Finding {
    of_user(
        user,
        Kind::SourceMissing,
        Value::Null,
        format!(
            "line {} of the export: kpifire has nobody of this name; is the user assigned to the \
             application in Entra?",
            user.line()
        ),
    )
}

fn ambiguous(user: &SourceUser, rows: u8) -> Finding {
    of_user(
        user,
        Kind::Ambiguous,
        rows.into(),
        format!("line {} of the export: {rows} rows of kpifire could be the user", user.line()),
    )
}

/// A finding of a user who has no row: the export's id stands in the place of the row's.
fn of_user(user: &SourceUser, kind: Kind, actual: Value, why: String) -> Finding {
    Finding {
        kind,
        resource: Some(ResourceType::User),
        scim_id: None,
        attribute: Some("userName".to_owned()),
        external_id: Some(user.id().to_owned()),
        name: Some(user.user_name().to_owned()),
        expected: user.user_name().into(),
        actual,
        why,
    }
}

/// What a run's other findings say, as far as a comparison may say it too: one cause gives one finding.
#[derive(Debug, Default)]
pub struct Told {
    /// Users of links that lost their rows.
    lost: BTreeSet<String>,
    /// Attributes of rows.
    attributes: BTreeSet<(Option<String>, Option<String>)>,
    /// Rows of which nothing else is worth saying.
    whole: BTreeSet<Option<String>>,
}

impl Told {
    /// Takes note of a finding.
    pub fn see(&mut self, finding: &Finding) {
        match finding.kind {
            // Of these a comparison says nothing.
            Kind::Unmanaged => return,
            Kind::Missing | Kind::Ambiguous if finding.resource == Some(ResourceType::User) => {
                self.lost.extend(called(finding));
            }
            Kind::Reactivated | Kind::Recycled => {
                self.whole.insert(finding.scim_id.clone());
            }
            _ => {}
        }
        self.attributes.insert((finding.scim_id.clone(), finding.attribute.clone()));
    }

    /// Whether a finding of the comparison is said already.
    pub fn says(&self, compared: &Finding) -> bool {
        if compared.scim_id.is_none() {
            // A user of the export who has no row may have a link that lost it.
            return called(compared).any(|name| self.lost.contains(&name));
        }
        let attribute = (compared.scim_id.clone(), compared.attribute.clone());
        self.attributes.contains(&attribute) || self.whole.contains(&compared.scim_id)
    }
}

/// What a finding's user is called, folded as the export is searched: Entra's id and the userName.
fn called(finding: &Finding) -> impl Iterator<Item = String> + '_ {
    // An id and a name are told apart.
    let id = finding.external_id.iter().map(|id| format!("id {}", fold(id)));
    id.chain(finding.name.iter().map(|name| format!("name {}", fold(name))))
}
