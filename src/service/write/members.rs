//! Membership operations of a group, in the order they came: by delta, never by the whole list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::job::Job;
use crate::mapper::{Cell, Layout, LinkState};
use crate::scim::{self, MemberOp, ResourceType};
use crate::service::left_out::Absence;
use crate::service::{Error, audit};
use crate::store::{Tx, memberships};

/// How many of those that were left out the audit names.
const NAMED: usize = 100;

/// What the operations changed.
#[derive(Default)]
pub(super) struct Changes {
    added: Vec<String>,
    removed: Vec<String>,
    wrote: Vec<()>,
    absent: BTreeMap<String, Absence>,
}

impl Changes {
    /// Whether anything was written.
    pub fn any(&self) -> bool {
        !self.wrote.is_empty()
    }

    /// Ids that were left out, and why.
    pub fn absent(&self) -> &BTreeMap<String, Absence> {
        &self.absent
    }

    /// The same, and nothing else.
    pub fn into_absent(self) -> BTreeMap<String, Absence> {
        self.absent
    }

    /// Adds the edges that came and went, and who was left out, to what the audit shows.
    pub fn note(&self, before: &mut Map<String, Value>, after: &mut Map<String, Value>) {
        if !self.removed.is_empty() {
            before.insert("members".to_owned(), self.removed.clone().into());
        }
        if !self.added.is_empty() {
            after.insert("members".to_owned(), self.added.clone().into());
        }
        if !self.absent.is_empty() {
            let absent = self.absent.keys().take(NAMED).map(String::as_str);
            after.insert(audit::LEFT_OUT.to_owned(), absent.collect());
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
                let wanted = known(tx, job, ids).await?;
                add(tx, job, group, wanted, &mut changes).await?;
            }
            MemberOp::Remove(ids) => {
                // An id that can't be a key is no member: removing it is a no-op.
                let ids: Vec<String> = distinct(ids)
                    .into_iter()
                    .filter(|id| layout.key(ResourceType::User, id).is_some())
                    .collect();
                let (removed, wrote) =
                    memberships::remove(tx, layout, group, &ids, job.now()).await?;
                changes.take(Vec::new(), removed, wrote);
            }
            MemberOp::RemoveAll => {
                let (removed, wrote) =
                    memberships::remove_others(tx, layout, group, &[], job.now()).await?;
                changes.take(Vec::new(), removed, wrote);
            }
            MemberOp::Replace(ids) => {
                let wanted = known(tx, job, ids).await?;
                let keep = [wanted.live.as_slice(), wanted.remembered.as_slice()].concat();
                let (removed, wrote) =
                    memberships::remove_others(tx, layout, group, &keep, job.now()).await?;
                changes.take(Vec::new(), removed, wrote);
                add(tx, job, group, wanted, &mut changes).await?;
            }
        }
    }
    Ok(changes)
}

/// What member ids mean.
#[derive(Default)]
struct Known {
    /// Live users.
    live: Vec<String>,
    /// Users who aren't there: their memberships are remembered.
    remembered: Vec<String>,
    /// All that can't be members, and why.
    absent: BTreeMap<String, Absence>,
}

async fn add(
    tx: &mut Tx,
    job: &Job,
    group: &Cell,
    wanted: Known,
    changes: &mut Changes,
) -> Result<(), Error> {
    let Known { live, remembered, absent } = wanted;
    let (added, wrote) = memberships::add(tx, &job.layout, group, &live, job.now()).await?;
    changes.take(added, Vec::new(), wrote);
    if !remembered.is_empty() {
        let wrote = memberships::desire_all(tx, group, &remembered, job.now()).await?;
        changes.take(Vec::new(), Vec::new(), wrote);
    }
    changes.absent.extend(absent);
    Ok(())
}

/// The ids, each once, by what they mean.
///
/// # Errors
/// 400 `invalidValue`, naming ids that were never anyone's.
async fn known(tx: &mut Tx, job: &Job, ids: &[String]) -> Result<Known, Error> {
    let layout = &job.layout;
    let ids = distinct(ids);
    if ids.is_empty() {
        return Ok(Known::default());
    }
    let (keys, mut others): (Vec<String>, Vec<String>) =
        ids.into_iter().partition(|id| layout.key(ResourceType::User, id).is_some());
    let missing: BTreeSet<String> = match keys.as_slice() {
        [] => BTreeSet::new(),
        keys => memberships::unknown_users(tx, layout, keys).await?.into_iter().collect(),
    };
    let (not_live, live): (Vec<String>, Vec<String>) =
        keys.into_iter().partition(|id| missing.contains(id));
    let mut known = Known { live, ..Known::default() };
    if others.is_empty() && not_live.is_empty() {
        return Ok(known);
    }
    let users = memberships::once_known(tx, ResourceType::User, &not_live).await?;
    others.extend(not_live);
    let groups = known_groups(tx, layout, &others).await?;
    let mut strangers = Vec::new();
    for id in others {
        let absence = match users.get(&id) {
            Some(LinkState::Deleted) => Absence::Deleted,
            Some(LinkState::Matched | LinkState::Managed) => Absence::Gone,
            None if groups.contains(&id) => Absence::Group,
            None => {
                strangers.push(id);
                continue;
            }
        };
        if absence != Absence::Group {
            known.remembered.push(id.clone());
        }
        known.absent.insert(id, absence);
    }
    if strangers.is_empty() { Ok(known) } else { Err(unknown(&strangers)) }
}

/// Which of these ids are groups', also of those that were deleted or whose rows are gone.
async fn known_groups(
    tx: &mut Tx,
    layout: &Layout,
    ids: &[String],
) -> Result<BTreeSet<String>, Error> {
    let kind = ResourceType::Group;
    let is_key = |key: &&str| layout.key_of(kind, key).is_some();
    let keys = ids.iter().filter_map(|id| kind.key(id)).filter(is_key);
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    if keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut known = memberships::groups_there(tx, layout, &keys).await?;
    known.extend(memberships::once_known(tx, kind, &keys).await?.into_keys());
    Ok(known.iter().map(|key| kind.id(key)).collect())
}

fn unknown(ids: &[String]) -> Error {
    let shown: Vec<String> = ids.iter().take(10).map(|id| scim::excerpt(id)).collect();
    let more = ids.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    scim::Error::invalid_value(format!(
        "members: there is no User with the id {}{more}",
        shown.join(", ")
    ))
    .into()
}

fn distinct(ids: &[String]) -> Vec<String> {
    ids.iter().cloned().collect::<BTreeSet<String>>().into_iter().collect()
}
