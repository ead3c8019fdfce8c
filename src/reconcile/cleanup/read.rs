//! From the tables to a plan: who is disabled, what hangs on them, and what stands in the way.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::clock::stamp;
use crate::drift::Verdict;
use crate::drift::plan::{
    Candidate, Cause, NoSuccessor, Plan, Policy, Reason, Successor, Usage, plan,
};
use crate::mapper::{self, Layout, Reading, Record};
use crate::reconcile::settings::back;
use crate::reconcile::{Settings, judge};
use crate::scim::{ResourceType, schema};
use crate::store::cleanup;
use crate::store::leavers::{self, Leaver, Wanted};
use crate::store::resources::{self, Window};
use crate::store::{Error, Tx, reports, runs, snapshot};

/// The plan as of now.
pub async fn plan_now(tx: &mut Tx, settings: &Settings, now: DateTime<Utc>) -> Result<Plan, Error> {
    let policy = policy(settings);
    let candidates = candidates(tx, settings, &policy, now).await?;
    let week = stamp(now - TimeDelta::days(7));
    let usage = Usage {
        week: cleanup::accounts_since(tx, week).await?,
        managed: cleanup::managed(tx).await?,
        obstacles: obstacles(tx, settings, now).await?,
    };
    Ok(plan(candidates, &policy, &usage, now))
}

/// When the next stage of any account falls due; `None` where nobody is on the way.
pub async fn next_due(
    tx: &mut Tx,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let policy = policy(settings);
    let stages = [Some(policy.strip_after), policy.anonymise_after, policy.delete_after];
    let mut next: Option<DateTime<Utc>> = None;
    for after in stages.into_iter().flatten() {
        let first = cleanup::first_disabled(tx, stamp(back(now, after))).await?;
        let due = first
            .and_then(|first| first.and_utc().checked_add_signed(TimeDelta::from_std(after).ok()?));
        next = next.into_iter().chain(due).min();
    }
    Ok(next)
}

fn policy(settings: &Settings) -> Policy {
    let cleanup = &settings.cleanup;
    let anonymises = !settings.layout.anonymise.is_empty();
    Policy {
        strip_after: cleanup.strip_after,
        anonymise_after: anonymises.then_some(cleanup.anonymise_after),
        delete_after: cleanup.delete_after,
        max_count: cleanup.max_count,
        max_percent: cleanup.max_percent,
        hash: settings.policy.clone(),
    }
}

async fn candidates(
    tx: &mut Tx,
    settings: &Settings,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<Candidate>, Error> {
    let layout = &*settings.layout;
    let before = |after: Duration| stamp(back(now, after));
    let wanted = Wanted {
        strip: before(policy.strip_after),
        anonymise: policy.anonymise_after.map(before),
        delete: policy.delete_after.map(before),
    };
    // Rows go as they come: what is kept of each is small.
    let mut found: Vec<(Candidate, Option<String>)> = Vec::new();
    let mut take = |leaver: Leaver| {
        let candidate = candidate(layout, &leaver);
        let manager = manager(&leaver, &candidate.id).filter(|_| candidate.owns());
        found.push((candidate, manager));
    };
    leavers::leavers(tx, layout, wanted, &mut take).await?;
    let managers: BTreeSet<&String> = found.iter().filter_map(|(_, it)| it.as_ref()).collect();
    let managers: Vec<String> = managers.into_iter().cloned().collect();
    let managers = cleanup::users(tx, layout, &managers).await?;
    let heir = heir(tx, settings).await?;
    let mut candidates: Vec<Candidate> = found
        .into_iter()
        .map(|(candidate, manager)| {
            if !candidate.owns() {
                return candidate;
            }
            let manager = manager.and_then(|id| managers.get(&id));
            let successor = successor(layout, &candidate.id, manager, &heir);
            Candidate { successor, ..candidate }
        })
        .collect();
    // By key among those disabled at one time: two plans of one state must be the same plan.
    candidates
        .sort_by(|one, other| (one.disabled_at, &one.id).cmp(&(other.disabled_at, &other.id)));
    Ok(candidates)
}

/// A leaver as the plan sees them; who takes over isn't known yet.
fn candidate(layout: &Layout, leaver: &Leaver) -> Candidate {
    let record = &leaver.record;
    let (id, name) = (record.key_text(), name(layout, record));
    let owned = layout.ownership.iter().zip(&leaver.owned);
    let pointing = layout.pointing_at_users.iter().zip(&leaver.pointed_at);
    let mut referenced_by: Vec<String> = pointing
        .filter(|(_, there)| **there)
        .map(|(it, _)| it.relation.table.to_string())
        .collect();
    referenced_by.dedup();
    Candidate {
        barred: barred(layout, record, name.as_deref(), leaver.held.as_deref()),
        id,
        name,
        disabled_at: leaver.disabled_at.and_utc(),
        anonymised: leaver.stage.as_deref() == Some("anonymise"),
        memberships: leaver.memberships,
        owned: owned.map(|(it, rows)| (it.relation.table.to_string(), *rows)).collect(),
        successor: Successor::None(NoSuccessor::Unnamed),
        referenced_by,
    }
}

/// Why nothing at all may be done to the account. `held` is an operator's reason.
pub(super) fn barred(
    layout: &Layout,
    record: &Record,
    name: Option<&str>,
    held: Option<&str>,
) -> Option<Reason> {
    if let Some(reason) = held {
        return Some(Reason::new(Cause::Held, reason));
    }
    if mapper::protected(&layout.profile.protect, &record.key_text(), name) {
        return Some(Cause::Protected.into());
    }
    let baseline = record.link.as_ref().and_then(|link| link.baseline.as_ref());
    let asserted = baseline.and_then(|baseline| baseline.get("userName")?.as_str());
    // The plan reads no links: there it is the step that finds this out.
    if mapper::recycled(record, asserted, name) {
        return Some(Reason::new(Cause::Recycled, "the key belongs to another person's row"));
    }
    active(layout, record).then(|| Reason::new(Cause::Reactivated, "kpifire has the user active"))
}

/// When Entra disabled the user.
pub(super) fn disabled_at(record: &Record) -> Option<NaiveDateTime> {
    record.link.as_ref().and_then(|link| link.disabled_at)
}

/// Whether kpifire has the user active.
pub(super) fn active(layout: &Layout, record: &Record) -> bool {
    reading(layout, record, "active") == Some(Reading::Value(Value::Bool(true)))
}

/// The userName that kpifire has.
pub(super) fn name(layout: &Layout, record: &Record) -> Option<String> {
    match reading(layout, record, "userName")? {
        Reading::Value(Value::String(name)) => Some(name),
        _ => None,
    }
}

fn reading(layout: &Layout, record: &Record, attribute: &str) -> Option<Reading> {
    mapper::reading_of(layout, ResourceType::User, record, attribute)
}

/// The id of the manager whom Entra wrote.
fn manager(leaver: &Leaver, own: &str) -> Option<String> {
    let enterprise = leaver.kept.get(schema::ENTERPRISE_USER)?;
    let id = enterprise.get("manager")?.get("value")?.as_str()?;
    (id != own).then(|| id.to_owned())
}

fn successor(
    layout: &Layout,
    leaver: &str,
    manager: Option<&Record>,
    heir: &Successor,
) -> Successor {
    match (manager.and_then(|it| able(layout, it)), heir) {
        (Some(successor), _) => successor,
        (None, Successor::User(id, _)) if id == leaver => Successor::None(NoSuccessor::Leaver),
        (None, heir) => heir.clone(),
    }
}

/// Whoever takes over must be there and be able to sign in.
fn able(layout: &Layout, record: &Record) -> Option<Successor> {
    let able = !record.deleted() && disabled_at(record).is_none() && active(layout, record);
    let name = name(layout, record).unwrap_or_default();
    able.then(|| Successor::User(record.key_text(), name))
}

/// Who takes over where no manager can: `cleanup.transfer_to`.
async fn heir(tx: &mut Tx, settings: &Settings) -> Result<Successor, Error> {
    let layout = &*settings.layout;
    let Some(wanted) = &settings.cleanup.transfer_to else {
        return Ok(Successor::None(NoSuccessor::Unnamed));
    };
    let found = find_user(tx, layout, wanted).await?;
    let able = found.iter().find_map(|record| able(layout, record));
    Ok(able.unwrap_or_else(|| Successor::None(NoSuccessor::Unknown(wanted.clone()))))
}

/// The live users that an operator may mean: of this id, or of this userName.
pub async fn find_user(tx: &mut Tx, layout: &Layout, user: &str) -> Result<Vec<Record>, Error> {
    let kind = ResourceType::User;
    if let Some(key) = layout.key(kind, user)
        && let Some(record) =
            resources::by_key(tx, layout, kind, &key, resources::Lock::None).await?
    {
        return Ok(vec![record]);
    }
    let Ok(named) = mapper::matching_name(layout, kind, user) else { return Ok(Vec::new()) };
    let window = Window { sort: None, offset: 0, limit: 3 };
    resources::find(tx, layout, kind, &named, &window).await
}

/// Why nothing may be written at all.
async fn obstacles(
    tx: &mut Tx,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<Vec<String>, Error> {
    let mut obstacles = Vec::new();
    let (contact, made) = snapshot::last_contact(tx).await?;
    let silent_since = contact.unwrap_or(made).and_utc();
    let limit = settings.reconcile.stale_after;
    if let Some(silence) = judge::silence(silent_since, contact.is_some(), now, limit) {
        obstacles.push(format!("stale source: {}", silence.why));
    }
    if let Some(last) = runs::last(tx).await?
        && last.verdict == Verdict::Incomplete.as_str()
    {
        let why = reports::reasons(&last).join("; ");
        obstacles.push(format!("{}: {why}", judge::INCOMPLETE));
    }
    Ok(obstacles)
}
