//! Who mends a finding, what came of it, and what restoring and adopting have in common: the row,
//! locked and read again, and the audit row.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::stamp;
use crate::digest;
use crate::drift::finding::{Finding, member_of};
use crate::mapper::{self, Cell, Layout, Record};
use crate::scim::ResourceType;
use crate::service::{Actor, Error, audit};
use crate::store::audit::{self as audit_rows, AuditRow};
use crate::store::resources::{self, Lock};
use crate::store::{Tx, memberships};

/// Who mends, and when.
#[derive(Debug, Clone)]
pub struct Hand {
    /// The install.
    pub layout: Arc<Layout>,
    /// The time of the mending.
    pub now: DateTime<Utc>,
    /// Names the occasion in the audit: a run's id, or one of a command's or an operator's.
    pub occasion: String,
    /// By what, for the audit.
    pub by: By,
    /// Who, for the audit.
    pub actor: Actor,
}

/// What mends: a person's act, or the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// `drift restore`
    Restore,
    /// `drift adopt`
    Adopt,
    /// `drift ignore`
    Ignore,
    /// `reconcile.auto`
    Auto,
}

impl By {
    /// What an audit row's detail begins with: the rows of one are found by it.
    pub(in crate::reconcile) fn beginning(self) -> &'static str {
        match self {
            Self::Restore => "drift restore: ",
            Self::Adopt => "drift adopt: ",
            Self::Ignore => "drift ignore: ",
            Self::Auto => "reconcile.auto: ",
        }
    }
}

impl Hand {
    /// A person's hand, at the command line or in the console.
    pub fn of(actor: &Actor, layout: Arc<Layout>, by: By, now: DateTime<Utc>) -> Self {
        Self { layout, now, occasion: actor.occasion(), by, actor: actor.clone() }
    }

    pub(super) fn stamp(&self) -> NaiveDateTime {
        stamp(self.now)
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// Written.
    Done(Written),
    /// The tables no longer differ: nothing was written.
    NoLonger(String),
    /// It can't be done; why, and what to do instead.
    Refused(String),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// In a few words.
    pub what: String,
    /// Changed attributes as they were.
    pub before: Map<String, Value>,
    /// Changed attributes as they are.
    pub after: Map<String, Value>,
}

impl Written {
    /// Names what was written: the same name, the same change.
    pub fn seal(&self) -> String {
        let side = |side: &Map<String, Value>| Value::from(side.clone()).to_string();
        let (before, after) = (side(&self.before), side(&self.after));
        digest::of_parts([self.what.as_str(), &before, &after], 16)
    }
}

impl Mended {
    pub(super) fn no_longer(why: impl Into<String>) -> Self {
        Self::NoLonger(why.into())
    }

    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

/// The key of the finding's resource.
pub(super) fn key(hand: &Hand, kind: ResourceType, id: &str) -> Result<Cell, Error> {
    hand.layout
        .key(kind, id)
        .ok_or_else(|| Error::Internal(format!("`{id}` is no key of a {kind}").into()))
}

/// The finding's row with its link, locked.
pub(super) async fn locked(
    tx: &mut Tx,
    hand: &Hand,
    finding: &Finding,
) -> Result<Option<Record>, Error> {
    let (Some(kind), Some(id)) = (finding.resource, &finding.scim_id) else { return Ok(None) };
    let key = key(hand, kind, id)?;
    Ok(resources::by_key(tx, &hand.layout, kind, &key, Lock::Update).await?)
}

/// Appends the audit row of a mending.
pub(super) async fn note(
    tx: &mut Tx,
    hand: &Hand,
    operation: &str,
    finding: &Finding,
    before: Map<String, Value>,
    after: Map<String, Value>,
) -> Result<Noted, Error> {
    let (before, after) = audit::differences(&before, &after);
    let row = AuditRow {
        id: Uuid::now_v7().to_string(),
        time: hand.stamp(),
        request_id: hand.occasion.clone(),
        token: hand.actor.name(),
        operation: operation.to_owned(),
        resource_type: finding.resource.map(|kind| kind.as_str().to_owned()),
        resource: finding.scim_id.clone(),
        before: before.clone(),
        after: after.clone(),
        outcome: "done".to_owned(),
        detail: Some(format!(
            "{}{} {}",
            hand.by.beginning(),
            finding.kind.as_str(),
            finding.fingerprint()
        )),
    };
    audit_rows::append(tx, &row).await?;
    Ok(Noted { before, after })
}

/// What an audit row says was changed.
pub(super) struct Noted {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Noted {
    /// That is what was done.
    pub(super) fn done(self, what: impl Into<String>) -> Mended {
        let Self { before, after } = self;
        Mended::Done(Written { what: what.into(), before, after })
    }
}

/// One attribute as an object, for the audit.
pub(super) fn only(attribute: &str, value: &Value) -> Map<String, Value> {
    Map::from_iter([(attribute.to_owned(), value.clone())])
}

/// A membership's team and user, and whether kpifire has it and Entra asserted it.
pub(super) struct Membership {
    pub(super) team: Cell,
    pub(super) user: String,
    pub(super) legacy: bool,
    pub(super) desired: bool,
}

pub(super) async fn membership(
    tx: &mut Tx,
    hand: &Hand,
    finding: &Finding,
) -> Result<Membership, Error> {
    let user = finding.attribute.as_deref().and_then(member_of);
    let (Some(team), Some(user)) = (&finding.scim_id, user) else {
        return Err(Error::Internal("a membership's finding names no membership".into()));
    };
    let team = key(hand, ResourceType::Group, team)?;
    // Who writes the team's memberships locks the team's row first.
    resources::by_key(tx, &hand.layout, ResourceType::Group, &team, Lock::Update).await?;
    let (legacy, desired) = memberships::exists(tx, &hand.layout, &team, &user).await?;
    Ok(Membership { team, user, legacy, desired })
}

/// What a record says of one attribute, or null.
pub(super) fn value_of(hand: &Hand, kind: ResourceType, record: &Record, attribute: &str) -> Value {
    let field = hand.layout.resource(kind).named(attribute);
    field.map(|field| mapper::reading(field, record).to_value()).unwrap_or_default()
}
