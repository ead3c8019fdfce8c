//! The audit trail: what the operations write, and what `audit` reads.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Caller, Error, stamp};
use crate::scim::ResourceType;
use crate::store::Store;
use crate::store::audit as rows;

pub use crate::store::audit::AuditRow;

/// Which rows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// A userName or an id.
    pub user: Option<String>,
    /// Rows from this time on.
    pub since: Option<DateTime<Utc>>,
}

/// Rows read at a time.
const PAGE: i64 = 1000;

/// The rows, oldest first.
///
/// `user` is an id, or a userName that a row of that user's history holds.
///
/// # Errors
/// The database's.
pub async fn list(store: &Store, query: AuditQuery) -> Result<Vec<AuditRow>, Error> {
    let since = query.since.map(stamp);
    let Some(user) = query.user else { return pages(store, None, since).await };
    let ids = named(store, &user).await?;
    let mut found = Vec::new();
    for id in ids {
        found.extend(pages(store, Some((ResourceType::User, id)), since).await?);
    }
    found.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

/// The ids that a user goes by: the text itself, and every user whose audited userName it is.
async fn named(store: &Store, user: &str) -> Result<Vec<String>, Error> {
    let mut ids = vec![user.to_owned()];
    let wanted = crate::scim::fold(user);
    for row in pages(store, None, None).await? {
        let names = [row.before.get("userName"), row.after.get("userName")];
        let hit = names
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|name| crate::scim::fold(name) == wanted);
        if let (true, Some("User"), Some(id)) = (hit, row.resource_type.as_deref(), row.resource)
            && !ids.contains(&id) {
                ids.push(id);
            }
    }
    Ok(ids)
}

async fn pages(
    store: &Store,
    resource: Option<(ResourceType, String)>,
    since: Option<NaiveDateTime>,
) -> Result<Vec<AuditRow>, Error> {
    let filter = rows::AuditFilter { resource, since };
    let mut all: Vec<AuditRow> = Vec::new();
    loop {
        let (filter, after) = (filter.clone(), all.last().map(|row| row.id.clone()));
        let page = store
            .read(move |tx| {
                let (filter, after) = (filter.clone(), after.clone());
                Box::pin(async move { rows::page(tx, &filter, after.as_deref(), PAGE).await })
            })
            .await?;
        let last = page.is_empty();
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

/// What happened to which resource.
pub(super) struct Event<'a> {
    pub operation: &'a str,
    pub kind: ResourceType,
    pub id: Option<&'a str>,
    pub before: Map<String, Value>,
    pub after: Map<String, Value>,
}

/// The row of something done.
pub(super) fn done(caller: &Caller, event: Event<'_>) -> AuditRow {
    AuditRow {
        id: Uuid::now_v7().to_string(),
        time: stamp(caller.now),
        request_id: caller.request_id.clone(),
        token: Some(caller.token.clone()),
        operation: event.operation.to_owned(),
        resource_type: Some(event.kind.as_str().to_owned()),
        resource: event.id.map(str::to_owned),
        before: event.before,
        after: event.after,
        outcome: "done".to_owned(),
        detail: None,
    }
}

/// Splits two states into the values that differ, before and after.
pub(super) fn differences(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let only = |of: &Map<String, Value>, other: &Map<String, Value>| {
        of.iter()
            .filter(|(name, value)| other.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    (only(before, after), only(after, before))
}
