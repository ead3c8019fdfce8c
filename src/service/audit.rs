//! The audit trail: what the operations write, and what `audit` reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Caller, Error};
use crate::clock::stamp;
use crate::mapper::{self, Layout};
use crate::profile::model::Profile;
use crate::scim::{self, ResourceType};
use crate::store::resources::{self, Window};
use crate::store::{Store, audit as rows};

pub use crate::store::audit::AuditRow;

/// What an audit row calls the attributes that no schema knows.
pub(super) const IGNORED: &str = rows::IGNORED;

/// What an audit row calls the members that were left out.
pub(super) const LEFT_OUT: &str = "membersLeftOut";

/// Rows read at a time.
const PAGE: i64 = 1000;

/// How much earlier a row's id may have been made than the row says.
const SLACK: TimeDelta = TimeDelta::hours(1);

/// The rows, oldest first, some at a time: a trail may be longer than memory.
pub struct Trail {
    store: Store,
    filter: rows::AuditFilter,
    since: Option<NaiveDateTime>,
    after: Option<String>,
}

impl Trail {
    /// Every row from a time on.
    pub fn since(store: &Store, since: Option<DateTime<Utc>>) -> Self {
        let filter = rows::AuditFilter::default();
        // The rows lie in the order of their ids, which begin with the time at which they were made.
        let after = since.map(|since| {
            let millis = (since - SLACK).timestamp_millis();
            Uuid::from_u128(u128::from(u64::try_from(millis).unwrap_or(0)) << 80).to_string()
        });
        Self { store: store.clone(), filter, since: since.map(stamp), after }
    }

    /// Those of one user: of an id, or of the userName of a user whom kpifire has, or whose history
    /// names it.
    pub async fn of(self, profile: Arc<Profile>, user: String) -> Result<Self, Error> {
        let users = named(&self.store, profile, user).await?;
        let filter = rows::AuditFilter { users: Some(users.into_iter().collect()) };
        Ok(Self { filter, ..self })
    }

    /// The next rows; none at the end.
    pub async fn next(&mut self) -> Result<Vec<AuditRow>, Error> {
        loop {
            let context = (self.filter.clone(), self.after.clone());
            let mut page = self
                .store
                .read(context, async |tx, (filter, after)| {
                    rows::page(tx, filter, after.as_deref(), PAGE).await
                })
                .await?;
            let Some(last) = page.last() else { return Ok(page) };
            self.after = Some(last.id.clone());
            page.retain(|row| self.since.is_none_or(|since| row.time >= since));
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }
}

/// The ids that a user goes by.
async fn named(
    store: &Store,
    profile: Arc<Profile>,
    user: String,
) -> Result<BTreeSet<String>, Error> {
    let catalogue = store.catalogue().await?;
    let layout = Layout::new(profile, &catalogue).map_err(|it| Error::Internal(Box::new(it)))?;
    let mut ids = store
        .read((layout, user.clone()), async |tx, (layout, user)| {
            let kind = ResourceType::User;
            let mut ids = BTreeSet::from([user.clone()]);
            let predicate = mapper::matching_name(layout, kind, user)?;
            let window = Window { sort: None, offset: 0, limit: 100 };
            for record in resources::find(tx, layout, kind, &predicate, &window).await? {
                ids.insert(record.key_text());
            }
            Ok::<_, Error>(ids)
        })
        .await?;
    // No index finds a name in the history: it is looked through some rows at a time.
    let mut after = None;
    loop {
        let (named, last) = store
            .read((user.clone(), after), async |tx, (user, after)| {
                rows::ids_named(tx, user, after.as_deref()).await
            })
            .await?;
        ids.extend(named);
        if last.is_none() {
            return Ok(ids);
        }
        after = last;
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

/// A write that was refused, whatever came of it before it was.
pub(super) struct Refusal<'a> {
    pub operation: &'a str,
    /// None for one that speaks of several resources.
    pub kind: Option<ResourceType>,
    /// As the path has it.
    pub id: Option<&'a str>,
    pub error: &'a scim::Error,
}

/// The row of something refused.
pub(super) fn refused(caller: &Caller, refusal: &Refusal<'_>) -> AuditRow {
    AuditRow {
        id: Uuid::now_v7().to_string(),
        time: stamp(caller.now),
        request_id: caller.request_id.clone(),
        token: Some(caller.token.clone()),
        operation: refusal.operation.to_owned(),
        resource_type: refusal.kind.map(|kind| kind.as_str().to_owned()),
        resource: refusal.id.map(|id| plain(id, 191)),
        before: Map::new(),
        after: Map::new(),
        outcome: format!("refused {}", refusal.error.status),
        detail: Some(plain(&refusal.error.detail, 1000)),
    }
}

/// What a client sent, as any database keeps it: so long at most, and without control characters, of which
/// PostgreSQL refuses NUL.
fn plain(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(most).map(shown).collect()
}

/// Splits two states into the values that differ, before and after.
pub(crate) fn differences(
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
