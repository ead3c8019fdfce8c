//! TLS to PostgreSQL and MariaDB, said in the URL as each database's own clients say it.
//!
//! PostgreSQL: `sslmode=disable|allow|prefer|require|verify-ca|verify-full`, `sslrootcert=PATH`
//! (libpq §34.19). MariaDB: `ssl-mode=DISABLED|PREFERRED|REQUIRED|VERIFY_CA|VERIFY_IDENTITY`,
//! `ssl-ca=PATH`. Without a CA file the system's certificates are trusted.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};

use super::error::{Error, ErrorKind};

/// How much of the server's certificate is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// No TLS at all.
    Off,
    /// TLS where the server offers it, unproved.
    IfOffered,
    /// TLS, unproved.
    Nothing,
    /// TLS, and a certificate that a trusted authority signed.
    Authority,
    /// TLS, and a certificate that a trusted authority signed for this host.
    Identity,
}

/// What a URL says of TLS, and the URL without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub verify: Verify,
    pub authority: Option<String>,
    pub url: String,
}

/// Takes the TLS parameters out of a database URL.
///
/// # Errors
/// A mode that the database's own clients don't know.
pub(super) fn from_url(url: &str) -> Result<Settings, Error> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut settings = Settings { verify: Verify::IfOffered, authority: None, url: String::new() };
    let mut stated = None;
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match key.as_ref() {
            "sslmode" | "ssl-mode" | "ssl_mode" => stated = Some(mode(&value)?),
            "sslrootcert" | "ssl-ca" | "ssl_ca" => settings.authority = Some(value.into_owned()),
            _ => {
                kept.append_pair(&key, &value);
            }
        }
    }
    settings.verify = match stated {
        // libpq: `require` with a root certificate proves the authority.
        Some(Verify::Nothing) if settings.authority.is_some() => Verify::Authority,
        Some(verify) => verify,
        None => Verify::IfOffered,
    };
    let kept = kept.finish();
    settings.url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{kept}") };
    Ok(settings)
}

fn mode(text: &str) -> Result<Verify, Error> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "disable" | "disabled" => Verify::Off,
        "allow" | "prefer" | "preferred" => Verify::IfOffered,
        "require" | "required" => Verify::Nothing,
        "verify-ca" | "verify_ca" => Verify::Authority,
        "verify-full" | "verify_identity" | "verify-identity" => Verify::Identity,
        other => {
            return Err(Error::new(
                ErrorKind::Other,
                "database.url",
                format!(
                    "`{other}` is no TLS mode: PostgreSQL's sslmode is disable, allow, prefer, \
                     require, verify-ca or verify-full; MariaDB's ssl-mode is DISABLED, \
                     PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY"
                ),
            ));
        }
    })
}

/// A client configuration that proves what `settings` asks for.
///
/// # Errors
/// A certificate file that can't be read or holds no certificate.
pub(super) fn client(settings: &Settings) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_error(&error))?;
    let verifier: Arc<dyn ServerCertVerifier> = match settings.verify {
        Verify::Off | Verify::IfOffered | Verify::Nothing => Arc::new(Unproved(provider)),
        Verify::Authority => Arc::new(AnyName(authority(settings, &provider)?)),
        Verify::Identity => authority(settings, &provider)?,
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn authority(
    settings: &Settings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    match &settings.authority {
        Some(path) => {
            let unreadable = |why: String| {
                Error::new(
                    ErrorKind::Other,
                    "database.url",
                    format!("the root certificate `{path}` can't be used: {why}"),
                )
            };
            for certificate in CertificateDer::pem_file_iter(path)
                .map_err(|error| unreadable(error.to_string()))?
            {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("it holds no PEM certificate".to_owned()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| Error::new(ErrorKind::Other, "database.url", error.to_string()))
}

fn tls_error(error: &TlsError) -> Error {
    Error::new(ErrorKind::Other, "TLS to the database", error.to_string())
}

/// `sslmode=require`: encrypted, whoever the server is.
#[derive(Debug)]
struct Unproved(Arc<CryptoProvider>);

impl ServerCertVerifier for Unproved {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// `sslmode=verify-ca`: signed by a trusted authority, for whatever host.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match self.0.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The chain is proved before the name is compared.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            proved => proved,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
