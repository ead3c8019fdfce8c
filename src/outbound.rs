//! Requests that the agent itself makes to others over HTTP: webhooks, signing keys. One client for
//! all: rustls with the system's authorities, the environment's proxy (`HTTPS_PROXY`, `NO_PROXY`),
//! no redirects, and answers of bounded size. Knows nothing of what is sent.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response, redirect};
use rustls::{ClientConfig, RootCertStore};

/// Until a connection must stand.
const CONNECT: Duration = Duration::from_secs(10);

/// Why a request to another server failed. The URL is left out: it may carry a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client can't be made.
    #[error("no HTTPS client: {0}")]
    Tls(#[from] rustls::Error),
    /// No answer, or a broken one.
    #[error("{}", innermost(.0))]
    Request(reqwest::Error),
    /// More than the caller takes.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The caller's limit.
        limit: usize,
    },
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(error.without_url())
    }
}

/// reqwest's own text says only that sending failed; its causes say why.
fn innermost(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A client whose requests take at most `timeout`, the answer's body included.
///
/// # Errors
/// [`Error`] when TLS can't be set up.
pub fn client(timeout: Duration) -> Result<Client, Error> {
    let mut roots = RootCertStore::empty();
    // Where the system has none, every HTTPS request fails and says so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("kpifire-scim/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(timeout)
        .build()?)
}

/// The answer's body, at most `limit` bytes of it.
///
/// # Errors
/// [`Error`] when it is longer or breaks off.
pub async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(Error::TooLong { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
