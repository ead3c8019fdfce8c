//! What a report says, whatever its format.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::finding::{Finding, Kind};
use super::plan::{Deferral, Plan, Readiness, Stage, Threshold, by_stage};

/// A whole report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which run.
    pub run: Run,
    /// How it came out.
    pub verdict: Verdict,
    /// Why the verdict is `INCOMPLETE` or `BLOCKED`, a sentence each; empty otherwise.
    pub reasons: Vec<String>,
    /// What the run looked at.
    pub scope: Scope,
    /// How much of kpifire is as Entra asserted.
    pub coverage: Coverage,
    /// By kind, in the order of [`Kind::ALL`]: kinds that are there now, were before, or were
    /// resolved by this run.
    pub counts: Vec<Count>,
    /// Open findings that are neither ignored nor tolerated, [`LISTED`] of a kind at most, sorted by
    /// [`sort`]. Those of an incomplete run are unconfirmed: what it saw in tables that it doesn't believe.
    pub findings: Vec<Item>,
    /// Earlier complete runs of the last 90 days, this one included, oldest first.
    pub trend: Vec<TrendPoint>,
    /// Disabled users by how far they are on their way out.
    pub grace: Grace,
    /// What cleanup would do now.
    pub cleanup: CleanupPlan,
    /// When the next scheduled run is.
    pub next: Option<DateTime<Utc>>,
    /// `schedule.timezone`: whose local time is shown beside UTC.
    pub zone: Tz,
}

/// A run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// A UUID that sorts by time.
    pub id: String,
    /// When it began reading.
    pub started: DateTime<Utc>,
    /// When its result was written.
    pub finished: DateTime<Utc>,
}

/// How a run came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Verdict {
    /// Nothing has drifted.
    Clean,
    /// There are findings.
    Drift,
    /// Not everything could be read, or what was read can't be trusted.
    Incomplete,
    /// A threshold forbade what was to be done.
    Blocked,
}

impl Verdict {
    /// Its name in reports and `scim_runs.verdict`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The exit code that says it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Drift => 2,
            Self::Incomplete => 3,
            Self::Blocked => 4,
        }
    }
}

/// What a run looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope {
    /// Rows read.
    pub rows: Rows,
    /// Of these, what Entra asserted: links without tombstones, and desired memberships.
    pub asserted: Rows,
    /// Links by resource type and state: `{"User": {"managed": 12}}`.
    pub links: BTreeMap<String, BTreeMap<String, u64>>,
    /// Findings that an operator ignores.
    pub ignored: u64,
    /// User rows that `[protect]` names.
    pub protected: u64,
    /// Findings of attributes that `reconcile.tolerate` names, by attribute.
    pub tolerated: BTreeMap<String, u64>,
    /// Findings that this run restored by itself (`reconcile.auto`).
    pub restored: u64,
    /// When Entra was last heard of.
    pub last_contact: Option<DateTime<Utc>>,
    /// Hash of the configuration and profile.
    pub config_hash: String,
    /// The export of Entra that was compared, with its number of users.
    pub source: Option<SourceScope>,
    /// Users in the last export that was believed, this run's or one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_export: Option<u64>,
}

/// The export a run compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceScope {
    /// The file's name, without its folder.
    pub file: String,
    /// Users in it.
    pub users: u64,
}

/// Rows by table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rows {
    /// kpifire's users.
    pub users: u64,
    /// Its teams.
    pub teams: u64,
    /// Its memberships.
    pub members: u64,
}

/// How much of kpifire is as Entra asserted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Coverage {
    /// User rows, tombstones left out.
    pub users: u64,
    /// Of them, managed and equal to what Entra asserted.
    pub equal: u64,
    /// The share, in percent; 100 where there are no users.
    pub percent: f64,
    /// Percentage points since the last complete run; `None` for the first.
    pub change: Option<f64>,
}

/// The findings of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The kind.
    pub kind: Kind,
    /// Open now, listed or not.
    pub now: u64,
    /// Open after the last complete run.
    pub before: u64,
    /// Of those open now, first seen by this run.
    pub new: u64,
    /// Of those open now, seen before.
    pub persisting: u64,
    /// Open before, and gone now.
    pub resolved: u64,
    /// When the oldest that is open now was first seen.
    pub oldest: Option<DateTime<Utc>>,
    /// Those seen before, by the steps of [`AGES`].
    pub ages: [u64; AGES.len()],
}

/// A finding with its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its fingerprint: what the `drift` commands take.
    pub id: String,
    /// What was found.
    pub finding: Finding,
    /// When a run first saw it.
    pub first_seen: DateTime<Utc>,
    /// Whether this run is the first that saw it.
    pub new: bool,
    /// Whether a complete run saw it. What only an incomplete one saw is kept with that run alone: it isn't open,
    /// and nothing can be done about it.
    pub confirmed: bool,
    /// The command that mends it, ready to paste; `None`: see `why`.
    pub command: Option<String>,
}

/// A past run's counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendPoint {
    /// When the run finished.
    pub at: DateTime<Utc>,
    /// Open findings by kind; kinds with none left out.
    pub counts: BTreeMap<Kind, u64>,
}

/// Users whom Entra disabled, by how far they are on their way out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grace {
    /// Disabled, and within `cleanup.strip_after`.
    pub waiting: u64,
    /// Past it, memberships still there.
    pub strip_due: u64,
    /// Stripped, and within `cleanup.anonymise_after`.
    pub stripped: u64,
    /// Past it, personal data still there.
    pub anonymise_due: u64,
    /// Anonymised.
    pub anonymised: u64,
}

/// What cleanup would do at the time of the run, in numbers; `cleanup plan` has it account by
/// account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CleanupPlan {
    /// Names the plan.
    pub hash: String,
    /// Whether it may be applied.
    pub verdict: Readiness,
    /// Why not, a sentence each.
    pub reasons: Vec<String>,
    /// Accounts by the stage that is due.
    pub due: BTreeMap<Stage, u64>,
    /// Accounts with a stage that is due and can't be done: the first hundred.
    pub deferred: Vec<Deferral>,
    /// How many there are.
    pub deferred_count: u64,
    /// When the next stage of any account falls due.
    pub next_due: Option<DateTime<Utc>>,
    /// The limits.
    pub thresholds: Vec<Threshold>,
}

/// How many deferrals a report lists.
const DEFERRALS: usize = 100;

impl CleanupPlan {
    /// The numbers of a plan.
    pub fn of(plan: &Plan, next_due: Option<DateTime<Utc>>) -> Self {
        Self {
            hash: plan.hash.clone(),
            verdict: plan.verdict,
            reasons: plan.reasons.clone(),
            due: by_stage(&plan.steps),
            deferred: plan.deferred.iter().take(DEFERRALS).cloned().collect(),
            deferred_count: plan.deferred.len() as u64,
            next_due,
            thresholds: plan.thresholds.clone(),
        }
    }

    /// The same, and nothing of it may be done.
    #[must_use]
    pub fn blocked(mut self, why: &str) -> Self {
        self.verdict = Readiness::Blocked;
        self.reasons.push(why.to_owned());
        self
    }
}

/// Findings of a kind that a report lists; the rest is counted.
pub const LISTED: usize = 100;

/// How long findings have been open: what each step is called, and until when it lasts.
pub const AGES: [(&str, TimeDelta); 5] = [
    ("up to a day", TimeDelta::days(1)),
    ("up to a week", TimeDelta::days(7)),
    ("up to 30 days", TimeDelta::days(30)),
    ("up to 90 days", TimeDelta::days(90)),
    ("longer", TimeDelta::MAX),
];

impl Report {
    /// How many findings there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|count| count.now).sum()
    }

    /// How many of a kind are listed.
    pub fn listed(&self, kind: Kind) -> u64 {
        self.findings.iter().filter(|item| item.finding.kind == kind).count() as u64
    }

    /// The kinds of which there are more than are listed, with how many more.
    pub fn more(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        let more = |count: &Count| (count.kind, count.now.saturating_sub(self.listed(count.kind)));
        self.counts.iter().map(more).filter(|(_, more)| *more > 0)
    }

    /// The command that lists what is open of a kind; `None` where nothing keeps it, as of a run that was
    /// incomplete.
    pub fn command_for_all(&self, kind: Kind) -> Option<String> {
        let kept = self.verdict != Verdict::Incomplete;
        kept.then(|| format!("kpifire-scim drift list --kind {} --format csv", kind.as_str()))
    }
}

/// A report's findings as they come, in any order and however many: all are counted, and of each kind
/// those are kept that a report lists.
#[derive(Debug)]
pub struct Listing {
    finished: DateTime<Utc>,
    kinds: BTreeMap<Kind, OfKind>,
}

#[derive(Debug, Default)]
struct OfKind {
    now: u64,
    new: u64,
    ages: [u64; AGES.len()],
    oldest: Option<DateTime<Utc>>,
    first: Vec<Item>,
}

impl Listing {
    /// None yet; ages are counted back from when the run finished.
    pub fn new(finished: DateTime<Utc>) -> Self {
        Self { finished, kinds: BTreeMap::new() }
    }

    /// One more.
    pub fn add(&mut self, item: Item) {
        let of_kind = self.kinds.entry(item.finding.kind).or_default();
        of_kind.now += 1;
        of_kind.oldest = of_kind.oldest.into_iter().chain([item.first_seen]).min();
        if item.new {
            of_kind.new += 1;
        } else {
            let age = self.finished - item.first_seen;
            let step = AGES.iter().position(|(_, until)| age <= *until);
            if let Some(count) = step.and_then(|step| of_kind.ages.get_mut(step)) {
                *count += 1;
            }
        }
        of_kind.first.push(item);
        if of_kind.first.len() >= 2 * LISTED {
            of_kind.cut();
        }
    }

    /// The findings by kind, in the order of reports; kinds of which there is nothing to say left out.
    pub fn counts(
        &self,
        before: &BTreeMap<Kind, u64>,
        resolved: &BTreeMap<Kind, u64>,
    ) -> Vec<Count> {
        let none = OfKind::default();
        let count = |&kind: &Kind| {
            let OfKind { now, new, ages, oldest, .. } = self.kinds.get(&kind).unwrap_or(&none);
            let resolved = resolved.get(&kind).copied().unwrap_or_default();
            let persisting = now - new;
            // The last run need not have had an export, and then saw none of these.
            let before = if Kind::OF_EXPORTS.contains(&kind) {
                persisting + resolved
            } else {
                before.get(&kind).copied().unwrap_or_default()
            };
            let (now, new, ages, oldest) = (*now, *new, *ages, *oldest);
            Count { kind, now, before, new, persisting, resolved, oldest, ages }
        };
        let counts = Kind::ALL.iter().map(count);
        counts.filter(|count| count.now + count.before + count.resolved > 0).collect()
    }

    /// Those that a report lists, in its order.
    pub fn items(self) -> Vec<Item> {
        // By kind they are in the order of reports already.
        let sorted = self.kinds.into_values().flat_map(|mut of_kind| {
            of_kind.cut();
            of_kind.first
        });
        sorted.collect()
    }
}

impl OfKind {
    fn cut(&mut self) {
        sort(&mut self.first);
        self.first.truncate(LISTED);
    }
}

/// The order of findings in every format: the worst first, kind by kind, new ones first, then by
/// name, id and attribute.
pub fn sort(findings: &mut [Item]) {
    findings.sort_by(|one, other| key(one).cmp(&key(other)));
}

fn key(item: &Item) -> impl Ord + '_ {
    let finding = &item.finding;
    (
        finding.kind.severity(),
        finding.kind,
        !item.new,
        &finding.name,
        &finding.scim_id,
        &finding.attribute,
    )
}
