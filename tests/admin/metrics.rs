//! `/metrics`: what it counts, what it says without a database, and that the rules and the dashboard name
//! nothing else.

#![expect(clippy::float_cmp, reason = "counts and flags are whole")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::Watched;
use crate::support::proxy::{Proxy, Weather};
use crate::support::{Database, Dialect, Engine, Install, user};

on_every_database!(what_happens_is_counted);
on_servers!(a_scrape_answers_without_the_database);

/// The value of a sample.
fn sample(metrics: &str, name: &str) -> f64 {
    let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).parse().unwrap()
}

async fn what_happens_is_counted(engine: Engine) {
    let watched = Watched::start(engine).await;
    let agent = &watched.agent;
    let entra = agent.entra(Dialect::Classic);
    agent.client().post("/Users", &user("new@plant.example")).await.expect(201);
    agent.client().post("/Users", &user("new@plant.example")).await.expect(409);
    entra.match_user("line.one@plant.example").await.expect("a kpifire user");
    agent.client_with(Some("wrong")).get("/Users").await.expect(401);
    agent
        .database()
        .execute("UPDATE users SET title = 'Boss' WHERE email = 'new@plant.example'")
        .await;
    agent
        .database()
        .execute("UPDATE users SET status = 'Inactive' WHERE email = 'new@plant.example'")
        .await;
    agent.install.run(&["reconcile"]);

    let page = watched.get("/metrics").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: application/openmetrics-text; version=1.0.0"));
    let metrics = page.body;
    assert!(metrics.ends_with("# EOF\n"));
    let scim = "kpifire_scim_requests_total";
    for (labels, count) in [
        (r#"{route="/Users",method="POST",status="2xx"}"#, 1.0),
        (r#"{route="/Users",method="POST",status="4xx"}"#, 1.0),
        (r#"{route="none",method="GET",status="4xx"}"#, 1.0),
    ] {
        assert_eq!(sample(&metrics, &format!("{scim}{labels}")), count, "{labels}");
    }
    let bucket = r#"kpifire_scim_request_duration_seconds_bucket{le="+Inf",route="/Users"}"#;
    assert!(sample(&metrics, bucket) >= 3.0);
    assert_eq!(
        sample(&metrics, r#"kpifire_scim_authentication_failures_total{listener="scim"}"#),
        1.0
    );
    assert_eq!(sample(&metrics, "kpifire_scim_requests_in_flight"), 1.0, "the scrape itself");
    assert_eq!(sample(&metrics, "kpifire_scim_database_up"), 1.0);
    assert_eq!(sample(&metrics, r#"kpifire_scim_links{type="User",state="managed"}"#), 1.0);
    assert_eq!(sample(&metrics, r#"kpifire_scim_links{type="User",state="matched"}"#), 1.0);
    let finding = r#"kpifire_scim_findings_open{kind="wrongly_disabled",severity="warning"}"#;
    assert_eq!(sample(&metrics, finding), 1.0);
    assert_eq!(sample(&metrics, r#"kpifire_scim_last_run_verdict{verdict="DRIFT"}"#), 1.0);
    assert_eq!(sample(&metrics, r#"kpifire_scim_last_run_verdict{verdict="CLEAN"}"#), 0.0);
    assert_eq!(sample(&metrics, r#"kpifire_scim_guard_state{state="off"}"#), 1.0);
    let now = sample(&metrics, "kpifire_scim_last_contact_timestamp_seconds");
    assert!(sample(&metrics, "process_start_time_seconds") <= now + 61.0);
    assert!(sample(&metrics, "kpifire_scim_last_run_timestamp_seconds") >= now - 61.0);
    for job in ["reconcile", "cleanup"] {
        let next = format!(r#"kpifire_scim_next_run_timestamp_seconds{{job="{job}"}}"#);
        assert!(sample(&metrics, &next) > now);
    }
    let pool = if engine == Engine::Sqlite { "readers" } else { "all" };
    assert!(sample(&metrics, &format!(r#"kpifire_scim_pool_connections{{pool="{pool}"}}"#)) >= 1.0);
    for label in ["new@plant", "line.one", "wrong\""] {
        assert!(!metrics.contains(label), "{label} is nobody's business");
    }
    every_name_is_there(&metrics);
    let head = watched.send("HEAD", "/metrics").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(watched.send("POST", "/metrics").await.status, 405);
}

/// What alert rules and dashboard name is what `/metrics` has.
fn every_name_is_there(metrics: &str) {
    let there: BTreeSet<&str> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .chain(["kpifire_scim_certificate_expiry_timestamp_seconds"])
        .collect();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for file in ["prometheus/alerts.yml", "grafana/dashboard.json"] {
        let text = std::fs::read_to_string(config.join(file)).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let named: BTreeSet<&str> = words
            .filter(|it| it.starts_with("kpifire_scim_") || it.starts_with("process_"))
            .collect();
        assert!(named.len() > 8, "{file} names {named:?}");
        for name in named {
            assert!(there.contains(name), "{file} names {name}, which /metrics doesn't have");
        }
    }
}

#[test]
fn rules_and_dashboard_have_their_shape() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let rules = std::fs::read_to_string(config.join("prometheus/alerts.yml")).unwrap();
    let count =
        |what: &str| rules.lines().filter(|line| line.trim_start().starts_with(what)).count();
    let alerts = count("- alert:");
    assert!(alerts >= 8, "{alerts} alerts");
    for part in ["expr:", "severity:", "summary:", "description:"] {
        assert_eq!(count(part), alerts, "{part}");
    }
    let dashboard = std::fs::read_to_string(config.join("grafana/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        assert!(panel["title"].is_string() && panel["gridPos"]["w"].is_u64(), "{panel}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(targets.iter().all(|it| it["expr"].is_string()) && !targets.is_empty(), "{panel}");
        assert_eq!(panel["datasource"], json!({ "type": "prometheus", "uid": "${datasource}" }));
    }
}

async fn a_scrape_answers_without_the_database(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    let proxy = Proxy::to(install.database.server_address()).await;
    let url = install.database.url_through(proxy.address);
    install.configure(&format!("[database]\nurl = {url:?}\n"));
    let watched = Watched::on(install).await;
    assert_eq!(sample(&watched.page("/metrics").await, "kpifire_scim_database_up"), 1.0);

    for weather in [Weather::Cut, Weather::Deaf] {
        proxy.set(weather);
        // The figures may be some seconds old.
        let begun = std::time::Instant::now();
        let metrics = loop {
            let asked = std::time::Instant::now();
            let metrics = watched.page("/metrics").await;
            assert!(asked.elapsed().as_secs() < 8, "a scrape took {:?}", asked.elapsed());
            if sample(&metrics, "kpifire_scim_database_up") < 1.0 {
                break metrics;
            }
            assert!(begun.elapsed().as_secs() < 30, "the database still seems up");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        };
        assert!(!metrics.contains("kpifire_scim_links{"), "no figures are better than old ones");
        assert!(metrics.contains("kpifire_scim_requests_total{"));
        let pages = ["/", "/drift", "/cleanup", "/person?q=x", "/person?id=4", "/audit", "/tokens"];
        // One that waits for an answer says enough of waiting.
        let pages = if weather == Weather::Cut { &pages[..] } else { &pages[..1] };
        for path in pages {
            let page = watched.get(path).await;
            assert_eq!(page.status, 503, "{path}");
            assert!(page.head.contains("retry-after: 5"), "{}", page.head);
            assert!(page.body.contains("<h1>The database is down</h1>"), "{}", page.body);
        }
    }
    proxy.set(Weather::Fair);
    let begun = std::time::Instant::now();
    while sample(&watched.page("/metrics").await, "kpifire_scim_database_up") < 1.0 {
        assert!(begun.elapsed().as_secs() < 60, "the database doesn't come back");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
