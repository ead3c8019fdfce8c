//! What is to be done next, the most urgent first: said on the overview, each with where it is done.

use super::{Request, link, shown};
use crate::console::activity::{Forecast, Minute};
use crate::console::figures::Figures;
use crate::drift::{Kind, Severity, Verdict};
use crate::presence;
use crate::report::words::plural;
use crate::service::guard::State;

/// Kinds of findings that are named.
const KINDS: usize = 6;

/// Something to do.
pub(super) struct Todo {
    pub(super) text: String,
    /// Where, and what the link says; empty where it isn't on a page.
    pub(super) link: String,
    pub(super) label: &'static str,
}

fn todo(text: impl Into<String>, link: impl Into<String>, label: &'static str) -> Todo {
    Todo { text: text.into(), link: link.into(), label }
}

/// All of it; empty where nothing is wrong.
pub(super) fn steps(
    request: &Request<'_>,
    figures: &Figures,
    forecast: Forecast,
    judged: Minute,
) -> Vec<Todo> {
    let mut steps = calls(request, figures, forecast, judged);
    if figures.guard.state == State::Refusing {
        steps.push(todo(
            "Clients want to disable more people than the guard lets them. Look at the scope in Entra \
             first; where it is right, let them through for a time.",
            "#guard",
            "The guard",
        ));
    }
    steps.extend(run(figures));
    let policies = presence::policies(&figures.agents);
    if policies.len() > 1 {
        let listed = shown(&presence::listed(&policies));
        steps.push(todo(
            format!(
                "{} ({listed}): give them the same configuration and profile.",
                presence::DISAGREE
            ),
            "",
            "",
        ));
    }
    steps
}

fn calls(
    request: &Request<'_>,
    figures: &Figures,
    forecast: Forecast,
    judged: Minute,
) -> Vec<Todo> {
    let stale = request.admin.console.settings().reconcile.stale_after;
    let Some(contact) = figures.last_contact else {
        return vec![todo(
            "Entra has not called yet: make a token of the scope provision, and enter it in Entra with the \
             tenant URL.",
            "new-token",
            "Add New Token",
        )];
    };
    let mut steps = Vec::new();
    if (request.now - contact).to_std().is_ok_and(|silent| silent > stale) {
        steps.push(todo(
            "Entra is silent: see in Entra whether the provisioning job runs, and whether it reaches this \
             address.",
            "",
            "",
        ));
    }
    match forecast {
        Forecast::Expected if judged.unauthorised == judged.requests => steps.push(todo(
            "No call has a good token: rotate the one that Entra has, and enter the new text there.",
            "tokens",
            "Tokens",
        )),
        Forecast::Worrying | Forecast::Likely | Forecast::Expected => steps.push(todo(
            "Calls fail: see what was refused, and why.",
            "audit?outcome=refused",
            "Refused writes",
        )),
        Forecast::Unknown | Forecast::Fine => {}
    }
    steps
}

/// What the last run left to do.
fn run(figures: &Figures) -> Vec<Todo> {
    let Some(run) = &figures.last_run else {
        return vec![todo(
            "The reconciler has not run yet: wait for the schedule, or run `kpifire-scim reconcile`.",
            "",
            "",
        )];
    };
    let mut steps = Vec::new();
    match run.verdict.parse() {
        Ok(Verdict::Incomplete) => steps.push(todo(
            "The last run could not see everything, and nothing is mended until one does.",
            "drift",
            "Why",
        )),
        Ok(Verdict::Blocked) => steps.push(todo(
            "Cleanup is blocked: more is due than the limits let through, or it may not write now.",
            "cleanup",
            "The plan",
        )),
        Ok(Verdict::Clean | Verdict::Drift) | Err(_) => {}
    }
    // In the order of their severities; what is for information alone is nothing to do.
    let open = |kind: &Kind| figures.findings.get(kind).copied().filter(|open| *open > 0);
    let worth = Kind::ALL.iter().filter(|kind| kind.severity() != Severity::Info);
    let worth: Vec<(Kind, u64)> = worth.filter_map(|kind| Some((*kind, open(kind)?))).collect();
    steps.extend(worth.iter().take(KINDS).map(|(kind, open)| {
        todo(
            format!(
                "{} of the kind {}: {}.",
                plural(*open, "finding"),
                kind.as_str(),
                kind.meaning()
            ),
            link("drift", &[("kind", kind.as_str())]) + "#findings",
            "Mend",
        )
    }));
    if worth.len() > KINDS {
        steps.push(todo("And findings of other kinds.", "drift#findings", "All of them"));
    }
    steps
}
