//! What answering a request needs besides the request: the service, the settings of the wire, the
//! time, and the strangers. Knows no route.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::strangers::Strangers;
use super::tls::Tls;
use crate::clock::Clock;
use crate::config::Limits;
use crate::service::Service;

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
    /// Whoever has a token of the scope admin or operator.
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

/// What the access log says of a request besides its status; filled in on the way.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// The route's template; never the path itself, which may name a person.
    pub(crate) route: Option<&'static str>,
    /// The name of the token that was accepted.
    pub(crate) token: Option<String>,
    /// The time at which what it does is audited, where that was asked for.
    pub(crate) time: Option<DateTime<Utc>>,
}

/// What every request is answered with.
pub struct Context {
    service: Service,
    settings: Settings,
    clock: Clock,
    strangers: Arc<Strangers>,
}

impl Context {
    /// Nobody has failed to authenticate yet.
    pub fn new(service: Service, settings: Settings, clock: Clock) -> Self {
        Self { service, settings, clock, strangers: Arc::default() }
    }

    /// The same with another service and other settings: what a reload makes. Who failed to
    /// authenticate isn't forgotten.
    #[must_use]
    pub fn reloaded(&self, service: Service, settings: Settings) -> Self {
        let (clock, strangers) = (Arc::clone(&self.clock), Arc::clone(&self.strangers));
        Self { service, settings, clock, strangers }
    }

    /// What answers in the end.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What the configuration has for the wire.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who hasn't proved who they are.
    pub(crate) fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }
}
