//! The handler of every request, on either listener: the bounds of all requests, the health checks,
//! and the rooms that answer the rest, [`http`](crate::http) and [`admin`](crate::admin); then the
//! access log. Decides nothing about SCIM.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::admin::metrics::Answered;
use crate::admin::{self, Admin, health};
use crate::clock::Clock;
use crate::config::Limits;
use crate::http::error::Failure;
use crate::http::listener::Peer;
use crate::http::request_id::RequestId;
use crate::http::response::{self, Response};
use crate::http::{Context, Settings, Surface, Trace, auth, body, dispatch, oauth};
use crate::service::Service;

/// The handler of every request: cheap to clone, one per daemon.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
}

struct Shared {
    context: Context,
    admin: Admin,
    running: Arc<Semaphore>,
}

impl App {
    /// A handler that asks `service`, and `admin` on the admin listener; `admin` counts every
    /// request.
    pub fn new(service: Service, settings: Settings, clock: Clock, admin: Admin) -> Self {
        let running = slots(&settings.limits);
        let context = Context::new(service, settings, clock);
        Self { shared: Arc::new(Shared { context, admin, running }) }
    }

    /// The same with another service and other settings: what a reload makes. Who failed to
    /// authenticate isn't forgotten, nor who is being answered.
    #[must_use]
    pub fn reloaded(&self, service: Service, settings: Settings, admin: Admin) -> Self {
        let (new, old) = (settings.limits.concurrent_requests, self.limits().concurrent_requests);
        let running =
            if new == old { Arc::clone(&self.shared.running) } else { slots(&settings.limits) };
        let context = self.shared.context.reloaded(service, settings);
        Self { shared: Arc::new(Shared { context, admin, running }) }
    }

    /// What the admin listener answers.
    pub fn admin(&self) -> &Admin {
        &self.shared.admin
    }

    /// What answers in the end.
    pub fn service(&self) -> &Service {
        self.shared.context.service()
    }

    /// What the configuration has for the wire.
    pub fn settings(&self) -> &Settings {
        self.shared.context.settings()
    }

    fn limits(&self) -> &Limits {
        &self.settings().limits
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
                at: self.shared.context.now(),
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
        if request.uri().path() == health::LIVE {
            trace.route = Some(health::LIVE);
            return health::live(request.method());
        }
        let Ok(_slot) = self.shared.running.try_acquire() else {
            return Failure::busy().into_response();
        };
        let (context, limit) = (&self.shared.context, self.limits().request_time);
        let (parts, mut body) = request.into_parts();
        let work = async {
            if parts.uri.path() == health::READY {
                trace.route = Some(health::READY);
                return Ok(health::ready(&parts.method, self.service()).await);
            }
            if surface == Surface::Scim && parts.uri.path() == oauth::TOKEN {
                trace.route = Some(oauth::TOKEN);
                return Ok(oauth::token(context, &parts, &mut body, peer, trace).await);
            }
            match surface {
                Surface::Admin => {
                    auth::enter_admin(context, &parts, peer, trace).await?;
                    let admin = &self.shared.admin;
                    Ok(admin::answer(admin, &parts, context.now(), &mut trace.route).await)
                }
                Surface::Scim => {
                    dispatch::dispatch(context, &parts, &mut body, peer, id, trace).await
                }
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
