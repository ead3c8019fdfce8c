//! `/person`: a search, and a person as Entra and kpifire have them.

use askama::Template;

use super::audit::{Line, line};
use super::{FindingLine, Frame, Request, link, person_link, render, shown};
use crate::console::person::{Agreement, Hit, Person, Side};
use crate::http::response::Response;
use crate::report::words::{plural, value};
use crate::scim::ResourceType;

#[derive(Template)]
#[template(path = "console/person.html")]
struct Page {
    frame: Frame,
    /// What was searched for.
    text: String,
    searched: bool,
    hits: Vec<HitLine>,
    near: Vec<HitLine>,
    person: Option<View>,
}

/// A user as a search lists them.
pub(super) struct HitLine {
    pub(super) link: String,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) active: &'static str,
}

/// A person's page.
struct View {
    name: String,
    id: String,
    class: &'static str,
    headline: String,
    facts: Vec<(&'static str, String)>,
    sides: Vec<SideLine>,
    /// Team's name and id, and whether kpifire's edge, Entra's wish, or both.
    teams: Vec<(String, String, &'static str, bool)>,
    findings: Vec<FindingLine>,
    history: Vec<Line>,
    trail: String,
    /// Whether cleanup leaves the account alone.
    held: bool,
    there: bool,
}

struct SideLine {
    attribute: String,
    column: String,
    asserted: String,
    actual: String,
    agreement: &'static str,
    class: &'static str,
}

/// Makes it.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let parameters = match request.parameters() {
        Ok(parameters) => parameters,
        Err(response) => return response,
    };
    let console = &request.admin.console;
    let mut page = Page {
        frame: request.frame("person", "People"),
        text: parameters.get("q").cloned().unwrap_or_default(),
        searched: false,
        hits: Vec::new(),
        near: Vec::new(),
        person: None,
    };
    let mut id = parameters.get("id").cloned();
    if let (None, Some(text)) = (&id, parameters.get("q")) {
        let hits = match request.read(console.people(text)).await {
            Ok(hits) => hits,
            Err(response) => return response,
        };
        page.searched = true;
        page.hits = hits.found.iter().map(hit_line).collect();
        page.near = hits.neighbours.iter().map(hit_line).collect();
        if let [only] = hits.found.as_slice() {
            id = Some(only.id.clone());
        } else if hits.found.is_empty() {
            // A tombstone or a link without a row is in no search, and may be meant by its id.
            id = Some(text.clone());
        }
    }
    let mut status = 200;
    if let Some(id) = id {
        match request.read(console.person(&id)).await {
            Ok(Some(person)) => {
                page.frame.title = shown(person.name.as_deref().unwrap_or(&person.id));
                page.person = Some(view(request, &person));
            }
            Ok(None) if page.searched => {}
            Ok(None) => {
                status = 404;
                page.searched = true;
                page.text = id;
            }
            Err(response) => return response,
        }
    }
    render(status, &page)
}

pub(super) fn hit_line(hit: &Hit) -> HitLine {
    HitLine {
        link: person_link(&hit.id),
        name: shown(if hit.name.is_empty() { "no userName" } else { &hit.name }),
        id: shown(&hit.id),
        state: hit.state.unwrap_or("not known to Entra"),
        active: match hit.active {
            Some(true) => "active",
            Some(false) => "inactive",
            None => "not known",
        },
    }
}

fn view(request: &Request<'_>, person: &Person) -> View {
    let differing = person.sides.iter().filter(|side| side.agreement == Agreement::Differs).count();
    let state = person.link.as_ref().map(|link| link.state.as_str());
    let (class, headline) = match (person.there, state) {
        (false, _) => ("incomplete", "kpifire has no row of this id; the link is left.".to_owned()),
        (true, None) => ("drift", "kpifire's own: Entra neither found nor wrote it.".to_owned()),
        (true, Some("deleted")) => ("drift", "Deleted by Entra: a tombstone.".to_owned()),
        (true, Some(_)) if differing > 0 => {
            let what = if differing == 1 { "attribute differs" } else { "attributes differ" };
            ("drift", format!("{differing} {what} from what Entra last wrote."))
        }
        (true, Some("matched")) => {
            ("clean", "Entra found it, and has written nothing yet.".to_owned())
        }
        (true, Some(_)) => ("clean", "kpifire says what Entra last wrote.".to_owned()),
    };
    View {
        name: shown(person.name.as_deref().unwrap_or("no userName")),
        id: shown(&person.id),
        class,
        headline,
        facts: facts(request, person),
        sides: person.sides.iter().map(side_line).collect(),
        teams: teams(person),
        findings: person.findings.iter().map(|item| FindingLine::of(item, request.now)).collect(),
        history: person.history.iter().map(line).collect(),
        trail: link("audit", &[("user", &person.id)]),
        held: person.held.is_some(),
        there: person.there,
    }
}

fn facts(request: &Request<'_>, person: &Person) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Id", shown(&person.id))];
    let Some(link) = &person.link else {
        facts.push(("Link", "none".to_owned()));
        return facts;
    };
    let time = |at: chrono::NaiveDateTime| {
        let at = at.and_utc();
        format!("{} ({})", request.when(at), request.ago(at))
    };
    facts.push(("Link", format!("{}, made {}", link.state.as_str(), time(link.created))));
    let writes = link.version.unsigned_abs();
    facts.push(("Written", format!("{}, {}", time(link.modified), plural(writes, "write"))));
    if let Some(at) = link.disabled_at {
        facts.push(("Disabled", time(at)));
    }
    if let Some(at) = link.deleted_at {
        facts.push(("Deleted", time(at)));
    }
    if let Some(stage) = &person.stage {
        facts.push(("Cleanup", format!("has come to {}", shown(stage))));
    }
    facts.push((
        "Hold",
        person
            .held
            .as_ref()
            .map_or_else(|| "none".to_owned(), |why| format!("held: {}", shown(why))),
    ));
    if person.protected {
        facts.push((
            "Protect",
            "named by [protect]: never disabled, deleted or cleaned up".to_owned(),
        ));
    }
    facts
}

fn side_line(side: &Side) -> SideLine {
    let (agreement, class) = match side.agreement {
        Agreement::Agrees => ("agrees", "good"),
        Agreement::Differs => ("differs", "critical"),
        Agreement::Unreadable => ("unreadable", "warning"),
        Agreement::NotAsserted => ("not asserted", "quiet"),
        Agreement::Kept => ("kept in the link", "quiet"),
    };
    SideLine {
        attribute: shown(&side.attribute),
        column: shown(side.column.as_deref().unwrap_or("no column")),
        asserted: side.asserted.as_ref().map_or_else(String::new, |it| shown(&value(it))),
        actual: if side.agreement == Agreement::Kept {
            String::new()
        } else {
            shown(&value(&side.actual))
        },
        agreement,
        class,
    }
}

fn team_id(key: &str) -> String {
    shown(&ResourceType::Group.id(key))
}

/// Every team that either side puts the person into.
fn teams(person: &Person) -> Vec<(String, String, &'static str, bool)> {
    let held = person.teams.iter().map(|(id, name)| {
        let both = person.desired.contains(id);
        let says = if both { "kpifire and Entra" } else { "kpifire alone" };
        (shown(name.as_deref().unwrap_or_default()), team_id(id), says, both)
    });
    let there = |id: &String| person.teams.iter().any(|(other, _)| other == id);
    let wanted = person.desired.iter().filter(|id| !there(id));
    let wanted = wanted.map(|id| (String::new(), team_id(id), "Entra alone", false));
    held.chain(wanted).collect()
}
