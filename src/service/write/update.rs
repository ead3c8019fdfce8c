//! PUT and PATCH: from the resource as it is to the resource as it shall be, by what differs.

use serde_json::{Map, Value, json};

use super::job::{
    Done, Job, Parsed, external_id, names_are_unique, needs_reread, refuse_without_active,
    required_name, taken, taken_by_deleted,
};
use super::members;
use crate::mapper::{
    self, Assignment, Column, Columns, KeySource, Layout, Link, LinkState, Record, Stamp,
};
use crate::profile::model::{Moment, Rename};
use crate::scim::{self, AttributePath, MemberOp, Resource, ResourceType};
use crate::service::guard;
use crate::service::{Error, Reply};
use crate::store::{Tx, changes, links, memberships};

/// What the request wants the resource to be.
struct Wanted {
    resource: Resource,
    baseline: Map<String, Value>,
    members: Vec<MemberOp>,
    /// What the request says of `active`; `None` when it says nothing.
    active: Option<bool>,
    /// Whether the request says anything of attributes.
    attributes: Attributes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attributes {
    Silent,
    Stated,
}

impl Wanted {
    /// A request without operations asks for nothing, not even to be remembered.
    fn silent(&self) -> bool {
        self.attributes == Attributes::Silent && self.members.is_empty()
    }
}

pub(super) async fn run(tx: &mut Tx, job: &Job) -> Result<Done, Error> {
    let (kind, layout) = (job.kind(), &job.layout);
    let id = job.request.id.as_deref().unwrap_or_default();
    let record = job.current(tx, id).await?;
    let key = record.key.clone();
    let old = mapper::attributes(layout, kind, &record);
    let wanted = wanted(job, &record, &old)?;
    refuse_protected(job, id, &old, &wanted.resource)?;
    name_is_free(tx, job, &record, &old, &wanted.resource).await?;
    // kpifire may have switched the row before Entra says anything: a disabled user is whom Entra
    // disabled, whatever the row says.
    let was_active = mapper::active(&old);
    let was_disabled = record.link.as_ref().is_some_and(|link| link.disabled_at.is_some());
    let disabling = wanted.active == Some(false) && (was_active != Some(false) || !was_disabled);
    let enabling = wanted.active == Some(true) && (was_active != Some(true) || was_disabled);
    if disabling && was_active != Some(false) {
        guard::admit(tx, job.guard, job.now()).await?;
    }

    refuse_without_active(layout, kind, &wanted.resource)?;
    let states = (&old, &wanted.resource);
    let mut assignments = mapper::for_update(layout, kind, &record.key_text(), states, job.now())?;
    if enabling {
        mapper::put_back(&mut assignments, record.link.as_ref(), job.now());
    }
    refuse_rekeyed(layout, kind, &assignments)?;
    let reread = needs_reread(&assignments);
    let mut written = job.changes(tx, assignments).await?;
    let changes = members::apply(tx, job, &key, &wanted.members).await?;
    let link = linked(job, &record, &wanted, was_active)?;
    let same = written.is_empty() && !changes.any() && keeps(record.link.as_ref(), &link);
    if same && (wanted.silent() || asserts_nothing_new(record.link.as_ref(), &link)) {
        if !job.ignored.is_empty() || !changes.absent().is_empty() {
            let (mut before, mut after) = (Map::new(), Map::new());
            changes.note(&mut before, &mut after);
            job.audit(tx, "update", id, &before, &after).await?;
        }
        let reply = answer(tx, job, &record).await?;
        return Ok(Done { reply, absent: changes.into_absent() });
    }
    if !same {
        let touch = &layout.resource(kind).touch;
        written.own.extend(mapper::stamps(touch, Stamp::Modified, job.now()));
    }
    let key = changes::update(tx, layout, kind, &key, &written, job.now()).await?;
    let mut record = record;
    if key != record.key {
        let new = key.to_text().unwrap_or_default();
        links::rekey(tx, kind, &record.key_text(), &new).await?;
        record.key = key.clone();
    }
    if disabling {
        changes::revoke(tx, layout, &key, mapper::whole_second(job.now())).await?;
        changes::call(tx, layout, kind, Moment::AfterDisable, &key).await?;
    }
    if enabling {
        memberships::restore_user(tx, layout, &key, job.now()).await?;
        changes::call(tx, layout, kind, Moment::AfterEnable, &key).await?;
    }
    links::put(tx, kind, &record.key_text(), record.link.as_ref(), &link).await?;
    let before_state = record.link.as_ref().map(|link| link.state);
    let mut before = old;
    let mut updated =
        if reread { job.reread(tx, &key).await? } else { updated(job, record, &written.own, link) };
    if enabling {
        updated.restore_groups();
    }
    let mut after = mapper::attributes(layout, kind, &updated);
    changes.note(&mut before, &mut after);
    if before_state != Some(LinkState::Managed) {
        before.insert("state".to_owned(), json!(before_state.map(LinkState::as_str)));
        after.insert("state".to_owned(), json!("managed"));
    }
    job.audit(tx, "update", id, &before, &after).await?;
    let reply = answer(tx, job, &updated).await?;
    Ok(Done { reply, absent: changes.into_absent() })
}

fn wanted(job: &Job, record: &Record, old: &Resource) -> Result<Wanted, Error> {
    let (kind, layout) = (job.kind(), &job.layout);
    let link = record.link.as_ref();
    match &job.parsed {
        Parsed::Patch(patch) => {
            let mut resource = old.clone();
            let asserted = patch.apply(&mut resource)?;
            mapper::unite(layout, kind, &mut resource, &|path, _| asserted.covers(path))?;
            required_name(kind, &resource)?;
            let covers = |path: &AttributePath| asserted.covers(path);
            let active = layout.resource(kind).active();
            let says_active = active.is_some_and(|field| asserted.covers(&field.path));
            Ok(Wanted {
                baseline: mapper::baseline(layout, kind, link, &resource, &covers),
                members: patch.members().to_vec(),
                active: mapper::active(&resource).filter(|_| says_active),
                attributes: if asserted.is_empty() {
                    Attributes::Silent
                } else {
                    Attributes::Stated
                },
                resource,
            })
        }
        Parsed::Replace(body, asserted) => {
            required_name(kind, body)?;
            let mut resource = body.clone();
            let name = old.get("userName").and_then(Value::as_str);
            let id = record.key_text();
            if kind == ResourceType::User && mapper::protected(&layout.profile.protect, &id, name) {
                // Silence takes nothing from an account that must go on working.
                resource = mapper::completed(layout.resource(kind), old, resource);
            }
            let active = mapper::active(body);
            if let (None, Some(is)) = (active, old.get("active")) {
                resource.insert("active".to_owned(), is.clone());
            }
            let members = match kind {
                ResourceType::Group => members::of_resource(body).into_iter().collect(),
                ResourceType::User => Vec::new(),
            };
            // What a PUT leaves out it clears, and so asserts.
            let covers = |path: &AttributePath| !path.is("active") || asserted.covers(path);
            Ok(Wanted {
                baseline: mapper::baseline(layout, kind, link, &resource, &covers),
                members,
                active,
                attributes: Attributes::Stated,
                resource,
            })
        }
        Parsed::Create(..) | Parsed::Delete => {
            Err(Error::Internal("an update was asked to do something else".into()))
        }
    }
}

/// A rename takes the new name only where nobody else has it.
async fn name_is_free(
    tx: &mut Tx,
    job: &Job,
    record: &Record,
    old: &Resource,
    new: &Resource,
) -> Result<(), Error> {
    let kind = job.kind();
    let name = required_name(kind, new)?;
    let before = required_name(kind, old).unwrap_or_default();
    if before == name {
        return Ok(());
    }
    let others = job.named(tx, &name).await?;
    let mut others = others.iter().filter(|other| other.key != record.key);
    match others.next() {
        Some(other) if !other.deleted() => Err(taken(kind, &name)),
        Some(gone) if names_are_unique(&job.layout, kind) => {
            Err(taken_by_deleted(kind, &name, gone))
        }
        _ => Ok(()),
    }
}

/// Where the matching attribute is the key, a rename would make another resource of it.
fn refuse_rekeyed(
    layout: &Layout,
    kind: ResourceType,
    assignments: &[Assignment],
) -> Result<(), Error> {
    let rows = layout.resource(kind);
    let KeySource::Name(Rename::Refuse) = &rows.source else { return Ok(()) };
    if !assignments.iter().any(|it| it.own() == Some(&rows.key)) {
        return Ok(());
    }
    let name = kind.name_attribute();
    Err(scim::Error::mutability(format!(
        "{name}: it is the key of kpifire's row, which other rows point at, and can't be changed; \
         delete the {kind} and create another"
    ))
    .into())
}

fn refuse_protected(job: &Job, id: &str, old: &Resource, new: &Resource) -> Result<(), Error> {
    let protect = &job.layout.profile.protect;
    match job.kind() {
        ResourceType::User => mapper::forbidden(protect, id, old, new)
            .map_or(Ok(()), |why| Err(scim::Error::forbidden(format!("{id}: {why}")).into())),
        ResourceType::Group => Ok(()),
    }
}

fn linked(
    job: &Job,
    record: &Record,
    wanted: &Wanted,
    was_active: Option<bool>,
) -> Result<Link, Error> {
    let previous = record.link.as_ref();
    let disabled_at = previous.and_then(|link| link.disabled_at);
    Ok(Link {
        state: LinkState::Managed,
        external_id: external_id(&wanted.resource)?,
        baseline: Some(wanted.baseline.clone()),
        kept: mapper::kept(&job.layout, job.kind(), &wanted.resource),
        version: previous.map_or(1, |link| link.version + 1),
        created: previous.map_or(job.now(), |link| link.created),
        modified: job.now(),
        disabled_at: match wanted.active {
            Some(true) => None,
            // Who was let in again in kpifire has a grace anew.
            Some(false) => disabled_at.filter(|_| was_active == Some(false)).or(Some(job.now())),
            None => disabled_at,
        },
        deleted_at: None,
        replaced: match wanted.active {
            Some(true) => None,
            Some(false) if was_active != Some(false) => {
                mapper::replaced(&job.layout, job.kind(), record)
            }
            _ => previous.and_then(|link| link.replaced.clone()),
        },
        reused_from: previous.and_then(|link| link.reused_from.clone()),
    })
}

/// Whether what the link keeps of the resource stays as it is.
fn keeps(before: Option<&Link>, after: &Link) -> bool {
    let external_id = before.and_then(|link| link.external_id.as_ref());
    let kept = before.map(|link| &link.kept);
    external_id == after.external_id.as_ref()
        && kept.map_or(after.kept.is_empty(), |kept| *kept == after.kept)
}

/// Whether Entra's word on the resource stays what it was.
fn asserts_nothing_new(before: Option<&Link>, after: &Link) -> bool {
    before.is_some_and(|before| {
        before.state == after.state
            && before.baseline == after.baseline
            && before.disabled_at == after.disabled_at
    })
}

/// The record as the written columns leave it.
fn updated(job: &Job, mut record: Record, columns: &Columns, link: Link) -> Record {
    let rows = job.layout.resource(job.kind());
    let written =
        |column: &Column| columns.iter().find(|(it, _)| **it == *column).map(|(_, new)| new);
    for field in rows.fields.iter().filter(|field| field.is_own()) {
        if let Some(new) = written(&field.column) {
            record.set(field, new.clone());
        }
    }
    if let Some(stamp) = rows.touch.modified.first()
        && let Some(new) = written(&stamp.column)
    {
        record.modified = stamp.times.read(new);
    }
    record.link = Some(link);
    record
}

/// 200 with the user; 204 for a group, whose members are never echoed without need, unless the
/// client names the attributes it wants (RFC 7644 §3.5.2).
async fn answer(tx: &mut Tx, job: &Job, record: &Record) -> Result<Reply, Error> {
    let patched = matches!(job.parsed, Parsed::Patch(_));
    if job.kind() == ResourceType::Group && patched && !job.request.projection.names_attributes() {
        return Ok(Reply::NoContent { etag: None });
    }
    job.reply(tx, record, 200).await
}
