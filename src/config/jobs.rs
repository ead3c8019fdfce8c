//! The sections for what runs by itself: schedule, reconciler, cleanup, reports, retention. They are validated here; the rooms that use them read them from the [`Config`].
//!
//! Owns their defaults. Reading and messages of single values are `read`'s.
//!
//! [`Config`]: super::Config

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;

use super::cron::Cron;
use super::read::Reader;
use super::sections::non_empty;
use super::values::parse_duration;
use crate::drift::Kind;
use crate::profile::near_miss;
use crate::scim::{AttributePath, ResourceType};

const DAY: Duration = Duration::from_secs(86_400);
/// A century: longer is a slip of the pen, and would overflow a calendar sooner or later.
const CENTURY: Duration = Duration::from_secs(36_525 * 86_400);

/// `[schedule]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// `schedule.reconcile`. Default `17 2 * * *`; empty: never.
    pub reconcile: Option<Cron>,
    /// `schedule.cleanup`. Default `47 2 * * *`; empty: never.
    pub cleanup: Option<Cron>,
    /// `schedule.timezone`: whose clock the lines mean. Default `UTC`.
    pub timezone: Tz,
}

impl Schedule {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let reconcile = reader.parsed("schedule.reconcile", "17 2 * * *", optional_cron);
        let cleanup = reader.parsed("schedule.cleanup", "47 2 * * *", optional_cron);
        let timezone = reader.parsed("schedule.timezone", "UTC", |text| {
            text.parse::<Tz>().map_err(|_| {
                let hint =
                    near_miss::hint(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
                format!("must be a time zone such as Europe/Berlin, not `{text}`{hint}")
            })
        });
        Some(Self { reconcile: reconcile?, cleanup: cleanup?, timezone: timezone? })
    }
}

pub(super) fn optional_cron(text: &str) -> Result<Option<Cron>, String> {
    if text.is_empty() { Ok(None) } else { Cron::parse(text).map(Some) }
}

/// The drift kinds that `restore` can mend without a person asking for it.
const AUTO_KINDS: [Kind; 6] = [
    Kind::Reactivated,
    Kind::Attribute,
    Kind::WronglyDisabled,
    Kind::MemberExtra,
    Kind::MemberMissing,
    Kind::TeamAttribute,
];

/// `[reconcile]`
#[derive(Debug, Clone, PartialEq)]
pub struct Reconcile {
    /// `reconcile.stale_after`: silence from Entra that blocks cleanup. Default `48h`.
    pub stale_after: Duration,
    /// `reconcile.floor`: the share of the last run's rows, in percent, below which a run is
    /// incomplete. Default 90.
    pub floor: f64,
    /// `reconcile.floor_rows`: so many rows fewer than at the last run are never too few. Default 10.
    pub floor_rows: u64,
    /// `reconcile.statement_time`: how long a statement of a run or a command may take, waiting for locks
    /// included. Default `5m`.
    pub statement_time: Duration,
    /// `reconcile.tolerate`: attributes whose drift is counted, not listed.
    pub tolerate: BTreeSet<AttributePath>,
    /// `reconcile.auto`: drift kinds restored without asking.
    pub auto: BTreeSet<Kind>,
}

impl Reconcile {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let stale_after = reader.duration("reconcile.stale_after", "48h", Duration::ZERO, CENTURY);
        let floor = reader.percent("reconcile.floor", "90");
        let floor_rows = reader.integer("reconcile.floor_rows", 10, 0, 1_000_000_000);
        let statement_time =
            reader.duration("reconcile.statement_time", "5m", Duration::from_secs(1), DAY);
        let mut tolerate = BTreeSet::new();
        for (text, origin) in reader.list("reconcile.tolerate")? {
            let path = AttributePath::parse(ResourceType::User, &text)
                .or_else(|user| AttributePath::parse(ResourceType::Group, &text).map_err(|_| user));
            match path {
                Ok(path) => {
                    tolerate.insert(path);
                }
                Err(message) => reader.problem("reconcile.tolerate", Some(origin), message),
            }
        }
        let mut auto = BTreeSet::new();
        for (text, origin) in reader.list("reconcile.auto")? {
            if let Some(kind) = AUTO_KINDS.into_iter().find(|kind| kind.as_str() == text) {
                auto.insert(kind);
            } else {
                let known = AUTO_KINDS.map(Kind::as_str);
                let hint = near_miss::hint(&text, known);
                let message =
                    format!("doesn't know `{text}`{hint} (allowed: {})", known.join(", "));
                reader.problem("reconcile.auto", Some(origin), message);
            }
        }
        Some(Self {
            stale_after: stale_after?,
            floor: floor?,
            floor_rows: floor_rows?,
            statement_time: statement_time?,
            tolerate,
            auto,
        })
    }
}

/// `[cleanup]`
#[derive(Debug, Clone, PartialEq)]
pub struct Cleanup {
    /// `cleanup.strip_after`: from disabling to losing legacy memberships. Default `30d`.
    pub strip_after: Duration,
    /// `cleanup.anonymise_after`. Default `180d`.
    pub anonymise_after: Duration,
    /// `cleanup.delete_after`. Absent: never.
    pub delete_after: Option<Duration>,
    /// `cleanup.transfer_to`: the userName or id that gets a leaver's rows when no manager is
    /// linked. Absent: such leavers are deferred.
    pub transfer_to: Option<String>,
    /// `cleanup.max_count`: users per run and per rolling 7 days. Default 25.
    pub max_count: u64,
    /// `cleanup.max_percent`: the same as a share of the managed users. Default 5.
    pub max_percent: f64,
}

impl Cleanup {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let strip_after = reader.duration("cleanup.strip_after", "30d", Duration::ZERO, CENTURY);
        let anonymise_after =
            reader.duration("cleanup.anonymise_after", "180d", Duration::ZERO, CENTURY);
        let delete_after = reader
            .optional("cleanup.delete_after", |text| parse_duration(text, Duration::ZERO, CENTURY));
        let transfer_to = reader.optional("cleanup.transfer_to", non_empty);
        let max_count = reader.integer("cleanup.max_count", 25, 0, 10_000_000);
        let max_percent = reader.percent("cleanup.max_percent", "5");
        if let (Some(strip), Some(anonymise)) = (strip_after, anonymise_after)
            && anonymise < strip
        {
            reader.problem(
                "cleanup.anonymise_after",
                None,
                "is shorter than `cleanup.strip_after`; the stages follow one another",
            );
        }
        if let (Some(anonymise), Some(delete)) = (anonymise_after, delete_after)
            && delete < anonymise
        {
            reader.problem(
                "cleanup.delete_after",
                None,
                "is shorter than `cleanup.anonymise_after`; the stages follow one another",
            );
        }
        Some(Self {
            strip_after: strip_after?,
            anonymise_after: anonymise_after?,
            delete_after,
            transfer_to,
            max_count: max_count?,
            max_percent: max_percent?,
        })
    }
}

/// `[guard]`: how many users a client may disable or delete before somebody looks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Guard {
    /// `guard.max_disables`: users per hour. Absent: no limit.
    pub max_disables: Option<u64>,
    /// `guard.max_percent`: the same as a share of the managed users, from 100 users on. Absent: no
    /// limit.
    pub max_percent: Option<f64>,
}

impl Guard {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let max_disables = reader.optional("guard.max_disables", |text| {
            text.parse::<u64>().ok().filter(|count| *count > 0).ok_or_else(|| {
                format!(
                    "must be a number of users, at least 1, not `{text}`; leave it out for no limit"
                )
            })
        });
        let max_percent = reader.optional("guard.max_percent", |text| {
            let percent = text.parse::<f64>().ok();
            percent.filter(|it| *it > 0.0 && *it <= 100.0).ok_or_else(|| {
                format!("must be a percentage over 0 and up to 100, not `{text}`; leave it out for no limit")
            })
        });
        Self { max_disables, max_percent }
    }
}

/// `[reports]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reports {
    /// `reports.dir`: where reports are kept. Default `reports`, in the current directory.
    pub dir: PathBuf,
    /// `reports.mask`: names and phones are masked in mail and webhook. Default `false`.
    pub mask: bool,
}

impl Reports {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let dir =
            reader.parsed("reports.dir", "reports", |text| non_empty(text).map(PathBuf::from));
        let mask = reader.boolean("reports.mask", "false");
        Some(Self { dir: dir?, mask: mask? })
    }
}

/// `[retention]`: how long the agent keeps its own records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// `retention.audit`. Default `730d`.
    pub audit: Duration,
    /// `retention.runs`. Default `180d`.
    pub runs: Duration,
    /// `retention.findings`: resolved findings. Default `365d`.
    pub findings: Duration,
}

impl Retention {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let audit = reader.duration("retention.audit", "730d", DAY, CENTURY);
        let runs = reader.duration("retention.runs", "180d", DAY, CENTURY);
        let findings = reader.duration("retention.findings", "365d", DAY, CENTURY);
        Some(Self { audit: audit?, runs: runs?, findings: findings? })
    }
}
