//! `/`: whether provisioning is alive, at a glance.

use std::time::Duration;

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::next::{self, Todo};
use super::{Frame, Request, render, shown};
use crate::console::activity::{self, Cycle, Forecast, Minute, Minutes};
use crate::console::figures::{Figures, LastRun};
use crate::drift::Verdict;
use crate::http::response::Response;
use crate::presence;
use crate::report::html;
use crate::report::words::{age, number, plural};
use crate::service::guard::State;

/// Entra comes about every 40 minutes: after so long it is late.
const LATE: TimeDelta = TimeDelta::minutes(90);

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Page {
    frame: Frame,
    class: &'static str,
    word: &'static str,
    headline: String,
    sentence: String,
    todo: Vec<Todo>,
    /// Whether the guard has a limit that may be lifted for a time.
    guarded: bool,
    tiles: Vec<Tile>,
    cycle: Option<CycleView>,
    /// Users whom Entra knows, of so many, and the same in words.
    known: Option<(u64, u64, String)>,
    refusals: Vec<(String, String)>,
    run: Option<RunView>,
    facts: Vec<(&'static str, String)>,
    agents: Vec<Agent>,
    since: String,
}

struct Tile {
    label: &'static str,
    value: String,
    note: String,
    link: &'static str,
    class: &'static str,
}

struct CycleView {
    state: &'static str,
    facts: Vec<(&'static str, String)>,
}

struct RunView {
    class: &'static str,
    verdict: String,
    text: String,
    reasons: Vec<String>,
    counts: Vec<(&'static str, &'static str, String, String)>,
}

/// Makes it.
pub(in crate::admin) async fn page(request: &Request<'_>) -> Response {
    let admin = request.admin;
    let Some(figures) = admin.console.figures(request.now).await else {
        return request.unavailable();
    };
    let requests = admin.metrics.traffic.minutes();
    let minutes = activity::merged(&requests, &activity::of_writes(&figures.writes));
    let cycles = activity::cycles(&minutes);
    let cycle = cycles.last();
    let hour = activity::within(&minutes, request.now, 60);
    // A short last cycle says little: the hour has more.
    let judged = cycle.map(|it| it.seen).filter(|it| it.requests > hour.requests).unwrap_or(hour);
    let forecast = activity::forecast(judged);
    let (class, word, headline) = verdict(request, &figures, forecast);
    let before = cycles.len().checked_sub(2).and_then(|at| cycles.get(at));
    let page = Page {
        frame: request.frame("./", "Overview"),
        class,
        word,
        headline,
        sentence: quarantine(forecast, judged),
        todo: next::steps(request, &figures, forecast, judged),
        guarded: figures.guard.state != State::Off,
        tiles: tiles(request, &figures, &minutes, forecast, judged),
        cycle: cycle.map(|it| cycle_view(request, &figures, it, before)),
        known: known(&figures),
        refusals: refusals(&figures, request.now),
        run: figures.last_run.as_ref().map(|run| run_view(request, &figures, run)),
        facts: facts(request, &figures),
        agents: agents(request, &figures),
        since: request.when(admin.metrics.started),
    };
    render(200, &page)
}

/// The banner: its colour, its word and its sentence.
fn verdict(
    request: &Request<'_>,
    figures: &Figures,
    forecast: Forecast,
) -> (&'static str, &'static str, String) {
    let Some(contact) = figures.last_contact else {
        return ("drift", "WAITING", "Entra has never been heard of.".to_owned());
    };
    let silent = request.now - contact;
    let heard = format!("Entra was last heard of {}.", request.ago(contact));
    let stale = request.admin.console.settings().reconcile.stale_after;
    if TimeDelta::from_std(stale).is_ok_and(|stale| silent > stale) {
        ("incomplete", "SILENT", heard)
    } else if matches!(forecast, Forecast::Likely | Forecast::Expected) {
        ("incomplete", "FAILING", heard)
    } else if figures.guard.state == State::Refusing {
        let why = "The guard refuses that more users are disabled.";
        ("blocked", "GUARDED", format!("{heard} {why}"))
    } else if silent > LATE {
        let late = "It usually comes about every 40 minutes.";
        ("drift", "QUIET", format!("{heard} {late}"))
    } else {
        ("clean", "ALIVE", heard)
    }
}

fn quarantine(forecast: Forecast, seen: Minute) -> String {
    let share = format!("{} of {} calls failed", number(seen.failed), number(seen.requests));
    match forecast {
        Forecast::Unknown => "No calls within the last hour.".to_owned(),
        Forecast::Fine if seen.failed == 0 => "No call failed.".to_owned(),
        Forecast::Fine => format!("{share}."),
        Forecast::Worrying => format!("{share}: Entra quarantines a job when more than 40 % fail."),
        Forecast::Likely => format!(
            "{share}: more than 40 %. Entra quarantines the job once it has made some 5,000 calls."
        ),
        Forecast::Expected if seen.unauthorised == seen.requests => {
            "No call has a good token: Entra quarantines the job. Give it a new one.".to_owned()
        }
        Forecast::Expected => format!(
            "{share}: more than 40 %. Entra quarantines the job, and then comes once a day only."
        ),
    }
}

fn tiles(
    request: &Request<'_>,
    figures: &Figures,
    minutes: &Minutes,
    forecast: Forecast,
    judged: Minute,
) -> Vec<Tile> {
    let [quarter, hour] = [15, 60].map(|last| activity::within(minutes, request.now, last));
    let rate = |seen: Minute, minutes: u64| {
        let tenths = seen.requests * 10 / minutes;
        format!("{}.{} a minute, {}", number(tenths / 10), tenths % 10, failed(seen))
    };
    let open: u64 = figures.findings.values().sum();
    let critical = figures.findings.iter();
    let critical = critical.filter(|(kind, _)| kind.severity().as_str() == "critical");
    let critical: u64 = critical.map(|(_, count)| *count).sum();
    let (risk, class) = match forecast {
        Forecast::Unknown => ("not known", ""),
        Forecast::Fine => ("none", "good"),
        Forecast::Worrying => ("watch", "due"),
        Forecast::Likely => ("likely", "new"),
        Forecast::Expected => ("expected", "new"),
    };
    let failing = |seen: Minute| if seen.failed > 0 { "due" } else { "old" };
    vec![
        Tile {
            label: "Last 15 minutes",
            value: number(quarter.requests),
            note: rate(quarter, 15),
            link: "",
            class: failing(quarter),
        },
        Tile {
            label: "Last hour",
            value: number(hour.requests),
            note: rate(hour, 60),
            link: "",
            class: failing(hour),
        },
        Tile {
            label: "Quarantine risk",
            value: risk.to_owned(),
            note: format!(
                "{} % of {} failed",
                judged.failed_percent(),
                plural(judged.requests, "call")
            ),
            link: "",
            class,
        },
        Tile {
            label: "Open findings",
            value: number(open),
            note: format!("{} critical", number(critical)),
            link: "drift",
            class: if critical > 0 {
                "new"
            } else if open > 0 {
                "due"
            } else {
                "good"
            },
        },
    ]
}

fn failed(seen: Minute) -> String {
    if seen.failed == 0 {
        "none failed".to_owned()
    } else {
        format!("{} failed", number(seen.failed))
    }
}

fn cycle_view(
    request: &Request<'_>,
    figures: &Figures,
    cycle: &Cycle,
    before: Option<&Cycle>,
) -> CycleView {
    let under_way = cycle.under_way(request.now);
    let writes = figures.writes.iter();
    let writes: Vec<_> = writes.filter(|it| it.at.and_utc() >= cycle.began).collect();
    let more = figures.more_writes && writes.len() == figures.writes.len();
    let at_least = if more { "at least " } else { "" };
    let users = writes.iter().filter(|it| it.resource_type.as_deref() == Some("User")).count();
    let groups = writes.len() - users;
    let mut facts = vec![
        ("Began", format!("{} ({})", request.when(cycle.began), request.ago(cycle.began))),
        ("Requests", format!("{}, {}", number(cycle.seen.requests), failed(cycle.seen))),
        (
            "Rate",
            format!(
                "{} a minute over {}",
                number(cycle.seen.requests / cycle.minutes()),
                plural(cycle.minutes(), "minute")
            ),
        ),
        (
            "Written",
            format!(
                "{at_least}{} of users, {} of groups",
                plural(users as u64, "write"),
                number(groups as u64)
            ),
        ),
    ];
    if under_way && let Some(newest) = writes.first() {
        let phase = match newest.resource_type.as_deref() {
            Some("Group") => "groups and memberships, which come last",
            _ => "users, which come first",
        };
        facts.push(("Now at", phase.to_owned()));
    }
    if let Some(before) = before {
        let requests = plural(before.seen.requests, "request");
        let took = plural(before.minutes(), "minute");
        facts.push(("One before", format!("{requests} in {took}, {}", request.ago(before.last))));
    }
    CycleView { state: if under_way { "under way" } else { "over" }, facts }
}

fn known(figures: &Figures) -> Option<(u64, u64, String)> {
    let users = figures.last_run.as_ref()?.rows.users;
    let states = figures.links.get("User");
    let of = |state: &str| states.and_then(|it| it.get(state)).copied().unwrap_or_default();
    let known = of("managed") + of("matched");
    (users > 0).then(|| {
        let share = (known * 100 / users).min(100);
        let text = format!(
            "{} of {} that kpifire had at the last run ({share} %)",
            number(known),
            plural(users, "user")
        );
        (known.min(users), users, text)
    })
}

fn refusals(figures: &Figures, now: DateTime<Utc>) -> Vec<(String, String)> {
    let counted = activity::refusals(&figures.writes, now).into_iter().take(10);
    counted.map(|(reason, count)| (shown(&reason), number(count))).collect()
}

fn run_view(request: &Request<'_>, figures: &Figures, run: &LastRun) -> RunView {
    let counts = figures.findings.iter().filter(|(_, count)| **count > 0);
    RunView {
        class: run.verdict.parse::<Verdict>().map_or("", html::class),
        verdict: shown(&run.verdict),
        text: format!("{}, {}", request.when(run.finished), request.ago(run.finished)),
        reasons: run.reasons.iter().map(|reason| shown(reason)).collect(),
        counts: counts
            .map(|(kind, count)| {
                let link = super::link("drift", &[("kind", kind.as_str())]);
                (kind.as_str(), kind.severity().as_str(), number(*count), link)
            })
            .collect(),
    }
}

fn facts(request: &Request<'_>, figures: &Figures) -> Vec<(&'static str, String)> {
    let console = &request.admin.console;
    let guard = &figures.guard;
    let disabled = plural(guard.disabled, "user");
    let disabled = format!("{disabled} disabled or deleted within an hour");
    let mut facts = vec![(
        "Guard",
        match (guard.state, guard.allowed_until) {
            (State::Off, _) => format!("off: no limit is set; {disabled}"),
            (State::Watching, _) => format!("watching; {disabled}"),
            (State::Refusing, _) => format!(
                "refusing more: {disabled}. Is the scope in Entra right? If it is, `kpifire-scim \
                 guard allow` lets the rest through"
            ),
            (State::Allowed, at) => {
                let until =
                    at.map_or_else(String::new, |at| format!(" until {}", request.when(at)));
                format!("lets everything through{until}; {disabled}")
            }
        },
    )];
    let next = console.settings().next_runs(request.now);
    for (label, job) in [("Next run", "reconcile"), ("Cleanup", "cleanup")] {
        let at = next.iter().find(|(name, _)| *name == job).map(|(_, at)| *at);
        let text = at.map_or_else(
            || format!("not scheduled: schedule.{job} is empty"),
            |at| format!("{} (in {})", request.when(at), age(request.now, at)),
        );
        facts.push((label, text));
    }
    let policies = presence::policies(&figures.agents);
    if policies.len() > 1 {
        let listed = presence::listed(&policies);
        facts.push(("Warning", format!("{} ({})", presence::DISAGREE, shown(&listed))));
    }
    for (kind, states) in &figures.links {
        let states = states.iter().map(|(state, count)| format!("{} {state}", number(*count)));
        let label = if kind == "User" { "Users" } else { "Groups" };
        facts.push((label, states.collect::<Vec<_>>().join(", ")));
    }
    if let Some(at) = request.admin.metrics.certificate() {
        facts.push(("Certificate", format!("expires {}", request.when(at))));
    }
    facts
}

/// The daemons, with the jobs that each is at; and commands that are at one.
fn agents(request: &Request<'_>, figures: &Figures) -> Vec<Agent> {
    // A lease's holder is host, process and run: two runs of one process exclude each other.
    let process = |name: &str| name.rsplit_once('/').map(|(process, _)| process.to_owned());
    let jobs = |name: &str| {
        let held = figures.leases.iter().filter(|it| process(&it.holder) == process(name));
        held.map(|it| shown(&it.name)).collect::<Vec<_>>().join(", ")
    };
    let daemons = figures.agents.iter().map(|it| Agent {
        name: shown(&it.name),
        version: shown(&it.version),
        since: request.when(it.started.and_utc()),
        silent: presence::is_silent(it).then(|| {
            humantime::format_duration(Duration::from_secs(it.silent.as_secs())).to_string()
        }),
        jobs: jobs(&it.name),
    });
    let is_daemon = |name: &str| figures.agents.iter().any(|it| process(&it.name) == process(name));
    let commands = figures.leases.iter().filter(|it| !is_daemon(&it.holder)).map(|it| Agent {
        name: shown(&it.holder),
        version: "a command".to_owned(),
        since: String::new(),
        silent: None,
        jobs: shown(&it.name),
    });
    daemons.chain(commands).collect()
}

/// A row of the table of agents.
struct Agent {
    name: String,
    version: String,
    since: String,
    /// For how long, where it should have been heard of.
    silent: Option<String>,
    jobs: String,
}
