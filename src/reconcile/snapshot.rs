//! One consistent look at the tables, from the first row to the last membership, as findings and
//! counts. Memory grows with what differs, not with the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Settings;
use super::cleanup::read as cleanup;
use super::compare::{self, Comparison, Export, Provisioned};
use super::diff::{self, Findings, Lens, Look};
use super::members::{self, Differing, Gone, Labels};
use super::names::Names;
use super::{identity, judge};
use crate::drift::plan::{Plan, Readiness};
use crate::drift::{CleanupPlan, Coverage, Finding, Grace, Kind, Rows, Scope, percent};
use crate::mapper::{Layout, LinkState, Record};
use crate::scim::{ResourceType, fold};
use crate::store::snapshot::{self as rows, Everything, Named, Observed, Page, Stranded};
use crate::store::{Error, Tx, grace};

/// How far a run has read, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
}

impl Progress {
    /// Rows read, or steps done, so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// One more thing is done.
    pub fn step(&self) {
        self.add(1);
    }

    fn add(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// What was looked at.
    pub scope: Scope,
    /// How much of it is as Entra asserted; its change isn't known here.
    pub coverage: Coverage,
    /// Disabled users on their way out.
    pub grace: Grace,
    /// What cleanup would do.
    pub cleanup: CleanupPlan,
    /// What differs.
    pub findings: Vec<Finding>,
    /// When Entra was last heard of, or could first have been.
    pub silent_since: DateTime<Utc>,
    /// How many of those whom it should have the export has; zeros without one.
    pub provisioned: Provisioned,
}

/// Looks at everything, in a snapshot's transaction.
pub async fn take(
    tx: &mut Tx,
    settings: &Settings,
    export: Option<&Export>,
    now: DateTime<Utc>,
    progress: &Progress,
) -> Result<Seen, Error> {
    let layout = &*settings.layout;
    let mut findings = Findings::default();
    let mut comparison = export.map(|export| Comparison::new(export, layout));
    let mut names = Names::default();
    let user_name = layout.users.name();
    let mut reused: Vec<Finding> = Vec::new();
    let mut visit = |record: &Record| {
        reused.extend(diff::reused(layout, record));
        if let Some(name) = user_name.and_then(|field| record.shown(field).to_text()) {
            names.see(&name);
        }
        if let Some(comparison) = &mut comparison {
            comparison.row(record);
        }
    };
    let kind = ResourceType::User;
    let users = stream(tx, settings, kind, progress, &mut findings, &mut visit).await?;
    let kind = ResourceType::Group;
    let teams = stream(tx, settings, kind, progress, &mut findings, &mut |_| ()).await?;
    findings.list.extend(with_holdings(tx, layout, reused).await?);
    let compared = comparison.map(Comparison::finish).unwrap_or_default();
    let stranded_users = rows::stranded(tx, layout, ResourceType::User).await?;
    let stranded_teams = rows::stranded(tx, layout, ResourceType::Group).await?;
    let rows_by_name = named_rows(tx, layout, names, &stranded_users).await?;
    let (ambiguous, provisioned) = (compared.ambiguous, compared.provisioned);
    findings.list.extend(named(&stranded_users, ambiguous, rows_by_name, users.unmanaged));
    findings.list.extend(identity::missing(ResourceType::Group, &stranded_teams, &[]));
    let gone = Gone {
        teams: stranded_teams.iter().map(|it| it.id.clone()).collect(),
        users: stranded_users.iter().map(|it| it.id.clone()).collect(),
    };
    let members = rows::count_edges(tx, layout).await?;
    findings.list.extend(memberships(tx, layout, &gone).await?);
    progress.add(usize::try_from(members).unwrap_or_default());
    let plan = without_last_run(cleanup::plan_now(tx, settings, now).await?);
    let late = overdue(tx, settings, &plan, now).await?;
    findings.list.extend(told_once(late, &findings.list));
    let compared = compare::without_known(compared.found, &findings.list);
    for finding in compared {
        findings.push(finding, &settings.reconcile.tolerate);
    }

    let links = rows::links(tx).await?;
    let (contact, made) = rows::last_contact(tx).await?;
    let [waiting, strip_due, stripped, anonymise_due, anonymised] =
        grace::counts(tx, layout, settings.due(now)).await?;
    let live = |kind: ResourceType| {
        let states = links.get(kind.as_str()).into_iter().flatten();
        states.filter(|(state, _)| *state != LinkState::Deleted.as_str()).map(|(_, n)| n).sum()
    };
    let asserted = Rows {
        users: live(ResourceType::User),
        teams: live(ResourceType::Group),
        members: rows::count_desired(tx).await?,
    };
    Ok(Seen {
        coverage: Coverage {
            users: users.live,
            equal: users.equal,
            percent: percent(users.equal, users.live),
            change: None,
        },
        scope: Scope {
            rows: Rows { users: users.rows, teams: teams.rows, members },
            asserted,
            source: export.map(Export::scope),
            protected: users.protected,
            tolerated: findings.tolerated,
            last_contact: contact.map(|time| time.and_utc()),
            links,
            ..Scope::default()
        },
        cleanup: CleanupPlan::of(&plan, cleanup::next_due(tx, settings, now).await?),
        grace: Grace { waiting, strip_due, stripped, anonymise_due, anonymised },
        findings: findings.list,
        silent_since: contact.unwrap_or(made).and_utc(),
        provisioned,
    })
}

#[derive(Debug, Default)]
struct Streamed {
    rows: u64,
    live: u64,
    equal: u64,
    protected: u64,
    unmanaged: Vec<Finding>,
}

/// Every row of a resource type, a page at a time.
async fn stream(
    tx: &mut Tx,
    settings: &Settings,
    kind: ResourceType,
    progress: &Progress,
    findings: &mut Findings,
    visit: &mut (dyn FnMut(&Record) + Send),
) -> Result<Streamed, Error> {
    let layout = &*settings.layout;
    let mut lens = Lens::new(layout, kind);
    let mut pages = Everything::new(layout, kind);
    let mut streamed = Streamed::default();
    let mut page = pages.next(tx, layout).await?;
    while !page.is_empty() {
        progress.add(page.len());
        // The database reads on while these are looked at.
        let looking = async { streamed.look(&mut lens, page, visit) };
        let (next, suspects) = tokio::join!(pages.next(tx, layout), looking);
        let (next, suspects) = (next?, suspects?);
        let ids: Vec<String> = suspects.iter().map(|it| it.record.key_text()).collect();
        let mut baselines = rows::baselines(tx, kind, &ids).await?;
        for observed in suspects {
            let baseline = baselines.remove(&observed.record.key_text()).unwrap_or_default();
            lens.learn(&baseline);
            // The row that the lens could not tell is read as its baseline has it.
            let mut record = observed.record;
            if let Some(link) = &mut record.link {
                link.baseline = Some(baseline.clone());
            }
            let tolerate = &settings.reconcile.tolerate;
            if diff::examine(layout, kind, &record, &baseline, tolerate, findings) {
                streamed.equal += 1;
            }
        }
        page = next;
    }
    Ok(streamed)
}

impl Streamed {
    /// Counts a page's rows; those that must be examined.
    fn look(
        &mut self,
        lens: &mut Lens,
        page: Page,
        visit: &mut (dyn FnMut(&Record) + Send),
    ) -> Result<Vec<Observed>, Error> {
        let layout = lens.layout();
        let mut suspects = Vec::new();
        for observed in page.observed(layout) {
            let observed = observed?;
            let record = &observed.record;
            visit(record);
            self.rows += 1;
            self.live += u64::from(!record.deleted());
            if lens.protected(record) {
                self.protected += 1;
            } else if lens.kind() == ResourceType::User && record.link.is_none() {
                self.unmanaged.push(diff::unmanaged(layout, record));
            }
            match lens.look(&observed) {
                Look::Fine | Look::Unmanaged => {}
                Look::Equal => self.equal += 1,
                Look::Suspect => suspects.push(observed),
            }
        }
        Ok(suspects)
    }
}

/// Findings of rows that were brought back, each with what hangs on its row.
async fn with_holdings(
    tx: &mut Tx,
    layout: &Layout,
    mut reused: Vec<Finding>,
) -> Result<Vec<Finding>, Error> {
    let ids: Vec<String> = reused.iter().filter_map(|it| it.scim_id.clone()).collect();
    let holdings = rows::holdings(tx, layout, &ids).await?;
    for finding in &mut reused {
        let of_row = finding.scim_id.as_ref().and_then(|id| holdings.get(id));
        let of_row = of_row.cloned().unwrap_or_default();
        let owned = layout.ownership.iter().zip(of_row.owned);
        let owned = owned.map(|(it, rows)| (it.relation.table.to_string(), rows));
        let all = owned.chain([("memberships".to_owned(), of_row.memberships)]);
        let held: Vec<String> = all
            .filter(|(_, rows)| *rows > 0)
            .map(|(what, rows)| format!("{what}: {rows}"))
            .collect();
        let held = if held.is_empty() { "nothing".to_owned() } else { held.join(", ") };
        finding.why.push_str(&format!("; what hangs on the row: {held}"));
    }
    Ok(reused)
}

/// The rows, each once, whose names more than one row may have, or a link without a row asserts.
/// One question for both: where no index serves it, it costs a look at every row.
async fn named_rows(
    tx: &mut Tx,
    layout: &Layout,
    names: Names,
    stranded: &[Stranded],
) -> Result<Vec<Named>, Error> {
    let asserted = stranded.iter().filter_map(|link| link.baseline.get("userName")?.as_str());
    let mut rows = rows::named(tx, layout, &names.wanted(asserted)).await?;
    // The database may hold two of the names to be the same.
    let mut told = BTreeSet::new();
    rows.retain(|row| told.insert(row.id.clone()));
    Ok(rows)
}

/// Findings of links without rows and of names that more than one row has, and the unmanaged rows
/// that none of them speaks of.
fn named(
    stranded: &[Stranded],
    ambiguous: BTreeSet<String>,
    rows: Vec<Named>,
    unmanaged: Vec<Finding>,
) -> Vec<Finding> {
    let mut found = identity::missing(ResourceType::User, stranded, &rows);
    let of_links = found.iter().filter(|it| it.kind == Kind::Ambiguous);
    let of_links = of_links.filter_map(|it| it.name.as_deref().map(fold));
    let ambiguous: BTreeSet<String> = of_links.chain(ambiguous).collect();
    let same = same_named(rows);
    found.extend(identity::duplicates(&same, &ambiguous));
    // A row of a set is part of that set's finding.
    let told: BTreeSet<&str> = same.iter().map(|row| row.id.as_str()).collect();
    let alone = |finding: &Finding| !told.contains(finding.scim_id.as_deref().unwrap_or_default());
    found.extend(unmanaged.into_iter().filter(alone));
    found
}

/// The rows whose names more than one row has. A name that was suspected wrongly has one row alone.
fn same_named(mut rows: Vec<Named>) -> Vec<Named> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(fold(&row.name)).or_default() += 1;
    }
    rows.retain(|row| counts.get(&fold(&row.name)).is_some_and(|count| *count > 1));
    rows
}

async fn memberships(tx: &mut Tx, layout: &Layout, gone: &Gone) -> Result<Vec<Finding>, Error> {
    let differing = Differing {
        extra: rows::extra_edges(tx, layout).await?,
        lacking: rows::lacking_edges(tx, layout).await?,
        userless: rows::orphan_edges(tx, layout, ResourceType::User).await?,
        teamless: rows::orphan_edges(tx, layout, ResourceType::Group).await?,
    };
    let all = [&differing.extra, &differing.lacking, &differing.userless, &differing.teamless];
    let (mut teams, mut users) = (BTreeSet::new(), BTreeSet::new());
    for (team, user) in all.into_iter().flatten() {
        teams.insert(team.clone());
        users.insert(user.clone());
    }
    let ids = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>();
    let labels = Labels {
        teams: rows::labels(tx, layout, ResourceType::Group, &ids(teams)).await?,
        users: rows::labels(tx, layout, ResourceType::User, &ids(users)).await?,
    };
    Ok(members::findings(&differing, &labels, gone))
}

/// The plan as it is once this run is the last one: what the run before it could not read is nothing
/// to it. Whether this run is complete is judged later.
fn without_last_run(mut plan: Plan) -> Plan {
    plan.reasons.retain(|reason| !reason.starts_with(judge::INCOMPLETE));
    if plan.verdict == Readiness::Blocked && plan.reasons.is_empty() {
        plan.verdict = Readiness::Ready;
    }
    plan
}

/// Late cleanups without those of users whose own finding says why: the row is gone or another's, or
/// somebody has the user active again.
fn told_once(late: Vec<Finding>, known: &[Finding]) -> Vec<Finding> {
    let says =
        |kind| matches!(kind, Kind::Missing | Kind::Ambiguous | Kind::Recycled | Kind::Reactivated);
    let told: BTreeSet<&str> = known
        .iter()
        .filter(|it| it.resource == Some(ResourceType::User) && says(it.kind))
        .filter_map(|it| it.scim_id.as_deref())
        .collect();
    let untold = |it: &Finding| !told.contains(it.scim_id.as_deref().unwrap_or_default());
    late.into_iter().filter(untold).collect()
}

async fn overdue(
    tx: &mut Tx,
    settings: &Settings,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Result<Vec<Finding>, Error> {
    let layout = &*settings.layout;
    let late = grace::overdue(tx, layout, settings.overdue(now)).await?;
    let ids: Vec<String> = late.iter().map(|it| it.id.clone()).collect();
    let labels: BTreeMap<_, _> = rows::labels(tx, layout, ResourceType::User, &ids).await?;
    let reasons: BTreeMap<&str, String> =
        plan.deferred.iter().map(|it| (it.scim_id.as_str(), it.reason.to_string())).collect();
    let otherwise = why_late(settings, plan);
    Ok(late
        .into_iter()
        .map(|it| {
            let label = labels.get(&it.id).cloned().unwrap_or_default();
            let since = it.disabled_at.and_utc().format("%Y-%m-%d");
            let what = match it.stage {
                "strip" => "memberships",
                "anonymise" => "personal data",
                _ => "the row",
            };
            let reason = reasons.get(it.id.as_str()).unwrap_or(&otherwise);
            Finding {
                kind: Kind::OverdueCleanup,
                resource: Some(ResourceType::User),
                attribute: Some(it.stage.to_owned()),
                external_id: label.external_id,
                name: label.name,
                expected: Value::Null,
                actual: Value::Null,
                why: format!("disabled by Entra on {since}, {what} still there: {reason}"),
                scim_id: Some(it.id),
            }
        })
        .collect())
}

/// Why cleanup has left accounts that nothing is wrong with.
fn why_late(settings: &Settings, plan: &Plan) -> String {
    if settings.cleanup_schedule.is_none() {
        return "cleanup is not scheduled (schedule.cleanup is empty)".to_owned();
    }
    if !plan.reasons.is_empty() {
        return format!("cleanup is blocked: {}", plan.reasons.join("; "));
    }
    "cleanup did not do it when it last stood on the schedule: see `kpifire-scim cleanup plan`"
        .to_owned()
}
