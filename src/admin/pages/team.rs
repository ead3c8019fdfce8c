//! `/team`: a team, with what is open of it and what happened to it.

use askama::Template;

use super::audit::{Line, line};
use super::{FindingLine, Frame, Request, render, shown};
use crate::console::team::Team;
use crate::http::response::Response;
use crate::report::words::plural;

#[derive(Template)]
#[template(path = "console/team.html")]
struct Page {
    frame: Frame,
    name: String,
    id: String,
    class: &'static str,
    headline: String,
    facts: Vec<(&'static str, String)>,
    findings: Vec<FindingLine>,
    history: Vec<Line>,
}

/// Makes it.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let parameters = match request.parameters() {
        Ok(parameters) => parameters,
        Err(response) => return response,
    };
    let id = parameters.get("id").map(String::as_str).unwrap_or_default();
    let found = match request.read(request.admin.console.team(id)).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let Some(team) = found else { return super::not_found(request.visitor) };
    render(200, &view(request, &team))
}

fn view(request: &Request<'_>, team: &Team) -> Page {
    let open = team.findings.len() as u64;
    let (class, headline) = match (&team.link, team.there) {
        (_, false) => ("incomplete", "kpifire has no row of this id; the link is left.".to_owned()),
        (None, true) => ("drift", "kpifire's own: Entra neither found nor wrote it.".to_owned()),
        (Some(_), true) if open > 0 => ("drift", format!("{} open.", plural(open, "finding"))),
        (Some(_), true) => ("clean", "Nothing is open of it.".to_owned()),
    };
    let mut facts = vec![("Id", shown(&team.id))];
    match &team.link {
        None => facts.push(("Link", "none".to_owned())),
        Some(link) => {
            let made = request.when(link.created.and_utc());
            facts.push(("Link", format!("{}, made {made}", link.state.as_str())));
            facts.push(("Written", request.when(link.modified.and_utc())));
            if let Some(id) = &link.external_id {
                facts.push(("externalId", shown(id)));
            }
        }
    }
    let name = shown(team.name.as_deref().unwrap_or("no displayName"));
    Page {
        frame: request.frame("", name.clone()),
        name,
        id: shown(&team.id),
        class,
        headline,
        facts,
        findings: team.findings.iter().map(|it| FindingLine::of(it, request.now)).collect(),
        history: team.history.iter().map(line).collect(),
    }
}
