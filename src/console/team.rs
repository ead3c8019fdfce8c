//! A team as both sides have it, with what is open of it and what happened to it.

use std::sync::Arc;

use super::person::Link;
use super::search::team_name;
use super::{Console, resource};
use crate::drift::Item;
use crate::scim::ResourceType;
use crate::service::Error;
use crate::service::audit::AuditRow;
use crate::store;
use crate::store::resources::Beside;

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
            let found = resource::row_and_link(tx, layout, kind, id, Beside::Nothing).await?;
            let Some((record, link)) = found else { return Ok::<_, store::Error>(None) };
            Ok(Some(Team {
                id: id.to_owned(),
                name: record.as_ref().and_then(|record| team_name(layout, record)),
                there: record.is_some(),
                link,
                findings: resource::open(tx, kind, id).await?,
                history: Vec::new(),
            }))
        });
        let Some(mut team) = read.await? else { return Ok(None) };
        team.history = self.history(ResourceType::Group, id).await?;
        Ok(Some(team))
    }
}
