//! The sections for the listener and its requests: limits, TLS, admin, log.
//!
//! Owns their defaults. Reading and messages of single values are `read`'s.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

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
    /// `limits.request_time`: until a request must be answered; Entra gives up after 60 s. Default
    /// `50s`.
    pub request_time: Duration,
    /// `limits.connections`: open connections. Default 1024.
    pub connections: usize,
    /// `limits.concurrent_requests`: requests worked on at a time; more are answered 503. Default 64.
    pub concurrent_requests: usize,
    /// `limits.filter_length`: the longest filter in characters. Default 4096.
    pub filter_length: usize,
    /// `limits.filter_depth`: the deepest nesting of a filter. Default 16.
    pub filter_depth: usize,
    /// `limits.page_default`: resources per page when a client doesn't say. Default 100.
    pub page_default: u64,
    /// `limits.page_max`: resources per page at most. Default 1000.
    pub page_max: u64,
    /// `limits.bulk_operations`: operations in one Bulk request. Default 1000.
    pub bulk_operations: usize,
    /// `limits.drain`: how long running requests may take to finish at shutdown. Default `30s`.
    pub drain: Duration,
}

impl Limits {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let body = reader.bytes("limits.body", "1MiB", 1 << 10, 1 << 30);
        let header_time = reader.duration("limits.header_time", "10s", SECOND / 10, HOUR);
        let request_time = reader.duration("limits.request_time", "50s", SECOND / 10, HOUR);
        let connections = reader.size("limits.connections", 1024, 1, 1_000_000);
        let concurrent_requests = reader.size("limits.concurrent_requests", 64, 1, 1_000_000);
        let filter_length = reader.size("limits.filter_length", 4096, 64, 1 << 20);
        let filter_depth = reader.size("limits.filter_depth", 16, 1, 128);
        let page_default = reader.integer("limits.page_default", 100, 1, 100_000);
        let page_max = reader.integer("limits.page_max", 1000, 1, 100_000);
        let bulk_operations = reader.size("limits.bulk_operations", 1000, 1, 100_000);
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
            request_time: request_time?,
            connections: connections?,
            concurrent_requests: concurrent_requests?,
            filter_length: filter_length?,
            filter_depth: filter_depth?,
            page_default: page_default?,
            page_max: page_max?,
            bulk_operations: bulk_operations?,
            drain: drain?,
        })
    }
}

/// `[tls]`: the listener's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `tls.cert`: a PEM file, the leaf first.
    pub cert: PathBuf,
    /// `tls.key`: a PEM file.
    pub key: PathBuf,
}

impl Tls {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        match (reader.optional_path("tls.cert"), reader.optional_path("tls.key")) {
            (Some(cert), Some(key)) => Some(Self { cert, key }),
            (None, None) => None,
            (Some(_), None) => {
                reader.problem("tls.key", None, "is missing beside `tls.cert`; TLS needs both");
                None
            }
            (None, Some(_)) => {
                reader.problem("tls.cert", None, "is missing beside `tls.key`; TLS needs both");
                None
            }
        }
    }
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admin {
    /// `admin.listen`: health, metrics and the console. Absent: off.
    pub listen: Option<SocketAddr>,
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
