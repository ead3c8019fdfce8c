//! The sections for the listener and its requests: limits, TLS, admin, log.
//!
//! Owns their defaults. Reading and messages of single values are `read`'s.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::Layers;
use super::read::Reader;
use crate::profile::near_miss;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// `base_path`: begins with a slash, ends without; `/` is the root.
pub(super) fn base_path(reader: &mut Reader) -> Option<String> {
    reader.parsed("base_path", "/scim/v2", |text| {
        let path = text.trim_end_matches('/');
        let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/-._~".contains(c));
        let dots = path.split('/').any(|segment| segment == "." || segment == "..");
        if (path.is_empty() && text.starts_with('/')) || (path.starts_with('/') && plain && !dots && !path.contains("//")) {
            Ok(path.to_owned())
        } else {
            Err(format!("must be a path such as /scim/v2, of letters, digits, `-._~` and slashes, not `{text}`"))
        }
    })
}

/// `public_url`: scheme and authority.
pub(super) fn public_url(reader: &mut Reader) -> Option<String> {
    reader.optional("public_url", |text| {
        let url = text.trim_end_matches('/');
        let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        match authority {
            Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => {
                Ok(url.to_owned())
            }
            _ => Err(format!(
                "must be http:// or https:// and a host, without a path (`base_path` has that), not `{text}`"
            )),
        }
    })
}

/// `[limits]`: what one client may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `limits.body`: the largest request body in bytes. Default 1 MiB.
    pub body: usize,
    /// `limits.header_time`: until a request's head must be complete. Default `10s`.
    pub header_time: Duration,
    /// `limits.body_time`: until a request's body must be complete. Default `30s`.
    pub body_time: Duration,
    /// `limits.stall`: how long a body may stand still: a request's on its way in, an answer's on its
    /// way out. Default `10s`.
    pub stall: Duration,
    /// `limits.request_time`: until a request must be answered; Entra gives up after 60 s. Default
    /// `50s`.
    pub request_time: Duration,
    /// `limits.connections`: open connections. Default 1024.
    pub connections: usize,
    /// `limits.concurrent_requests`: requests worked on at a time, until their answers are sent; more
    /// are answered 503. Clients share them. Default 64.
    pub concurrent_requests: usize,
    /// `limits.answers`: bytes of answers that wait to be sent; a read beyond them is answered 503.
    /// Clients share them. Default 64 MiB.
    pub answers: usize,
    /// `limits.filter_length`: the longest filter in bytes. Default 4096.
    pub filter_length: usize,
    /// `limits.filter_terms`: the most conditions in a filter. Default 100.
    pub filter_terms: usize,
    /// `limits.filter_depth`: the deepest nesting of a filter, at most the grammar's own 64. Default 16.
    pub filter_depth: usize,
    /// `limits.page_default`: resources per page when a client doesn't say. Default 100.
    pub page_default: u64,
    /// `limits.page_max`: resources per page at most. Default 1000.
    pub page_max: u64,
    /// `limits.drain`: how long running requests may take to finish at shutdown. Default `30s`.
    pub drain: Duration,
}

impl Limits {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let body = reader.bytes("limits.body", "1MiB", 1 << 10, 1 << 30);
        let header_time = reader.duration("limits.header_time", "10s", SECOND / 10, HOUR);
        let body_time = reader.duration("limits.body_time", "30s", SECOND / 10, HOUR);
        let stall = reader.duration("limits.stall", "10s", SECOND / 10, HOUR);
        let request_time = reader.duration("limits.request_time", "50s", SECOND / 10, HOUR);
        let connections = reader.size("limits.connections", 1024, 1, 1_000_000);
        let concurrent_requests = reader.size("limits.concurrent_requests", 64, 1, 1_000_000);
        let answers = reader.bytes("limits.answers", "64MiB", 1 << 20, 1 << 40);
        let filter_length = reader.size("limits.filter_length", 4096, 64, 1 << 20);
        let filter_terms = reader.size("limits.filter_terms", 100, 1, 10_000);
        let filter_depth = reader.size("limits.filter_depth", 16, 1, 64);
        let page_default = reader.integer("limits.page_default", 100, 1, 100_000);
        let page_max = reader.integer("limits.page_max", 1000, 1, 100_000);
        let drain = reader.duration("limits.drain", "30s", Duration::ZERO, HOUR);
        if let (Some(default), Some(max)) = (page_default, page_max)
            && default > max
        {
            let message = format!("is {default}, more than `limits.page_max` ({max})");
            reader.problem("limits.page_default", None, message);
        }
        Some(Self {
            body: body?,
            header_time: header_time?,
            body_time: body_time?,
            stall: stall?,
            request_time: request_time?,
            connections: connections?,
            concurrent_requests: concurrent_requests?,
            answers: answers?,
            filter_length: filter_length?,
            filter_terms: filter_terms?,
            filter_depth: filter_depth?,
            page_default: page_default?,
            page_max: page_max?,
            drain: drain?,
        })
    }
}

/// `[tls]`: the listeners' certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `tls.cert`: a PEM file, the leaf first.
    pub cert: PathBuf,
    /// `tls.key`: a PEM file; or the systemd credential `tls_key`.
    pub key: PathBuf,
    /// `tls.client_ca`: a PEM file of the authorities whose certificates clients must show. Absent:
    /// none are asked for.
    pub client_ca: Option<PathBuf>,
    /// `tls.warn_before`: how long before its end the log warns of it. Default `30d`.
    pub warn_before: Duration,
}

/// The systemd credential that is read when `tls.key` isn't set.
const TLS_KEY: &str = "tls_key";

impl Tls {
    pub(super) fn read(reader: &mut Reader, layers: &Layers) -> Option<Self> {
        let cert = reader.optional_path("tls.cert");
        let key = reader.optional_path("tls.key");
        let client_ca = reader.optional_path("tls.client_ca");
        let warn_before = reader.duration("tls.warn_before", "30d", SECOND, HOUR * 24 * 3660);
        let Some(cert) = cert else {
            for (key, set) in [("tls.key", key.is_some()), ("tls.client_ca", client_ca.is_some())] {
                if set {
                    let message = format!("is missing beside `{key}`; TLS needs both");
                    reader.problem("tls.cert", None, message);
                }
            }
            return None;
        };
        let Some(key) = key.or_else(|| layers.credential(TLS_KEY)) else {
            reader.problem("tls.key", None, "is missing beside `tls.cert`; TLS needs both");
            return None;
        };
        Some(Self { cert, key, client_ca, warn_before: warn_before? })
    }
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admin {
    /// `admin.listen`: health, metrics and the console. Absent: off.
    pub listen: Option<SocketAddr>,
}

/// What leaves the machine is encrypted: an address that isn't loopback needs `[tls]`.
///
/// `insecure_plain_http` lifts that for `listen` alone; the admin listener's password would go over
/// the wire.
pub(super) fn encrypted(
    reader: &mut Reader,
    listen: Option<SocketAddr>,
    admin: &Admin,
    insecure: InsecurePlainHttp,
    tls_is_set: bool,
) {
    if tls_is_set {
        if insecure.0 {
            reader.problem(
                "insecure_plain_http",
                None,
                "is set beside `tls.cert`, and the listener speaks either TLS or plain HTTP: \
                 remove one of the two",
            );
        }
        return;
    }
    if let Some(address) = listen.filter(|address| !is_loopback(address))
        && !insecure.0
    {
        let message = format!(
            "is {address}, which others can reach, and without [tls] tokens and personal data go \
             over the network in the clear: set `tls.cert` and `tls.key`, or listen on 127.0.0.1 \
             behind a proxy that speaks TLS, or, where the network itself is trusted, set \
             `insecure_plain_http = true`"
        );
        reader.problem("listen", None, message);
    }
    if let Some(address) = admin.listen.filter(|address| !is_loopback(address)) {
        let message = format!(
            "is {address}, which others can reach: that needs [tls], and a token of the scope \
             admin at each request; set `tls.cert` and `tls.key`, or listen on 127.0.0.1"
        );
        reader.problem("admin.listen", None, message);
    }
}

/// `insecure_plain_http`: whether `listen` may be in the clear where others can reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsecurePlainHttp(pub bool);

/// Whether only this machine reaches the address.
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `log.level`: a level, or tracing directives (`info,kpifire_scim::store=debug`). Default
    /// `info`.
    pub level: String,
    /// `log.format`. Default `text`.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
    /// To systemd's journal, with fields.
    Journald,
}

impl Log {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let level = reader.parsed("log.level", "info", |text| {
            let plain = ["off", "error", "warn", "info", "debug", "trace"];
            let directives = text.contains(['=', ',', ':', '[']);
            if plain.contains(&text.to_lowercase().as_str())
                || (directives && text.parse::<tracing_subscriber::filter::Targets>().is_ok())
            {
                Ok(text.to_owned())
            } else {
                let hint = near_miss::hint(text, plain);
                Err(format!(
                    "must be {} or tracing directives, not `{text}`{hint}",
                    plain.join(", ")
                ))
            }
        });
        let format = reader.parsed("log.format", "text", |text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            "journald" => Ok(LogFormat::Journald),
            _ => Err(format!("must be text, json or journald, not `{text}`")),
        });
        Some(Self { level: level?, format: format? })
    }
}

pub(super) fn non_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}
