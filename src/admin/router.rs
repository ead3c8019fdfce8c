//! The admin listener's routes. Knows what lies under each path, and not what stands there.

use chrono::{DateTime, Utc};
use hyper::Method;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use super::{Admin, pages};
use crate::http::response::{self, Response};

/// What lies under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Overview,
    Drift,
    Cleanup,
    Person,
    Audit,
    Tokens,
    Metrics,
    Style,
    Icon,
}

/// Every path of the admin listener but the health checks'.
const ROUTES: [(&str, Route); 9] = [
    ("/", Route::Overview),
    ("/drift", Route::Drift),
    ("/cleanup", Route::Cleanup),
    ("/person", Route::Person),
    ("/audit", Route::Audit),
    ("/tokens", Route::Tokens),
    ("/metrics", Route::Metrics),
    ("/console.css", Route::Style),
    ("/icon.svg", Route::Icon),
];

/// Answers a request on the admin listener, and says which route it was. Whoever asks is known to
/// be allowed to: that is settled before.
pub(crate) async fn answer(
    admin: &Admin,
    parts: &Parts,
    now: DateTime<Utc>,
    route: &mut Option<&'static str>,
) -> Response {
    let path = parts.uri.path();
    let Some((template, found)) = ROUTES.iter().find(|(template, _)| *template == path) else {
        return pages::secured(pages::not_found());
    };
    *route = Some(template);
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return response::allowing(response::empty(405), "GET, HEAD");
    }
    let query = parts.uri.query();
    let page = pages::Request { admin, query, now };
    pages::secured(match found {
        Route::Metrics => return admin.metrics.render(&admin.console, &parts.headers, now).await,
        Route::Style => {
            let css = HeaderValue::from_static("text/css; charset=utf-8");
            response::with_body(200, css, pages::STYLE)
        }
        Route::Icon => {
            let svg = HeaderValue::from_static("image/svg+xml");
            response::with_body(200, svg, pages::ICON)
        }
        Route::Overview => pages::overview::page(&page).await,
        Route::Drift => pages::drift::page(&page).await,
        Route::Cleanup => pages::cleanup::page(&page).await,
        Route::Person => pages::person::page(&page).await,
        Route::Audit => pages::audit::page(&page).await,
        Route::Tokens => pages::tokens::page(&page).await,
    })
}
