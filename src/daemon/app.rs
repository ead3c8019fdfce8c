//! The handler of every request, on either listener: the bounds of all requests, the health checks,
//! and the rooms that answer the rest, [`http`](crate::http) and [`admin`](crate::admin); then the
//! access log. Decides nothing about SCIM.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Version};
use tracing::{Instrument as _, field};

use crate::admin::health::{self, Readiness};
use crate::admin::metrics::{Answered, NO_ROUTE};
use crate::admin::{self, Admin};
use crate::clock::Clock;
use crate::config::Limits;
use crate::http::body::{self, Rest};
use crate::http::dispatch::{self, Routed};
use crate::http::error::{Failure, Reason};
use crate::http::listener::Peer;
use crate::http::request_id::RequestId;
use crate::http::response::{self, Response};
use crate::http::router::Access;
use crate::http::{Context, Settings, Surface, Trace, oauth};
use crate::service::Service;
use crate::share::{Places, Purpose};

/// The handler of every request: cheap to clone, one per daemon.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
}

struct Shared {
    context: Context,
    admin: Admin,
    /// `limits.concurrent_requests`
    slots: Places,
    /// `limits.answers`, in KiB
    answers: Places,
    readiness: Arc<Readiness>,
}

/// How long a request waits for a place.
const TURN: Duration = Duration::from_secs(1);
/// Answers up to so many KiB are bounded by the places alone.
const SMALL: usize = 64;

impl App {
    /// A handler that asks `service`, and `admin` on the admin listener; `admin` counts every
    /// request.
    pub fn new(service: Service, settings: Settings, clock: Clock, admin: Admin) -> Self {
        let slots = Places::new(settings.limits.concurrent_requests);
        let answers = Places::new(settings.limits.answers / 1024);
        let context = Context::new(service, settings, clock);
        let readiness = Arc::default();
        Self { shared: Arc::new(Shared { context, admin, slots, answers, readiness }) }
    }

    /// The same with another service and other settings: what a reload makes. Who failed to
    /// authenticate isn't forgotten, nor who is being answered.
    #[must_use]
    pub fn reloaded(&self, service: Service, settings: Settings, admin: Admin) -> Self {
        let (new, old) = (&settings.limits, self.limits());
        let places = |kept: &Places, old: usize, new: usize| {
            if new == old { kept.clone() } else { Places::new(new) }
        };
        let slots = places(&self.shared.slots, old.concurrent_requests, new.concurrent_requests);
        let answers = places(&self.shared.answers, old.answers / 1024, new.answers / 1024);
        let readiness = Arc::clone(&self.shared.readiness);
        let context = self.shared.context.reloaded(service, settings);
        Self { shared: Arc::new(Shared { context, admin, slots, answers, readiness }) }
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
                route: trace.route.unwrap_or(NO_ROUTE),
                method: &method,
                status: response.status(),
                took: started.elapsed(),
                // In the minute of its audit row: what both tell is counted once.
                at: trace.time.unwrap_or_else(|| self.shared.context.now()),
            });
            tracing::info!(
                %method,
                route = trace.route.unwrap_or(NO_ROUTE),
                status = response.status().as_u16(),
                duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                token = trace.token.as_deref().unwrap_or("none"),
                reason = response.extensions().get::<Reason>().map(field::display),
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
        let limit = self.limits().request_time;
        let (parts, mut body) = request.into_parts();
        let work = self.work(&parts, &mut body, peer, surface, id, trace);
        let answered = tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            tracing::warn!(limit = %humantime::format_duration(limit), "out of time");
            Err(Failure::out_of_time())
        });
        let response = answered.unwrap_or_else(Failure::into_response);
        if body.is_end_stream() {
            return response;
        }
        let rest = body::discard(&parts.headers, &mut body, self.limits().body);
        match self.shared.context.strangers().attend(rest).await {
            Ok(Rest::Nothing) => response,
            Ok(Rest::Unread) | Err(_) if parts.version >= Version::HTTP_2 => response,
            Ok(Rest::Unread) | Err(_) => response::closing(response),
        }
    }

    /// Nothing is held for anybody before it is known who they are: no place of
    /// `limits.concurrent_requests`, and no body.
    async fn work(
        &self,
        parts: &Parts,
        body: &mut Incoming,
        peer: Peer,
        surface: Surface,
        id: &RequestId,
        trace: &mut Trace,
    ) -> Result<Response, Failure> {
        let context = &self.shared.context;
        match (surface, parts.uri.path()) {
            (_, health::LIVE) => {
                trace.route = Some(health::LIVE);
                Ok(health::live(&parts.method))
            }
            (_, health::READY) => {
                trace.route = Some(health::READY);
                Ok(self.shared.readiness.answer(&parts.method, self.service()).await)
            }
            (Surface::Scim, oauth::TOKEN) => {
                trace.route = Some(oauth::TOKEN);
                Ok(oauth::token(context, parts, body, peer, trace).await)
            }
            (Surface::Scim, _) => {
                let routed = dispatch::enter(context, parts, peer, id, trace).await?;
                self.scim(routed, body).await
            }
            (Surface::Admin, _) => {
                let asked = admin::Asked { context, parts, peer, id };
                admin::answer(&self.shared.admin, asked, body, trace).await
            }
        }
    }

    /// Its client's place is taken until the answer is sent, and so is the memory for a large one.
    async fn scim(&self, routed: Routed<'_>, body: &mut Incoming) -> Result<Response, Failure> {
        let (client, access) = (routed.client().to_owned(), routed.access());
        let slot = self.shared.slots.take(&client, Purpose::Write, TURN).await;
        let slot = slot.ok_or_else(Failure::busy)?;
        let mut response = routed.answer(body).await?;
        let large = response.body().len() / 1024;
        if large > SMALL {
            match self.shared.answers.try_take(&client, Purpose::Read, large) {
                Some(memory) => response.body_mut().keep(memory),
                // What is written is written: the client is told.
                None if access == Access::Write => {}
                None => return Err(Failure::busy()),
            }
        }
        response.body_mut().keep(slot);
        Ok(response)
    }
}
