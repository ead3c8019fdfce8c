//! The console's pages: what all have in common, and one file each for what stands on them.
//!
//! Made on the server, usable without script; none is sent. Every stranger's text goes through
//! [`shown`] and the templates' escaping.

pub(super) mod act;
pub(super) mod audit;
pub(super) mod cleanup;
pub(super) mod drift;
pub(super) mod find;
pub(super) mod finding;
mod next;
pub(super) mod overview;
pub(super) mod person;
pub(super) mod sign;
pub(super) mod team;
pub(super) mod tokens;

use std::collections::BTreeMap;
use std::future::Future;

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::Admin;
use crate::console::PATIENCE;
use crate::drift::Item;
use crate::http::door::Visitor;
use crate::http::error::chain;
use crate::http::query;
use crate::http::response::{self, Response};
use crate::report::words::{age, when};
use crate::scim::ResourceType;
use crate::service::{Error, Scope};

pub(super) use crate::report::html::shown;

/// The report's style, and what the console has beyond it.
pub(super) const STYLE: &str = concat!(
    include_str!("../../report/templates/report.css"),
    include_str!("../templates/console.css")
);
/// The tab's picture.
pub(super) const ICON: &str = include_str!("../templates/icon.svg");

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Nothing but the console's own style and icon is loaded, no script runs, and forms stay here.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Adds what keeps a browser from doing anything but showing the page. Every answer says
/// `Cache-Control: no-store` anyway.
pub(super) fn secured(mut response: Response) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // With less a browser doesn't say of a form that it is the console's own (Fetch, "append a
        // request `Origin` header").
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What a page is made from.
pub(super) struct Request<'a> {
    pub(super) admin: &'a Admin,
    pub(super) query: Option<&'a str>,
    pub(super) now: DateTime<Utc>,
    /// Who asks.
    pub(super) visitor: &'a Visitor,
    /// The request's name.
    pub(super) id: String,
}

/// What stands around every page.
pub(super) struct Frame {
    title: String,
    /// The menu's entry that the page belongs to.
    current: &'static str,
    menu: [(&'static str, &'static str); 6],
    /// When the page was made.
    now: String,
    /// Whose token was presented, and its scope.
    who: Option<(String, &'static str)>,
    /// Whether they are signed in, and may sign out.
    session: bool,
    /// Whether they may change anything.
    acts: bool,
    /// What every form of theirs has in it.
    key: String,
}

impl Frame {
    fn of(visitor: &Visitor, current: &'static str, title: impl Into<String>, now: String) -> Self {
        let scope = visitor.scope().map(Scope::as_str);
        Self {
            title: title.into(),
            current,
            menu: MENU,
            now,
            who: visitor.name().map(shown).zip(scope),
            session: visitor.session().is_some(),
            acts: visitor.may_act(),
            key: visitor.form_key(),
        }
    }
}

const MENU: [(&str, &str); 6] = [
    ("./", "Overview"),
    ("drift", "Drift"),
    ("cleanup", "Cleanup"),
    ("person", "People"),
    ("audit", "Audit"),
    ("tokens", "Tokens"),
];

impl Request<'_> {
    /// The frame of a page of the menu.
    fn frame(&self, current: &'static str, title: impl Into<String>) -> Frame {
        let zone = self.admin.console.settings().zone;
        Frame::of(self.visitor, current, title, when(self.now, zone))
    }

    /// A time in UTC and in the schedule's zone.
    fn when(&self, at: DateTime<Utc>) -> String {
        when(at, self.admin.console.settings().zone)
    }

    /// How long ago that was.
    fn ago(&self, at: DateTime<Utc>) -> String {
        if self.now - at < TimeDelta::minutes(1) {
            return "less than a minute ago".to_owned();
        }
        format!("{} ago", age(at, self.now))
    }

    /// The query's parameters; those left empty are none.
    #[expect(clippy::result_large_err, reason = "the answer, made once per request")]
    fn parameters(&self) -> Result<BTreeMap<String, String>, Response> {
        let pairs = query::pairs(self.query).map_err(|error| self.refused(&error.detail))?;
        let pairs = pairs.into_iter().map(|(key, value)| (key, value.trim().to_owned()));
        // NUL is in no name, and not every database could even look for it.
        let pairs: BTreeMap<_, _> = pairs.filter(|(_, value)| !value.is_empty()).collect();
        if pairs.values().any(|value| value.contains('\0')) {
            return Err(self.refused("A parameter holds a NUL character."));
        }
        Ok(pairs)
    }

    /// What the database gives for the page, in time; else the page that says that it doesn't.
    async fn read<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Response> {
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::warn!(causes = %chain(&error), "a page of the console can't be made");
                Err(self.unavailable())
            }
            Err(_) => {
                tracing::warn!("a page of the console took too long");
                Err(self.unavailable())
            }
        }
    }

    /// 503, as a page.
    fn unavailable(&self) -> Response {
        let message = Message {
            frame: self.frame("", "The database is down"),
            class: "incomplete",
            heading: "The database is down",
            text: "The database doesn't answer, or not in time, so that this page can't be made. \
                   Until it does, SCIM requests are answered 503 and Entra repeats them. The agent \
                   connects again by itself; its log says why it can't.",
        };
        let mut response = render(503, &message);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        response
    }

    /// 400, as a page.
    pub(super) fn refused(&self, why: &str) -> Response {
        let (frame, why) = (self.frame("", "Not understood"), shown(why));
        render(400, &Message { frame, class: "drift", heading: "Not understood", text: &why })
    }

    /// 403, as a page: nothing was done.
    pub(super) fn forbidden(&self, why: &str) -> Response {
        let heading = "Nothing was done";
        render(403, &Message { frame: self.frame("", heading), class: "drift", heading, text: why })
    }
}

/// A page that only says something.
#[derive(Template)]
#[template(path = "console/message.html")]
struct Message<'a> {
    frame: Frame,
    class: &'static str,
    heading: &'a str,
    text: &'a str,
}

/// 404, as a page.
pub(super) fn not_found(visitor: &Visitor) -> Response {
    let frame = Frame::of(visitor, "", "No such page", String::new());
    let text = "There is nothing under this address. The menu has every page.";
    render(404, &Message { frame, class: "drift", heading: "No such page", text })
}

/// A page.
fn render(status: u16, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => response::with_body(status, HTML, html),
        // Writing into a String can't fail, and no value of a page has an error of its own.
        Err(_) => response::empty(500),
    }
}

/// A link to a page with parameters; empty ones are left out.
pub(super) fn link(page: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(key, value);
    }
    let query = query.finish();
    if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") }
}

/// Where a person's page is.
fn person_link(id: &str) -> String {
    link("person", &[("id", id)])
}

/// Where a resource's page is; empty where there is none.
fn resource_link(kind: Option<&str>, id: Option<&str>) -> String {
    let Some(id) = id else { return String::new() };
    let of = |wanted: ResourceType| kind == Some(wanted.as_str());
    if of(ResourceType::User) {
        person_link(id)
    } else if of(ResourceType::Group) {
        link("team", &[("id", id)])
    } else {
        String::new()
    }
}

/// A finding among others.
struct FindingLine {
    severity: &'static str,
    kind: &'static str,
    name: String,
    attribute: String,
    why: String,
    seen: String,
    command: String,
    link: String,
}

impl FindingLine {
    fn of(item: &Item, now: DateTime<Utc>) -> Self {
        let finding = &item.finding;
        Self {
            severity: finding.kind.severity().as_str(),
            kind: finding.kind.as_str(),
            name: shown(finding.name.as_deref().or(finding.scim_id.as_deref()).unwrap_or_default()),
            attribute: shown(finding.attribute.as_deref().unwrap_or_default()),
            why: shown(&finding.why),
            seen: age(item.first_seen, now),
            command: shown(item.command.as_deref().unwrap_or_default()),
            link: link("finding", &[("id", &item.id)]),
        }
    }
}
