//! DELETE: a tombstone, and the row as the profile says.

use serde_json::{Map, json};

use super::job::Job;
use crate::mapper::{self, Deletion, Link, LinkState, Protection, Stamp};
use crate::profile::model::Moment;
use crate::scim::{self, ResourceType};
use crate::service::{Error, Reply, guard};
use crate::store::{Tx, changes, links, memberships};

pub(super) async fn run(tx: &mut Tx, job: &Job) -> Result<Reply, Error> {
    let (kind, layout) = (job.kind(), &job.layout);
    let id = job.request.id.as_deref().unwrap_or_default();
    let record = job.current(tx, id).await?;
    let key = record.key.clone();
    let mut before = mapper::attributes(layout, kind, &record);
    if kind == ResourceType::User {
        let name = before.get("userName").and_then(serde_json::Value::as_str);
        if mapper::protected(&layout.profile.protect, id, name) {
            let why = Protection::Deleting;
            return Err(scim::Error::forbidden(format!("{id}: {why}")).into());
        }
        if record.link.as_ref().is_none_or(|link| link.disabled_at.is_none()) {
            guard::admit(tx, job.guard, job.now()).await?;
        }
        changes::call(tx, layout, kind, Moment::BeforeDelete, &key).await?;
        changes::revoke(tx, layout, &key, mapper::whole_second(job.now())).await?;
        memberships::remove_user(tx, layout, &key, job.now()).await?;
    } else {
        changes::call(tx, layout, kind, Moment::BeforeDelete, &key).await?;
        memberships::forget(tx, kind, &record.key_text()).await?;
    }
    if let Some(assignments) = mapper::for_delete(layout, kind, job.now())? {
        let mut changes = job.changes(tx, assignments).await?;
        let touch = &layout.resource(kind).touch;
        changes.own.extend(mapper::stamps(touch, Stamp::Modified, job.now()));
        changes::update(tx, layout, kind, &key, &changes, job.now()).await?;
        if matches!(layout.resource(kind).delete, Deletion::Deactivate) {
            changes::call(tx, layout, kind, Moment::AfterDisable, &key).await?;
        }
    } else {
        if let Deletion::Delete { cascade } = &layout.resource(kind).delete {
            for reference in cascade {
                changes::delete_pointing(tx, reference, &key).await?;
            }
        }
        changes::delete(tx, layout, kind, &key).await?;
    }
    let previous = record.link.as_ref();
    let link = Link {
        state: LinkState::Deleted,
        external_id: previous.and_then(|link| link.external_id.clone()),
        baseline: previous.and_then(|link| link.baseline.clone()),
        kept: previous.map(|link| link.kept.clone()).unwrap_or_default(),
        version: previous.map_or(1, |link| link.version + 1),
        created: previous.map_or(job.now(), |link| link.created),
        modified: job.now(),
        disabled_at: previous
            .and_then(|link| link.disabled_at)
            .or((kind == ResourceType::User).then(|| job.now())),
        deleted_at: Some(job.now()),
        replaced: None,
        reused_from: previous.and_then(|link| link.reused_from.clone()),
    };
    links::put(tx, kind, &record.key_text(), previous, &link).await?;
    let state = previous.map_or("unmanaged", |link| link.state.as_str());
    before.insert("state".to_owned(), json!(state));
    let mut after = Map::new();
    after.insert("state".to_owned(), json!("deleted"));
    job.audit(tx, "delete", id, &before, &after).await?;
    Ok(Reply::NoContent { etag: None })
}
