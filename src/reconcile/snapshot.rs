//! One consistent look at the tables, from the first row to the last membership, as findings and
//! counts. Memory grows neither with the tables nor with the findings, but by the ids of links without
//! rows, of rows of one name, and of memberships that differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Settings;
use super::cleanup::read as cleanup;
use super::compare::{Comparison, Export, Provisioned, Told};
use super::diff::{self, Findings, Lens, Look};
use super::members::{self, Differing, Gone, Labels};
use super::names::Names;
use super::spool;
use super::{identity, judge};
use crate::drift::plan::{Plan, Readiness};
use crate::drift::{CleanupPlan, Coverage, Finding, Grace, Kind, Rows, Scope, percent};
use crate::mapper::{Layout, LinkState, Record};
use crate::scim::{AttributePath, ResourceType, fold};
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
    pub(super) findings: spool::Writer,
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
    let mut found = Found { compared: export.map(|_| Told::default()), ..Found::default() };
    let mut comparison = export.map(|export| Comparison::new(export, layout));
    // What a comparison finds waits for what the other findings say.
    let mut differing = spool::Writer::default();
    let mut names = Names::default();
    let user_name = layout.users.name();
    let mut reused: Vec<Finding> = Vec::new();
    let mut visit = |record: &Record| {
        reused.extend(diff::reused(layout, record));
        if let Some(name) = user_name.and_then(|field| record.shown(field).to_text()) {
            names.see(&name);
        }
        if let Some(comparison) = &mut comparison {
            comparison.row(record, &mut |finding| differing.push(&finding));
        }
    };
    let kind = ResourceType::User;
    let users = stream(tx, settings, kind, progress, &mut found, &mut visit).await?;
    let kind = ResourceType::Group;
    let teams = stream(tx, settings, kind, progress, &mut found, &mut |_| ()).await?;
    found.extend(with_holdings(tx, layout, reused).await?);
    let compared = comparison.map(|it| it.finish(&mut |finding| differing.push(&finding)));
    let compared = compared.unwrap_or_default();
    let stranded_users = rows::stranded(tx, layout, ResourceType::User).await?;
    let stranded_teams = rows::stranded(tx, layout, ResourceType::Group).await?;
    let rows_by_name = named_rows(tx, layout, names, &stranded_users).await?;
    let (ambiguous, provisioned) = (compared.ambiguous, compared.provisioned);
    named(&stranded_users, ambiguous, rows_by_name, &mut found);
    found.extend(identity::missing(ResourceType::Group, &stranded_teams, &[]));
    let gone = Gone {
        teams: stranded_teams.iter().map(|it| it.id.clone()).collect(),
        users: stranded_users.iter().map(|it| it.id.clone()).collect(),
    };
    let members = rows::count_edges(tx, layout).await?;
    memberships(tx, layout, &gone, &mut found).await?;
    progress.add(usize::try_from(members).unwrap_or_default());
    let plan = without_last_run(cleanup::plan_now(tx, settings, now).await?);
    for finding in overdue(tx, settings, &plan, now).await? {
        found.late(finding);
    }
    let differing = differing.finish().map_err(|error| Error::unkept(&error))?;
    for chunk in differing.chunks() {
        for finding in chunk.map_err(|error| Error::unkept(&error))?.into_values() {
            found.of_comparison(finding, &settings.reconcile.tolerate);
        }
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
            tolerated: found.tolerated,
            last_contact: contact.map(|time| time.and_utc()),
            links,
            ..Scope::default()
        },
        cleanup: CleanupPlan::of(&plan, cleanup::next_due(tx, settings, now).await?),
        grace: Grace { waiting, strip_due, stripped, anonymise_due, anonymised },
        findings: found.spool,
        silent_since: contact.unwrap_or(made).and_utc(),
        provisioned,
    })
}

/// What was found so far. Of the findings themselves nothing is held but what keeps one cause from being
/// told twice.
#[derive(Debug, Default)]
struct Found {
    spool: spool::Writer,
    tolerated: BTreeMap<String, u64>,
    /// Users whose own finding says why they weren't cleaned up: the row is gone or another's, or
    /// somebody has the user active again.
    explained: BTreeSet<String>,
    /// What a comparison needn't say again, where there is one.
    compared: Option<Told>,
}

impl Found {
    fn push(&mut self, finding: &Finding) {
        let explains = matches!(
            finding.kind,
            Kind::Missing | Kind::Ambiguous | Kind::Recycled | Kind::Reactivated
        );
        if explains && finding.resource == Some(ResourceType::User) {
            self.explained.extend(finding.scim_id.clone());
        }
        if let Some(compared) = &mut self.compared {
            compared.see(finding);
        }
        self.spool.push(finding);
    }

    fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(&finding));
    }

    /// Takes what rows were examined to.
    fn take(&mut self, findings: Findings) {
        self.extend(findings.list);
        self.tolerate(findings.tolerated);
    }

    fn tolerate(&mut self, counts: BTreeMap<String, u64>) {
        for (attribute, count) in counts {
            *self.tolerated.entry(attribute).or_default() += count;
        }
    }

    /// A cleanup that is late, unless a finding of the user says why.
    fn late(&mut self, finding: Finding) {
        if !self.explained.contains(finding.scim_id.as_deref().unwrap_or_default()) {
            self.extend([finding]);
        }
    }

    /// What a comparison says, unless another finding does.
    fn of_comparison(&mut self, finding: Finding, tolerate: &BTreeSet<AttributePath>) {
        if !self.compared.as_ref().is_some_and(|told| told.says(&finding)) {
            let mut findings = Findings::default();
            findings.push(finding, tolerate);
            findings.list.iter().for_each(|finding| self.spool.push(finding));
            self.tolerate(findings.tolerated);
        }
    }
}

#[derive(Debug, Default)]
struct Streamed {
    rows: u64,
    live: u64,
    equal: u64,
    protected: u64,
}

/// Every row of a resource type, a page at a time.
async fn stream(
    tx: &mut Tx,
    settings: &Settings,
    kind: ResourceType,
    progress: &Progress,
    found: &mut Found,
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
        let looking = async { streamed.look(&mut lens, page, found, visit) };
        let (next, suspects) = tokio::join!(pages.next(tx, layout), looking);
        let (next, suspects) = (next?, suspects?);
        let ids: Vec<String> = suspects.iter().map(|it| it.record.key_text()).collect();
        let mut baselines = rows::baselines(tx, kind, &ids).await?;
        let mut findings = Findings::default();
        for observed in suspects {
            let baseline = baselines.remove(&observed.record.key_text()).unwrap_or_default();
            lens.learn(&baseline);
            // The row that the lens could not tell is read as its baseline has it.
            let mut record = observed.record;
            if let Some(link) = &mut record.link {
                link.baseline = Some(baseline.clone());
            }
            let tolerate = &settings.reconcile.tolerate;
            if diff::examine(layout, kind, &record, &baseline, tolerate, &mut findings) {
                streamed.equal += 1;
            }
        }
        found.take(findings);
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
        found: &mut Found,
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
                found.push(&diff::unmanaged(layout, record));
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

/// Findings of links without rows and of names that more than one row has.
fn named(stranded: &[Stranded], ambiguous: BTreeSet<String>, rows: Vec<Named>, found: &mut Found) {
    let missing = identity::missing(ResourceType::User, stranded, &rows);
    let of_links = missing.iter().filter(|it| it.kind == Kind::Ambiguous);
    let of_links = of_links.filter_map(|it| it.name.as_deref().map(fold));
    let ambiguous: BTreeSet<String> = of_links.chain(ambiguous).collect();
    found.extend(missing);
    let same = same_named(rows);
    found.extend(identity::duplicates(&same, &ambiguous));
    // A row of a set is part of that set's finding.
    for row in same {
        found.spool.leave_out(diff::id_of_unmanaged(row.id));
    }
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

/// Memberships whose labels are asked for at a time.
const EDGES: usize = 1000;

async fn memberships(
    tx: &mut Tx,
    layout: &Layout,
    gone: &Gone,
    found: &mut Found,
) -> Result<(), Error> {
    let differing = Differing {
        extra: rows::extra_edges(tx, layout).await?,
        lacking: rows::lacking_edges(tx, layout).await?,
        userless: rows::orphan_edges(tx, layout, ResourceType::User).await?,
        teamless: rows::orphan_edges(tx, layout, ResourceType::Group).await?,
    };
    let told = members::told(&differing, gone);
    for some in told.chunks(EDGES) {
        let (mut teams, mut users) = (BTreeSet::new(), BTreeSet::new());
        for (_, (team, user)) in some {
            teams.insert(team.clone());
            users.insert(user.clone());
        }
        let ids = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>();
        let labels = Labels {
            teams: rows::labels(tx, layout, ResourceType::Group, &ids(teams)).await?,
            users: rows::labels(tx, layout, ResourceType::User, &ids(users)).await?,
        };
        found.extend(some.iter().map(|(what, edge)| members::finding(*what, edge, &labels)));
    }
    Ok(())
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
