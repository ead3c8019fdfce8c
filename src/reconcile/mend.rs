//! What is done about a finding: `restore` writes what Entra asserted, `adopt` takes what kpifire
//! has for what Entra asserted. Each works inside the caller's transaction, on one row, which it
//! locks and reads again: what is no longer so is left alone. Every change is audited.

mod adopt;
mod restore;

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::stamp;
use crate::drift::finding::{Finding, member_of};
use crate::mapper::{self, Cell, Layout, Record};
use crate::scim::ResourceType;
use crate::service::{Error, audit};
use crate::store::audit::{self as audit_rows, AuditRow};
use crate::store::findings::{self, Stored};
use crate::store::resources::{self, Lock};
use crate::store::{Store, Tx, memberships};

pub use adopt::adopt;
pub use restore::restore;

/// Who mends, and when.
#[derive(Debug, Clone)]
pub struct Hand {
    /// The install.
    pub layout: Arc<Layout>,
    /// The time of the mending.
    pub now: DateTime<Utc>,
    /// Names the occasion in the audit: a run's id, or one of a command.
    pub occasion: String,
    /// Who, for the audit: `drift restore`, `reconcile.auto`.
    pub by: &'static str,
}

impl Hand {
    /// A person's hand, at the command line.
    pub fn of_command(layout: Arc<Layout>, by: &'static str, now: DateTime<Utc>) -> Self {
        Self { layout, now, occasion: Uuid::now_v7().to_string(), by }
    }

    fn stamp(&self) -> NaiveDateTime {
        stamp(self.now)
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// Written; what was done, in a few words.
    Done(String),
    /// The tables no longer differ: nothing was written.
    NoLonger(String),
    /// It can't be done; why, and what to do instead.
    Refused(String),
}

impl Mended {
    fn done(what: impl Into<String>) -> Self {
        Self::Done(what.into())
    }

    fn no_longer(why: impl Into<String>) -> Self {
        Self::NoLonger(why.into())
    }

    fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

/// The key of the finding's resource.
fn key(hand: &Hand, kind: ResourceType, id: &str) -> Result<Cell, Error> {
    hand.layout
        .key(kind, id)
        .ok_or_else(|| Error::Internal(format!("`{id}` is no key of a {kind}").into()))
}

/// The finding's row with its link, locked.
async fn locked(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Option<Record>, Error> {
    let (Some(kind), Some(id)) = (finding.resource, &finding.scim_id) else { return Ok(None) };
    let key = key(hand, kind, id)?;
    Ok(resources::by_key(tx, &hand.layout, kind, &key, Lock::Update).await?)
}

/// Appends the audit row of a mending.
async fn note(
    tx: &mut Tx,
    hand: &Hand,
    operation: &str,
    finding: &Finding,
    before: Map<String, Value>,
    after: Map<String, Value>,
) -> Result<(), Error> {
    let (before, after) = audit::differences(&before, &after);
    let row = AuditRow {
        id: Uuid::now_v7().to_string(),
        time: hand.stamp(),
        request_id: hand.occasion.clone(),
        token: None,
        operation: operation.to_owned(),
        resource_type: finding.resource.map(|kind| kind.as_str().to_owned()),
        resource: finding.scim_id.clone(),
        before,
        after,
        outcome: "done".to_owned(),
        detail: Some(format!("{}: {} {}", hand.by, finding.kind.as_str(), finding.fingerprint())),
    };
    Ok(audit_rows::append(tx, &row).await?)
}

/// One attribute as an object, for the audit.
fn only(attribute: &str, value: &Value) -> Map<String, Value> {
    Map::from_iter([(attribute.to_owned(), value.clone())])
}

/// A membership's team and user, and whether kpifire has it and Entra asserted it.
struct Membership {
    team: Cell,
    user: String,
    legacy: bool,
    desired: bool,
}

async fn membership(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Membership, Error> {
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
fn value_of(hand: &Hand, kind: ResourceType, record: &Record, attribute: &str) -> Value {
    let field = hand.layout.resource(kind).named(attribute);
    field.map(|field| mapper::reading(field, record).to_value()).unwrap_or_default()
}

/// What an operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// kpifire as Entra asserted.
    Restore,
    /// What kpifire has as asserted.
    Adopt,
}

impl Action {
    fn by(self) -> &'static str {
        match self {
            Self::Restore => "drift restore",
            Self::Adopt => "drift adopt",
        }
    }

    fn resolution(self) -> &'static str {
        match self {
            Self::Restore => "restored",
            Self::Adopt => "adopted",
        }
    }
}

/// Restores or adopts the finding of this id, in one transaction, and ends its life.
///
/// # Errors
/// The database's; then nothing was written.
pub async fn act(
    store: &Store,
    layout: Arc<Layout>,
    action: Action,
    id: &str,
    now: DateTime<Utc>,
) -> Result<Mended, Error> {
    let context = (Hand::of_command(layout, action.by(), now), action, id.to_owned());
    store
        .write(context, async |tx, (hand, action, id)| {
            let stored = match open(tx, id).await? {
                Ok(stored) => stored,
                Err(mended) => return Ok(mended),
            };
            let mended = match action {
                Action::Restore => restore(tx, hand, &stored.finding).await?,
                Action::Adopt => adopt(tx, hand, &stored.finding).await?,
            };
            let resolution = match &mended {
                Mended::Done(_) => action.resolution(),
                Mended::NoLonger(_) => "gone",
                Mended::Refused(_) => return Ok(mended),
            };
            let ids = std::slice::from_ref(id);
            findings::resolve(tx, ids, resolution, hand.stamp()).await?;
            Ok(mended)
        })
        .await
        .map_err(Error::explained)
}

/// Marks the finding of this id as one that is accepted as it is: counted, and no longer listed.
///
/// # Errors
/// The database's; then nothing was written.
pub async fn ignore(
    store: &Store,
    layout: Arc<Layout>,
    id: &str,
    reason: Option<String>,
    now: DateTime<Utc>,
) -> Result<Mended, Error> {
    let context = (Hand::of_command(layout, "drift ignore", now), id.to_owned(), reason);
    store
        .write(context, async |tx, (hand, id, reason)| {
            let stored = match open(tx, id).await? {
                Ok(stored) => stored,
                Err(mended) => return Ok(mended),
            };
            findings::ignore(tx, id, reason.as_deref(), hand.stamp()).await?;
            let after = only("reason", &reason.clone().into());
            note(tx, hand, "ignore", &stored.finding, Map::new(), after).await?;
            Ok(Mended::done("ignored until it ends by itself"))
        })
        .await
}

/// The finding of this id, locked, while it is open.
async fn open(tx: &mut Tx, id: &str) -> Result<Result<Stored, Mended>, Error> {
    let Some(stored) = findings::locked(tx, id).await? else {
        return Ok(Err(Mended::refused(
            "there is no finding of this id: `kpifire-scim drift list` shows those there are",
        )));
    };
    if let Some(at) = stored.resolved {
        let how = stored.resolution.as_deref().unwrap_or("gone");
        let at = at.format("%Y-%m-%d %H:%M:%S UTC");
        return Ok(Err(Mended::no_longer(format!("it ended at {at} ({how})"))));
    }
    Ok(Ok(stored))
}
