//! What no install can be brought to in a test: very many accounts.

use chrono::{DateTime, TimeDelta, Utc};

use super::apply::too_much;
use crate::drift::plan::{Candidate, NoSuccessor, Plan, Policy, Readiness, Successor, Usage, plan};

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(1000)
}

fn planned(accounts: u32, managed: u64, week: &[&str]) -> Plan {
    let candidates = (0..accounts)
        .map(|number| Candidate {
            id: number.to_string(),
            name: None,
            disabled_at: now() - TimeDelta::days(31),
            barred: None,
            anonymised: false,
            memberships: 1,
            owned: Vec::new(),
            successor: Successor::None(NoSuccessor::Unnamed),
            referenced_by: Vec::new(),
        })
        .collect();
    let policy = Policy {
        strip_after: std::time::Duration::from_secs(30 * 86_400),
        anonymise_after: None,
        delete_after: None,
        max_count: 1_000_000,
        max_percent: 5.0,
        hash: String::new(),
    };
    let week = week.iter().map(|id| (*id).to_owned()).collect();
    plan(candidates, &policy, &Usage { week, managed, obstacles: Vec::new() }, now())
}

#[test]
fn a_share_is_compared_before_it_is_rounded() {
    assert_eq!(planned(60, 1200, &[]).verdict, Readiness::Ready, "just five percent");
    let over = planned(60, 1190, &[]);
    assert_eq!(over.verdict, Readiness::Blocked);
    assert!(over.reasons[0].contains("5.043 of 5"), "{:?}", over.reasons);
    // Too few to speak of shares.
    assert_eq!(planned(50, 99, &[]).verdict, Readiness::Ready);
    assert_eq!(planned(50, 100, &[]).verdict, Readiness::Blocked);
}

#[test]
fn an_account_counts_once_in_a_week() {
    let share = |plan: &Plan| plan.thresholds.last().map(|it| it.count);
    assert_eq!(share(&planned(10, 1000, &["1", "2"])), Some(1.0));
    assert_eq!(share(&planned(10, 1000, &["a", "b"])), Some(1.2));
}

#[test]
fn failures_stop_a_run() {
    assert_eq!(too_much(4, 4, 4), None);
    assert!(too_much(5, 5, 5).is_some(), "in a row");
    assert_eq!(too_much(1, 5, 50), None, "just ten percent");
    assert!(too_much(1, 6, 50).is_some(), "over ten percent");
}
