//! `/cleanup`: the plan as of now, and how far disabled users are on their way out.

use askama::Template;

use super::{Frame, Request, person_link, render, shown};
use crate::drift::plan::{Deferral, Plan, Readiness, Step, by_stage};
use crate::http::response::Response;
use crate::report::html;
use crate::report::words::{number, plural, threshold};

/// Accounts that each list shows; the command has them all.
const LISTED: usize = 200;

#[derive(Template)]
#[template(path = "console/cleanup.html")]
struct Page {
    frame: Frame,
    class: &'static str,
    verdict: &'static str,
    headline: String,
    reasons: Vec<String>,
    thresholds: Vec<String>,
    /// The chart; its own template has escaped it.
    funnel: String,
    steps: Vec<Line>,
    /// How many steps aren't listed; empty where all are.
    more_steps: String,
    deferred: Vec<Line>,
    /// The same of deferrals.
    more_deferred: String,
    hash: String,
    ready: bool,
    next: String,
    /// Runs that can be taken back: their ids, when they were, how much they did.
    runs: Vec<(String, String, String)>,
}

/// A step or a deferral.
struct Line {
    stage: &'static str,
    name: String,
    id: String,
    link: String,
    since: String,
    what: String,
}

/// Makes it.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let (plan, grace) = match request.read(request.admin.console.cleanup(request.now)).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let runs = match request.read(request.admin.console.cleanup_runs(request.now)).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let runs =
        runs.iter().map(|run| (shown(&run.id), request.when(run.at), plural(run.done, "step")));
    let next = request.admin.console.settings().next_runs(request.now);
    let next = next.iter().find(|(job, _)| *job == "cleanup").map(|(_, at)| request.when(*at));
    let left = |all: usize| match all.saturating_sub(LISTED) {
        0 => String::new(),
        left => number(left as u64),
    };
    let page = Page {
        frame: request.frame("cleanup", "Cleanup"),
        class: match plan.verdict {
            Readiness::Empty => "clean",
            Readiness::Ready => "drift",
            Readiness::Blocked => "blocked",
        },
        verdict: plan.verdict.as_str(),
        headline: headline(&plan),
        reasons: plan.reasons.iter().map(|reason| shown(reason)).collect(),
        thresholds: plan.thresholds.iter().map(|it| shown(&threshold(it))).collect(),
        funnel: html::funnel(&grace),
        more_steps: left(plan.steps.len()),
        steps: plan.steps.iter().take(LISTED).map(|it| step(request, it)).collect(),
        more_deferred: left(plan.deferred.len()),
        deferred: plan.deferred.iter().take(LISTED).map(deferral).collect(),
        hash: shown(&plan.hash),
        ready: plan.verdict == Readiness::Ready,
        next: next.unwrap_or_else(|| "not scheduled".to_owned()),
        runs: runs.collect(),
    };
    render(200, &page)
}

fn headline(plan: &Plan) -> String {
    let due = by_stage(&plan.steps).into_iter();
    let due: Vec<String> =
        due.map(|(stage, count)| format!("{} to {}", number(count), stage.as_str())).collect();
    let due = if due.is_empty() { "Nothing is due".to_owned() } else { due.join(", ") };
    let deferred = plural(plan.deferred.len() as u64, "deferral");
    format!("{due}; {deferred}.")
}

fn step(request: &Request<'_>, step: &Step) -> Line {
    Line {
        stage: step.stage.as_str(),
        name: shown(step.name.as_deref().unwrap_or("-")),
        id: shown(&step.scim_id),
        link: person_link(&step.scim_id),
        since: request.ago(step.due),
        what: shown(&step.detail),
    }
}

fn deferral(deferral: &Deferral) -> Line {
    Line {
        stage: deferral.stage.as_str(),
        name: shown(deferral.name.as_deref().unwrap_or("-")),
        id: shown(&deferral.scim_id),
        link: person_link(&deferral.scim_id),
        since: String::new(),
        what: shown(&deferral.reason.to_string()),
    }
}
