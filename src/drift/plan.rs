//! What cleanup would do now, and whether it may: links and the time in, a plan out. Pure.
//!
//! A plan names every account and step, so that it can be read first, and has a hash, so that what
//! was read is what is done.

mod reason;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use strum::{EnumString, IntoStaticStr};

pub use self::reason::{Cause, Reason};
use super::share::{MANY_USERS, percent};
use crate::digest;

/// A step on a disabled user's way out.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Stage {
    /// kpifire's memberships go; the desired ones stay.
    Strip,
    /// What the user owns becomes somebody else's.
    Transfer,
    /// Personal data is replaced.
    Anonymise,
    /// The row goes.
    Delete,
}

impl Stage {
    /// Its name in plans, the journal and `scim_links.cleanup_stage`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A disabled user as the tables have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The SCIM id.
    pub id: String,
    /// userName.
    pub name: Option<String>,
    /// When Entra disabled the user: the clock's start.
    pub disabled_at: DateTime<Utc>,
    /// Why nothing may be done to the account, if so.
    pub barred: Option<Reason>,
    /// Whether personal data is gone already.
    pub anonymised: bool,
    /// Memberships in kpifire.
    pub memberships: u64,
    /// What the user owns: rows by table.
    pub owned: Vec<(String, u64)>,
    /// Who takes it over.
    pub successor: Successor,
    /// Tables whose foreign keys point at the row.
    pub referenced_by: Vec<String>,
}

impl Candidate {
    /// Whether the user owns anything.
    pub fn owns(&self) -> bool {
        self.owned.iter().any(|(_, rows)| *rows > 0)
    }
}

/// Who takes over what a leaver owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Successor {
    /// This user: id and name.
    User(String, String),
    /// Nobody, and why.
    None(NoSuccessor),
}

/// Why nobody takes over where no manager can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSuccessor {
    /// `cleanup.transfer_to` names nobody.
    Unnamed,
    /// It names the leaver.
    Leaver,
    /// It names this, which is no active user.
    Unknown(String),
}

/// What the configuration allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `cleanup.strip_after`
    pub strip_after: Duration,
    /// `cleanup.anonymise_after`; `None` where the profile has no `[anonymise]`.
    pub anonymise_after: Option<Duration>,
    /// `cleanup.delete_after`
    pub delete_after: Option<Duration>,
    /// `cleanup.max_count`
    pub max_count: u64,
    /// `cleanup.max_percent`
    pub max_percent: f64,
    /// Hash of configuration and profile: part of the plan's.
    pub hash: String,
}

/// What was done before, and what there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Accounts that cleanup changed in the last seven days.
    pub week: BTreeSet<String>,
    /// Users that Entra manages.
    pub managed: u64,
    /// Why nothing may be written, a sentence each.
    pub obstacles: Vec<String>,
}

/// One step of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What.
    pub stage: Stage,
    /// Whose.
    pub scim_id: String,
    /// userName.
    pub name: Option<String>,
    /// Since when it is due.
    pub due: DateTime<Utc>,
    /// What it changes.
    pub detail: String,
    /// When Entra disabled the user: applying looks whether that still stands.
    #[serde(skip)]
    pub disabled_at: DateTime<Utc>,
    /// Who takes over, for a transfer.
    #[serde(skip)]
    pub successor: Option<String>,
}

/// A step that is due and can't be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deferral {
    /// What.
    pub stage: Stage,
    /// Whose.
    pub scim_id: String,
    /// userName.
    pub name: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// Which limit, and over which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// Accounts now.
    #[serde(rename = "cleanup.max_count in this run")]
    CountNow,
    /// Accounts in a week.
    #[serde(rename = "cleanup.max_count in 7 days")]
    CountInWeek,
    /// Their share in the managed users now.
    #[serde(rename = "cleanup.max_percent in this run")]
    PercentNow,
    /// Their share in a week.
    #[serde(rename = "cleanup.max_percent in 7 days")]
    PercentInWeek,
}

impl Limit {
    /// Its name in plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CountNow => "cleanup.max_count in this run",
            Self::CountInWeek => "cleanup.max_count in 7 days",
            Self::PercentNow => "cleanup.max_percent in this run",
            Self::PercentInWeek => "cleanup.max_percent in 7 days",
        }
    }

    /// What stands behind its numbers.
    pub fn unit(self) -> &'static str {
        match self {
            Self::CountNow | Self::CountInWeek => "",
            Self::PercentNow | Self::PercentInWeek => " %",
        }
    }
}

/// A limit and how much of it the plan takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Which.
    pub name: Limit,
    /// Accounts, or their share in percent.
    #[serde(serialize_with = "short")]
    pub count: f64,
    /// At most.
    #[serde(serialize_with = "short")]
    pub limit: f64,
}

/// A whole number without a point.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn short<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
        return serializer.serialize_i64(*number as i64);
    }
    serializer.serialize_f64(*number)
}

impl Threshold {
    fn broken(&self) -> bool {
        self.count > self.limit
    }
}

/// Whether a plan may be applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum Readiness {
    /// Nothing is due.
    #[default]
    Empty,
    /// It may.
    Ready,
    /// It may not: a threshold or an obstacle.
    Blocked,
}

impl Readiness {
    /// Its name in plans.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What cleanup would do now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Changes when a key changes its meaning or goes away.
    pub version: u32,
    /// Names the plan: two plans of one hash do the same.
    pub hash: String,
    /// Whether it may be applied.
    pub verdict: Readiness,
    /// Why not, a sentence each.
    pub reasons: Vec<String>,
    /// What it does, account by account, in order.
    pub steps: Vec<Step>,
    /// What is due and can't be done.
    pub deferred: Vec<Deferral>,
    /// The limits.
    pub thresholds: Vec<Threshold>,
}

/// Makes the plan. Candidates come in the order in which they are worked off.
pub fn plan(
    candidates: Vec<Candidate>,
    policy: &Policy,
    usage: &Usage,
    now: DateTime<Utc>,
) -> Plan {
    let (mut steps, mut deferred) = (Vec::new(), Vec::new());
    for candidate in candidates {
        of_account(&candidate, policy, now, &mut steps, &mut deferred);
    }
    let thresholds = thresholds(&steps, policy, usage);
    let mut reasons: Vec<String> = thresholds.iter().filter(|it| it.broken()).map(over).collect();
    reasons.extend(usage.obstacles.iter().cloned());
    let verdict = match (steps.is_empty(), reasons.is_empty()) {
        (true, _) => Readiness::Empty,
        (false, true) => Readiness::Ready,
        (false, false) => Readiness::Blocked,
    };
    if verdict == Readiness::Empty {
        reasons.clear();
    }
    Plan { version: 1, hash: hash(&steps, policy), verdict, reasons, steps, deferred, thresholds }
}

fn over(threshold: &Threshold) -> String {
    let Threshold { name, count, limit } = threshold;
    let name = name.as_str();
    format!("{name}: {count} of {limit}; nothing is done over a threshold")
}

fn of_account(
    candidate: &Candidate,
    policy: &Policy,
    now: DateTime<Utc>,
    steps: &mut Vec<Step>,
    deferred: &mut Vec<Deferral>,
) {
    let due = due(candidate, policy, now);
    let Some((first, _)) = due.first() else { return };
    if let Some(reason) = &candidate.barred {
        deferred.push(defer(candidate, *first, reason.clone()));
        return;
    }
    for (stage, since) in due {
        match detail(candidate, stage) {
            Ok(None) => {}
            Ok(Some(detail)) => steps.push(Step {
                stage,
                scim_id: candidate.id.clone(),
                name: candidate.name.clone(),
                due: since,
                detail,
                disabled_at: candidate.disabled_at,
                successor: match (&candidate.successor, stage) {
                    (Successor::User(id, _), Stage::Transfer) => Some(id.clone()),
                    _ => None,
                },
            }),
            // What comes after waits for it.
            Err(reason) => {
                deferred.push(defer(candidate, stage, reason));
                return;
            }
        }
    }
}

fn defer(candidate: &Candidate, stage: Stage, reason: Reason) -> Deferral {
    let (scim_id, name) = (candidate.id.clone(), candidate.name.clone());
    Deferral { stage, scim_id, name, reason }
}

/// The stages that are due, in order, each with the time since when.
fn due(candidate: &Candidate, policy: &Policy, now: DateTime<Utc>) -> Vec<(Stage, DateTime<Utc>)> {
    let after = |duration: Duration| {
        let due = candidate.disabled_at.checked_add_signed(TimeDelta::from_std(duration).ok()?)?;
        (due <= now).then_some(due)
    };
    let mut stages = Vec::new();
    if candidate.memberships > 0
        && !candidate.anonymised
        && let Some(since) = after(policy.strip_after)
    {
        stages.push((Stage::Strip, since));
    }
    if !candidate.anonymised
        && let Some(since) = policy.anonymise_after.and_then(after)
    {
        stages.extend([(Stage::Transfer, since), (Stage::Anonymise, since)]);
    }
    let anonymised = candidate.anonymised || !stages.is_empty();
    if let Some(since) = policy.delete_after.and_then(after)
        && (policy.anonymise_after.is_none() || anonymised)
    {
        stages.push((Stage::Delete, since));
    }
    stages
}

/// What a stage changes; `None` where there is nothing to do.
fn detail(candidate: &Candidate, stage: Stage) -> Result<Option<String>, Reason> {
    match stage {
        Stage::Strip => Ok(Some(format!("{} memberships", candidate.memberships))),
        Stage::Transfer => {
            let owned: Vec<String> = candidate
                .owned
                .iter()
                .filter(|(_, rows)| *rows > 0)
                .map(|(table, rows)| format!("{rows} {table}"))
                .collect();
            if owned.is_empty() {
                return Ok(None);
            }
            let owned = owned.join(", ");
            match &candidate.successor {
                Successor::User(id, name) => Ok(Some(format!("{owned} to {name} ({id})"))),
                Successor::None(why) => Err(no_successor(&owned, why)),
            }
        }
        Stage::Anonymise => Ok(Some("personal data replaced".to_owned())),
        Stage::Delete if candidate.referenced_by.is_empty() => {
            Ok(Some("the row removed".to_owned()))
        }
        Stage::Delete => Err(referenced(&candidate.referenced_by.join(", "))),
    }
}

/// What the user owns would be nobody's.
fn no_successor(owned: &str, why: &NoSuccessor) -> Reason {
    let sentence = |why| Cause::NoSuccessor(format!("owns {owned}, and {why}"));
    match why {
        NoSuccessor::Unnamed => {
            sentence("has no manager in kpifire, and cleanup.transfer_to names nobody").into()
        }
        NoSuccessor::Leaver => sentence("cleanup.transfer_to names the leaver").into(),
        NoSuccessor::Unknown(wanted) => Reason::new(
            sentence("cleanup.transfer_to"),
            format!("`{wanted}` is no active user of kpifire"),
        ),
    }
}

/// Foreign keys of these tables point at the row.
pub fn referenced(tables: &str) -> Reason {
    Reason::new(Cause::Referenced, format!("foreign keys of {tables} point at the row"))
}

fn thresholds(steps: &[Step], policy: &Policy, usage: &Usage) -> Vec<Threshold> {
    // An account's steps follow one another.
    let mut accounts: Vec<&str> = steps.iter().map(|step| step.scim_id.as_str()).collect();
    accounts.dedup();
    let again = accounts.iter().filter(|id| usage.week.contains(**id)).count();
    let (now, week) = (accounts.len() as u64, (accounts.len() + usage.week.len() - again) as u64);
    #[expect(clippy::cast_precision_loss, reason = "accounts are far below 2^52")]
    let count =
        |name, count: u64| Threshold { name, count: count as f64, limit: policy.max_count as f64 };
    let mut thresholds = vec![count(Limit::CountNow, now), count(Limit::CountInWeek, week)];
    if usage.managed >= MANY_USERS {
        let share = |name, count| {
            let (exact, limit) = (percent(count, usage.managed), policy.max_percent);
            let short = (exact * 10.0).round() / 10.0;
            // What is just over the limit must not come out as the limit.
            let over = exact > limit && short <= limit;
            let count = if over { (exact * 1000.0).ceil() / 1000.0 } else { short };
            Threshold { name, count, limit }
        };
        thresholds.push(share(Limit::PercentNow, now));
        thresholds.push(share(Limit::PercentInWeek, week));
    }
    thresholds
}

/// 16 hexadecimal digits of SHA-256 over what would be done and the settings behind it.
fn hash(steps: &[Step], policy: &Policy) -> String {
    let mut hash = Sha256::new();
    hash.update(&policy.hash);
    for step in steps {
        let fields = [step.stage.as_str(), &step.scim_id, &step.detail];
        for field in fields {
            hash.update(field.len().to_be_bytes());
            hash.update(field);
        }
        hash.update(step.due.timestamp_micros().to_be_bytes());
    }
    digest::hex(&hash.finalize(), 8)
}

/// Steps by stage, for whoever counts them.
pub fn by_stage(steps: &[Step]) -> BTreeMap<Stage, u64> {
    let mut counts = BTreeMap::new();
    for step in steps {
        *counts.entry(step.stage).or_default() += 1;
    }
    counts
}

/// `3 strip, 1 anonymise`
pub fn counted(steps: &BTreeMap<Stage, u64>) -> String {
    let counts: Vec<String> =
        steps.iter().map(|(stage, count)| format!("{count} {}", stage.as_str())).collect();
    counts.join(", ")
}
