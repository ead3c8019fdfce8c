//! One step of one account, in the caller's transaction: the row is locked and read again, and only
//! what still holds is done, written into the journal with what it replaces, and audited.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::read;
use crate::clock::stamp;
use crate::drift::plan::{Cause, Reason, Stage, Step, referenced};
use crate::mapper::{self, Cell, Changes, Columns, Constant, Constants, Link, LinkState, Record};
use crate::profile::model::{Moment, Scalar};
use crate::reconcile::Settings;
use crate::scim::ResourceType;
use crate::service::{Actor, Error};
use crate::store::audit::{self, AuditRow};
use crate::store::cleanup::{self, Entry};
use crate::store::journal::Before;
use crate::store::resources::{self, Lock};
use crate::store::{Tx, changes, links, memberships};

/// Which run does the step, and when.
#[derive(Debug, Clone)]
pub struct Hand {
    /// The install, and what is due when.
    pub settings: Arc<Settings>,
    /// Names the run in the journal.
    pub run: String,
    /// The time of the step.
    pub now: DateTime<Utc>,
    /// Who, for the audit.
    pub actor: Actor,
}

/// Does the step; a reason where it can't be done any more.
///
/// # Errors
/// The database's; then the transaction is to be rolled back.
pub async fn run(tx: &mut Tx, hand: &Hand, step: &Step) -> Result<Result<(), Reason>, Error> {
    let layout = &*hand.settings.layout;
    let kind = ResourceType::User;
    let Some(key) = layout.key(kind, &step.scim_id) else {
        return Ok(Err(Reason::new(Cause::Error, "the id is no key")));
    };
    let Some(record) = resources::by_key(tx, layout, kind, &key, Lock::Update).await? else {
        return Ok(Err(Reason::new(Cause::Gone, "the row is no longer there")));
    };
    if let Some(reason) = barred(tx, hand, step, &record).await? {
        return Ok(Err(reason));
    }
    let mut before = Before {
        disabled_at: step.disabled_at.naive_utc(),
        removed: BTreeMap::new(),
        changed: BTreeMap::new(),
        set: BTreeMap::new(),
        link: None,
        stage: links::stage(tx, &step.scim_id).await?,
        desired: Vec::new(),
    };
    match step.stage {
        Stage::Strip => strip(tx, hand, &record, &mut before).await?,
        Stage::Transfer => {
            if let Err(reason) = transfer(tx, hand, step, &record, &mut before).await? {
                return Ok(Err(reason));
            }
        }
        Stage::Anonymise => anonymise(tx, hand, &record, &mut before).await?,
        Stage::Delete => {
            if let Err(reason) = delete(tx, hand, &record, &mut before).await? {
                return Ok(Err(reason));
            }
        }
    }
    if step.stage != Stage::Transfer {
        links::set_stage(tx, &step.scim_id, Some(step.stage.as_str())).await?;
    }
    let entry = Entry {
        run: hand.run.clone(),
        id: step.scim_id.clone(),
        step: step.stage.as_str().to_owned(),
        at: stamp(hand.now),
        before,
        outcome: "done".to_owned(),
    };
    cleanup::journal(tx, &entry).await?;
    note(tx, hand, step.stage.as_str(), &step.scim_id, &step.detail).await?;
    Ok(Ok(()))
}

/// Why the step isn't to be done, as things stand under the lock.
async fn barred(
    tx: &mut Tx,
    hand: &Hand,
    step: &Step,
    record: &Record,
) -> Result<Option<Reason>, Error> {
    let changed = |what: &str| Ok(Some(Reason::new(Cause::Changed, what)));
    let layout = &*hand.settings.layout;
    let Some(link) = &record.link else {
        return changed("Entra no longer knows the user");
    };
    let anonymised = step.stage == Stage::Delete && link.state == LinkState::Deleted;
    if link.state != LinkState::Managed && !anonymised {
        return changed("Entra deleted the user in the meantime");
    }
    if link.disabled_at.map(|at| at.and_utc()) != Some(step.disabled_at) {
        return changed("Entra enabled the user in the meantime");
    }
    if !still_due(hand, step) {
        return Ok(Some(Reason::new(Cause::Early, "not due by the clock as it is now")));
    }
    let held = cleanup::held(tx, &step.scim_id).await?;
    let name = read::name(layout, record);
    Ok(read::barred(layout, record, name.as_deref(), held.as_deref()))
}

fn still_due(hand: &Hand, step: &Step) -> bool {
    let cleanup = &hand.settings.cleanup;
    let after = match step.stage {
        Stage::Strip => Some(cleanup.strip_after),
        Stage::Transfer | Stage::Anonymise => Some(cleanup.anonymise_after),
        Stage::Delete => cleanup.delete_after,
    };
    let due = after
        .and_then(|after| TimeDelta::from_std(after).ok())
        .and_then(|after| step.disabled_at.checked_add_signed(after));
    due.is_some_and(|due| due <= hand.now)
}

/// kpifire's memberships go; the desired ones stay, so that enabling brings them back.
async fn strip(
    tx: &mut Tx,
    hand: &Hand,
    record: &Record,
    before: &mut Before,
) -> Result<(), Error> {
    let layout = &*hand.settings.layout;
    before.desired = memberships::desired_teams(tx, &record.key_text()).await?;
    let Some(members) = &layout.members else { return Ok(()) };
    let (relation, user) = (&members.relation, &members.user);
    let name = relation.table.to_string();
    let mut kept = Vec::new();
    if let Some(mark) = &members.remove {
        kept.extend(relation.primary_key.iter().cloned());
        kept.extend([Arc::clone(&members.group), Arc::clone(user), Arc::clone(&mark.column)]);
    }
    let rows = cleanup::edges_of(tx, layout, members, &record.key, &kept).await?;
    if rows.is_empty() {
        return Ok(());
    }
    if let Some(mark) = &members.remove {
        let set = BTreeMap::from([(mark.column.name.clone(), mark.gone(stamp(hand.now)))]);
        before.set.insert(name.clone(), set);
        before.changed.insert(name, rows);
    } else {
        before.removed.insert(name, rows);
    }
    memberships::strip_user(tx, layout, &record.key, stamp(hand.now)).await?;
    Ok(())
}

/// What the user owns becomes the successor's.
async fn transfer(
    tx: &mut Tx,
    hand: &Hand,
    step: &Step,
    record: &Record,
    before: &mut Before,
) -> Result<Result<(), Reason>, Error> {
    let layout = &*hand.settings.layout;
    let kind = ResourceType::User;
    let successor = step.successor.as_deref().unwrap_or_default();
    let heir = match layout.key(kind, successor) {
        Some(key) => resources::by_key(tx, layout, kind, &key, Lock::None).await?,
        None => None,
    };
    let able = |heir: &Record| {
        !heir.deleted() && read::disabled_at(heir).is_none() && read::active(layout, heir)
    };
    let Some(heir) = heir.filter(able) else {
        let what = format!("user {successor} can't take over any more");
        return Ok(Err(Reason::new(Cause::Changed, what)));
    };
    for owned in &layout.ownership {
        let (relation, owner) = (&owned.relation, &owned.owner);
        let mut kept = relation.primary_key.clone();
        kept.push(Arc::clone(owner));
        let rows = cleanup::rows_of(tx, relation, owner, &record.key, &kept).await?;
        if rows.is_empty() {
            continue;
        }
        let set = BTreeMap::from([(owner.name.clone(), heir.key.clone())]);
        let own = BTreeMap::from([(owner.name.clone(), record.key.clone())]);
        cleanup::set_where(tx, relation, &set, &own).await?;
        before.changed.insert(relation.table.to_string(), rows);
        before.set.insert(relation.table.to_string(), set);
    }
    Ok(Ok(()))
}

/// Personal data is replaced; the link keeps externalId and a tombstone.
async fn anonymise(
    tx: &mut Tx,
    hand: &Hand,
    record: &Record,
    before: &mut Before,
) -> Result<(), Error> {
    let layout = &*hand.settings.layout;
    let users = &layout.users;
    let id = record.key_text();
    // Entra may have put the user into a team since the memberships went.
    strip(tx, hand, record, before).await?;
    let pseudonyms = |set: &Constants| -> Columns {
        let pseudonym = |(column, constant): &(Arc<_>, Constant)| {
            (Arc::clone(column), pseudonym(constant, &id, hand.now))
        };
        set.iter().map(pseudonym).collect()
    };
    let mut changes = Changes { own: pseudonyms(&layout.anonymise), ..Changes::default() };
    let own = (users.relation.table.to_string(), &users.relation, &users.key, record.key.clone());
    let mut places = vec![own];
    for companion in users.companions.iter().filter(|it| !it.anonymise.is_empty()) {
        let held = changes::held_beside(tx, users, companion, &record.key).await?;
        let Some(held) = held else { continue };
        changes.beside.push((Arc::clone(companion), pseudonyms(&companion.anonymise)));
        places.push((companion.place(), &companion.relation, &companion.user, held));
    }
    let columns = std::iter::once(&changes.own).chain(changes.beside.iter().map(|(_, it)| it));
    for ((place, relation, key, held), columns) in places.into_iter().zip(columns) {
        let mut kept: Vec<_> = columns.iter().map(|(column, _)| Arc::clone(column)).collect();
        kept.extend(relation.primary_key.iter().cloned());
        kept.push(Arc::clone(key));
        let rows = cleanup::rows_of(tx, relation, key, &held, &kept).await?;
        let set = columns.iter().map(|(it, cell)| (it.name.clone(), cell.clone())).collect();
        before.changed.insert(place.clone(), rows);
        before.set.insert(place, set);
    }
    // What isn't there isn't made.
    changes
        .beside
        .retain(|(it, _)| before.changed.get(&it.place()).is_some_and(|it| !it.is_empty()));
    let stamps = mapper::stamps(&users.touch, mapper::Stamp::Modified, stamp(hand.now));
    changes.own.extend(stamps);
    let kind = ResourceType::User;
    changes::update(tx, layout, kind, &record.key, &changes, stamp(hand.now)).await?;
    memberships::forget(tx, ResourceType::User, &id).await?;
    let Some(link) = &record.link else { return Ok(()) };
    before.link = Some(json!({
        "state": link.state.as_str(),
        "baseline": link.baseline,
        "kept": link.kept,
        "deletedAt": link.deleted_at,
    }));
    Ok(links::put(tx, ResourceType::User, &id, Some(link), &tombstone(link, hand.now)).await?)
}

/// What is left of a user whose personal data or row went.
fn tombstone(link: &Link, now: DateTime<Utc>) -> Link {
    Link {
        state: LinkState::Deleted,
        baseline: None,
        kept: Map::new(),
        version: link.version + 1,
        modified: stamp(now),
        deleted_at: Some(stamp(now)),
        replaced: None,
        ..link.clone()
    }
}

/// A constant of `[anonymise]`, with `{id}` replaced by the user's key.
fn pseudonym(constant: &Constant, id: &str, now: DateTime<Utc>) -> Cell {
    match constant {
        Constant::Value(Scalar::Text(template)) => Cell::Text(template.replace("{id}", id)),
        other => other.cell(stamp(now)),
    }
}

/// The row goes, where nothing points at it.
async fn delete(
    tx: &mut Tx,
    hand: &Hand,
    record: &Record,
    before: &mut Before,
) -> Result<Result<(), Reason>, Error> {
    let layout = &*hand.settings.layout;
    for it in &layout.pointing_at_users {
        if cleanup::points(tx, it, &record.key).await? {
            return Ok(Err(referenced(&it.relation.table.to_string())));
        }
    }
    let users = &layout.users;
    let rows = cleanup::rows_of(tx, &users.relation, &users.key, &record.key, &[]).await?;
    before.removed.insert(users.relation.table.to_string(), rows);
    changes::call(tx, layout, ResourceType::User, Moment::BeforeDelete, &record.key).await?;
    changes::delete(tx, layout, ResourceType::User, &record.key).await?;
    // Without [anonymise] the user was still managed.
    if let Some(link) = record.link.as_ref().filter(|link| link.state == LinkState::Managed) {
        memberships::forget(tx, ResourceType::User, &record.key_text()).await?;
        let tombstone = tombstone(link, hand.now);
        links::put(tx, ResourceType::User, &record.key_text(), Some(link), &tombstone).await?;
    }
    Ok(Ok(()))
}

/// Leaves the trace of a step: what was done to whom, without the data that went.
pub(super) async fn note(
    tx: &mut Tx,
    hand: &Hand,
    operation: &str,
    id: &str,
    detail: &str,
) -> Result<(), Error> {
    let row = AuditRow {
        id: Uuid::now_v7().to_string(),
        time: stamp(hand.now),
        request_id: hand.run.clone(),
        token: hand.actor.name(),
        operation: operation.to_owned(),
        resource_type: Some(ResourceType::User.as_str().to_owned()),
        resource: Some(id.to_owned()),
        before: Map::new(),
        after: Map::from_iter([("cleanup".to_owned(), Value::from(detail))]),
        outcome: "done".to_owned(),
        detail: Some("cleanup".to_owned()),
    };
    Ok(audit::append(tx, &row).await?)
}
