//! Whether a snapshot can be believed, and what a run came to. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::compare::{Export, Provisioned};
use crate::drift::{Count, Finding, Kind, Rows, Scope, Severity, Verdict, percent};

/// Why the rows read can't be believed, a sentence each; empty when they can. `before` is the last
/// complete run's, `removed` what the agent itself took out of the tables since.
pub fn implausible(
    now: &Scope,
    before: Option<&Scope>,
    removed: Rows,
    floor: Floor,
) -> Vec<String> {
    let (rows, asserted) = (now.rows, now.asserted);
    let (rows_then, asserted_then) =
        before.map(|scope| (scope.rows, scope.asserted)).unwrap_or_default();
    let tables = [
        Table {
            name: "user",
            rows: rows.users,
            rows_then: rows_then.users,
            asserted: asserted.users,
            asserted_then: asserted_then.users,
            removed: removed.users,
        },
        Table {
            name: "team",
            rows: rows.teams,
            rows_then: rows_then.teams,
            asserted: asserted.teams,
            asserted_then: asserted_then.teams,
            removed: removed.teams,
        },
        Table {
            name: "membership",
            rows: rows.members,
            rows_then: rows_then.members,
            asserted: asserted.members,
            asserted_then: asserted_then.members,
            removed: removed.members,
        },
    ];
    tables.iter().filter_map(|table| table.suspicion(floor)).collect()
}

/// How far a table may fall between two runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// `reconcile.floor`: a share in percent.
    pub percent: f64,
    /// `reconcile.floor_rows`: so many rows may always go.
    pub rows: u64,
}

/// One table's rows, and how many of them Entra asserted; now and at the last complete run.
struct Table {
    name: &'static str,
    rows: u64,
    rows_then: u64,
    asserted: u64,
    asserted_then: u64,
    removed: u64,
}

impl Table {
    fn suspicion(&self, floor: Floor) -> Option<String> {
        let Self { name, rows, rows_then, .. } = self;
        // An install without a team has no team; one without a user is no install.
        if *rows == 0 && (*name == "user" || *rows_then > 0 || self.asserted > 0) {
            let had = match rows_then {
                0 => String::new(),
                n => format!(", and had {n} at the last complete run"),
            };
            return Some(format!("kpifire has no {name}s{had}: is this the right database?"));
        }
        // What Entra itself took away since is not lost, nor what mending and cleanup did.
        let taken = self.asserted_then.saturating_sub(self.asserted).saturating_add(self.removed);
        let expected = rows_then.saturating_sub(taken);
        let share = percent(*rows, expected);
        let fallen = expected.saturating_sub(*rows);
        (share < floor.percent && fallen > floor.rows).then(|| {
            format!(
                "kpifire's {name}s fell from {expected} rows to {rows} since the last complete run: \
                 {share:.0} % is under reconcile.floor ({} %). If that is right: \
                 kpifire-scim reconcile --accept",
                floor.percent
            )
        })
    }
}

/// Why an export isn't whole by Entra's own count; `None` when it is, or wasn't counted.
pub fn miscounted(export: &Export) -> Option<String> {
    let announced = export.source.announced()?;
    let users = export.source.users().len() as u64;
    (announced != users).then(|| {
        format!(
            "the export has {users} users and says itself that there are {announced} \
             (@odata.count): a page is missing; fetch it again"
        )
    })
}

/// So many may always be missing from an export: people leave between two.
const A_FEW: u64 = 10;

/// An export, by the number of its users.
#[derive(Debug, Clone, Copy)]
pub struct Exported {
    /// Users in it.
    pub users: u64,
    /// Users in the last one that was believed.
    pub last_export: Option<u64>,
}

impl Exported {
    /// Why it can't be believed: it lacks those whom Entra provisioned, or has far fewer than the last.
    pub fn suspicion(self, provisioned: Provisioned, floor: Floor) -> Option<String> {
        let under = |now: u64, then: u64| {
            let nothing = now == 0 && then > 0;
            let some = floor.rows.max(A_FEW);
            nothing || (percent(now, then) < floor.percent && then.saturating_sub(now) > some)
        };
        let accept = "If that is right: kpifire-scim reconcile --source FILE --accept";
        let Provisioned { users, exported } = provisioned;
        if under(exported, users) {
            return Some(format!(
                "the export has {exported} of the {users} active users whom Entra provisioned: \
                 {:.0} % is under reconcile.floor ({} %). Is it whole, and of this tenant? {accept}",
                percent(exported, users),
                floor.percent
            ));
        }
        let last = self.last_export.filter(|last| under(self.users, *last))?;
        Some(format!(
            "the export fell from {last} users to {} since the last one: {:.0} % is under \
             reconcile.floor ({} %). Is it whole? {accept}",
            self.users,
            percent(self.users, last),
            floor.percent
        ))
    }
}

/// The finding that nothing was heard from Entra for too long.
pub fn silence(
    silent_since: DateTime<Utc>,
    heard: bool,
    now: DateTime<Utc>,
    stale_after: Duration,
) -> Option<Finding> {
    let silent = now.signed_duration_since(silent_since);
    let limit = TimeDelta::from_std(stale_after).unwrap_or(TimeDelta::MAX);
    if silent <= limit {
        return None;
    }
    let hours = silent.num_hours();
    let since = silent_since.format("%Y-%m-%d %H:%M UTC");
    let why = if heard {
        format!("Entra was last heard of at {since}, {hours} h ago")
    } else {
        format!("Entra was never heard of since the agent was installed at {since}, {hours} h ago")
    };
    Some(Finding {
        kind: Kind::StaleSource,
        resource: None,
        scim_id: None,
        attribute: None,
        external_id: None,
        name: None,
        expected: Value::Null,
        actual: Value::Null,
        why: format!(
            "{why}: look at the provisioning job in Entra (stopped, in quarantine, token expired?)"
        ),
    })
}

/// How cleanup says that it waits for a complete run. A run that is complete itself is what it waited
/// for.
pub const INCOMPLETE: &str = "the last run of the reconciler was incomplete";

/// The verdict of a complete run.
pub fn verdict(counts: &[Count], blocked: &[String]) -> Verdict {
    let mut open = counts.iter().filter(|count| count.now > 0);
    if !blocked.is_empty() {
        Verdict::Blocked
    } else if open.all(|count| count.kind.severity() == Severity::Info) {
        // Nobody has to do anything about these.
        Verdict::Clean
    } else {
        Verdict::Drift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::Rows;

    #[test]
    fn an_empty_or_fallen_table_is_not_believed() {
        let scope = |rows: [u64; 3], asserted: [u64; 3]| {
            let of = |[users, teams, members]: [u64; 3]| Rows { users, teams, members };
            Scope { rows: of(rows), asserted: of(asserted), ..Scope::default() }
        };
        let none = [0; 3];
        let before = scope([100, 3, 10], [50, 3, 10]);
        let percent = |percent| Floor { percent, rows: 0 };
        let suspicions = |now: &Scope, floor: f64| {
            implausible(now, Some(&before), Rows::default(), percent(floor)).len()
        };
        let first = |now: &Scope| implausible(now, None, Rows::default(), percent(90.0)).len();
        assert_eq!(first(&scope([5, 0, 0], none)), 0);
        assert_eq!(first(&scope(none, none)), 1);
        assert_eq!(first(&scope([5, 0, 0], [5, 2, 9])), 2);
        assert_eq!(suspicions(&scope([89, 3, 10], [50, 3, 10]), 90.0), 1);
        assert_eq!(suspicions(&scope([90, 3, 10], [50, 3, 10]), 90.0), 0);
        assert_eq!(suspicions(&scope([1, 3, 10], [50, 3, 10]), 0.0), 0);
        // A handful of rows is never a fall, whatever share of a small table it is.
        let few = Floor { percent: 90.0, rows: 10 };
        let fallen = |rows| {
            let now = scope(rows, [50, 3, 10]);
            implausible(&now, Some(&before), Rows::default(), few).len()
        };
        assert_eq!((fallen([89, 3, 1]), fallen([88, 3, 10])), (1, 1));
        assert_eq!((fallen([90, 3, 1]), fallen([90, 1, 10])), (0, 0));
        // Entra took five members out of their teams.
        assert_eq!(suspicions(&scope([100, 3, 5], [50, 3, 5]), 90.0), 0);
        assert_eq!(suspicions(&scope([100, 3, 4], [50, 3, 5]), 90.0), 1);
        // Cleanup removed them, and the rows of twenty users.
        let cleaned = scope([80, 3, 5], [50, 3, 10]);
        let removed = |users, members| Rows { users, teams: 0, members };
        assert_eq!(implausible(&cleaned, Some(&before), removed(20, 5), percent(90.0)), [""; 0]);
        assert_eq!(implausible(&cleaned, Some(&before), removed(20, 4), percent(90.0)).len(), 1);
        assert_eq!(implausible(&cleaned, Some(&before), removed(11, 5), percent(90.0)).len(), 1);
    }

    #[test]
    fn an_export_that_lacks_many_is_not_believed() {
        let floor = Floor { percent: 90.0, rows: 10 };
        let doubted = |users, last_export, (all, exported)| {
            let provisioned = Provisioned { users: all, exported };
            Exported { users, last_export }.suspicion(provisioned, floor).is_some()
        };
        // A part of it; another tenant's; a handful who left.
        assert!(doubted(100, None, (500, 100)));
        assert!(doubted(800, None, (500, 0)));
        assert!(doubted(800, None, (3, 0)));
        assert!(!doubted(495, None, (500, 490)));
        assert!(!doubted(8, None, (10, 5)));
        assert!(!doubted(8, None, (0, 0)));
        // Fallen since the last one, although all of kpifire's are there.
        assert!(doubted(500, Some(1000), (100, 100)));
        assert!(!doubted(950, Some(1000), (100, 100)));
        assert!(!doubted(5, Some(12), (2, 2)));
    }

    #[test]
    fn silence_is_measured_from_the_last_word_or_from_installation() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (then, now) = (at("2026-11-21T00:00:00Z"), at("2026-11-23T00:00:00Z"));
        let day = Duration::from_secs(86_400);
        assert_eq!(silence(then, true, now, 2 * day), None);
        let found = silence(then, false, now, day).unwrap();
        assert!(found.why.starts_with("Entra was never heard of since"), "{}", found.why);
    }
}
