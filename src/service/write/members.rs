//! Membership operations of a group, in the order they came: by delta, never by the whole list.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::job::Job;
use crate::mapper::Cell;
use crate::scim::{self, MemberOp, ResourceType};
use crate::service::Error;
use crate::store::{Tx, memberships};

/// What the operations changed.
#[derive(Default)]
pub(super) struct Changes {
    added: Vec<String>,
    removed: Vec<String>,
    wrote: Vec<()>,
}

impl Changes {
    /// Whether anything was written.
    pub fn any(&self) -> bool {
        !self.wrote.is_empty()
    }

    /// Adds the edges that came and went to what the audit shows.
    pub fn note(&self, before: &mut Map<String, Value>, after: &mut Map<String, Value>) {
        if !self.removed.is_empty() {
            before.insert("members".to_owned(), self.removed.clone().into());
        }
        if !self.added.is_empty() {
            after.insert("members".to_owned(), self.added.clone().into());
        }
    }

    fn take(&mut self, added: Vec<String>, removed: Vec<String>, wrote: bool) {
        self.added.extend(added);
        self.removed.extend(removed);
        if wrote {
            self.wrote.push(());
        }
    }
}

/// The members a whole resource lists, as the operation that makes them so; nothing when it
/// doesn't speak of members.
pub(super) fn of_resource(resource: &scim::Resource) -> Option<MemberOp> {
    let members = resource.get("members")?;
    let ids = members
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .filter_map(|member| member.get("value")?.as_str())
        .map(str::to_owned)
        .collect();
    Some(MemberOp::Replace(ids))
}

/// Runs the operations.
///
/// # Errors
/// 400 `invalidValue`, naming user ids that don't exist.
pub(super) async fn apply(
    tx: &mut Tx,
    job: &Job,
    group: &Cell,
    operations: &[MemberOp],
) -> Result<Changes, Error> {
    let mut changes = Changes::default();
    let layout = &job.layout;
    for operation in operations {
        match operation {
            MemberOp::Add(ids) => {
                let ids = known(tx, job, ids).await?;
                let (added, wrote) = memberships::add(tx, layout, group, &ids, job.now()).await?;
                changes.take(added, Vec::new(), wrote);
            }
            MemberOp::Remove(ids) => {
                // An id that can't be a key is no member: removing it is a no-op.
                let ids: Vec<String> = distinct(ids)
                    .into_iter()
                    .filter(|id| layout.key(ResourceType::User, id).is_some())
                    .collect();
                let (removed, wrote) = memberships::remove(tx, layout, group, &ids).await?;
                changes.take(Vec::new(), removed, wrote);
            }
            MemberOp::RemoveAll => {
                let (removed, wrote) = memberships::remove_others(tx, layout, group, &[]).await?;
                changes.take(Vec::new(), removed, wrote);
            }
            MemberOp::Replace(ids) => {
                let ids = known(tx, job, ids).await?;
                let (removed, wrote) = memberships::remove_others(tx, layout, group, &ids).await?;
                changes.take(Vec::new(), removed, wrote);
                let (added, wrote) = memberships::add(tx, layout, group, &ids, job.now()).await?;
                changes.take(added, Vec::new(), wrote);
            }
        }
    }
    Ok(changes)
}

/// The ids, each once, all of them live users.
async fn known(tx: &mut Tx, job: &Job, ids: &[String]) -> Result<Vec<String>, Error> {
    let ids = distinct(ids);
    if ids.is_empty() {
        return Ok(ids);
    }
    let (keys, mut unknown): (Vec<String>, Vec<String>) =
        ids.into_iter().partition(|id| job.layout.key(ResourceType::User, id).is_some());
    if unknown.is_empty() {
        unknown = memberships::unknown_users(tx, &job.layout, &keys).await?;
    }
    if unknown.is_empty() {
        return Ok(keys);
    }
    let shown: Vec<&str> = unknown.iter().take(10).map(String::as_str).collect();
    let more = unknown.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(scim::Error::invalid_value(format!(
        "members: there is no User with the id {}{more}",
        shown.join(", ")
    ))
    .into())
}

fn distinct(ids: &[String]) -> Vec<String> {
    ids.iter().cloned().collect::<BTreeSet<String>>().into_iter().collect()
}
