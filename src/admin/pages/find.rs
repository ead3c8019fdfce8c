//! `/find`: what is typed into the box that every page has.

use askama::Template;
use hyper::header::{HeaderValue, LOCATION};

use super::person::{HitLine, hit_line};
use super::{FindingLine, Frame, Request, link, render, shown};
use crate::console::search::Team;
use crate::http::response::{self, Response};

#[derive(Template)]
#[template(path = "console/find.html")]
struct Page {
    frame: Frame,
    text: String,
    people: Vec<HitLine>,
    near: Vec<HitLine>,
    teams: Vec<TeamLine>,
    findings: Vec<FindingLine>,
}

struct TeamLine {
    link: String,
    name: String,
    id: String,
    state: &'static str,
}

/// Makes it; the page itself of the only thing that is found.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let parameters = match request.parameters() {
        Ok(parameters) => parameters,
        Err(response) => return response,
    };
    let text = parameters.get("q").map(String::as_str).unwrap_or_default();
    let mut page = Page {
        frame: request.frame("", "Search"),
        text: shown(text),
        people: Vec::new(),
        near: Vec::new(),
        teams: Vec::new(),
        findings: Vec::new(),
    };
    if !text.is_empty() {
        let found = match request.read(request.admin.console.search(text)).await {
            Ok(found) => found,
            Err(response) => return response,
        };
        page.people = found.people.found.iter().map(hit_line).collect();
        page.near = found.people.neighbours.iter().map(hit_line).collect();
        page.teams = found.teams.iter().map(team_line).collect();
        page.findings = found.findings.iter().map(|it| FindingLine::of(it, request.now)).collect();
        let people = page.people.iter().map(|it| &it.link);
        let teams = page.teams.iter().map(|it| &it.link);
        let mut all = people.chain(teams).chain(page.findings.iter().map(|it| &it.link));
        if let (Some(only), None) = (all.next(), all.next())
            && let Ok(only) = HeaderValue::from_str(only)
        {
            let mut response = response::empty(303);
            response.headers_mut().insert(LOCATION, only);
            return response;
        }
    }
    render(200, &page)
}

fn team_line(team: &Team) -> TeamLine {
    TeamLine {
        link: link("team", &[("id", &team.id)]),
        name: shown(if team.name.is_empty() { "no displayName" } else { &team.name }),
        id: shown(&team.id),
        state: team.state.unwrap_or("not known to Entra"),
    }
}
