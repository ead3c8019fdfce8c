//! Reports to render: one with every kind and hostile names, a clean first run, one that could not
//! read everything, one that was forbidden to write, and one of any length.
//!
//! The browser's test includes this file too: its parent module says what `kpifire_scim` is.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::kpifire_scim::drift::finding::member_field;
use super::kpifire_scim::drift::plan::{
    Cause, Deferral, Limit, Readiness, Reason, Stage, Threshold,
};
use super::kpifire_scim::drift::report::Listing;
use super::kpifire_scim::drift::{
    CleanupPlan, Count, Coverage, Finding, Grace, Item, Kind, Report, Rows, Run, Scope,
    SourceScope, TrendPoint, Verdict,
};
use super::kpifire_scim::scim::ResourceType;

/// Names that do something in one format or another, if they are let.
pub fn hostile() -> Vec<String> {
    [
        "<script>alert('row')</script>",
        "</script><img src=x onerror=alert(1)>",
        "\"quoted\" & 'apostrophed' --> ]]>",
        "=cmd|' /C calc'!A0",
        "\u{1b}[31mred\u{1b}[0m\u{7}",
        "invoice\u{202e}fdp.exe",
        "two\r\nlines\tand a tab",
        "山田　太郎 {{ name }} {% raw %}",
        "Zoë O'Neil-Öztürk",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(["👩‍💻".repeat(255), "wide山".repeat(200), "n".repeat(300)])
    .collect()
}

/// When the runs of all these reports ended.
pub fn finished() -> DateTime<Utc> {
    "2026-11-23T01:17:16.250Z".parse().unwrap()
}

/// A finding of a kind, told apart by its number.
pub fn item(kind: Kind, number: usize) -> Item {
    let id = (number + 1).to_string();
    let (resource, attribute, expected, actual, why) = story(kind, number);
    let of_a_person = resource == Some(ResourceType::User);
    let finding = Finding {
        kind,
        resource,
        scim_id: resource.map(|kind| kind.id(&id)),
        attribute,
        external_id: resource.map(|_| format!("2819c223-7f76-453a-919d-{number:012}")),
        name: resource.map(|_| {
            if of_a_person { format!("user{id}@plant.example") } else { format!("Team {id}") }
        }),
        expected,
        actual,
        why: why.to_owned(),
    };
    let id = finding.fingerprint();
    let new = number.is_multiple_of(3);
    let hours = i64::try_from(13 * (number % 200)).unwrap();
    let age = if new { Duration::zero() } else { Duration::hours(hours) };
    let command = kind.command(&id);
    Item { id, finding, first_seen: finished() - age, new, confirmed: true, command }
}

#[expect(clippy::too_many_lines, reason = "a table with a line for each kind")]
fn story(
    kind: Kind,
    number: usize,
) -> (Option<ResourceType>, Option<String>, Value, Value, &'static str) {
    let user = Some(ResourceType::User);
    let group = Some(ResourceType::Group);
    let at = |path: &str| Some(path.to_owned());
    let member = Some(member_field(&(number + 100).to_string()));
    match kind {
        Kind::Reactivated => (
            user,
            at("active"),
            json!(false),
            json!(true),
            "Entra disabled this user on 2026-11-20 16:02 UTC; somebody enabled it in kpifire since. The person can sign in.",
        ),
        Kind::Recycled => (
            user,
            at("userName"),
            json!("user7@plant.example"),
            json!("other@plant.example"),
            "The row with this key was created after the link, under another userName: it is another person.",
        ),
        Kind::Missing => (
            user,
            None,
            json!({"userName": "user7@plant.example"}),
            Value::Null,
            "Entra manages this user, and its row is gone from kpifire.",
        ),
        Kind::Duplicate => (
            user,
            at("userName"),
            json!("user7@plant.example"),
            json!(["7", "12"]),
            "Rows 7 and 12 have the same userName but for case. Entra can't tell them apart; rename one in kpifire.",
        ),
        Kind::Ambiguous => (
            user,
            at("userName"),
            json!("user7@plant.example"),
            json!(["8", "9"]),
            "Rows 8 and 9 could both be this user. Rename or remove one in kpifire.",
        ),
        Kind::TeamMissing => (
            group,
            None,
            json!("Team 7"),
            Value::Null,
            "Entra manages this team, and its row is gone from kpifire.",
        ),
        Kind::StaleSource => (
            None,
            None,
            json!("48h"),
            json!("61h"),
            "Entra was last heard of 61 hours ago. See whether provisioning is paused or in quarantine in the Entra portal.",
        ),
        Kind::SourceMissing => (
            user,
            None,
            json!("user7@plant.example"),
            Value::Null,
            "The export has this user and kpifire doesn't. Provision it on demand in the Entra portal.",
        ),
        Kind::Attribute => (
            user,
            at("title"),
            json!("Lead"),
            json!("Head of Production and Logistics"),
            "Entra last wrote `Lead` on 2026-10-02; it was changed in kpifire since.",
        ),
        Kind::WronglyDisabled => (
            user,
            at("active"),
            json!(true),
            json!(false),
            "Entra has this user active; somebody disabled it in kpifire.",
        ),
        Kind::MemberExtra => (
            group,
            member,
            Value::Null,
            json!("user107@plant.example"),
            "The membership was added in kpifire; Entra did not assert it.",
        ),
        Kind::MemberMissing => (
            group,
            member,
            json!("user107@plant.example"),
            Value::Null,
            "Entra asserted the membership; it was removed in kpifire.",
        ),
        Kind::TeamAttribute => (
            group,
            at("displayName"),
            json!("Team 7"),
            json!("Team Seven"),
            "The team was renamed in kpifire.",
        ),
        Kind::OrphanMember => (
            group,
            member,
            Value::Null,
            json!("107"),
            "The membership names user 107, which doesn't exist.",
        ),
        Kind::InvalidValue => (
            user,
            at("active"),
            Value::Null,
            json!("Z"),
            "The profile reads status `Z` as neither active nor inactive. Correct it in kpifire.",
        ),
        Kind::Reused => (
            user,
            at("externalId"),
            json!("5d2e-old"),
            json!("91aa-new"),
            "The deleted user's row was brought back under another externalId: perhaps another person. It still owns projects 2; memberships 1.",
        ),
        Kind::OverdueCleanup => (
            user,
            at("active"),
            json!("anonymised by 2026-11-01"),
            json!("disabled since 2026-05-05"),
            "Past its grace since 2026-11-01: deferred, since it owns 3 plans and has no manager.",
        ),
        Kind::SourceExtra => (
            user,
            None,
            Value::Null,
            json!("user7@plant.example"),
            "The user is active here and not in the export. See whether it was deleted in Entra.",
        ),
        Kind::SourceAttribute => (
            user,
            at("department"),
            json!("Sales"),
            json!("Production"),
            "The export has another value. Provision the user on demand in the Entra portal.",
        ),
        Kind::Unmanaged => (
            user,
            None,
            Value::Null,
            json!("user7@plant.example"),
            "Entra neither matched nor wrote this row. If it is a service account, ignore it or name it in [protect].",
        ),
    }
}

/// A report of these findings, whose earlier runs had some of them and some more.
pub fn drift(findings: Vec<Item>) -> Report {
    let listing = listing(findings);
    let counts = counts(&listing);
    let findings = listing.items();
    Report {
        run: Run {
            id: "019aae2b-6a3a-7cc2-9d1c-000000000001".to_owned(),
            started: finished() - Duration::milliseconds(12_250),
            finished: finished(),
        },
        verdict: Verdict::Drift,
        reasons: Vec::new(),
        scope: scope(),
        coverage: Coverage {
            users: 12_040,
            equal: 11_982,
            percent: 99.518_272_4,
            change: Some(-0.182),
        },
        trend: trend(&counts),
        counts,
        findings,
        grace: Grace {
            waiting: 41,
            strip_due: 2,
            stripped: 118,
            anonymise_due: 1,
            anonymised: 904,
        },
        cleanup: cleanup(),
        next: Some("2026-11-24T01:17:00Z".parse().unwrap()),
        zone: chrono_tz::Europe::Berlin,
    }
}

fn cleanup() -> CleanupPlan {
    let threshold = |name, count, limit| Threshold { name, count, limit };
    let deferral = |stage, id: &str, name: &str, reason| Deferral {
        stage,
        scim_id: id.to_owned(),
        name: Some(name.to_owned()),
        reason,
    };
    CleanupPlan {
        hash: "0f1e2d3c4b5a6978".to_owned(),
        verdict: Readiness::Ready,
        reasons: Vec::new(),
        due: BTreeMap::from([(Stage::Strip, 2), (Stage::Anonymise, 1)]),
        deferred: vec![
            deferral(
                Stage::Strip,
                "811",
                "ivo@plant.example",
                Reason::new(Cause::Held, "a lawsuit"),
            ),
            deferral(
                Stage::Transfer,
                "812",
                "<b>jo</b>@plant.example",
                Cause::NoSuccessor("owns 2 projects, and has no manager in kpifire".to_owned())
                    .into(),
            ),
        ],
        deferred_count: 2,
        next_due: Some(finished() + Duration::days(3)),
        thresholds: vec![
            threshold(Limit::CountNow, 3.0, 25.0),
            threshold(Limit::CountInWeek, 12.0, 25.0),
            threshold(Limit::PercentInWeek, 1.4, 5.0),
        ],
    }
}

fn scope() -> Scope {
    let states = [("managed", 11_990), ("matched", 12), ("deleted", 38)];
    let states = states.map(|(state, count)| (state.to_owned(), count));
    Scope {
        rows: Rows { users: 12_078, teams: 310, members: 88_412 },
        asserted: Rows { users: 12_002, teams: 280, members: 84_019 },
        links: BTreeMap::from([
            ("User".to_owned(), BTreeMap::from(states)),
            ("Group".to_owned(), BTreeMap::from([("managed".to_owned(), 280)])),
        ]),
        ignored: 4,
        protected: 3,
        tolerated: BTreeMap::from([("title".to_owned(), 17)]),
        restored: 0,
        last_contact: Some(finished() - Duration::minutes(37)),
        config_hash: "5b7c9a10e2f34d68".to_owned(),
        last_export: None,
        source: None,
    }
}

fn counts(listing: &Listing) -> Vec<Count> {
    let resolved = [(Kind::Attribute, 1), (Kind::Unmanaged, 1)].into();
    let mut counts = listing.counts(&BTreeMap::new(), &resolved);
    for count in &mut counts {
        count.before = count.persisting + count.resolved;
    }
    counts
}

fn listing(findings: impl IntoIterator<Item = Item>) -> Listing {
    let mut listing = Listing::new(finished());
    findings.into_iter().for_each(|item| listing.add(item));
    listing
}

/// A run a night for 90 nights, a few left out, ending in the counts.
fn trend(counts: &[Count]) -> Vec<TrendPoint> {
    let nights = (0..90).rev().filter(|night| !matches!(night, 33..=35));
    nights
        .map(|night: u64| {
            let open = counts.iter().enumerate().map(|(at, count)| {
                let wave = (night * (at as u64 + 3)) % 7;
                (
                    count.kind,
                    if night == 0 { count.now } else { count.now * (120 - night) / 120 + wave / 3 },
                )
            });
            TrendPoint {
                at: finished() - Duration::days(night.cast_signed()),
                counts: open.filter(|(_, open)| *open > 0).collect(),
            }
        })
        .collect()
}

/// Every kind, and every hostile name in a name, a value and a reason.
pub fn every_kind() -> Report {
    let mut findings: Vec<Item> =
        Kind::ALL.iter().copied().enumerate().map(|(at, kind)| item(kind, at)).collect();
    for (at, name) in hostile().into_iter().enumerate() {
        let mut item = item(Kind::Attribute, 40 + at);
        item.finding.attribute = Some("displayName".to_owned());
        item.finding.expected = json!(name);
        item.finding.actual = json!(format!("{name}\u{200b}"));
        item.finding.why = format!("Entra last wrote {name}; it was changed in kpifire since.");
        item.finding.name = Some(name);
        item.id = item.finding.fingerprint();
        item.command = item.finding.kind.command(&item.id);
        findings.push(item);
    }
    let mut report = drift(findings);
    report.scope.source = Some(SourceScope { file: "users<1>.json".to_owned(), users: 12_011 });
    report.scope.restored = 2;
    report
}

/// One finding.
pub fn one() -> Report {
    drift(vec![item(Kind::Reactivated, 3)])
}

/// Nothing found, and nothing before it.
pub fn clean_first() -> Report {
    let mut report = drift(Vec::new());
    report.verdict = Verdict::Clean;
    report.counts.clear();
    report.trend = vec![TrendPoint { at: finished(), counts: BTreeMap::new() }];
    report.scope.ignored = 0;
    report.scope.tolerated.clear();
    report.coverage = Coverage { users: 12_040, equal: 12_040, percent: 100.0, change: None };
    report.grace = Grace::default();
    report
}

/// The tables could not be read to their end.
pub fn incomplete() -> Report {
    let mut report = drift(Vec::new());
    report.verdict = Verdict::Incomplete;
    report.reasons = vec![
        "kpifire has 6,022 user rows; the last complete run read 12,078. That is 49.9 %, under `reconcile.floor` (90 %).".to_owned(),
        "The table of memberships is empty.".to_owned(),
    ];
    report.counts.clear();
    report.coverage = Coverage::default();
    // Only complete runs are in the trend.
    report.trend.pop();
    report.cleanup = report.cleanup.blocked("this run is incomplete");
    report
}

/// The same, with what the run found in spite of it.
pub fn unconfirmed() -> Report {
    let mut report = incomplete();
    let found = [item(Kind::Missing, 0), item(Kind::Attribute, 1)];
    let unconfirmed = |item| Item { confirmed: false, command: None, ..item };
    let listing = listing(found.map(unconfirmed));
    report.counts = listing.counts(&BTreeMap::new(), &BTreeMap::new());
    report.findings = listing.items();
    report
}

/// There was more to restore than a threshold allows.
pub fn blocked() -> Report {
    let mut report = drift((0..31).map(|at| item(Kind::Reactivated, at)).collect());
    report.verdict = Verdict::Blocked;
    report.reasons = vec![
        "31 findings to restore (`reconcile.auto`) are over `cleanup.max_count`: 31 of 25."
            .to_owned(),
    ];
    report
}

/// So many findings, of all kinds but that of which there is one at most.
pub fn many(number: usize) -> Report {
    let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|k| *k != Kind::StaleSource).collect();
    // The later a kind comes, the more there are of it.
    let kind = |at: usize| kinds[((at * 7919) % (kinds.len() * kinds.len())).isqrt()];
    drift((0..number).map(|at| item(kind(at), at)).collect())
}
