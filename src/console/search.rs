//! What a text may mean, wherever it is typed: persons, teams, findings.

use std::sync::Arc;

use super::Console;
use super::person::Hits;
use crate::drift::Item;
use crate::mapper::{self, Reading, Record};
use crate::scim::ResourceType;
use crate::service::Error;
use crate::store::resources::{self, Lock, Window};
use crate::store::{self, console, reports};

/// Teams and findings that are listed.
const LISTED: i64 = 20;

/// A team as a search lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// The SCIM id.
    pub id: String,
    /// displayName.
    pub name: String,
    /// `matched`, `managed`, `deleted`; `None` where Entra doesn't know it.
    pub state: Option<&'static str>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Persons.
    pub people: Hits,
    /// Teams of this id, or with the text in their names.
    pub teams: Vec<Team>,
    /// Open findings whose ids begin so, or that name it.
    pub findings: Vec<Item>,
}

impl Console {
    /// Persons, teams and findings that a text may mean. Nine statements.
    pub async fn search(&self, text: &str) -> Result<Found, Error> {
        let people = self.people(text).await?;
        let context = (Arc::clone(self.service.layout()), text.to_owned());
        let read = self.service.store().read(context, async |tx, (layout, text)| {
            let kind = ResourceType::Group;
            let mut teams = Vec::new();
            if let Some(key) = layout.key(kind, text) {
                teams.extend(resources::by_key(tx, layout, kind, &key, Lock::None).await?);
            }
            if let Ok(named) = mapper::name_with(layout, kind, text) {
                let limit = LISTED.unsigned_abs();
                let window = Window { sort: None, offset: 0, limit };
                let named = resources::find(tx, layout, kind, &named, &window).await?;
                let there: Vec<String> = teams.iter().map(Record::key_text).collect();
                teams.extend(named.into_iter().filter(|it| !there.contains(&it.key_text())));
            }
            let teams = teams.iter().map(|record| Team {
                id: kind.id(&record.key_text()),
                name: team_name(layout, record).unwrap_or_default(),
                state: record.link.as_ref().map(|link| link.state.as_str()),
            });
            let findings = console::findings_meant(tx, text, LISTED).await?;
            let findings = findings.into_iter().map(reports::standing);
            Ok::<_, store::Error>((teams.collect(), findings.collect()))
        });
        let (teams, findings) = read.await?;
        Ok(Found { people, teams, findings })
    }
}

/// displayName.
pub(super) fn team_name(layout: &mapper::Layout, record: &Record) -> Option<String> {
    match mapper::reading_of(layout, ResourceType::Group, record, "displayName")? {
        Reading::Value(serde_json::Value::String(name)) => Some(name),
        _ => None,
    }
}
