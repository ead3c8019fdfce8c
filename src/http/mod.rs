//! The SCIM protocol over HTTP: what a request must be before the service sees it, and what its
//! answer looks like on the wire.
//!
//! Owns: listener, authentication, routing, request reading, the status mapping, the access log.
//! Must not know: the store, SQL, the profile. Everything it wants done it asks of
//! [`crate::service`].

pub mod auth;
pub mod base_url;
pub mod body;
pub mod client;
pub mod dispatch;
pub mod error;
pub mod listener;
pub mod oauth;
pub mod query;
pub mod request_id;
pub mod response;
pub mod router;
pub mod throttle;
pub mod tls;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::admin::metrics::Answered;
use crate::admin::{self, Admin};
use crate::clock::Clock;
use crate::config::Limits;
use crate::scim;
use crate::service::Service;

use error::Failure;
use listener::Peer;
use request_id::RequestId;
use response::Response;
use throttle::Throttle;
use tls::Tls;

/// Everything of the configuration that shapes requests and answers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the SCIM endpoints lie: empty, or `/scim/v2` without a slash at its end.
    pub base_path: String,
    /// Scheme, host and port that clients use, when a proxy hides it from the `Host` header.
    pub public_url: Option<String>,
    /// What bounds a request.
    pub limits: Limits,
    /// Who may use the admin listener.
    pub admin_door: AdminDoor,
    /// What the listeners show; absent: plain HTTP.
    pub tls: Option<Tls>,
}

/// Who may use the admin listener, its health checks aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminDoor {
    /// Whoever reaches it: it listens on loopback.
    Open,
    /// Whoever has a token of the scope admin.
    Token,
}

/// What a listener gives access to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// SCIM and the health checks.
    Scim,
    /// Health checks, metrics and the operator console.
    Admin,
}

/// The handler of every request: cheap to clone, one per daemon.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
}

struct Shared {
    service: Service,
    settings: Settings,
    clock: Clock,
    admin: Admin,
    running: Arc<Semaphore>,
    throttle: Arc<Throttle>,
}

/// What the access log says of a request besides its status; filled in on the way.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// The route's template; never the path itself, which may name a person.
    pub(crate) route: Option<&'static str>,
    /// The name of the token that was accepted.
    pub(crate) token: Option<String>,
}

impl App {
    /// A handler that asks `service`, and `admin` on the admin listener; `admin` counts every
    /// request.
    pub fn new(service: Service, settings: Settings, clock: Clock, admin: Admin) -> Self {
        let running = slots(&settings.limits);
        let throttle = Arc::default();
        Self { shared: Arc::new(Shared { service, settings, clock, admin, running, throttle }) }
    }

    /// The same with another service and other settings: what a reload makes. Who failed to
    /// authenticate isn't forgotten, nor who is being answered.
    #[must_use]
    pub fn reloaded(&self, service: Service, settings: Settings, admin: Admin) -> Self {
        let old = &self.shared;
        let same = settings.limits.concurrent_requests == old.settings.limits.concurrent_requests;
        let running = if same { Arc::clone(&old.running) } else { slots(&settings.limits) };
        let (clock, throttle) = (Arc::clone(&old.clock), Arc::clone(&old.throttle));
        Self { shared: Arc::new(Shared { service, settings, clock, admin, running, throttle }) }
    }

    /// What the admin listener answers.
    pub fn admin(&self) -> &Admin {
        &self.shared.admin
    }

    /// The limits it runs under; the listener needs them too.
    pub fn limits(&self) -> &Limits {
        &self.shared.settings.limits
    }

    /// What the listeners show; absent: plain HTTP.
    pub fn tls(&self) -> Option<&Tls> {
        self.shared.settings.tls.as_ref()
    }

    /// Who may use the admin listener.
    pub fn admin_door(&self) -> AdminDoor {
        self.shared.settings.admin_door
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.shared.throttle
    }

    /// What answers in the end.
    pub fn service(&self) -> &Service {
        &self.shared.service
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.shared.clock)()
    }

    /// Answers one request. Never fails: whatever goes wrong, a panic included, is an answer.
    ///
    /// # Errors
    /// Never.
    pub async fn handle(
        self,
        request: Request<Incoming>,
        peer: Peer,
        surface: Surface,
    ) -> Result<Response, Infallible> {
        let started = Instant::now();
        let id = RequestId::of(request.headers());
        let method = request.method().clone();
        let span = tracing::info_span!("request", request_id = %id);
        let response = async {
            let mut trace = Trace::default();
            let in_flight = self.shared.admin.metrics().begin();
            let answered = AssertUnwindSafe(self.answer(request, peer, surface, &id, &mut trace))
                .catch_unwind()
                .await;
            let response = answered.unwrap_or_else(|_| {
                // The panic hook has logged the place and the message.
                Failure::panicked().into_response()
            });
            drop(in_flight);
            self.shared.admin.metrics().answered(&Answered {
                surface,
                route: trace.route.unwrap_or("none"),
                method: &method,
                status: response.status(),
                took: started.elapsed(),
                at: self.now(),
            });
            tracing::info!(
                %method,
                route = trace.route.unwrap_or("none"),
                status = response.status().as_u16(),
                duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                token = trace.token.as_deref().unwrap_or("none"),
                "answered"
            );
            response
        }
        .instrument(span)
        .await;
        Ok(response::finish(response, &method, &id))
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        surface: Surface,
        id: &RequestId,
        trace: &mut Trace,
    ) -> Response {
        // Liveness answers even when every slot is taken: a busy process is not a dead one.
        if request.uri().path() == admin::health::LIVE {
            trace.route = Some(admin::health::LIVE);
            return admin::health::live(request.method());
        }
        let Ok(_slot) = self.shared.running.try_acquire() else {
            return Failure::busy().into_response();
        };
        let limit = self.limits().request_time;
        let (parts, mut body) = request.into_parts();
        let work = async {
            if parts.uri.path() == admin::health::READY {
                trace.route = Some(admin::health::READY);
                return Ok(admin::health::ready(&parts.method, self.service()).await);
            }
            if surface == Surface::Scim && parts.uri.path() == oauth::TOKEN {
                trace.route = Some(oauth::TOKEN);
                return Ok(oauth::token(self, &parts, &mut body, peer, trace).await);
            }
            match surface {
                Surface::Admin => {
                    auth::enter_admin(self, &parts, peer, trace).await?;
                    let (admin, now) = (&self.shared.admin, self.now());
                    Ok(admin.answer(&parts, now, &mut trace.route).await)
                }
                Surface::Scim => dispatch::dispatch(self, &parts, &mut body, peer, id, trace).await,
            }
        };
        let Ok(answered) = tokio::time::timeout(limit, work).await else {
            tracing::warn!(limit = %humantime::format_duration(limit), "out of time");
            return Failure::out_of_time().into_response();
        };
        body::discard(&parts.headers, body, self.limits().body).await;
        answered.unwrap_or_else(Failure::into_response)
    }
}

fn slots(limits: &Limits) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limits.concurrent_requests.min(Semaphore::MAX_PERMITS)))
}

/// The SCIM error for a path under which nothing lies.
pub(crate) fn no_such_endpoint() -> scim::Error {
    scim::Error::not_found("There is no such endpoint.")
}
