//! `/finding`: one finding, and what may be done about it.

use askama::Template;

use super::{Frame, Request, link, render, resource_link, shown};
use crate::console::act::Finding;
use crate::http::response::Response;
use crate::report::words::value;
use crate::scim::ResourceType;

#[derive(Template)]
#[template(path = "console/finding.html")]
struct Page {
    frame: Frame,
    id: String,
    kind: &'static str,
    severity: &'static str,
    meaning: &'static str,
    name: String,
    why: String,
    facts: Vec<(&'static str, String)>,
    /// Where the resource's page is.
    link: String,
    expected: String,
    actual: String,
    differs: bool,
    /// What may be done besides ignoring it; nothing where it is over.
    acts: Option<Acts>,
    command: String,
    /// Where to sign in, and to come back from.
    sign_in: String,
}

/// What mends it.
struct Acts {
    restores: bool,
    adopts: bool,
}

/// Makes it.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let parameters = match request.parameters() {
        Ok(parameters) => parameters,
        Err(response) => return response,
    };
    let id = parameters.get("id").map(String::as_str).unwrap_or_default();
    let found = match request.read(request.admin.console.finding(id)).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let Some(found) = found else { return super::not_found(request.visitor) };
    render(200, &view(request, &found))
}

fn view(request: &Request<'_>, found: &Finding) -> Page {
    let finding = &found.item.finding;
    let mut facts = vec![("Id", shown(&found.item.id))];
    let resource = finding.resource.map(ResourceType::as_str);
    if let (Some(kind), Some(id)) = (resource, &finding.scim_id) {
        facts.push(("Resource", shown(&format!("{kind} {id}"))));
    }
    if let Some(id) = &finding.external_id {
        facts.push(("externalId", shown(id)));
    }
    if let Some(attribute) = &finding.attribute {
        facts.push(("Attribute", shown(attribute)));
    }
    let seen = found.item.first_seen;
    facts.push(("First seen", format!("{} ({})", request.when(seen), request.ago(seen))));
    if let Some((at, why)) = &found.ignored {
        let why = why.as_deref().map_or_else(String::new, |why| format!(": {}", shown(why)));
        facts.push(("Ignored", format!("since {}{why}", request.when(*at))));
    }
    if let Some((at, how)) = &found.ended {
        facts.push(("Ended", format!("{}: {}", request.when(*at), shown(how))));
    }
    Page {
        frame: request.frame("drift", format!("Finding {}", shown(&found.item.id))),
        id: shown(&found.item.id),
        kind: finding.kind.as_str(),
        severity: finding.kind.severity().as_str(),
        meaning: finding.kind.meaning(),
        name: shown(finding.name.as_deref().or(finding.scim_id.as_deref()).unwrap_or("kpifire")),
        why: shown(&finding.why),
        facts,
        link: resource_link(resource, finding.scim_id.as_deref()),
        expected: shown(&value(&finding.expected)),
        actual: shown(&value(&finding.actual)),
        differs: finding.attribute.is_some() || finding.expected != finding.actual,
        acts: found
            .ended
            .is_none()
            .then(|| Acts { restores: finding.kind.restores(), adopts: finding.kind.adopts() }),
        command: shown(found.item.command.as_deref().unwrap_or_default()),
        sign_in: link("sign-in", &[("next", &link("finding", &[("id", &found.item.id)]))]),
    }
}
