//! Whether a snapshot can be believed, and what a run came to. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::finding::{Finding, Kind};
use crate::report::{Count, Item, Rows, Verdict};

/// Why the rows read can't be believed, a sentence each; empty when they can. `before` are the last
/// complete run's, `asserted` what Entra asserted, `floor` a share in percent.
#[must_use]
pub fn implausible(now: Rows, before: Option<Rows>, asserted: Rows, floor: f64) -> Vec<String> {
    let before = before.unwrap_or_default();
    let tables = [
        ("users", now.users, before.users, asserted.users),
        ("teams", now.teams, before.teams, asserted.teams),
        ("memberships", now.members, before.members, asserted.members),
    ];
    tables.into_iter().filter_map(|table| suspicion(table, floor)).collect()
}

fn suspicion((name, now, before, asserted): (&str, u64, u64, u64), floor: f64) -> Option<String> {
    // An install without a team has no team; one without a user is no install.
    if now == 0 && (name == "users" || before > 0 || asserted > 0) {
        return Some(format!(
            "kpifire's {name} table is empty{}: is this the right database?",
            if before > 0 {
                format!(", and had {before} rows at the last run")
            } else {
                String::new()
            }
        ));
    }
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let share = if before == 0 { 100.0 } else { now as f64 * 100.0 / before as f64 };
    (share < floor).then(|| {
        format!(
            "kpifire's {name} fell from {before} rows to {now} since the last complete run: \
             {share:.0} % is under reconcile.floor ({floor} %). If that is right, run once with \
             KPIFIRE_SCIM__RECONCILE__FLOOR=0"
        )
    })
}

/// The finding that nothing was heard from Entra for too long.
#[must_use]
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

/// The verdict of a complete run.
#[must_use]
pub fn verdict(findings: &[Item], blocked: &[String]) -> Verdict {
    if !blocked.is_empty() {
        Verdict::Blocked
    } else if findings.is_empty() {
        Verdict::Clean
    } else {
        Verdict::Drift
    }
}

/// The findings by kind, in the order of reports; kinds of which there is nothing to say left out.
#[must_use]
pub fn counts(
    findings: &[Item],
    before: &BTreeMap<Kind, u64>,
    resolved: &BTreeMap<Kind, u64>,
) -> Vec<Count> {
    Kind::ALL
        .into_iter()
        .map(|kind| {
            let of_kind = || findings.iter().filter(|item| item.finding.kind == kind);
            let new = of_kind().filter(|item| item.new).count() as u64;
            let now = of_kind().count() as u64;
            Count {
                kind,
                now,
                before: before.get(&kind).copied().unwrap_or_default(),
                new,
                persisting: now - new,
                resolved: resolved.get(&kind).copied().unwrap_or_default(),
                oldest: of_kind().map(|item| item.first_seen).min(),
            }
        })
        .filter(|count| count.now + count.before + count.resolved > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_fallen_table_is_not_believed() {
        let rows = |users, teams, members| Rows { users, teams, members };
        let none = rows(0, 0, 0);
        assert!(implausible(rows(5, 0, 0), None, none, 90.0).is_empty());
        assert_eq!(implausible(rows(0, 0, 0), None, none, 90.0).len(), 1);
        assert_eq!(implausible(rows(5, 0, 0), None, rows(5, 2, 9), 90.0).len(), 2);
        assert_eq!(implausible(rows(89, 3, 10), Some(rows(100, 3, 10)), none, 90.0).len(), 1);
        assert!(implausible(rows(90, 3, 10), Some(rows(100, 3, 10)), none, 90.0).is_empty());
        assert!(implausible(rows(1, 0, 0), Some(rows(100, 0, 0)), none, 0.0).is_empty());
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
