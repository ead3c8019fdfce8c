//! The configuration: raw layers → one validated [`Config`], once.
//!
//! Layers, later ones winning key by key: built-in defaults, the `--config` files in order, the
//! environment (`KPIFIRE_SCIM__DATABASE__URL` is `database.url`). Secrets come from files as well:
//! `database.url_file`, or a systemd credential named `database_url`. Every error names the key
//! and the file or variable that set it. Relative paths are taken from the current directory; a
//! `profile` path is tried beside its configuration file first.
//!
//! Knows nothing of databases, sockets or what a profile says. `reconcile`, `cleanup`, `notify`
//! and `retention` are validated here for the rooms that will use them.

mod auth;
mod cron;
mod error;
mod jobs;
mod layers;
mod notify;
mod read;
mod sections;
mod url;
mod values;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use auth::{Auth, Cloud, Entra, Jwks};
pub use cron::Cron;
pub use error::{Error, Problem};
pub use jobs::{Cleanup, Guard, Reconcile, Reports, Retention, Schedule};
pub use notify::{MailServer, MailTls, Notify, Smtp, Webhook, WebhookFormat};
pub use sections::{Admin, InsecurePlainHttp, Limits, Log, LogFormat, Tls, is_loopback};
pub use url::{DatabaseUrl, Secret};

use crate::digest;
use layers::{Layer, Layers};
use read::{Reader, SecretKeys};

const DATABASE_URL: SecretKeys =
    SecretKeys { value: "database.url", file: "database.url_file", credential: "database_url" };

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[database]`
    pub database: Database,
    /// `listen`: where the SCIM listener binds. Default `127.0.0.1:8642`.
    pub listen: SocketAddr,
    /// `base_path`: what every SCIM path begins with, without a slash at the end; empty for the
    /// root. Default `/scim/v2`.
    pub base_path: String,
    /// `public_url`: scheme and authority that clients see, for `Location` and `$ref` behind a
    /// proxy, without a slash at the end. Absent: taken from each request.
    pub public_url: Option<String>,
    /// `[limits]`
    pub limits: Limits,
    /// `profile`: a built-in's name or a file's path, ready for [`crate::profile::load`].
    pub profile: String,
    /// `insecure_plain_http`: no TLS although others can reach `listen`. Default false.
    pub insecure_plain_http: InsecurePlainHttp,
    /// `[tls]`; absent: plain HTTP.
    pub tls: Option<Tls>,
    /// `[admin]`
    pub admin: Admin,
    /// `[auth]`
    pub auth: Auth,
    /// `[schedule]`
    pub schedule: Schedule,
    /// `[reconcile]`
    pub reconcile: Reconcile,
    /// `[cleanup]`
    pub cleanup: Cleanup,
    /// `[guard]`
    pub guard: Guard,
    /// `[notify]`
    pub notify: Notify,
    /// `[reports]`
    pub reports: Reports,
    /// `[retention]`
    pub retention: Retention,
    /// `[log]`
    pub log: Log,
    effective: Vec<(String, String)>,
}

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    /// `database.url`
    pub url: DatabaseUrl,
    /// `database.pool_size`: the greatest number of connections. Default 8.
    pub pool_size: u32,
    /// `database.connect_timeout`: how long a read or a write waits for connections, free ones and
    /// new ones, in all its tries. Default `10s`.
    pub connect_timeout: Duration,
    /// `database.tls.ca`: a PEM file of authorities to trust instead of the system's, for a URL
    /// without `sslrootcert` (`PostgreSQL`) or `ssl-ca` (`MariaDB`); the server is then proved in
    /// full unless `sslmode` or `ssl-mode` in the URL asks for less.
    pub ca: Option<PathBuf>,
}

/// Loads the configuration from `--config` files, in order, and the environment.
///
/// Pass `std::env::vars_os()`; only `KPIFIRE_SCIM__*` and `CREDENTIALS_DIRECTORY` are looked at.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load<K, V>(files: &[PathBuf], env: impl IntoIterator<Item = (K, V)>) -> Result<Config, Error>
where
    K: Into<OsString>,
    V: Into<OsString>,
{
    let layers = layers::collect(files, env)?;
    let mut reader = Reader::new(&layers)?;
    let config = config(&mut reader, &layers);
    let effective = reader.finish()?;
    // Without a problem every part was read.
    config.map(|config| Config { effective, ..config }).ok_or_else(|| Error::new(Vec::new()))
}

fn config(reader: &mut Reader, layers: &Layers) -> Option<Config> {
    let database = database(reader, layers);
    let listen = reader.address("listen", "127.0.0.1:8642");
    let base_path = sections::base_path(reader);
    let public_url = sections::public_url(reader);
    let limits = Limits::read(reader);
    let profile = profile(reader);
    let insecure = reader.boolean("insecure_plain_http", "false").map(InsecurePlainHttp);
    // A `[tls]` with a mistake in it has been told of, and is no plain HTTP.
    let tls_is_set = reader.any_under("tls.cert") || reader.any_under("tls.key");
    let tls = Tls::read(reader, layers);
    let admin = Admin { listen: reader.optional_address("admin.listen") };
    if let Some(insecure) = insecure {
        sections::encrypted(reader, listen, &admin, insecure, tls_is_set);
    }
    let auth = Auth::read(reader);
    let schedule = Schedule::read(reader);
    let reconcile = Reconcile::read(reader);
    let cleanup = Cleanup::read(reader);
    let guard = Guard::read(reader);
    let notify = Notify::read(reader, layers);
    let reports = Reports::read(reader);
    let retention = Retention::read(reader);
    let log = Log::read(reader);
    Some(Config {
        database: database?,
        listen: listen?,
        base_path: base_path?,
        public_url,
        limits: limits?,
        profile: profile?,
        insecure_plain_http: insecure?,
        tls,
        admin,
        auth: auth?,
        schedule: schedule?,
        reconcile: reconcile?,
        cleanup: cleanup?,
        guard,
        notify: notify?,
        reports: reports?,
        retention: retention?,
        log: log?,
        effective: Vec::new(),
    })
}

fn database(reader: &mut Reader, layers: &Layers) -> Option<Database> {
    let pool_size = reader.integer("database.pool_size", 8, 1, 1000);
    let connect_timeout = reader.duration(
        "database.connect_timeout",
        "10s",
        Duration::from_millis(100),
        Duration::from_secs(600),
    );
    let ca = reader.optional_path("database.tls.ca");
    let url = database_url(reader, layers);
    Some(Database {
        url: url?,
        pool_size: u32::try_from(pool_size?).ok()?,
        connect_timeout: connect_timeout?,
        ca,
    })
}

/// `database.url`, or the content of `database.url_file`, or the credential `database_url`. The
/// last layer that sets one of the two keys decides.
fn database_url(reader: &mut Reader, layers: &Layers) -> Option<DatabaseUrl> {
    let text = reader.secret(layers, &DATABASE_URL).ok()?;
    let Some((text, origin)) = text else {
        reader.problem(
            "database.url",
            None,
            "is missing: set it to sqlite:PATH, postgres://… or mysql://… in a --config file or in \
             KPIFIRE_SCIM__DATABASE__URL, or name a file that holds it in database.url_file",
        );
        return None;
    };
    match DatabaseUrl::parse(&text) {
        Ok(url) => {
            reader.note("database.url", &url.to_string());
            Some(url)
        }
        Err(message) => {
            reader.problem("database.url", Some(origin), message);
            None
        }
    }
}

fn profile(reader: &mut Reader) -> Option<String> {
    let (setting, origin) = reader.text_with_origin("profile", "kpifire")?;
    let file = origin.as_ref().and_then(Layer::file);
    let resolved = crate::profile::resolve(&setting, file);
    reader.note("profile", &resolved);
    Some(resolved)
}

impl Config {
    /// Every key with its effective value, by key, secrets hidden: what `check` prints.
    pub fn effective(&self) -> &[(String, String)] {
        &self.effective
    }

    /// SHA-256 (hex) over what decides about cleanup, `[cleanup]` and `[reconcile]`: two equal hashes
    /// mean the same decisions, whichever layer the settings came from, and wherever the agent listens.
    pub fn policy(&self) -> String {
        let mut hasher = Sha256::new();
        let decides = |key: &str| key.starts_with("cleanup.") || key.starts_with("reconcile.");
        for (key, value) in self.effective.iter().filter(|(key, _)| decides(key)) {
            // Lengths keep `a=b` + `c` apart from `a` + `b=c`.
            hasher.update(format!("{}:{key}={}:{value}\n", key.len(), value.len()));
        }
        digest::hex(&hasher.finalize(), 32)
    }
}
