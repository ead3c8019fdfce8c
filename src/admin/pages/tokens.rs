//! `/tokens`: who may call. No secret is there to be shown: only hashes are stored.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::act::meaning;
use super::{Frame, Request, render, shown};
use crate::http::response::Response;
use crate::report::words::plural;
use crate::service::Scope;
use crate::service::credentials::Credential;

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct Page {
    frame: Frame,
    summary: String,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/new-token.html")]
struct New {
    frame: Frame,
    /// Scopes, and what each is good for.
    scopes: Vec<(&'static str, &'static str)>,
}

/// Makes the page on which a token is made.
pub(in crate::admin) fn new(request: &Request<'_>) -> Response {
    let scopes = [Scope::Provision, Scope::Read, Scope::Admin, Scope::Operator];
    let scopes = scopes.map(|scope| (scope.as_str(), meaning(scope))).to_vec();
    render(200, &New { frame: request.frame("tokens", "Add New Token"), scopes })
}

struct Row {
    name: String,
    scope: &'static str,
    /// `good`, `expires soon`, `expired`, `revoked`.
    state: &'static str,
    class: &'static str,
    created: String,
    expires: String,
    used: String,
    revoked: String,
    /// As the form names it.
    exact: String,
    /// Whether it may be revoked.
    live: bool,
}

/// Makes it.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let tokens = match request.read(request.admin.console.tokens()).await {
        Ok(tokens) => tokens,
        Err(response) => return response,
    };
    let rows: Vec<Row> = tokens.iter().map(|token| row(request, token)).collect();
    let good = rows.iter().filter(|row| row.class != "critical").count() as u64;
    let frame = request.frame("tokens", "Tokens");
    let summary = format!("{} that may be used", plural(good, "token"));
    render(200, &Page { frame, summary, rows })
}

fn row(request: &Request<'_>, token: &Credential) -> Row {
    let now = request.now;
    let soon = token.expires.is_some_and(|at| at <= now + TimeDelta::days(30));
    let (state, class) = if token.revoked.is_some() {
        ("revoked", "critical")
    } else if token.expires.is_some_and(|at| at <= now) {
        ("expired", "critical")
    } else if soon {
        ("expires soon", "warning")
    } else {
        ("good", "good")
    };
    let time = |at: Option<DateTime<Utc>>, none: &str| {
        at.map_or_else(|| none.to_owned(), |at| request.when(at))
    };
    Row {
        name: shown(&token.name),
        exact: token.name.clone(),
        live: token.revoked.is_none(),
        scope: token.scope.as_str(),
        state,
        class,
        created: request.when(token.created),
        expires: time(token.expires, "never"),
        used: token.last_used.map_or_else(|| "never".to_owned(), |at| request.ago(at)),
        revoked: time(token.revoked, ""),
    }
}
