//! `/audit`: the trail, newest first, by user, operation, outcome and time.

use std::collections::BTreeSet;

use askama::Template;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::Value;

use super::{Frame, Request, link, render, resource_link, shown};
use crate::console::trail::{AuditRow, LOOKED_THROUGH, Query};
use crate::http::response::Response;
use crate::report::words::{number, rfc3339, value};

/// What an operation may be, for the form.
const OPERATIONS: [&str; 13] = [
    "create",
    "update",
    "delete",
    "match",
    "revive",
    "restore",
    "adopt",
    "ignore",
    "hold",
    "release",
    "undo",
    "guard_allow",
    "token_create",
];

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Page {
    frame: Frame,
    user: String,
    operation: String,
    operations: Vec<String>,
    outcome: String,
    since: String,
    rows: Vec<Line>,
    next: Option<String>,
    looked: String,
}

/// A row of the trail.
pub(super) struct Line {
    pub(super) at: String,
    pub(super) time: String,
    pub(super) operation: String,
    pub(super) resource: String,
    pub(super) link: String,
    pub(super) token: String,
    pub(super) outcome: String,
    pub(super) refused: bool,
    pub(super) detail: String,
    /// Attribute, before, after.
    pub(super) changes: Vec<(String, String, String)>,
    pub(super) request: String,
}

/// Makes it.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let mut parameters = match request.parameters() {
        Ok(parameters) => parameters,
        Err(response) => return response,
    };
    let mut take = |name: &str| parameters.remove(name);
    let (since, before) = (take("since"), take("before"));
    let at = match since.as_deref().map(|text| (text, moment(text))) {
        Some((text, None)) => {
            return request.refused(&format!(
                "since is `{text}`: a day such as 2026-11-25, or a time such as 2026-11-25T08:00:00Z."
            ));
        }
        Some((_, at)) => at,
        None => None,
    };
    let query = Query {
        user: take("user"),
        operation: take("operation"),
        outcome: take("outcome"),
        since: at,
        before,
    };
    let found = match request.read(request.admin.console.trail(&query)).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let Query { user, operation, outcome, .. } = query;
    let [user, operation, outcome, since] =
        [user, operation, outcome, since].map(Option::unwrap_or_default);
    let next = found.next.as_deref().map(|before| {
        let parameters = [
            ("user", user.as_str()),
            ("operation", operation.as_str()),
            ("outcome", outcome.as_str()),
            ("since", since.as_str()),
            ("before", before),
        ];
        link("audit", &parameters)
    });
    let looked = found.looked_back_to.map_or_else(String::new, |at| {
        let rows = number(LOOKED_THROUGH.unsigned_abs());
        format!("Looked through {rows} rows, back to {}.", request.when(at.and_utc()))
    });
    let mut operations = BTreeSet::from(OPERATIONS.map(str::to_owned));
    operations.extend(found.rows.iter().map(|row| row.operation.clone()));
    if !operation.is_empty() {
        operations.insert(operation.clone());
    }
    let page = Page {
        frame: request.frame("audit", "Audit"),
        rows: found.rows.iter().map(line).collect(),
        user,
        operation,
        operations: operations.into_iter().collect(),
        outcome,
        since,
        next,
        looked,
    };
    render(200, &page)
}

/// A day's beginning in UTC, or a time.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let day = text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    day.or_else(|| text.parse().ok())
}

/// A row of the trail, as a page shows it.
pub(super) fn line(row: &AuditRow) -> Line {
    let attributes: BTreeSet<&String> = row.before.keys().chain(row.after.keys()).collect();
    let said = |value_of: Option<&Value>| shown(&value(value_of.unwrap_or(&Value::Null)));
    let changes = attributes.into_iter().map(|attribute| {
        (shown(attribute), said(row.before.get(attribute)), said(row.after.get(attribute)))
    });
    let (kind, id) = (row.resource_type.as_deref(), row.resource.as_deref());
    let resource = [kind, id].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Line {
        at: rfc3339(row.time.and_utc()),
        time: row.time.format("%Y-%m-%d %H:%M:%S").to_string(),
        operation: shown(&row.operation),
        resource: shown(&resource),
        link: resource_link(kind, id),
        token: shown(row.token.as_deref().unwrap_or("the agent")),
        outcome: shown(&row.outcome),
        refused: row.outcome != "done",
        detail: shown(row.detail.as_deref().unwrap_or_default()),
        changes: changes.collect(),
        request: shown(&row.request_id),
    }
}
