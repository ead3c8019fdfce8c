//! The audit trail as an operator searches it: newest first, page by page.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::Console;
use crate::clock::stamp;
use crate::scim::ResourceType;
use crate::service::Error;
use crate::store::console::{self, Search};

pub use crate::service::audit::AuditRow;
pub use crate::store::console::{Found, LOOKED_THROUGH};

/// Rows on a page.
pub const PAGE: usize = 50;

/// What is searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The userName of a user whom kpifire has, or an id.
    pub user: Option<String>,
    /// `create`, `update`, …
    pub operation: Option<String>,
    /// How the outcome begins: `done`, `refused`, `refused 409`.
    pub outcome: Option<String>,
    /// Rows from this time on.
    pub since: Option<DateTime<Utc>>,
    /// Rows older than this one.
    pub before: Option<String>,
}

impl Console {
    /// A page of the audit trail. At most four statements.
    pub async fn trail(&self, query: &Query) -> Result<Found, Error> {
        let resource = match &query.user {
            None => None,
            Some(user) => {
                // Who isn't known by name may be known by id: history outlives the row.
                let found: BTreeSet<String> = self.named(user).await?.into_iter().collect();
                let id = found.into_iter().next().unwrap_or_else(|| user.clone());
                Some((ResourceType::User, id))
            }
        };
        let search = Search {
            resource,
            operation: query.operation.clone(),
            outcome: query.outcome.clone(),
            since: query.since.map(stamp),
            before: query.before.clone(),
        };
        self.audit(search, PAGE).await
    }

    pub(super) async fn audit(&self, search: Search, limit: usize) -> Result<Found, Error> {
        let read = self.service.store().read((search, limit), async |tx, (search, limit)| {
            console::audit_page(tx, search, *limit).await
        });
        Ok(read.await?)
    }
}
