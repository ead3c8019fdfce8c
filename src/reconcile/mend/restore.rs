//! `restore`: kpifire's tables as Entra asserted them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::hand::{Hand, Mended, key, locked, membership, note, only, value_of};
use crate::drift::{Finding, Kind};
use crate::mapper::{
    self, Assignment, Cell, Changes, Derived, Link, LinkState, Protection, Record, Stamp,
};
use crate::profile::model::Moment;
use crate::scim::{AttributePath, Resource, ResourceType};
use crate::service::Error;
use crate::store::changes::{self, UnknownLabel};
use crate::store::resources::{self, Lock};
use crate::store::{Tx, links, memberships};

/// Mends one finding in the caller's transaction, which must be rolled back on an error.
pub async fn restore(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    match finding.kind {
        Kind::Reactivated | Kind::Attribute | Kind::WronglyDisabled | Kind::TeamAttribute => {
            attribute(tx, hand, finding).await
        }
        Kind::Missing | Kind::TeamMissing => recreate(tx, hand, finding).await,
        Kind::MemberExtra => remove_member(tx, hand, finding).await,
        Kind::MemberMissing => add_member(tx, hand, finding).await,
        Kind::OrphanMember => purge(tx, hand, finding).await,
        Kind::Recycled => Ok(Mended::refused(
            "the row is another one now: `drift adopt` lets Entra's link go of it",
        )),
        Kind::Reused => Ok(Mended::refused(
            "who the row belongs to is a person's to say: take from it in kpifire what isn't theirs, then \
             `drift adopt`",
        )),
        Kind::InvalidValue => Ok(Mended::refused(
            "correct the value in kpifire, or give it a meaning in the profile's `values`",
        )),
        Kind::Duplicate | Kind::Ambiguous => {
            Ok(Mended::refused("merge or rename the rows in kpifire: the agent can't choose"))
        }
        Kind::Unmanaged => Ok(Mended::refused(
            "Entra asserts nothing of this row: name a service account in the profile's [protect], \
             assign a person in Entra, or `drift ignore` it",
        )),
        Kind::OverdueCleanup => Ok(Mended::refused("cleanup mends it: see the reason")),
        Kind::StaleSource => {
            Ok(Mended::refused("look at the provisioning job in Entra: the agent waits for it"))
        }
        Kind::SourceMissing | Kind::SourceExtra | Kind::SourceAttribute => {
            Ok(Mended::refused("Entra mends it: provision the user on demand there"))
        }
    }
}

/// Writes the baseline's value of one attribute.
async fn attribute(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let (layout, kind) = (&hand.layout, finding.resource.unwrap_or(ResourceType::User));
    let name = finding.attribute.as_deref().unwrap_or_default();
    let Some(record) = locked(tx, hand, finding).await? else {
        return Ok(Mended::no_longer("the row is gone"));
    };
    if record.deleted() {
        return lock_again(tx, hand, finding, &record).await;
    }
    if layout.resource(kind).derived.iter().any(|it| it.column.name == name) {
        return derive_again(tx, hand, finding, &record).await;
    }
    let Some(wanted) = asserted(&record, name) else {
        return Ok(Mended::no_longer("Entra asserts nothing of it any more"));
    };
    let Some(field) = layout.resource(kind).named(name) else {
        return Ok(Mended::refused("the profile no longer maps the attribute"));
    };
    if !field.is_writable() {
        return Ok(Mended::refused("the database computes the column: it can't be written"));
    }
    let reading = mapper::reading(field, &record);
    if mapper::agrees(field, &wanted, &record, &reading) {
        return Ok(Mended::no_longer("kpifire has what Entra asserted"));
    }
    if let Some(refused) = refused(tx, hand, finding, &record, &field.path, &wanted).await? {
        return Ok(refused);
    }
    let old = mapper::attributes(layout, kind, &record);
    let mut new = old.clone();
    field.path.set(&mut new, Some(wanted.clone()).filter(|value| !value.is_null()));
    let now = hand.stamp();
    let assignments = mapper::for_update(layout, kind, &record.key_text(), (&old, &new), now)?;
    let of_field = |it: &Assignment| match it {
        Assignment::Attribute(other, _) => Arc::ptr_eq(other, field),
        // What follows from the attribute.
        Assignment::Own(..) => true,
    };
    let mut assignments: Vec<Assignment> = assignments.into_iter().filter(of_field).collect();
    let enables = field.is("active") && wanted == Value::Bool(true);
    if enables {
        mapper::put_back(&mut assignments, record.link.as_ref(), now);
    }
    let changes = match changes(tx, hand, assignments).await? {
        Ok(changes) => changes,
        Err(refused) => return Ok(refused),
    };
    write(tx, hand, kind, &record, changes).await?;
    if enables {
        memberships::restore_user(tx, layout, &record.key, now).await?;
        changes::call(tx, layout, kind, Moment::AfterEnable, &record.key).await?;
    } else if field.is("active") && kind == ResourceType::User {
        remember(tx, hand, &record).await?;
        changes::revoke(tx, layout, &record.key, mapper::whole_second(now)).await?;
        changes::call(tx, layout, kind, Moment::AfterDisable, &record.key).await?;
    }
    let before = only(name, &reading.to_value());
    let noted = note(tx, hand, "restore", finding, before, only(name, &wanted)).await?;
    Ok(noted.done(format!("{name}: {} → {wanted}", reading.to_value())))
}

/// What disabling replaced, for enabling to put back.
async fn remember(tx: &mut Tx, hand: &Hand, record: &Record) -> Result<(), Error> {
    let kind = ResourceType::User;
    let Some(link) = &record.link else { return Ok(()) };
    let replaced = mapper::replaced(&hand.layout, kind, record);
    let with = Link { replaced, ..link.clone() };
    Ok(links::put(tx, kind, &record.key_text(), Some(link), &with).await?)
}

/// Writes a derived column anew.
async fn derive_again(
    tx: &mut Tx,
    hand: &Hand,
    finding: &Finding,
    record: &Record,
) -> Result<Mended, Error> {
    let (layout, kind) = (&hand.layout, finding.resource.unwrap_or(ResourceType::User));
    let mut differing = mapper::underived(layout, kind, record).into_iter();
    let of_finding = |it: &Derived| finding.attribute.as_ref() == Some(&it.column.name);
    let Some((derived, wanted, held)) = differing.find(|(it, ..)| of_finding(it)) else {
        return Ok(Mended::no_longer("the column has what follows from the attributes"));
    };
    let own = vec![(Arc::clone(&derived.column), wanted.clone())];
    write(tx, hand, kind, record, Changes { own, ..Changes::default() }).await?;
    let name = &derived.column.name;
    let value = |cell: &Cell| cell.to_text().map_or(Value::Null, Value::from);
    let (before, after) = (only(name, &value(&held)), only(name, &value(&wanted)));
    let noted = note(tx, hand, "restore", finding, before, after).await?;
    Ok(noted.done(format!("{name}: {} → {}", value(&held), value(&wanted))))
}

/// Why this row isn't to be written, if so.
async fn refused(
    tx: &mut Tx,
    hand: &Hand,
    finding: &Finding,
    record: &Record,
    path: &AttributePath,
    wanted: &Value,
) -> Result<Option<Mended>, Error> {
    let (layout, kind) = (&hand.layout, finding.resource.unwrap_or(ResourceType::User));
    let name = value_of(hand, kind, record, kind.name_attribute());
    let asserted = asserted(record, kind.name_attribute());
    let asserted = asserted.as_ref().and_then(Value::as_str);
    if mapper::recycled(record, asserted, name.as_str()) {
        return Ok(Some(Mended::refused("the key belongs to another row now (recycled)")));
    }
    if kind == ResourceType::User {
        let old = mapper::attributes(layout, kind, record);
        let mut new = old.clone();
        path.set(&mut new, Some(wanted.clone()).filter(|value| !value.is_null()));
        let protect = &layout.profile.protect;
        if let Some(why) = mapper::forbidden(protect, &record.key_text(), &old, &new) {
            return Ok(Some(Mended::refused(format!("the profile protects it: {why}"))));
        }
    }
    if path.is(kind.name_attribute())
        && let Some(wanted) = wanted.as_str()
        && let Some(other) = holder(tx, hand, kind, wanted, &record.key).await?
    {
        return Ok(Some(Mended::refused(format!("row {other} has the name `{wanted}`"))));
    }
    Ok(None)
}

/// Another live row of this name; the name is ours until the transaction ends.
async fn holder(
    tx: &mut Tx,
    hand: &Hand,
    kind: ResourceType,
    name: &str,
    own: &Cell,
) -> Result<Option<String>, Error> {
    let named = mapper::matching_name(&hand.layout, kind, name)?;
    resources::lock_name(tx, kind, name).await?;
    let others = resources::by_name(tx, &hand.layout, kind, &named).await?;
    let other = others.iter().find(|other| other.key != *own && !other.deleted());
    Ok(other.map(Record::key_text))
}

/// Locks a user whom Entra deleted and kpifire enabled again.
async fn lock_again(
    tx: &mut Tx,
    hand: &Hand,
    finding: &Finding,
    record: &Record,
) -> Result<Mended, Error> {
    let (layout, kind) = (&hand.layout, ResourceType::User);
    if value_of(hand, kind, record, "active") != Value::Bool(true) {
        return Ok(Mended::no_longer("the user is inactive"));
    }
    let name = value_of(hand, kind, record, kind.name_attribute());
    if mapper::protected(&layout.profile.protect, &record.key_text(), name.as_str()) {
        return Ok(Mended::refused(format!("the profile protects it: {}", Protection::Disabling)));
    }
    let Some(assignments) = mapper::for_delete(layout, kind, hand.stamp())? else {
        return Ok(Mended::refused("the profile deletes rows: the row is another one now"));
    };
    let changes = match changes(tx, hand, assignments).await? {
        Ok(changes) => changes,
        Err(refused) => return Ok(refused),
    };
    write(tx, hand, kind, record, changes).await?;
    changes::revoke(tx, layout, &record.key, mapper::whole_second(hand.stamp())).await?;
    changes::call(tx, layout, kind, Moment::AfterDisable, &record.key).await?;
    let (before, after) = (only("active", &true.into()), only("active", &false.into()));
    let noted = note(tx, hand, "restore", finding, before, after).await?;
    Ok(noted.done("locked again"))
}

async fn changes(
    tx: &mut Tx,
    hand: &Hand,
    assignments: Vec<Assignment>,
) -> Result<Result<Changes, Mended>, Error> {
    let resolved = changes::resolve(tx, assignments, hand.stamp()).await?;
    Ok(resolved.map_err(|UnknownLabel { attribute, label }| {
        Mended::refused(format!("{attribute}: kpifire has no `{label}`"))
    }))
}

async fn write(
    tx: &mut Tx,
    hand: &Hand,
    kind: ResourceType,
    record: &Record,
    mut changes: Changes,
) -> Result<(), Error> {
    let touch = &hand.layout.resource(kind).touch;
    changes.own.extend(mapper::stamps(touch, Stamp::Modified, hand.stamp()));
    changes::update(tx, &hand.layout, kind, &record.key, &changes, hand.stamp()).await?;
    Ok(())
}

fn asserted(record: &Record, attribute: &str) -> Option<Value> {
    record.link.as_ref()?.baseline.as_ref()?.get(attribute).cloned()
}

/// Makes a row that is gone again, under its old key, as Entra asserted it.
async fn recreate(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let (layout, kind) = (&hand.layout, finding.resource.unwrap_or(ResourceType::User));
    let id = finding.key().unwrap_or_default();
    let key = key(hand, kind, finding.scim_id.as_deref().unwrap_or_default())?;
    let there = locked(tx, hand, finding).await?;
    if there.as_ref().is_some_and(|record| !record.marked) {
        return Ok(Mended::no_longer("the row is there"));
    }
    let Some(mut link) = links::get(tx, kind, id).await? else {
        return Ok(Mended::no_longer("there is no link to it any more"));
    };
    if link.state == LinkState::Deleted {
        return Ok(Mended::no_longer("Entra deleted it in the meantime"));
    }
    let mut resource: Resource = link.kept.clone();
    for field in &layout.resource(kind).fields {
        let value = link.baseline.as_ref().and_then(|it| it.get(&field.name));
        field.path.set(&mut resource, value.cloned().filter(|value| !value.is_null()));
    }
    let Some(name) = resource.get(kind.name_attribute()).and_then(Value::as_str) else {
        return Ok(Mended::refused(
            "Entra never wrote what it is called: provision it on demand in Entra, or \
             `drift adopt` its absence",
        ));
    };
    if let Some(other) = holder(tx, hand, kind, name, &key).await? {
        return Ok(Mended::refused(format!(
            "row {other} has the name `{name}`: `drift adopt` forgets the lost row, and Entra then \
             finds that one"
        )));
    }
    let now = hand.stamp();
    if let Some(record) = &there {
        // The application marked it as gone: the mark is taken back.
        let own = mapper::undelete(layout, kind).into_iter().collect();
        write(tx, hand, kind, record, Changes { own, ..Changes::default() }).await?;
        let noted = note(tx, hand, "recreate", finding, Map::new(), resource).await?;
        return Ok(noted.done("no longer marked as deleted"));
    }
    let mut assignments = mapper::for_insert(layout, kind, &resource, now)?;
    let column = &layout.resource(kind).key;
    if !assignments.iter().any(|it| it.own() == Some(column)) {
        assignments.push(Assignment::Own(Arc::clone(column), key.clone()));
    }
    let changes = match changes(tx, hand, assignments).await? {
        Ok(changes) => changes,
        Err(refused) => return Ok(refused),
    };
    changes::insert(tx, layout, kind, changes, now).await?;
    // The link is as old as its row: the row isn't another's that came after it.
    link.created = now;
    link.modified = now;
    link.version += 1;
    links::put(tx, kind, id, Some(&link), &link).await?;
    match kind {
        ResourceType::User if link.disabled_at.is_none() => {
            memberships::restore_user(tx, layout, &key, now).await?;
        }
        ResourceType::User => {}
        ResourceType::Group => {
            let users = memberships::desired_of(tx, id).await?;
            let gone = memberships::unknown_users(tx, layout, &users).await?;
            let users: Vec<String> = users.into_iter().filter(|it| !gone.contains(it)).collect();
            memberships::add(tx, layout, &key, &users, now).await?;
        }
    }
    let noted = note(tx, hand, "recreate", finding, Map::new(), resource).await?;
    Ok(noted.done("made again under its old key"))
}

async fn remove_member(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let it = membership(tx, hand, finding).await?;
    if it.desired {
        return Ok(Mended::no_longer("Entra asserts the membership now"));
    }
    if !it.legacy {
        return Ok(Mended::no_longer("kpifire has no such membership"));
    }
    let ids = std::slice::from_ref(&it.user);
    memberships::remove(tx, &hand.layout, &it.team, ids, hand.stamp()).await?;
    let before = only("members", &vec![it.user.clone()].into());
    let noted = note(tx, hand, "restore", finding, before, Map::new()).await?;
    Ok(noted.done(format!("user {} taken out of the team", it.user)))
}

async fn add_member(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let it = membership(tx, hand, finding).await?;
    if !it.desired {
        return Ok(Mended::no_longer("Entra no longer asserts the membership"));
    }
    if it.legacy {
        return Ok(Mended::no_longer("kpifire has the membership"));
    }
    let user = key(hand, ResourceType::User, &it.user)?;
    let users = ResourceType::User;
    let record = resources::by_key(tx, &hand.layout, users, &user, Lock::Update).await?;
    let Some(record) = record.filter(|record| !record.deleted()) else {
        return Ok(Mended::refused(format!("there is no user {}: `drift adopt` it", it.user)));
    };
    if record.link.is_some_and(|link| link.disabled_at.is_some()) {
        return Ok(Mended::no_longer("Entra disabled the user in the meantime"));
    }
    let ids = std::slice::from_ref(&it.user);
    memberships::add(tx, &hand.layout, &it.team, ids, hand.stamp()).await?;
    let after = only("members", &vec![it.user.clone()].into());
    let noted = note(tx, hand, "restore", finding, Map::new(), after).await?;
    Ok(noted.done(format!("user {} put back into the team", it.user)))
}

/// Removes a membership that points at nothing.
async fn purge(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let it = membership(tx, hand, finding).await?;
    let user = key(hand, ResourceType::User, &it.user)?;
    let layout = &hand.layout;
    let users = resources::by_key(tx, layout, ResourceType::User, &user, Lock::None).await?;
    let teams = resources::by_key(tx, layout, ResourceType::Group, &it.team, Lock::None).await?;
    if !it.legacy || users.is_some() && teams.is_some() {
        return Ok(Mended::no_longer("the membership is gone or points at rows that exist"));
    }
    let ids = std::slice::from_ref(&it.user);
    memberships::purge(tx, layout, &it.team, ids).await?;
    let before = only("members", &vec![it.user.clone()].into());
    let noted = note(tx, hand, "purge", finding, before, Map::new()).await?;
    Ok(noted.done("removed"))
}
