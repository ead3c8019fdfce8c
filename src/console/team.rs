//! A team as both sides have it, with what is open of it and what happened to it.

use std::sync::Arc;

use super::Console;
use super::person::{LISTED, Link};
use super::search::team_name;
use crate::drift::Item;
use crate::scim::ResourceType;
use crate::service::Error;
use crate::service::audit::AuditRow;
use crate::store::console::{self, Search};
use crate::store::resources::{self, Lock};
use crate::store::{self, links, reports};

/// What is known of a team.
#[derive(Debug, Clone, PartialEq)]
pub struct Team {
    /// The SCIM id.
    pub id: String,
    /// displayName, where the row has one.
    pub name: Option<String>,
    /// Whether kpifire has the row.
    pub there: bool,
    /// What ties the row to Entra.
    pub link: Option<Link>,
    /// Open findings.
    pub findings: Vec<Item>,
    /// The newest rows of the audit trail.
    pub history: Vec<AuditRow>,
}

impl Console {
    /// The team of this id; `None` where neither kpifire nor the links have one. At most five
    /// statements.
    pub async fn team(&self, id: &str) -> Result<Option<Team>, Error> {
        let context = (Arc::clone(self.service.layout()), id.to_owned());
        let read = self.service.store().read(context, async |tx, (layout, id)| {
            let kind = ResourceType::Group;
            let key = kind.key(id).unwrap_or(id);
            let record = match layout.key(kind, id) {
                Some(cell) => resources::by_key(tx, layout, kind, &cell, Lock::None).await?,
                None => None,
            };
            let link = match &record {
                Some(record) => record.link.clone(),
                None => links::find(tx, kind, key).await?,
            };
            if record.is_none() && link.is_none() {
                return Ok::<_, store::Error>(None);
            }
            let limit = i64::try_from(LISTED).unwrap_or(i64::MAX);
            let findings = console::findings_of(tx, kind, key, limit).await?.into_iter();
            Ok(Some(Team {
                id: id.to_owned(),
                name: record.as_ref().and_then(|record| team_name(layout, record)),
                there: record.is_some(),
                link,
                findings: findings
                    .map(|it| {
                        let seen = it.first_seen;
                        Item { new: false, ..reports::item(it, seen) }
                    })
                    .collect(),
                history: Vec::new(),
            }))
        });
        let Some(mut team) = read.await? else { return Ok(None) };
        let resource = Some((ResourceType::Group, id.to_owned()));
        let search = Search { resource, ..Search::default() };
        team.history = self.audit(search, LISTED).await?.rows;
        Ok(Some(team))
    }
}
