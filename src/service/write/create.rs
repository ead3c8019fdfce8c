//! POST: a new row, or a tombstone brought back.

use serde_json::{Map, Value};

use super::job::{Done, Job, external_id, required_name, taken};
use super::members;
use crate::mapper::{self, Cell, Link, LinkState, Record, Stamp};
use crate::scim::{Asserted, Resource, ResourceType};
use crate::service::Error;
use crate::store::{Tx, links, resources};

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
    let tombstone = same_name.into_iter().next();
    let key = if let Some(record) = &tombstone {
        revive(tx, job, record, resource).await?
    } else {
        let layout = &job.layout;
        let assignments = mapper::for_insert(layout, kind, resource, job.now())?;
        let columns = job.columns(tx, assignments).await?;
        resources::insert(tx, layout, kind, columns).await?
    };
    let key_text = key.to_text().unwrap_or_default();
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
        version: tombstone.and_then(|record| record.link).map_or(1, |link| link.version + 1),
        created: job.now(),
        modified: job.now(),
        disabled_at: (kind == ResourceType::User && mapper::active(resource) == Some(false))
            .then(|| job.now()),
        deleted_at: None,
    };
    let revived = link.version > 1;
    links::put(tx, kind, &key_text, &link).await?;
    let record = job.reread(tx, &key).await?;
    let mut before: Map<String, Value> = Map::new();
    let mut after = mapper::attributes(&job.layout, kind, &record);
    changes.note(&mut before, &mut after);
    let operation = if revived { "revive" } else { "create" };
    job.audit(tx, operation, &kind.id(&key_text), &before, &after).await?;
    let reply = job.reply(tx, &record, 201).await?;
    Ok(Done { reply, absent: changes.into_absent() })
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
    let assignments = mapper::for_update(layout, kind, &old, &new, job.now())?;
    let mut columns = job.columns(tx, assignments).await?;
    columns.extend(mapper::undelete(layout, kind));
    columns.extend(mapper::stamps(&layout.resource(kind).touch, Stamp::Modified, job.now()));
    resources::update(tx, layout, kind, &record.key, &columns).await?;
    Ok(record.key.clone())
}
