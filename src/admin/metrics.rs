//! `GET /metrics`: what the process counts, and the database's figures, in the `OpenMetrics` text format
//! or, for who asks for `text/plain`, in Prometheus's own.
//!
//! Owns the metrics' names, which alert rules and dashboards rely on: `config/prometheus/alerts.yml`
//! and `config/grafana/dashboard.json` go with them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::header::{ACCEPT, HeaderValue, VARY};
use hyper::{HeaderMap, Method, StatusCode};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use strum::VariantArray as _;

use super::traffic::Traffic;
use crate::console::Console;
use crate::console::figures::Figures;
use crate::drift::{Kind, Verdict};
use crate::http::response::{self, Response};
use crate::http::{Surface, oauth, router};
use crate::log_queue;
use crate::presence;
use crate::scim::ResourceType;
use crate::service::{Absence, guard};

type Labels = Vec<(&'static str, String)>;
/// A gauge of a fraction or a time: Unix seconds.
type Seconds = Gauge<f64, AtomicU64>;

/// The route of a request that leads nowhere, or that was refused before that was asked.
pub const NO_ROUTE: &str = "none";

/// Upper bounds in seconds: Entra gives up after 60.
const BUCKETS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Classes of status that a route's counter has from the start.
const STATUSES: [&str; 3] = ["2xx", "4xx", "5xx"];

/// What the process counts since its start.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    unauthorised: Family<Labels, Counter>,
    /// When the listener's certificate expires, in Unix seconds; 0 without one.
    certificate: AtomicI64,
    /// When the process began to serve.
    pub(super) started: DateTime<Utc>,
    /// SCIM requests by the minute.
    pub(super) traffic: Traffic,
}

/// A request as it was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Where it came in.
    pub surface: Surface,
    /// The route's template.
    pub route: &'static str,
    /// Its method.
    pub method: &'a Method,
    /// The answer's status.
    pub status: StatusCode,
    /// How long the answer took.
    pub took: Duration,
    /// When it was asked, as its audit row says.
    pub at: DateTime<Utc>,
}

impl Metrics {
    /// Everything at zero.
    pub fn new(started: DateTime<Utc>) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            unauthorised: Family::default(),
            certificate: AtomicI64::new(0),
            started,
            traffic: Traffic::default(),
        };
        for listener in [Surface::Scim, Surface::Admin] {
            drop(metrics.unauthorised.get_or_create_owned(&listener_label(listener)));
        }
        metrics.begin_at_zero();
        let registry = &mut metrics.registry;
        registry.register(
            "kpifire_scim_requests",
            "Requests answered, by route, method and class of status",
            metrics.requests.clone(),
        );
        registry.register(
            "kpifire_scim_request_duration_seconds",
            "Time to the answer, by route",
            metrics.durations.clone(),
        );
        registry.register(
            "kpifire_scim_requests_in_flight",
            "Requests under way",
            metrics.in_flight.clone(),
        );
        registry.register(
            "kpifire_scim_authentication_failures",
            "Requests answered 401, by listener",
            metrics.unauthorised.clone(),
        );
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        labelled(registry, "kpifire_scim_build_info", "The version that runs", [(version, 1.0)]);
        single(
            registry,
            "process_start_time_seconds",
            "When the process began to serve",
            Some(started),
        );
        metrics
    }

    /// Makes the series of every SCIM route. Of a series that begins with a burst, Prometheus sees no
    /// increase: the first failures would raise no alarm.
    fn begin_at_zero(&self) {
        let refused = ["GET", "POST", "PUT", "PATCH", "DELETE"].map(|method| (method, NO_ROUTE));
        let routes = router::routes().chain(refused).chain([("POST", oauth::TOKEN)]);
        for (method, route) in routes {
            for status in STATUSES {
                drop(self.requests.get_or_create_owned(&request_labels(route, method, status)));
            }
            drop(self.durations.get_or_create_owned(&vec![("route", route.to_owned())]));
        }
    }

    /// Counts a request as under way until what is returned is dropped.
    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts an answer.
    pub fn answered(&self, answered: &Answered<'_>) {
        let status = format!("{}xx", answered.status.as_u16() / 100);
        let labels = request_labels(answered.route, method(answered.method), &status);
        self.requests.get_or_create(&labels).inc();
        let route = vec![("route", answered.route.to_owned())];
        self.durations.get_or_create(&route).observe(answered.took.as_secs_f64());
        if answered.status == StatusCode::UNAUTHORIZED {
            self.unauthorised.get_or_create(&listener_label(answered.surface)).inc();
        }
        if answered.surface == Surface::Scim && !answered.route.ends_with('z') {
            self.traffic.note(answered.at, answered.status);
        }
    }

    /// Says when the certificate of the listener expires; said again whenever another one is loaded.
    pub fn certificate_expires(&self, not_after: DateTime<Utc>) {
        self.certificate.store(not_after.timestamp(), Ordering::Relaxed);
    }

    /// When the certificate of the listener expires; `None` without TLS.
    pub fn certificate(&self) -> Option<DateTime<Utc>> {
        let seconds = self.certificate.load(Ordering::Relaxed);
        DateTime::from_timestamp(seconds, 0).filter(|_| seconds != 0)
    }

    /// `GET /metrics`: always answers, whatever the database does, in the format that the request's
    /// headers prefer.
    pub async fn render(
        &self,
        console: &Console,
        headers: &HeaderMap,
        now: DateTime<Utc>,
    ) -> Response {
        let figures = console.figures(now).await;
        let mut registry = Registry::default();
        self.of_the_process(&mut registry, console, now);
        let up = f64::from(u8::from(figures.is_some()));
        labelled(
            &mut registry,
            "kpifire_scim_database_up",
            "Whether the database gives the figures below",
            [(Labels::new(), up)],
        );
        if let Some(figures) = figures {
            of_the_database(&mut registry, &figures);
        }
        let mut body = String::new();
        let format = Format::wanted(headers);
        // Writing into a String can't fail.
        let written = match format {
            Format::OpenMetrics => text::encode_registry(&mut body, &self.registry)
                .and_then(|()| text::encode_registry(&mut body, &registry))
                .and_then(|()| text::encode_eof(&mut body)),
            Format::Plain => prometheus_text::encode(&mut body, &self.registry)
                .and_then(|()| prometheus_text::encode(&mut body, &registry)),
        };
        let media_type = match format {
            Format::OpenMetrics => OPEN_METRICS,
            Format::Plain => PLAIN,
        };
        match written {
            Ok(()) => {
                let mut response = response::with_body(200, media_type, body);
                response.headers_mut().insert(VARY, HeaderValue::from_name(ACCEPT));
                response
            }
            Err(_) => response::empty(500),
        }
    }

    fn of_the_process(&self, registry: &mut Registry, console: &Console, now: DateTime<Utc>) {
        let pools = console.pools();
        let mut pool = |name: &str, help: &str, of: fn(&crate::console::PoolStatus) -> usize| {
            let values = pools.iter().map(|it| (vec![("pool", it.pool.to_owned())], count(of(it))));
            labelled(registry, name, help, values);
        };
        pool("kpifire_scim_pool_connections_max", "Connections at most", |it| it.max);
        pool("kpifire_scim_pool_connections", "Connections that are open", |it| it.size);
        pool("kpifire_scim_pool_connections_idle", "Connections that nobody uses", |it| it.idle);
        pool("kpifire_scim_pool_waiting", "Requests that wait for a connection", |it| it.waiting);
        let ignored = Family::<Labels, Counter>::default();
        for ((kind, attribute), requests) in console.ignored() {
            let labels = vec![("type", kind.as_str().to_owned()), ("attribute", attribute)];
            ignored.get_or_create(&labels).inc_by(requests);
        }
        registry.register(
            "kpifire_scim_ignored_attributes",
            "Requests that named an attribute which no schema knows, by attribute",
            ignored,
        );
        let lost = Counter::<u64>::default();
        lost.inc_by(log_queue::lost());
        registry.register(
            "kpifire_scim_log_lines_lost",
            "Lines of the log that nobody took in time",
            lost,
        );
        let absent = Family::<Labels, Counter>::default();
        let counts = console.members_left_out();
        for absence in Absence::VARIANTS {
            let labels = vec![("why", absence.as_str().to_owned())];
            absent.get_or_create(&labels).inc_by(counts.get(absence).copied().unwrap_or_default());
        }
        registry.register(
            "kpifire_scim_members_left_out",
            "Members that clients named and that are no live users, by why",
            absent,
        );
        single(
            registry,
            "kpifire_scim_certificate_expiry_timestamp_seconds",
            "When the listener's certificate expires",
            self.certificate(),
        );
        let next = console.settings().next_runs(now).into_iter();
        labelled(
            registry,
            "kpifire_scim_next_run_timestamp_seconds",
            "When the schedule next runs a job",
            next.map(|(job, at)| (vec![("job", job.to_owned())], seconds(at))),
        );
    }
}

/// What a scrape is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `application/openmetrics-text`, version 1.0.0.
    OpenMetrics,
    /// `text/plain`, version 0.0.4: Prometheus's own, for tools that know no other.
    Plain,
}

impl Format {
    /// The one that `Accept` prefers (RFC 9110 §12.5.1); `OpenMetrics` where it doesn't say.
    fn wanted(headers: &HeaderMap) -> Self {
        let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let accept = accept.collect::<Vec<_>>().join(",");
        let weight = |names: [&str; 3]| {
            let of = |name: &&str| accept.split(',').find_map(|range| weight_of(range, name));
            names.iter().find_map(of).unwrap_or_default()
        };
        let open_metrics = weight(["application/openmetrics-text", "application/*", "*/*"]);
        if weight(["text/plain", "text/*", "*/*"]) > open_metrics {
            Self::Plain
        } else {
            Self::OpenMetrics
        }
    }
}

/// The weight, in thousandths, of a media range of this name.
fn weight_of(range: &str, name: &str) -> Option<u16> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(name) {
        return None;
    }
    let weight = parts.find_map(|it| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")));
    let weight: f64 = weight.map_or(Some(1.0), |it| it.parse().ok())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1000"
    )]
    Some((weight.clamp(0.0, 1.0) * 1000.0) as u16)
}

fn of_the_database(registry: &mut Registry, figures: &Figures) {
    let links = ResourceType::ALL.into_iter().flat_map(|kind| {
        ["matched", "managed", "deleted"].map(|state| {
            let count = figures.links.get(kind.as_str()).and_then(|states| states.get(state));
            let labels = vec![("type", kind.as_str().to_owned()), ("state", state.to_owned())];
            (labels, whole(count.copied().unwrap_or_default()))
        })
    });
    labelled(registry, "kpifire_scim_links", "Resources that Entra knows, by state", links);
    let findings = Kind::ALL.iter().map(|&kind| {
        let severity = kind.severity().as_str().to_owned();
        let labels = vec![("kind", kind.as_str().to_owned()), ("severity", severity)];
        (labels, whole(figures.findings.get(&kind).copied().unwrap_or_default()))
    });
    let help = "Open findings of the reconciler that nobody ignores, by kind";
    labelled(registry, "kpifire_scim_findings_open", help, findings);
    let run = figures.last_run.as_ref();
    since(
        registry,
        "kpifire_scim_last_run_timestamp_seconds",
        "When the reconciler's last run was over; 0 before the first one",
        run.map(|run| run.finished),
    );
    let verdicts = [Verdict::Clean, Verdict::Drift, Verdict::Incomplete, Verdict::Blocked];
    let verdicts = verdicts.map(|verdict| {
        let is = run.is_some_and(|run| verdict.as_str() == run.verdict);
        (vec![("verdict", verdict.as_str().to_owned())], f64::from(u8::from(is)))
    });
    let help = "The verdict of the reconciler's last run: 1 for the one it has";
    labelled(registry, "kpifire_scim_last_run_verdict", help, verdicts);
    since(
        registry,
        "kpifire_scim_last_contact_timestamp_seconds",
        "When a client that provisions was last heard of, to the minute; 0 before the first time",
        figures.last_contact,
    );
    labelled(
        registry,
        "kpifire_scim_cleanup_policies",
        "Different settings that the running agents decide about cleanup by: more than 1 is a mistake",
        [(Labels::new(), count(presence::policies(&figures.agents).len()))],
    );
    let states = guard::State::VARIANTS.iter().map(|state| {
        let is = *state == figures.guard.state;
        (vec![("state", state.as_str().to_owned())], f64::from(u8::from(is)))
    });
    let help = "How the guard against mass disabling stands: 1 for the state it is in";
    labelled(registry, "kpifire_scim_guard_state", help, states);
    labelled(
        registry,
        "kpifire_scim_guard_disabled_users",
        "Users whom clients disabled or deleted within the last hour",
        [(Labels::new(), whole(figures.guard.disabled))],
    );
}

/// A request under way.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn labelled(
    registry: &mut Registry,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Labels, f64)>,
) {
    let family = Family::<Labels, Seconds>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
    }
    registry.register(name, help, family);
}

/// A time; nothing at all where there is none.
fn single(registry: &mut Registry, name: &str, help: &str, at: Option<DateTime<Utc>>) {
    if let Some(at) = at {
        labelled(registry, name, help, [(Labels::new(), seconds(at))]);
    }
}

/// A time that is there from the start: 0 while there is none.
fn since(registry: &mut Registry, name: &str, help: &str, at: Option<DateTime<Utc>>) {
    labelled(registry, name, help, [(Labels::new(), at.map_or(0.0, seconds))]);
}

fn request_labels(route: &str, method: &str, status: &str) -> Labels {
    [("route", route), ("method", method), ("status", status)]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
}

fn listener_label(surface: Surface) -> Labels {
    let name = match surface {
        Surface::Scim => "scim",
        Surface::Admin => "admin",
    };
    vec![("listener", name.to_owned())]
}

/// The method, if it is one of HTTP's own: a client may make up as many as it likes.
fn method(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if known.contains(method) { method.as_str() } else { "other" }
}

#[expect(clippy::cast_precision_loss, reason = "times and counts are far below 2^52")]
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn whole(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_plain_text_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, wanted) in [
            (None, Format::OpenMetrics),
            (Some("*/*"), Format::OpenMetrics),
            (Some(prometheus), Format::OpenMetrics),
            (Some("application/json"), Format::OpenMetrics),
            (Some("text/html, */*;q=0.8"), Format::OpenMetrics),
            (Some("text/plain"), Format::Plain),
            (Some("text/plain;version=0.0.4"), Format::Plain),
            (Some("TEXT/PLAIN; Q=0.9, application/openmetrics-text;q=0.2"), Format::Plain),
            (Some("text/*, application/*;q=0.5"), Format::Plain),
            (Some("application/openmetrics-text;q=0, */*"), Format::Plain),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(Format::wanted(&headers), wanted, "{accept:?}");
        }
    }
}
