//! POST: a new row, or a tombstone brought back.

use serde_json::{Map, Value};

use super::job::{
    Done, Job, external_id, names_are_unique, refuse_without_active, required_name, taken,
};
use super::members;
use crate::mapper::{self, Cell, KeySource, Link, LinkState, Record, Stamp};
use crate::profile::catalogue::Database;
use crate::profile::model::{Moment, Rehire};
use crate::scim::{self, Asserted, Resource, ResourceType};
use crate::service::Error;
use crate::store::{Tx, changes, links, memberships};

pub(super) async fn run(
    tx: &mut Tx,
    job: &Job,
    resource: &Resource,
    asserted: &Asserted,
) -> Result<Done, Error> {
    let kind = job.kind();
    let name = required_name(kind, resource)?;
    let external_id = external_id(resource)?;
    let same_name = job.named(tx, &name).await?;
    if same_name.iter().any(|record| !record.deleted()) {
        return Err(taken(kind, &name));
    }
    refuse_without_active(&job.layout, kind, resource)?;
    // A row that the application marked as gone is in the way only where names are unique.
    let unique = names_are_unique(&job.layout, kind);
    let tombstone = same_name.into_iter().find(|record| record.tombstone() || unique);
    let revived = tombstone.is_some();
    let key = if let Some(record) = &tombstone {
        let link = record.link.as_ref();
        refuse_rehired(
            job,
            &name,
            &record.key_text(),
            another(kind, link, external_id.as_deref()),
        )?;
        revive(tx, job, record, resource).await?
    } else {
        let layout = &job.layout;
        let assignments = mapper::for_insert(layout, kind, resource, job.now())?;
        let changes = job.changes(tx, assignments).await?;
        changes::insert(tx, layout, kind, changes, job.now()).await?
    };
    let key_text = key.to_text().unwrap_or_default();
    let by_name = matches!(job.layout.resource(kind).source, KeySource::Name(_));
    let mut former = tombstone.and_then(|record| record.link);
    if !revived && (by_name || job.layout.database == Database::Sqlite) {
        // The row that had the key is gone: one of this name or, on SQLite, which gives the last key again,
        // of any.
        former = links::find(tx, kind, &key_text).await?;
    }
    let same_name = former.as_ref().filter(|_| revived || by_name);
    let other = another(kind, same_name, external_id.as_deref());
    if !revived {
        refuse_rehired(job, &name, &key_text, other)?;
    }
    if former.is_some() && (same_name.is_none() || other.is_some()) {
        // What clients said of the memberships of what had the key, they said of somebody else.
        memberships::forget(tx, kind, &key_text).await?;
    }
    let reused_from = other.or_else(|| same_name.and_then(|link| link.reused_from.as_deref()));
    let (reused_from, other) = (reused_from.map(str::to_owned), other.map(str::to_owned));
    let operations: Vec<_> = match kind {
        ResourceType::Group => members::of_resource(resource).into_iter().collect(),
        ResourceType::User => Vec::new(),
    };
    let changes = members::apply(tx, job, &key, &operations).await?;
    let link = Link {
        state: LinkState::Managed,
        external_id,
        baseline: Some(mapper::baseline(&job.layout, kind, None, resource, &|path| {
            asserted.covers(path)
        })),
        kept: mapper::kept(&job.layout, kind, resource),
        version: former.as_ref().map_or(1, |link| link.version + 1),
        created: job.now(),
        modified: job.now(),
        disabled_at: (kind == ResourceType::User && mapper::active(resource) == Some(false))
            .then(|| job.now()),
        deleted_at: None,
        replaced: None,
        reused_from,
    };
    links::put(tx, kind, &key_text, former.as_ref(), &link).await?;
    let record = job.reread(tx, &key).await?;
    let mut before: Map<String, Value> = Map::new();
    before.extend(other.map(|id| ("externalId".to_owned(), id.into())));
    let mut after = mapper::attributes(&job.layout, kind, &record);
    changes.note(&mut before, &mut after);
    let operation = if revived { "revive" } else { "create" };
    job.audit(tx, operation, &kind.id(&key_text), &before, &after).await?;
    let reply = job.reply(tx, &record, 201).await?;
    Ok(Done { reply, absent: changes.into_absent() })
}

/// The externalId under which the user was somebody else's before, perhaps: one that is known and isn't the
/// new one. Only users are persons.
fn another<'l>(kind: ResourceType, former: Option<&'l Link>, now: Option<&str>) -> Option<&'l str> {
    let known = former?.external_id.as_deref()?;
    (kind == ResourceType::User && Some(known) != now).then_some(known)
}

/// Where the profile has it so, the row of a deleted user isn't given to another externalId.
fn refuse_rehired(job: &Job, name: &str, key: &str, another: Option<&str>) -> Result<(), Error> {
    if another.is_none() || job.layout.profile.users.rehire == Rehire::Revive {
        return Ok(());
    }
    Err(scim::Error::uniqueness(format!(
        "userName: `{name}` is held by the row of the deleted user `{key}`, who had another externalId: \
         perhaps another person. Rename that row in kpifire, or take another userName (the profile has \
         rehire = \"refuse\")"
    ))
    .into())
}

/// Makes a tombstone's row what the request says, under the same key.
async fn revive(
    tx: &mut Tx,
    job: &Job,
    record: &Record,
    resource: &Resource,
) -> Result<Cell, Error> {
    let (kind, layout) = (job.kind(), &job.layout);
    let old = mapper::attributes(layout, kind, record);
    let mut new = resource.clone();
    if kind == ResourceType::User && mapper::active(resource).is_none() {
        new.insert("active".to_owned(), Value::Bool(true));
    }
    let states = (&old, &new);
    let assignments = mapper::for_update(layout, kind, &record.key_text(), states, job.now())?;
    let mut changes = job.changes(tx, assignments).await?;
    changes.own.extend(mapper::undelete(layout, kind));
    let touch = &layout.resource(kind).touch;
    changes.own.extend(mapper::stamps(touch, Stamp::Modified, job.now()));
    changes::update(tx, layout, kind, &record.key, &changes, job.now()).await?;
    if kind == ResourceType::User && mapper::active(&new) == Some(true) {
        changes::call(tx, layout, kind, Moment::AfterEnable, &record.key).await?;
    }
    Ok(record.key.clone())
}
