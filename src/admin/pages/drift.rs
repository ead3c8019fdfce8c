//! `/drift`: the report of the last run, with the findings as they are now, a page at a time.

use askama::Template;

use super::{Frame, Request, link, render, shown};
use crate::drift::Kind;
use crate::http::response::Response;
use crate::report::html;
use crate::report::words::number;

#[derive(Template)]
#[template(path = "console/drift.html")]
struct Page {
    frame: Frame,
    /// The report between its head and its foot; its own templates have escaped it.
    body: String,
    /// Where each kind's findings are, the kind, how many, and whether it is the one that is shown.
    kinds: Vec<(String, &'static str, String, bool)>,
    next: Option<String>,
    /// Whether this isn't the first page.
    later: bool,
    upcoming: String,
    run: String,
    /// The kind that is shown alone; empty: all.
    chosen: &'static str,
    /// Whether none of it is there.
    none: bool,
}

#[derive(Template)]
#[template(path = "console/message.html")]
struct NoRun {
    frame: Frame,
    class: &'static str,
    heading: &'static str,
    text: &'static str,
}

/// Makes it.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let parameters = match request.parameters() {
        Ok(parameters) => parameters,
        Err(response) => return response,
    };
    let kind = match parameters.get("kind").map(|name| (name, name.parse::<Kind>().ok())) {
        Some((name, None)) => {
            return request.refused(&format!("There is no kind of finding `{name}`."));
        }
        Some((_, kind)) => kind,
        None => None,
    };
    let after = parameters.get("after").cloned();
    let later = after.is_some();
    let frame = request.frame("drift", "Drift");
    let drift = request.admin.console.drift(kind, after, request.now);
    let drift = match request.read(drift).await {
        Ok(Some(drift)) => drift,
        Ok(None) => {
            return render(
                200,
                &NoRun {
                    frame,
                    class: "drift",
                    heading: "No run yet",
                    text: "The reconciler has not run yet: the schedule runs it, and `kpifire-scim \
                           reconcile` does so now.",
                },
            );
        }
        Err(response) => return response,
    };
    let open = drift.report.counts.iter().filter(|count| count.now > 0);
    let all = open.clone().map(|count| count.now).sum();
    let entry = |of: Option<Kind>, count| {
        let address = link("drift", &[("kind", of.map_or("", Kind::as_str))]);
        let name = of.map_or("all kinds", Kind::as_str);
        (format!("{address}#findings"), name, number(count), kind == of)
    };
    let mut kinds = vec![entry(None, all)];
    kinds.extend(open.map(|it| entry(Some(it.kind), it.now)));
    let chosen = kind.map_or("", Kind::as_str);
    let next =
        drift.next.as_deref().map(|after| link("drift", &[("kind", chosen), ("after", after)]));
    let upcoming =
        drift.report.next.map_or_else(|| "not scheduled".to_owned(), |at| request.when(at));
    let run = shown(&drift.report.run.id);
    let body = html::body(&drift.report);
    let none = drift.report.findings.is_empty();
    let page = Page { frame, body, kinds, next, later, upcoming, run, chosen, none };
    render(200, &page)
}
