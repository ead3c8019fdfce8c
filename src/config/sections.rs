//! The sections for the listener and its requests: limits, TLS, admin, authentication, log.
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
    /// `limits.concurrent_requests`: requests worked on at a time; more are answered 429. Default 64.
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
        match (
            reader.optional_path("tls.cert"),
            reader.optional_path("tls.key"),
        ) {
            (Some(cert), Some(key)) => Some(Self { cert, key }),
            (None, None) => None,
            (Some(_), None) => {
                reader.problem(
                    "tls.key",
                    None,
                    "is missing beside `tls.cert`; TLS needs both",
                );
                None
            }
            (None, Some(_)) => {
                reader.problem(
                    "tls.cert",
                    None,
                    "is missing beside `tls.key`; TLS needs both",
                );
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

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Auth {
    /// `[auth.entra]`: tokens that Entra itself issues. Absent: only the agent's own tokens.
    pub entra: Option<Entra>,
}

/// `[auth.entra]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entra {
    /// `auth.entra.tenant`: the tenant's UUID; the issuer must name it, as all tenants share the
    /// audience.
    pub tenant: uuid::Uuid,
    /// `auth.entra.audience`
    pub audience: String,
    /// `auth.entra.jwks`: a URL or a file of the keys. Absent: the tenant's published ones.
    pub jwks: Option<String>,
}

impl Auth {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let wanted = reader.any_under("auth.entra.");
        let tenant = reader.optional("auth.entra.tenant", |text| {
            uuid::Uuid::parse_str(text).map_err(|_| {
                format!("must be the tenant's id, a UUID such as 11111111-2222-3333-4444-555555555555, not `{text}`")
            })
        });
        let audience = reader.optional("auth.entra.audience", non_empty);
        let jwks = reader.optional("auth.entra.jwks", non_empty);
        if wanted && tenant.is_none() {
            reader.problem(
                "auth.entra.tenant",
                None,
                "is needed by `auth.entra`: without it any tenant's token would do",
            );
        }
        if wanted && audience.is_none() {
            reader.problem("auth.entra.audience", None, "is needed by `auth.entra`");
        }
        let entra = match (tenant, audience) {
            (Some(tenant), Some(audience)) => Some(Entra {
                tenant,
                audience,
                jwks,
            }),
            _ => None,
        };
        Self { entra }
    }
}

<<<<<<< HEAD
/// `[schedule]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// `schedule.reconcile`. Default `17 2 * * *`; empty: never.
    pub reconcile: Option<Cron>,
    /// `schedule.cleanup`. Default `47 2 * * *`; empty: never.
    pub cleanup: Option<Cron>,
    /// `schedule.timezone`: whose clock the lines mean. Default `UTC`.
    pub timezone: Tz,
}

impl Schedule {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let reconcile = reader.parsed("schedule.reconcile", "17 2 * * *", optional_cron);
        let cleanup = reader.parsed("schedule.cleanup", "47 2 * * *", optional_cron);
        let timezone = reader.parsed("schedule.timezone", "UTC", |text| {
            text.parse::<Tz>().map_err(|_| {
                let hint =
                    near_miss::hint(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
                format!("must be a time zone such as Europe/Berlin, not `{text}`{hint}")
            })
        });
        Some(Self {
            reconcile: reconcile?,
            cleanup: cleanup?,
            timezone: timezone?,
        })
    }
}

fn optional_cron(text: &str) -> Result<Option<Cron>, String> {
    if text.is_empty() {
        Ok(None)
    } else {
        Cron::parse(text).map(Some)
    }
}

fn non_empty(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("must not be empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// The drift kinds that `restore` can mend without a person asking for it.
const AUTO_KINDS: &[&str] = &[
    "reactivated",
    "attribute",
    "wrongly_disabled",
    "member_extra",
    "member_missing",
    "team_attribute",
];

/// `[reconcile]`
#[derive(Debug, Clone, PartialEq)]
pub struct Reconcile {
    /// `reconcile.stale_after`: silence from Entra that blocks cleanup. Default `48h`.
    pub stale_after: Duration,
    /// `reconcile.floor`: the share of the last run's rows, in percent, below which a run is
    /// incomplete. Default 90.
    pub floor: f64,
    /// `reconcile.tolerate`: attributes whose drift is counted, not listed.
    pub tolerate: BTreeSet<AttributePath>,
    /// `reconcile.auto`: drift kinds restored without asking.
    pub auto: BTreeSet<String>,
}

impl Reconcile {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let stale_after = reader.duration("reconcile.stale_after", "48h", Duration::ZERO, CENTURY);
        let floor = reader.percent("reconcile.floor", "90");
        let mut tolerate = BTreeSet::new();
        for (text, origin) in reader.list("reconcile.tolerate")? {
            let path = AttributePath::parse(ResourceType::User, &text)
                .or_else(|user| AttributePath::parse(ResourceType::Group, &text).map_err(|_| user));
            match path {
                Ok(path) => {
                    tolerate.insert(path);
                }
                Err(message) => reader.problem("reconcile.tolerate", Some(origin), message),
            }
        }
        let mut auto = BTreeSet::new();
        for (text, origin) in reader.list("reconcile.auto")? {
            if AUTO_KINDS.contains(&text.as_str()) {
                auto.insert(text);
            } else {
                let hint = near_miss::hint(&text, AUTO_KINDS.iter().copied());
                let message = format!(
                    "doesn't know `{text}`{hint} (allowed: {})",
                    AUTO_KINDS.join(", ")
                );
                reader.problem("reconcile.auto", Some(origin), message);
            }
        }
        Some(Self {
            stale_after: stale_after?,
            floor: floor?,
            tolerate,
            auto,
        })
    }
}

/// `[cleanup]`
#[derive(Debug, Clone, PartialEq)]
pub struct Cleanup {
    /// `cleanup.strip_after`: from disabling to losing legacy memberships. Default `30d`.
    pub strip_after: Duration,
    /// `cleanup.anonymise_after`. Default `180d`.
    pub anonymise_after: Duration,
    /// `cleanup.delete_after`. Absent: never.
    pub delete_after: Option<Duration>,
    /// `cleanup.transfer_to`: the userName or id that gets a leaver's rows when no manager is
    /// linked. Absent: such leavers are deferred.
    pub transfer_to: Option<String>,
    /// `cleanup.max_count`: users per run and per rolling 7 days. Default 25.
    pub max_count: u64,
    /// `cleanup.max_percent`: the same as a share of the managed users. Default 5.
    pub max_percent: f64,
}

impl Cleanup {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let strip_after = reader.duration("cleanup.strip_after", "30d", Duration::ZERO, CENTURY);
        let anonymise_after =
            reader.duration("cleanup.anonymise_after", "180d", Duration::ZERO, CENTURY);
        let delete_after = reader.optional("cleanup.delete_after", |text| {
            parse_duration(text, Duration::ZERO, CENTURY)
        });
        let transfer_to = reader.optional("cleanup.transfer_to", non_empty);
        let max_count = reader.integer("cleanup.max_count", 25, 0, 10_000_000);
        let max_percent = reader.percent("cleanup.max_percent", "5");
        if let (Some(strip), Some(anonymise)) = (strip_after, anonymise_after)
            && anonymise < strip
        {
            reader.problem(
                "cleanup.anonymise_after",
                None,
                "is shorter than `cleanup.strip_after`; the stages follow one another",
            );
        }
        if let (Some(anonymise), Some(delete)) = (anonymise_after, delete_after)
            && delete < anonymise
        {
            reader.problem(
                "cleanup.delete_after",
                None,
                "is shorter than `cleanup.anonymise_after`; the stages follow one another",
            );
        }
        Some(Self {
            strip_after: strip_after?,
            anonymise_after: anonymise_after?,
            delete_after,
            transfer_to,
            max_count: max_count?,
            max_percent: max_percent?,
        })
    }
}

/// `[notify]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// `notify.smtp`. Absent: no mail.
    pub smtp: Option<Smtp>,
    /// `notify.webhook`. Absent: no webhook.
    pub webhook: Option<Webhook>,
    /// `notify.digest`: when the weekly digest goes out. Default `0 7 * * mon`; empty: never.
    pub digest: Option<Cron>,
}

/// `[notify.smtp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// `notify.smtp.url`: `smtp://USER:PASSWORD@HOST:587` (STARTTLS) or `smtps://…`.
    pub url: Secret,
    /// `notify.smtp.from`
    pub from: String,
    /// `notify.smtp.to`
    pub to: Vec<String>,
}

/// `[notify.webhook]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `notify.webhook.url`: a secret, as such URLs carry their key.
    pub url: Secret,
}

const SMTP_URL: SecretKeys = SecretKeys {
    value: "notify.smtp.url",
    file: "notify.smtp.url_file",
    credential: "notify_smtp_url",
};
const WEBHOOK_URL: SecretKeys = SecretKeys {
    value: "notify.webhook.url",
    file: "notify.webhook.url_file",
    credential: "notify_webhook_url",
};

impl Notify {
    pub(super) fn read(reader: &mut Reader, layers: &Layers) -> Option<Self> {
        let smtp_url = secret_url(reader, layers, &SMTP_URL, &["smtp://", "smtps://"]);
        let from = reader.optional("notify.smtp.from", mail_address);
        let to = reader.list("notify.smtp.to");
        let webhook_url = secret_url(reader, layers, &WEBHOOK_URL, &["https://", "http://"]);
        let digest = reader.parsed("notify.digest", "0 7 * * mon", optional_cron);
        let mut recipients = Vec::new();
        for (text, origin) in to? {
            match mail_address(&text) {
                Ok(text) => recipients.push(text),
                Err(message) => reader.problem("notify.smtp.to", Some(origin), message),
            }
        }
        let smtp = match (smtp_url?, from, recipients) {
            (None, None, to) if to.is_empty() => None,
            (Some(url), Some(from), to) if !to.is_empty() => Some(Smtp { url, from, to }),
            (url, from, to) => {
                let absent = [
                    ("url", url.is_none()),
                    ("from", from.is_none()),
                    ("to", to.is_empty()),
                ];
                for (key, absent) in absent {
                    if absent {
                        let message = "is missing; mail needs `notify.smtp.url`, `from` and `to`";
                        reader.problem(&format!("notify.smtp.{key}"), None, message);
                    }
                }
                None
            }
        };
        let webhook = webhook_url?.map(|url| Webhook { url });
        Some(Self {
            smtp,
            webhook,
            digest: digest?,
        })
    }
}

#[expect(clippy::option_option, reason = "wrong, absent and present are three outcomes")]
fn secret_url(
    reader: &mut Reader,
    layers: &Layers,
    keys: &SecretKeys,
    schemes: &[&str],
) -> Option<Option<Secret>> {
    let Some((text, origin)) = reader.secret(layers, keys)? else {
        return Some(None);
    };
    let key = keys.value;
    if !schemes
        .iter()
        .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
    {
        reader.problem(
            key,
            Some(origin),
            format!("must be a URL that begins with {}", schemes.join(" or ")),
        );
        return None;
    }
    // A webhook's path is its key: nothing of it is noted but that it is set.
    let noted = if schemes.contains(&"https://") {
        "set".to_owned()
    } else {
        without_password(&text)
    };
    reader.note(key, &noted);
    Some(Some(Secret::new(text)))
}

fn mail_address(text: &str) -> Result<String, String> {
    match text.split_once('@') {
        Some((user, host))
            if !user.is_empty() && !host.is_empty() && !text.contains(char::is_control) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!(
            "must be a mail address such as it@plant.example, not `{text}`"
        )),
    }
}

/// `[reports]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reports {
    /// `reports.dir`: where reports are kept. Default `reports`, in the current directory.
    pub dir: PathBuf,
    /// `reports.mask`: names and phones are masked in mail and webhook. Default `false`.
    pub mask: bool,
}

impl Reports {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let dir = reader.parsed("reports.dir", "reports", |text| {
            non_empty(text).map(PathBuf::from)
        });
        let mask = reader.boolean("reports.mask", "false");
        Some(Self {
            dir: dir?,
            mask: mask?,
        })
    }
}

/// `[retention]`: how long the agent keeps its own records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// `retention.audit`. Default `730d`.
    pub audit: Duration,
    /// `retention.runs`. Default `180d`.
    pub runs: Duration,
    /// `retention.findings`: resolved findings. Default `365d`.
    pub findings: Duration,
}

impl Retention {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let audit = reader.duration("retention.audit", "730d", DAY, CENTURY);
        let runs = reader.duration("retention.runs", "180d", DAY, CENTURY);
        let findings = reader.duration("retention.findings", "365d", DAY, CENTURY);
        Some(Self {
            audit: audit?,
            runs: runs?,
            findings: findings?,
        })
    }
}

=======
>>>>>>> profile
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
        Some(Self {
            level: level?,
            format: format?,
        })
    }
}

pub(super) fn non_empty(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("must not be empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
