//! What a connection is given: who speaks at its two ends, in what, for how long, and its place.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use strum::IntoStaticStr;
use tokio::sync::OwnedSemaphorePermit;

use super::open::OpenConnection;
use crate::config::Limits;

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Our end; the base URL's last resort.
    pub local: SocketAddr,
    /// The client's end.
    pub remote: SocketAddr,
    /// How they speak.
    pub scheme: Scheme,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    Http,
    /// In TLS.
    Https,
}

impl Scheme {
    /// What a URL begins with.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a new connection gets. Asked for at each, so that a reload changes it.
#[derive(Debug, Clone)]
pub struct Wire {
    /// What bounds it.
    pub limits: Limits,
    /// Absent: in the clear.
    pub tls: Option<Arc<ServerConfig>>,
}

/// How far the listeners are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    Draining,
    Over,
}

/// What a connection holds while it is open.
pub(super) struct Place {
    pub(super) _slot: OwnedSemaphorePermit,
    pub(super) connection: OpenConnection,
}
