//! The admin listener's routes: what lies under each path, who may ask for it, and by which method.
//! Not what stands there.
//!
//! Only a POST changes anything, and only one that an operator's own page sends: each is proved to be
//! from this listener (`door::is_of_here`) and to know what its pages alone have in them, before
//! anything of it is done.

use hyper::Method;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION, SET_COOKIE};
use hyper::http::request::Parts;

use super::{Admin, form, pages};
use crate::http::door::{self, Visitor};
use crate::http::error::Failure;
use crate::http::listener::Peer;
use crate::http::request_id::RequestId;
use crate::http::response::{self, Response};
use crate::http::{Context, Trace};
use crate::service::Scope;
use form::Form;

/// What lies under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Overview,
    Drift,
    Finding,
    Cleanup,
    Person,
    Team,
    Find,
    Audit,
    Tokens,
    NewToken,
    Act,
    SignIn,
    SignOut,
    Metrics,
    Style,
    Icon,
}

/// Every path of the admin listener but the health checks'.
const ROUTES: [(&str, Route); 16] = [
    ("/", Route::Overview),
    ("/drift", Route::Drift),
    ("/finding", Route::Finding),
    ("/cleanup", Route::Cleanup),
    ("/person", Route::Person),
    ("/team", Route::Team),
    ("/find", Route::Find),
    ("/audit", Route::Audit),
    ("/tokens", Route::Tokens),
    ("/new-token", Route::NewToken),
    ("/act", Route::Act),
    ("/sign-in", Route::SignIn),
    ("/sign-out", Route::SignOut),
    ("/metrics", Route::Metrics),
    ("/console.css", Route::Style),
    ("/icon.svg", Route::Icon),
];

impl Route {
    fn methods(self) -> &'static str {
        match self {
            Self::Act | Self::SignOut => "POST",
            Self::SignIn => "GET, HEAD, POST",
            _ => "GET, HEAD",
        }
    }

    fn takes_forms(self) -> bool {
        matches!(self, Self::Act | Self::SignIn | Self::SignOut)
    }

    /// Whether anybody may have it: what signing in needs.
    fn is_open(self) -> bool {
        matches!(self, Self::SignIn | Self::Style | Self::Icon)
    }
}

/// A request to the admin listener.
pub(crate) struct Asked<'a> {
    /// What answering needs.
    pub context: &'a Context,
    /// Its head.
    pub parts: &'a Parts,
    /// Who sent it, from where.
    pub peer: Peer,
    /// Its name.
    pub id: &'a RequestId,
}

/// Answers a request on the admin listener, and says which route it was.
///
/// # Errors
/// 401, 403, 429, 503; the database's.
pub(crate) async fn answer(
    admin: &Admin,
    asked: Asked<'_>,
    body: &mut Incoming,
    trace: &mut Trace,
) -> Result<Response, Failure> {
    let path = asked.parts.uri.path();
    let found = ROUTES.iter().find(|(template, _)| *template == path);
    trace.route = found.map(|(template, _)| *template);
    let route = found.map(|(_, route)| *route);
    let visitor = match door::enter(asked.context, asked.parts, asked.peer, trace).await {
        Ok(visitor) => visitor,
        Err(failure) if route.is_some_and(Route::is_open) && failure.reason().status < 500 => {
            door::is_for_here(asked.context, asked.parts)?;
            Visitor::default()
        }
        Err(failure) if failure.reason().status == 401 && door::wants_a_page(asked.parts) => {
            return Ok(pages::secured(to_sign_in(asked.parts)));
        }
        Err(failure) => return Err(failure),
    };
    let _place = admin.places.try_acquire().map_err(|_| Failure::busy())?;
    let Some(route) = route else { return Ok(pages::secured(pages::not_found(&visitor))) };
    let method = &asked.parts.method;
    if !route.methods().split(", ").any(|allowed| allowed == method.as_str()) {
        return Ok(pages::secured(response::allowing(response::empty(405), route.methods())));
    }
    if route == Route::Metrics {
        let (headers, now) = (&asked.parts.headers, asked.context.now());
        return Ok(admin.metrics.render(&admin.console, headers, now).await);
    }
    let (query, now, id) = (asked.parts.uri.query(), asked.context.now(), asked.id.to_string());
    let page = pages::Request { admin, query, now, visitor: &visitor, id };
    let answered = if *method == Method::POST {
        sent(&page, route, &asked, body, trace).await?
    } else {
        shown(&page, route).await
    };
    Ok(pages::secured(answered))
}

async fn shown(page: &pages::Request<'_>, route: Route) -> Response {
    match route {
        Route::Style => {
            let css = HeaderValue::from_static("text/css; charset=utf-8");
            response::with_body(200, css, pages::STYLE)
        }
        Route::Icon => {
            let svg = HeaderValue::from_static("image/svg+xml");
            response::with_body(200, svg, pages::ICON)
        }
        Route::Overview => pages::overview::page(page).await,
        Route::Drift => pages::drift::page(page).await,
        Route::Finding => pages::finding::page(page).await,
        Route::Cleanup => pages::cleanup::page(page).await,
        Route::Person => pages::person::page(page).await,
        Route::Team => pages::team::page(page).await,
        Route::Find => pages::find::page(page).await,
        Route::Audit => pages::audit::page(page).await,
        Route::Tokens => pages::tokens::page(page).await,
        Route::NewToken => pages::tokens::new(page),
        Route::SignIn => pages::sign::page(page),
        Route::Act | Route::SignOut | Route::Metrics => pages::not_found(page.visitor),
    }
}

/// A form: proved to be the console's own before anything is done.
async fn sent(
    page: &pages::Request<'_>,
    route: Route,
    asked: &Asked<'_>,
    body: &mut Incoming,
    trace: &mut Trace,
) -> Result<Response, Failure> {
    let Asked { context, parts, peer, .. } = asked;
    if route == Route::Act && !page.visitor.may_act() {
        return Ok(match page.visitor.scope() {
            Some(scope) => page.forbidden(&format!(
                "Your token's scope is {}: to change anything sign in with one of the scope {}.",
                scope.as_str(),
                Scope::Operator.as_str()
            )),
            None => {
                page.forbidden("To change anything sign in with a token of the scope operator.")
            }
        });
    }
    if !door::is_of_here(parts, *peer) {
        return Ok(page.forbidden(
            "The form was not sent by a page of this console: its browser says that it comes from \
             elsewhere, or not from where.",
        ));
    }
    let form = match Form::read(context, parts, body).await? {
        Ok(form) => form,
        Err(why) => return Ok(page.refused(why)),
    };
    if route == Route::SignIn {
        return Ok(match door::sign_in(context, form.text("token"), *peer, trace).await {
            Ok(cookie) => with_cookie(see(next(form.text("next"))), &cookie),
            Err(failure) if failure.reason().status < 500 => {
                pages::sign::refused(page, &failure, form.text("next"))
            }
            Err(failure) => return Err(failure),
        });
    }
    if !page.visitor.knows_form(form.text("form")) {
        return Ok(page.forbidden(
            "The form is not one of this session's: go back, reload the page, and send it again.",
        ));
    }
    if route == Route::SignOut {
        let cookie = door::sign_out(context, page.visitor, *peer).await?;
        return Ok(with_cookie(see("./"), &cookie));
    }
    Ok(pages::act::answer(page, &form).await)
}

/// Where a browser is to go on, by GET.
fn see(address: &str) -> Response {
    let mut response = response::empty(303);
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(LOCATION, address);
    }
    response
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn to_sign_in(parts: &Parts) -> Response {
    let wanted = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    see(&pages::link("sign-in", &[("next", next(wanted.trim_start_matches('/')))]))
}

/// A page of the console's own, or its first one: nobody is sent elsewhere.
fn next(wanted: &str) -> &str {
    let page = wanted.split(['?', '#']).next().unwrap_or_default();
    let own = ROUTES
        .iter()
        .any(|(path, route)| !route.takes_forms() && path.strip_prefix('/') == Some(page));
    if own && !wanted.is_empty() { wanted } else { "./" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for own in ["drift", "finding?id=1", "person?q=a#b"] {
            assert_eq!(next(own), own);
        }
        for other in ["", "//evil.example", "https://evil.example", "act", "sign-out", "nope?drift"]
        {
            assert_eq!(next(other), "./", "{other}");
        }
    }
}
