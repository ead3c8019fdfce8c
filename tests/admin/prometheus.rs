//! Prometheus itself, of another make: the rules fire when they should and at no other time, with calls
//! that come as Entra's do; it reads `/metrics` in both of its formats; and the dashboard's queries find
//! what they ask for.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Watched;
use crate::support::{Dialect, Engine};

const RULES: &str = "config/prometheus/alerts.yml";

fn of_the_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!(
            "{program} doesn't start ({error}): this test wants Prometheus; install it \
             (apt-get install prometheus) or run `tests/run test` as root"
        )
    })
}

/// What a series is, minute by minute, in promtool's words: bursts begin at 0:10, and from then on every
/// 40 minutes.
fn bursts(of: u32) -> String {
    let steps = (1..=8).map(|burst| format!("{}+0x39", burst * of));
    std::iter::once("0+0x9".to_owned()).chain(steps).collect::<Vec<_>>().join(" ")
}

/// A time that is said anew at each burst.
fn told_at_bursts() -> String {
    let steps = (0..8).map(|burst| format!("{}+0x39", 600 + burst * 2400));
    std::iter::once("0+0x9".to_owned()).chain(steps).collect::<Vec<_>>().join(" ")
}

const CALLS: &str = "kpifire_scim_requests_total";
const TOOK: &str = "kpifire_scim_request_duration_seconds";

/// What Prometheus has of an agent that Entra calls so often in a burst; some of them fail, some take
/// five seconds.
#[derive(Debug, Clone)]
struct Series(Vec<(String, String)>);

impl Series {
    fn of(calls: u32, refused: u32, failed: u32, slow: u32) -> Self {
        let mut series = Self(Vec::new());
        let good = calls - refused - failed;
        for (status, count) in [("2xx", good), ("4xx", refused), ("5xx", failed)] {
            let labels = format!(r#"{{route="/Users",method="POST",status="{status}"}}"#);
            series.set(&format!("{CALLS}{labels}"), &bursts(count));
        }
        // Scrapes and a browser are no calls of Entra's.
        for route in ["/metrics", "/readyz", "/drift"] {
            let labels = format!(r#"{{route="{route}",method="GET",status="2xx"}}"#);
            series.set(&format!("{CALLS}{labels}"), "0+60x300");
        }
        for (le, count) in
            [("0.5", calls - slow), ("2.5", calls - slow), ("10.0", calls), ("+Inf", calls)]
        {
            let labels = format!(r#"{{route="/Users",le="{le}"}}"#);
            series.set(&format!("{TOOK}_bucket{labels}"), &bursts(count));
        }
        series.set(&format!(r#"{TOOK}_count{{route="/Users"}}"#), &bursts(calls));
        for (name, values) in [
            ("up", "1+0x300"),
            ("process_start_time_seconds", "0+0x300"),
            ("kpifire_scim_database_up", "1+0x300"),
            ("kpifire_scim_last_contact_timestamp_seconds", &told_at_bursts()),
            ("kpifire_scim_last_run_timestamp_seconds", "0+0x300"),
            (r#"kpifire_scim_last_run_verdict{verdict="CLEAN"}"#, "1+0x300"),
            (r#"kpifire_scim_last_run_verdict{verdict="INCOMPLETE"}"#, "0+0x300"),
            (r#"kpifire_scim_authentication_failures_total{listener="scim"}"#, "0+0x300"),
            (r#"kpifire_scim_pool_waiting{pool="all"}"#, "0+0x300"),
            (r#"kpifire_scim_findings_open{kind="recycled",severity="critical"}"#, "0+0x300"),
            (r#"kpifire_scim_findings_open{kind="attribute",severity="warning"}"#, "7+0x300"),
            (r#"kpifire_scim_guard_state{state="refusing"}"#, "0+0x300"),
            ("kpifire_scim_cleanup_policies", "1+0x300"),
            ("kpifire_scim_certificate_expiry_timestamp_seconds", "9000000+0x300"),
        ] {
            series.set(name, values);
        }
        series
    }

    /// One series is another.
    fn but(mut self, name: &str, values: &str) -> Self {
        assert!(self.0.iter().any(|(it, _)| it == name), "{name}");
        self.set(name, values);
        self
    }

    fn set(&mut self, name: &str, values: &str) {
        self.0.retain(|(it, _)| it != name);
        self.0.push((name.to_owned(), values.to_owned()));
    }

    /// With the labels that Prometheus adds.
    fn to_json(&self) -> Value {
        let of_target = r#"job="kpifire-scim",instance="plant:9642""#;
        let series = self.0.iter().map(|(name, values)| {
            let name = match name.strip_suffix('}') {
                Some(labelled) => format!("{labelled},{of_target}}}"),
                None => format!("{name}{{{of_target}}}"),
            };
            json!({ "series": name, "values": values })
        });
        series.collect()
    }
}

/// A test for promtool, and which alerts fire in it.
struct Case {
    test: Value,
    fires: Vec<String>,
}

/// Which alerts fire at a time, in minutes; `interval` is how far a series' values lie apart.
fn case(name: &str, interval: &str, series: &Series, fires: &[(u32, &[&str])]) -> Case {
    let expected = fires.iter().map(|(minute, alerts)| {
        let samples: Vec<_> = alerts
            .iter()
            .map(|alert| {
                let labels = format!(r#"{{alertname="KpifireScim{alert}"}}"#);
                json!({ "labels": labels, "value": 1 })
            })
            .collect();
        json!({
            "expr": r#"count by (alertname) (ALERTS{alertstate="firing"})"#,
            "eval_time": format!("{minute}m"),
            "exp_samples": samples,
        })
    });
    let test = json!({
        "name": name,
        "interval": interval,
        "input_series": series.to_json(),
        "promql_expr_test": expected.collect::<Vec<_>>(),
    });
    let fires = fires.iter().flat_map(|(_, alerts)| *alerts).map(ToString::to_string).collect();
    Case { test, fires }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for calls in [20, 100, 1000] {
        let well = Series::of(calls, calls / 20, 0, calls / 50);
        let name = |what: &str| format!("{calls} calls: {what}");
        cases.push(case(&name("well"), "1m", &well, &[(9, &[]), (12, &[]), (95, &[]), (140, &[])]));
        // From the first burst on, in the pauses too.
        let refused = Series::of(calls, calls * 3 / 10, 0, 0);
        let at: &[&str] = &["CallsFail"];
        cases.push(case(
            &name("refused"),
            "1m",
            &refused,
            &[(9, &[]), (12, at), (48, at), (95, at)],
        ));
        let failed = Series::of(calls, 0, calls * 3 / 10, 0);
        let at: &[&str] = &["CallsFail", "ServerErrors"];
        cases.push(case(&name("failed"), "1m", &failed, &[(9, &[]), (12, at), (48, at), (95, at)]));
        let slow = Series::of(calls, 0, 0, calls / 10);
        let at: &[&str] = &["Slow"];
        cases.push(case(&name("slow"), "1m", &slow, &[(9, &[]), (12, at), (48, at), (95, at)]));
    }
    let mended = Series::of(100, 0, 0, 0)
        .but(&format!(r#"{CALLS}{{route="/Users",method="POST",status="5xx"}}"#), "0+0x9 30+0x300");
    let at: &[&str] = &["ServerErrors"];
    let at_first: &[&str] = &["CallsFail", "ServerErrors"];
    cases.push(case("mended", "1m", &mended, &[(12, at_first), (60, at), (110, &[])]));
    let few = Series::of(20, 0, 1, 0);
    cases.push(case("one failure a burst", "1m", &few, &[(12, &[]), (95, &[])]));

    let well = || Series::of(20, 0, 0, 0);
    let contact = "kpifire_scim_last_contact_timestamp_seconds";
    let silent: &[&str] = &["EntraSilent"];
    let once = well().but(contact, "0+0x9 600+0x300");
    cases.push(case("silent", "1m", &once, &[(245, &[]), (265, silent)]));
    let never = well().but(contact, "0+0x300");
    cases.push(case("never heard of", "1m", &never, &[(235, &[]), (255, silent)]));
    for (name, values, minute, before, alert) in [
        ("up", "1+0x20 0+0x100", 27, 24, "Down"),
        ("kpifire_scim_database_up", "1+0x20 0+0x100", 25, 22, "DatabaseDown"),
        (
            r#"kpifire_scim_authentication_failures_total{listener="scim"}"#,
            "0+0x20 30+0x100",
            22,
            20,
            "AuthenticationFailures",
        ),
        (r#"kpifire_scim_pool_waiting{pool="all"}"#, "0+0x20 3+0x100", 27, 24, "PoolWaits"),
        (
            r#"kpifire_scim_findings_open{kind="recycled",severity="critical"}"#,
            "0+0x20 1+0x100",
            22,
            20,
            "CriticalFinding",
        ),
        (
            r#"kpifire_scim_last_run_verdict{verdict="INCOMPLETE"}"#,
            "0+0x20 1+0x100",
            22,
            20,
            "RunFailed",
        ),
        (r#"kpifire_scim_guard_state{state="refusing"}"#, "0+0x20 1+0x100", 22, 20, "GuardRefuses"),
        ("kpifire_scim_cleanup_policies", "1+0x20 2+0x100", 32, 29, "AgentsDisagree"),
        (
            "kpifire_scim_certificate_expiry_timestamp_seconds",
            "9000000+0x20 1000000+0x100",
            85,
            75,
            "CertificateExpires",
        ),
    ] {
        let series = well().but(name, values);
        cases.push(case(alert, "1m", &series, &[(before, &[]), (minute, &[alert])]));
    }
    // Days, in steps of four minutes: a sample counts for five.
    let days = Series(vec![
        ("up".to_owned(), "1+0x800".to_owned()),
        ("process_start_time_seconds".to_owned(), "0+0x800".to_owned()),
        ("kpifire_scim_last_run_timestamp_seconds".to_owned(), "0+0x50 12000+0x750".to_owned()),
    ]);
    let no_run: &[&str] = &["NoRun"];
    cases.push(case("no run", "4m", &days, &[(3120, &[]), (3160, no_run)]));
    // Where none ever was, the time counts from the start: two days less twenty minutes before.
    let never = Series::of(20, 0, 0, 0)
        .but("kpifire_scim_last_run_timestamp_seconds", "0+0x300")
        .but("process_start_time_seconds", "-171600+0x300");
    cases.push(case("never a run", "1m", &never, &[(75, &[]), (85, no_run)]));
    let nothing = Series(Vec::new());
    cases.push(case("no target", "1m", &nothing, &[(4, &[]), (6, &["Absent"])]));
    cases
}

/// `promtool test rules` with these rules.
fn tested(folder: &Path, rules: &str, cases: &[Value]) -> Output {
    std::fs::write(folder.join("alerts.yml"), rules).unwrap();
    // JSON is YAML.
    let tests = json!({
        "rule_files": ["alerts.yml"],
        "evaluation_interval": "1m",
        "tests": cases,
    });
    let file = folder.join("tests.yml");
    std::fs::write(&file, tests.to_string()).unwrap();
    run("promtool", &["test", "rules", file.to_str().unwrap()])
}

#[test]
fn alerts_fire_when_they_should() {
    let folder = TempDir::new().unwrap();
    let rules = std::fs::read_to_string(of_the_project(RULES)).unwrap();
    let cases: Vec<Value> = cases().into_iter().map(|case| case.test).collect();
    let output = tested(folder.path(), &rules, &cases);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_broken_rule_is_noticed() {
    let folder = TempDir::new().unwrap();
    let rules = std::fs::read_to_string(of_the_project(RULES)).unwrap();
    let cases = cases();
    let mut alert = "";
    let mut alerts = 0;
    for (number, line) in rules.lines().enumerate() {
        if let Some(name) = line.trim_start().strip_prefix("- alert: KpifireScim") {
            alert = name;
        }
        let Some(expression) = line.trim_start().strip_prefix("expr: ") else { continue };
        alerts += 1;
        let case = cases.iter().find(|case| case.fires.iter().any(|it| it == alert));
        let case = case.unwrap_or_else(|| panic!("nothing lets {alert} fire"));
        // Never; always; and of a metric that nobody has.
        let misspelt = expression.replace("kpifire_scim_", "kpifire_scin_");
        let misspelt = misspelt.replacen("(up{", "(upp{", 1).replacen("'up{", "'upp{", 1);
        for broken in ["'vector(1) > 2'", "'vector(1)'", &misspelt] {
            let indent = &line[..line.len() - line.trim_start().len()];
            let mut lines: Vec<_> = rules.lines().map(str::to_owned).collect();
            lines[number] = format!("{indent}expr: {broken}");
            // What always fires does so while all is well.
            let case = if broken == "'vector(1)'" { &cases[0] } else { case };
            let output = tested(folder.path(), &lines.join("\n"), std::slice::from_ref(&case.test));
            // `absent` of what nobody has is as true as of what isn't there.
            let is_as_good = alert == "Absent" && broken == misspelt;
            assert_eq!(output.status.success(), is_as_good, "{broken} for {expression}");
        }
    }
    assert!(alerts >= 14, "{alerts} alerts");
}

/// A Prometheus of its own, which scrapes one address.
struct Prometheus {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Prometheus {
    fn scraping(target: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let address = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().to_string()
        };
        let rules = of_the_project(RULES);
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules],
            "scrape_configs": [{
                "job_name": "kpifire-scim",
                "static_configs": [{ "targets": [target] }],
            }],
        });
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config.to_string()).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let data = folder.path().join("data");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus doesn't start ({error}): install it"));
        Self { child, address, _folder: folder }
    }

    /// What a query finds, a line a sample; `None` when it fails.
    fn query(&self, query: &str) -> Option<String> {
        let output =
            run("promtool", &["query", "instant", &format!("http://{}", self.address), query]);
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboards_queries_find_what_they_ask_for() {
    let watched = Watched::start(Engine::Sqlite).await;
    let entra = watched.agent.entra(Dialect::Classic);
    entra.match_user("line.one@plant.example").await.expect("a kpifire user");
    watched.agent.client_with(Some("wrong")).get("/Users").await.expect(401);
    watched.agent.install.run(&["reconcile"]);
    let prometheus = Prometheus::scraping(&watched.admin);
    let begun = Instant::now();
    // A rate wants two scrapes.
    let scrapes = "count_over_time(kpifire_scim_links{type=\"User\",state=\"matched\"}[1m]) > 3";
    while prometheus.query(scrapes).is_none_or(|found| found.is_empty()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "Prometheus doesn't scrape");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let text = std::fs::read_to_string(of_the_project("config/grafana/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap().replace("$instance", ".*");
            let found = prometheus.query(&query).unwrap_or_else(|| panic!("{query} fails"));
            // No certificate, no finding: there is nothing to be shown of those.
            let may_be_empty = query.contains("certificate") || query.contains("findings_open");
            assert!(may_be_empty || !found.is_empty(), "nothing for {query}");
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked} queries");
    let firing = prometheus.query(r#"ALERTS{alertstate="firing"}"#).expect("an answer");
    assert_eq!(firing, "", "an agent that is well raises no alarm");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_are_what_they_say() {
    let watched = Watched::start(Engine::Sqlite).await;
    watched.agent.client().get("/Users").await.expect(200);
    let get = |accept: &str| {
        let output = run(
            "curl",
            &[
                "-si",
                "-H",
                &format!("Accept: {accept}"),
                &format!("http://{}/metrics", watched.admin),
            ],
        );
        String::from_utf8(output.stdout).unwrap()
    };
    // What a first scrape counts is in the second.
    get("text/plain");
    let plain = get("text/plain");
    let (head, body) = plain.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(head.contains("vary: accept") && !body.contains("# EOF"), "{head}");
    assert!(body.contains("# TYPE kpifire_scim_requests_total counter\n"), "{body}");
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut check.stdin.take().unwrap(), body.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let open = get("application/openmetrics-text; version=1.0.0");
    assert!(open.contains("content-type: application/openmetrics-text"), "{open}");
    // The same samples, whatever their form.
    let names = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with("kpifire_scim_"));
        lines
            .map(|line| line.split([' ', '{']).next().unwrap().to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(body), names(&open));
    assert!(body.contains("kpifire_scim_last_run_timestamp_seconds 0"), "{body}");
    assert!(body.contains("kpifire_scim_last_contact_timestamp_seconds "), "{body}");
}
