//! What a life is made of: one thing that a client, an operator or cleanup does, through the functions
//! that do it always; and what the application might do behind the agent's back.

use std::sync::Arc;

use serde_json::{Value, json};

use super::install::Install;
use crate::clock::stamp;
use crate::drift::finding::member_field;
use crate::drift::plan::{Stage, Step};
use crate::drift::{Finding, Kind};
use crate::mapper::{self, Assignment};
use crate::reconcile::cleanup::{self, undo};
use crate::reconcile::mend::{By, Hand, Mended, restore};
use crate::scim::{FilterLimits, ListQuery, ResourceType};
use crate::service::{Actor, Caller, Error, Scope};
use crate::store::resources::{self, Lock};
use crate::store::{Tx, changes, memberships};

/// One thing done.
pub(super) enum Act {
    /// A client looks resources up.
    Find(ResourceType, String),
    /// A client makes one.
    Create(ResourceType, Value),
    /// A client changes one.
    Patch(ResourceType, String, Value),
    /// A client deletes one.
    Delete(ResourceType, String),
    /// The application changes an attribute of a row.
    Native(ResourceType, String, String, Value),
    /// The application takes a user out of every team.
    NativeLeave(String),
    /// An operator restores an attribute.
    Restore(Kind, ResourceType, String, String),
    /// The client forgets that it put a user into a team.
    Forget(String),
    /// Cleanup does a stage.
    Clean(Stage, String, Option<String>),
    /// An operator takes a stage back.
    Undo(Stage, String),
}

/// Names the run of cleanup in the journal.
const RUN: &str = "rehearsal";

impl Act {
    /// A filter by a name, or by whatever else.
    pub(super) fn find(kind: ResourceType, attribute: &str, value: &str) -> Self {
        Self::Find(kind, format!("{attribute} eq {}", Value::from(value)))
    }

    /// A change of one attribute.
    pub(super) fn replace(kind: ResourceType, id: &str, path: &str, value: &Value) -> Self {
        Self::one(kind, id, &json!({ "op": "replace", "path": path, "value": value }))
    }

    /// A change of one operation.
    pub(super) fn one(kind: ResourceType, id: &str, operation: &Value) -> Self {
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        let body = json!({ "schemas": [schema], "Operations": [operation] });
        Self::Patch(kind, id.to_owned(), body)
    }

    /// An operator's restoring of a membership, which a team's row has or lacks.
    pub(super) fn restore_member(kind: Kind, team: &str, user: &str) -> Self {
        Self::Restore(kind, ResourceType::Group, team.to_owned(), member_field(user))
    }
}

/// What came of an act.
pub(super) enum Came {
    /// It was done; what is shown.
    Done(Value),
    /// The agent left it; why.
    Left(String),
}

/// Does it.
pub(super) async fn perform(tx: &mut Tx, install: &Install, act: &Act) -> Result<Came, Error> {
    let Install { service, now, .. } = install;
    let layout = service.layout();
    let caller = &caller(install);
    let done = |value: Value| Ok(Came::Done(value));
    match act {
        Act::Find(kind, filter) => {
            let pairs = [("filter".to_owned(), filter.clone())];
            let query = if filter.is_empty() {
                ListQuery::default()
            } else {
                ListQuery::from_pairs(*kind, pairs, FilterLimits::default())?
            };
            done(service.list_within(tx, caller, *kind, query).await?.into())
        }
        Act::Create(kind, body) => {
            done(service.create_within(tx, caller, *kind, body.clone()).await?)
        }
        Act::Patch(kind, id, body) => {
            done(service.patch_within(tx, caller, *kind, id, body.clone()).await?)
        }
        Act::Delete(kind, id) => done(service.delete_within(tx, caller, *kind, id).await?),
        Act::Native(kind, id, path, value) => {
            native(tx, install, *kind, id, path, value).await?;
            done(Value::Null)
        }
        Act::NativeLeave(user) => {
            if let Some(key) = layout.key(ResourceType::User, user) {
                memberships::strip_user(tx, layout, &key, stamp(*now)).await?;
            }
            done(Value::Null)
        }
        Act::Forget(user) => {
            memberships::forget(tx, ResourceType::User, user).await?;
            done(Value::Null)
        }
        Act::Restore(kind, resource, id, attribute) => {
            let hand = Hand::of(&Actor::Agent, Arc::clone(layout), By::Restore, *now);
            let finding = finding(*kind, *resource, id, attribute);
            Ok(match restore(tx, &hand, &finding).await? {
                Mended::Done(_) => Came::Done(Value::Null),
                Mended::NoLonger(why) | Mended::Refused(why) => Came::Left(why),
            })
        }
        Act::Clean(stage, id, successor) => {
            clean(tx, install, *stage, id, successor.as_deref()).await
        }
        Act::Undo(stage, id) => {
            Ok(match undo::within(tx, &hand(install), id, stage.as_str()).await? {
                Ok(left) if left.is_empty() => Came::Done(Value::Null),
                Ok(left) => Came::Left(left.join("; ")),
                Err(why) => Came::Left(why),
            })
        }
    }
}

fn caller(install: &Install) -> Caller {
    Caller {
        request_id: format!("rehearsal-{}", install.salt),
        token: "rehearsal".to_owned(),
        scope: Scope::Provision,
        base: "https://rehearsal.invalid/scim/v2".to_owned(),
        now: install.now,
    }
}

fn hand(install: &Install) -> cleanup::Hand {
    cleanup::Hand {
        settings: Arc::clone(&install.settings),
        run: format!("{RUN}-{}", install.salt),
        now: install.now,
        actor: Actor::Agent,
    }
}

fn finding(kind: Kind, resource: ResourceType, id: &str, attribute: &str) -> Finding {
    Finding {
        kind,
        resource: Some(resource),
        scim_id: Some(id.to_owned()),
        attribute: Some(attribute.to_owned()),
        external_id: None,
        name: None,
        expected: Value::Null,
        actual: Value::Null,
        why: String::new(),
    }
}

/// Writes a row as the application might: past the agent's memory of what a client asserted.
async fn native(
    tx: &mut Tx,
    install: &Install,
    kind: ResourceType,
    id: &str,
    path: &str,
    value: &Value,
) -> Result<(), Error> {
    let layout = install.service.layout();
    let now = stamp(install.now);
    let (Some(key), Some(field)) = (layout.key(kind, id), layout.resource(kind).named(path)) else {
        return Ok(());
    };
    let Some(record) = resources::by_key(tx, layout, kind, &key, Lock::Update).await? else {
        return Ok(());
    };
    let old = mapper::attributes(layout, kind, &record);
    let mut new = old.clone();
    field.path.set(&mut new, Some(value.clone()));
    let mut assignments = mapper::for_update(layout, kind, &record.key_text(), (&old, &new), now)?;
    // The application knows nothing of what follows from it by the profile.
    assignments.retain(|it| matches!(it, Assignment::Attribute(..)));
    if let Ok(changes) = changes::resolve(tx, assignments, now).await? {
        changes::update(tx, layout, kind, &key, &changes, now).await?;
    }
    Ok(())
}

async fn clean(
    tx: &mut Tx,
    install: &Install,
    stage: Stage,
    id: &str,
    successor: Option<&str>,
) -> Result<Came, Error> {
    let layout = install.service.layout();
    let key = layout.key(ResourceType::User, id);
    let record = match &key {
        Some(key) => resources::by_key(tx, layout, ResourceType::User, key, Lock::None).await?,
        None => None,
    };
    let disabled = record.and_then(|record| record.link).and_then(|link| link.disabled_at);
    let Some(disabled_at) = disabled else {
        return Ok(Came::Left("the user isn't disabled".to_owned()));
    };
    let step = Step {
        stage,
        scim_id: id.to_owned(),
        name: None,
        due: install.now,
        detail: RUN.to_owned(),
        disabled_at: disabled_at.and_utc(),
        successor: successor.map(str::to_owned),
    };
    Ok(match cleanup::step(tx, &hand(install), &step).await? {
        Ok(()) => Came::Done(Value::Null),
        Err(reason) => Came::Left(reason.to_string()),
    })
}
