//! TLS for the listeners: certificate and key from files, proved before anything is served, and
//! until when the certificate is good. Knows no socket; what a handshake gets is a rustls
//! configuration that the listener asks for at each connection, so that another one can take its place.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_cert::der::Decode as _;

use crate::config;

/// What the listeners show and demand. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls {
    /// What a handshake gets.
    pub server: Arc<ServerConfig>,
    /// The certificate that clients see.
    pub certificate: Certificate,
}

/// A served certificate, as far as others want to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    file: PathBuf,
    not_after: DateTime<Utc>,
    warn_before: Duration,
}

/// Why the files of `[tls]` can't be used: which key, which file, what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("`{key}`: {} {why}", file.display())]
pub struct Error {
    key: &'static str,
    file: PathBuf,
    why: String,
}

impl Tls {
    /// Reads and proves the files: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.
    ///
    /// # Errors
    /// A file that can't be read or holds something else; a key that isn't the certificate's.
    pub fn load(files: &config::Tls) -> Result<Self, Error> {
        let chain = certificates("tls.cert", &files.cert)?;
        let not_after = not_after(&files.cert, &chain)?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| unusable("tls.key", &files.key, &pem(&error, "private key")))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("tls.cert", &files.cert, &error.to_string()))?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let failed = |why: String| unusable("tls.client_ca", file, &why);
                let mut roots = RootCertStore::empty();
                for root in certificates("tls.client_ca", file)? {
                    roots.add(root).map_err(|error| failed(format!("can't be used: {error}")))?;
                }
                let clients =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| failed(format!("can't be used: {error}")))?;
                builder.with_client_cert_verifier(clients)
            }
        };
        let mut server = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let cert = files.cert.display();
                let why = format!("is not the key of the certificate in {cert} (`tls.cert`)");
                unusable("tls.key", &files.key, &why)
            }
            error => unusable("tls.key", &files.key, &format!("can't be used: {error}")),
        })?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let warn_before = files.warn_before;
        let certificate = Certificate { file: files.cert.clone(), not_after, warn_before };
        Ok(Self { server: Arc::new(server), certificate })
    }
}

impl Certificate {
    /// Until when it is good: the earliest end in the chain, as clients refuse it from then on.
    pub fn not_after(&self) -> DateTime<Utc> {
        self.not_after
    }

    /// Where it lies.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What to tell an operator at this time: `None` while there is longer than `tls.warn_before`.
    pub fn warning(&self, now: DateTime<Utc>) -> Option<String> {
        let left = self.not_after - now;
        let before = TimeDelta::from_std(self.warn_before).unwrap_or(TimeDelta::MAX);
        if left > before {
            return None;
        }
        let (file, end) = (self.file.display(), self.not_after.format("%Y-%m-%d %H:%M UTC"));
        let what = if left <= TimeDelta::zero() {
            format!("expired on {end}, and clients refuse it")
        } else {
            format!("expires on {end}, in {} days", left.num_days())
        };
        Some(format!(
            "the certificate in {file} (`tls.cert`) {what}: put a new one there and reload the \
             service"
        ))
    }
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |error| unusable(key, file, &pem(&error, "certificate"));
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if found.is_empty() {
        return Err(unusable(key, file, "holds no PEM certificate"));
    }
    Ok(found)
}

fn not_after(file: &Path, chain: &[CertificateDer<'_>]) -> Result<DateTime<Utc>, Error> {
    let mut earliest = DateTime::<Utc>::MAX_UTC;
    for (place, certificate) in chain.iter().enumerate() {
        let parsed = x509_cert::Certificate::from_der(certificate).map_err(|error| {
            let why =
                format!("holds a certificate (number {}) that can't be read: {error}", place + 1);
            unusable("tls.cert", file, &why)
        })?;
        let end = parsed.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
        let end = i64::try_from(end).ok().and_then(|end| DateTime::from_timestamp(end, 0));
        earliest = earliest.min(end.unwrap_or(DateTime::<Utc>::MAX_UTC));
    }
    Ok(earliest)
}

fn pem(error: &rustls::pki_types::pem::Error, wanted: &str) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => format!("can't be read: {error}"),
        Error::NoItemsFound => format!("holds no PEM {wanted}"),
        error => format!("isn't PEM: {error}"),
    }
}

fn unusable(key: &'static str, file: &Path, why: &str) -> Error {
    Error { key, file: file.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests;
