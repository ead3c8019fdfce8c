//! The SCIM protocol over HTTP: what a request must be before the service sees it, and what its
//! answer looks like on the wire.
//!
//! Owns: listener, authentication, routing, request reading, the status mapping. Must not know: the
//! store, SQL, the profile, and what else a listener serves, which [`crate::daemon`] puts together.
//! Everything it wants done it asks of [`crate::service`].

pub mod auth;
pub mod base_url;
pub mod body;
pub mod client;
mod context;
pub mod dispatch;
pub(crate) mod door;
pub mod error;
pub mod listener;
pub mod oauth;
pub mod query;
pub mod request_id;
pub mod response;
pub mod router;
pub mod sending;
pub mod strangers;
pub mod throttle;
pub mod tls;

pub(crate) use context::Trace;
pub use context::{AdminDoor, Context, Settings, Surface};
