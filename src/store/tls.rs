//! TLS to PostgreSQL and MariaDB, said in the URL as each database's own clients say it.
//!
//! PostgreSQL: `sslmode=disable|allow|prefer|require|verify-ca|verify-full`, `sslrootcert=PATH`
//! (libpq §34.19). MariaDB: `ssl-mode=DISABLED|PREFERRED|REQUIRED|VERIFY_CA|VERIFY_IDENTITY`,
//! `ssl-ca=PATH`. Without a CA file the system's certificates are trusted. Knows neither pools nor
//! how a connection is made.

use std::path::{Path, PathBuf};
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
use crate::profile::catalogue::Database;

/// How much of the server's certificate is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// No TLS at all.
    Off,
    /// TLS, unproved, where the server refuses to do without.
    IfRefused,
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
    /// The file of authorities; none means the system's.
    pub authority: Option<PathBuf>,
    pub url: String,
    database: Database,
}

/// Takes the TLS parameters out of a database URL; `ca` is the configuration's, for a URL that
/// names none. With `ca` a URL without a mode asks for everything: who names an authority wants
/// the server proved.
///
/// # Errors
/// A mode that the database's own clients don't know; a parameter that would be lost.
pub(super) fn from_url(
    url: &str,
    database: Database,
    ca: Option<&Path>,
) -> Result<Settings, Error> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut stated, mut named) = (None, None);
    // What isn't about TLS stays as it was written: the drivers decode it, each in its own way.
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = decoded(pair);
        match key.as_str() {
            "sslmode" | "ssl-mode" | "ssl_mode" => stated = Some(mode(&value)?),
            "sslrootcert" | "ssl-ca" | "ssl_ca" => named = Some(value),
            "require_ssl" | "verify_ca" | "verify_identity" | "built_in_roots"
                if database == Database::Mysql =>
            {
                return Err(bad_url(format!(
                    "`{key}` is not taken: say `ssl-mode=REQUIRED`, VERIFY_CA or VERIFY_IDENTITY, \
                     and the CA's file in `ssl-ca`"
                )));
            }
            _ => kept.push(pair),
        }
    }
    let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
    // libpq: `system` is no file, and is allowed with the strictest mode alone.
    if database == Database::Postgres && named.as_deref() == Some("system") {
        if !matches!(stated, None | Some(Verify::Identity)) {
            return Err(bad_url("`sslrootcert=system` needs `sslmode=verify-full`".to_owned()));
        }
        return Ok(Settings { verify: Verify::Identity, authority: None, url, database });
    }
    let verify = match stated {
        // libpq and MariaDB's client: `require` with a root certificate proves the authority.
        Some(Verify::Nothing) if named.is_some() || ca.is_some() => Verify::Authority,
        Some(verify) => verify,
        // MySQL's client: a CA without a mode means VERIFY_CA.
        None if named.is_some() && database == Database::Mysql => Verify::Authority,
        None if named.is_none() && ca.is_some() => Verify::Identity,
        None => Verify::IfOffered,
    };
    let authority = named.map(PathBuf::from).or_else(|| ca.map(Path::to_owned));
    Ok(Settings { verify, authority, url, database })
}

/// A parameter's key and value. In these URLs a plus sign is a plus sign, not a space.
fn decoded(pair: &str) -> (String, String) {
    form_urlencoded::parse(pair.replace('+', "%2B").as_bytes())
        .next()
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .unwrap_or_default()
}

fn mode(text: &str) -> Result<Verify, Error> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "disable" | "disabled" => Verify::Off,
        "allow" => Verify::IfRefused,
        "prefer" | "preferred" => Verify::IfOffered,
        "require" | "required" => Verify::Nothing,
        "verify-ca" | "verify_ca" => Verify::Authority,
        "verify-full" | "verify_identity" | "verify-identity" => Verify::Identity,
        other => {
            return Err(bad_url(format!(
                "`{other}` is no TLS mode: PostgreSQL's sslmode is disable, allow, prefer, \
                 require, verify-ca or verify-full; MariaDB's ssl-mode is DISABLED, PREFERRED, \
                 REQUIRED, VERIFY_CA or VERIFY_IDENTITY"
            )));
        }
    })
}

impl Settings {
    /// What a driver said of a failed connection, with what to do where TLS is the cause.
    pub fn explain(&self, said: &str) -> String {
        let (mode_key, ca_key) = match self.database {
            Database::Mysql => ("ssl-mode", "ssl-ca"),
            _ => ("sslmode", "sslrootcert"),
        };
        let hint = if said.contains("UnknownIssuer") {
            let trusted = match &self.authority {
                Some(path) => format!("no authority in `{}`", path.display()),
                None => "none of the system's authorities".to_owned(),
            };
            format!(
                "unknown issuer: {trusted} signed the server's certificate; name the file of the \
                 server's CA in `{ca_key}` of database.url or in database.tls.ca"
            )
        } else if said.contains("not valid for name") {
            "name mismatch: give the host in database.url a name that the server's certificate \
             holds as a subjectAltName"
                .to_owned()
        } else if said.contains("CaUsedAsEndEntity") {
            "the server shows an authority's own certificate; give it one that the authority signed"
                .to_owned()
        } else if said.contains("server does not support TLS")
            || said.contains("server does not have this capability")
        {
            format!(
                "the server offers no TLS, and `{mode_key}` or database.tls.ca asks for it; turn \
                 TLS on in the server"
            )
        } else {
            return said.to_owned();
        };
        format!("{said} ({hint})")
    }
}

/// A client configuration that proves what `settings` asks for.
///
/// # Errors
/// A certificate file that can't be read or holds no certificate.
pub(super) fn client(settings: &Settings) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad_url(error.to_string()))?;
    let authority = match settings.verify {
        Verify::Off | Verify::IfRefused | Verify::IfOffered | Verify::Nothing => None,
        Verify::Authority | Verify::Identity => Some(authority(settings, Arc::clone(&provider))?),
    };
    let verifier = Arc::new(Verifier { verify: settings.verify, authority, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The same for the MariaDB driver, which makes its own client; `None` is no TLS.
///
/// # Errors
/// As [`client`].
pub(super) fn mysql(settings: &Settings) -> Result<Option<mysql_async::SslOpts>, Error> {
    // The driver knows a mismatch by finding this text in the error, which rustls now words
    // otherwise, but which quotes the name that was asked for. No certificate holds this name, and
    // the chain is proved before the name is compared. tests/store/tls.rs watches over it.
    const ANY_NAME: &str = "NotValidForName.invalid";
    let tls = mysql_async::SslOpts::default();
    let proved = |tls: mysql_async::SslOpts| -> Result<_, Error> {
        let roots = roots(settings)?.into_iter().map(|root| root.to_vec().into()).collect();
        Ok(tls.with_disable_built_in_roots(true).with_root_certs(roots))
    };
    Ok(match settings.verify {
        Verify::Off => None,
        Verify::IfRefused | Verify::IfOffered | Verify::Nothing => {
            Some(tls.with_danger_accept_invalid_certs(true))
        }
        Verify::Authority => Some(
            proved(tls)?
                .with_danger_skip_domain_validation(true)
                .with_danger_tls_hostname_override(Some(ANY_NAME)),
        ),
        Verify::Identity => Some(proved(tls)?),
    })
}

fn authority(
    settings: &Settings,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots(settings)?);
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| bad_url(error.to_string()))
}

/// The certificates to trust: at least one, and each usable.
fn roots(settings: &Settings) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut store = RootCertStore::empty();
    let Some(path) = &settings.authority else {
        let mut found = rustls_native_certs::load_native_certs().certs;
        found.retain(|certificate| store.add(certificate.clone()).is_ok());
        if found.is_empty() {
            return Err(bad_url(
                "the server is to be proved, but this system has no certificates to trust: name \
                 the file of the server's CA in `sslrootcert` (PostgreSQL), `ssl-ca` (MariaDB) or \
                 database.tls.ca"
                    .to_owned(),
            ));
        }
        return Ok(found);
    };
    let unreadable =
        |why: String| bad_url(format!("the CA file `{}` can't be used: {why}", path.display()));
    let mut found = Vec::new();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        store.add(certificate.clone()).map_err(|error| unreadable(error.to_string()))?;
        found.push(certificate);
    }
    if found.is_empty() {
        return Err(unreadable("it holds no PEM certificate".to_owned()));
    }
    Ok(found)
}

fn bad_url(message: String) -> Error {
    Error::new(ErrorKind::Other, "database.url", message)
}

/// Proves as much of a server's certificate as is asked for.
#[derive(Debug)]
struct Verifier {
    verify: Verify,
    /// None where nothing is to be proved (`sslmode=require`): encrypted, whoever the server is.
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(authority) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        match authority.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // `sslmode=verify-ca`: for whatever host. The chain is proved before the name is compared.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verify == Verify::Authority => Ok(ServerCertVerified::assertion()),
            proved => proved,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
