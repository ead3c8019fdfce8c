//! OAuth 2.0 client credentials (RFC 6749 §4.4): what the token endpoint takes, gives and refuses, and
//! when what it gave ends.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::support::agent::Server;
use crate::support::proxy::{Proxy, Weather};
use crate::support::{Agent, Client, Database, Engine, Install, user};

on_every_database!(
    a_clients_token_provisions,
    every_refusal_has_oauths_shape,
    revoking_a_client_ends_its_tokens,
    rotating_a_client_ends_its_tokens_and_its_secret,
    tokens_and_clients_end_when_they_expire,
    agents_share_tokens,
    a_client_has_a_hundred_tokens_at_most,
    tokens_issued_at_once_all_work,
    wrong_secrets_are_slowed_down_and_the_right_one_is_not_shut_out,
    neither_secret_nor_token_is_stored_or_logged,
);
on_servers!(without_a_database_the_client_is_told_to_wait);

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "grant_type=client_credentials";

struct Credentials {
    id: String,
    secret: String,
}

impl Credentials {
    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }

    fn body(&self) -> String {
        format!("{GRANT}&client_id={}&client_secret={}", self.id, self.secret)
    }
}

fn client(install: &Install, name: &str, more: &[&str]) -> Credentials {
    credentials(&install.stdout(&[&["client", "create", "--name", name], more].concat()))
}

fn credentials(printed: &str) -> Credentials {
    let value = |line: Option<&str>, name: &str| {
        line.and_then(|line| line.strip_prefix(name)).expect(name).to_owned()
    };
    let mut lines = printed.lines();
    let id = value(lines.next(), "client_id: ");
    let secret = value(lines.next(), "client_secret: ");
    assert_eq!(lines.next(), None);
    Credentials { id, secret }
}

#[derive(Debug)]
struct Said {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Said {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn token(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.body["access_token"].as_str().unwrap().to_owned()
    }
}

/// A request to the token endpoint, and what holds for all its answers.
async fn ask(
    server: &Server,
    method: &str,
    query: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Said {
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{}/oauth/token{query}", server.address);
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let (head, body) = http.request(request).await.unwrap().into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&text).unwrap_or_default();
    let said = Said { status: head.status.as_u16(), headers: head.headers, body };
    assert_eq!(said.header("cache-control"), "no-store", "{said:?}");
    assert_eq!(said.header("pragma"), "no-cache", "{said:?}");
    assert_eq!(said.header("content-type"), "application/json", "{said:?}");
    said
}

async fn by_body(server: &Server, credentials: &Credentials) -> Said {
    ask(server, "POST", "", &[("content-type", FORM)], &credentials.body()).await
}

async fn by_basic(server: &Server, credentials: &Credentials) -> Said {
    let headers = [("content-type", FORM), ("authorization", &credentials.basic())];
    ask(server, "POST", "", &headers, GRANT).await
}

fn with(server: &Server, token: &str) -> Client {
    Client::new(&server.base(), Some(token))
}

/// Checks may be cached for five seconds.
async fn refused_within_the_cache(client: &Client) {
    let started = Instant::now();
    while client.get("/Users/3").await.status != 401 {
        assert!(started.elapsed() < Duration::from_secs(12), "still let in");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn a_clients_token_provisions(engine: Engine) {
    let agent = Agent::start(engine).await;
    let schemes = |config: &Value| config["authenticationSchemes"].to_string();
    let config = agent.client().get("/ServiceProviderConfig").await.expect(200).body;
    assert!(!schemes(&config).contains("\"oauth2\""), "{config}");
    let entra = client(&agent.install, "entra-production", &[]);
    let config = agent.client().get("/ServiceProviderConfig").await.expect(200).body;
    assert!(schemes(&config).contains("\"oauth2\""), "{config}");

    let said = by_basic(&agent.server, &entra).await;
    assert_eq!(said.body["token_type"], "Bearer");
    assert_eq!(said.body["expires_in"], 3600);
    assert_eq!(said.body["scope"], "provision");
    let token = said.token();
    let again = by_body(&agent.server, &entra).await.token();
    assert_ne!(token, again, "each request gets a token of its own");
    for token in [&token, &again] {
        with(&agent.server, token).get("/Users/3").await.expect(200);
    }
    with(&agent.server, &token).post("/Users", &user("oauth@plant.example")).await.expect(201);
    let audited = agent.audit(&["--user", "oauth@plant.example"]);
    assert_eq!(audited.last().unwrap()["token"], "client:entra-production", "{audited:?}");

    let reader = client(&agent.install, "reader", &["--scope", "read"]);
    let body = format!("{}&scope=read", reader.body());
    let said = ask(&agent.server, "POST", "", &[("content-type", FORM)], &body).await;
    assert_eq!(said.body["scope"], "read");
    let reading = with(&agent.server, &said.token());
    reading.get("/Users/3").await.expect(200);
    reading.post("/Users", &user("never@plant.example")).await.refused(403, "");

    let list = agent.install.stdout(&["client", "list"]);
    let status = agent.install.stdout(&["status"]);
    for text in [&list, &status] {
        assert!(text.contains("entra-production") && text.contains(&reader.id), "{text}");
    }
    let json = ["client", "create", "--name", "machine", "--format", "json"];
    let printed: Value = serde_json::from_str(&agent.install.stdout(&json)).unwrap();
    let id = printed["client_id"].as_str().unwrap().to_owned();
    let secret = printed["client_secret"].as_str().unwrap().to_owned();
    by_basic(&agent.server, &Credentials { id, secret }).await.token();
    assert!(!agent.install.run(&json).status.success(), "a name is taken once");
}

async fn every_refusal_has_oauths_shape(engine: Engine) {
    let agent = Agent::start(engine).await;
    let good = client(&agent.install, "good", &[]);
    let wrong = Credentials { id: good.id.clone(), secret: format!("{}x", good.secret) };
    let unknown = Credentials { id: uuid::Uuid::new_v4().to_string(), secret: good.secret.clone() };
    let odd = Credentials { id: "a%00b".to_owned(), secret: "%ff".to_owned() };
    let swapped = Credentials { id: good.secret.clone(), secret: good.id.clone() };
    let (basic, body) = (good.basic(), good.body());
    let form = ("content-type", FORM);
    let signed = [form, ("authorization", basic.as_str())];
    let long = format!("{body}&x={}", "x".repeat(20_000));
    let json = format!("{{\"client_id\":\"{}\"}}", good.id);
    let repeated = format!("{body}&client_id={}", good.id);
    let scope = format!("{body}&scope=read");
    let query = format!("?client_secret={}", good.secret);
    let refused = [
        ("no body", "", vec![form], "", 401, "invalid_client"),
        ("no credentials", "", vec![form], GRANT, 401, "invalid_client"),
        ("no grant", "", signed.to_vec(), "", 400, "invalid_request"),
        ("an empty grant", "", signed.to_vec(), "grant_type=", 400, "invalid_request"),
        (
            "another grant",
            "",
            signed.to_vec(),
            "grant_type=password",
            400,
            "unsupported_grant_type",
        ),
        ("both at once", "", signed.to_vec(), &body, 400, "invalid_request"),
        ("a repeated parameter", "", vec![form], &repeated, 400, "invalid_request"),
        ("another scope", "", vec![form], &scope, 400, "invalid_scope"),
        ("a secret in the URL", &query, vec![form], &body, 400, "invalid_request"),
        ("JSON", "", vec![("content-type", "application/json")], &json, 400, "invalid_request"),
        ("no type", "", vec![], &body, 400, "invalid_request"),
        ("too long", "", vec![form], &long, 413, "invalid_request"),
        ("Bearer", "", vec![form, ("authorization", "Bearer x")], GRANT, 401, "invalid_client"),
        ("no base64", "", vec![form, ("authorization", "Basic ?")], GRANT, 401, "invalid_client"),
        ("two headers", "", [signed, signed].concat(), GRANT, 400, "invalid_request"),
    ];
    for (what, query, headers, body, status, error) in refused {
        let said = ask(&agent.server, "POST", query, &headers, body).await;
        assert_eq!(
            (said.status, said.body["error"].as_str()),
            (status, Some(error)),
            "{what}: {said:?}"
        );
        assert!(!said.body["error_description"].as_str().unwrap().is_empty(), "{what}");
        let challenge = said.header("www-authenticate");
        assert_eq!(challenge.starts_with("Basic realm="), status == 401, "{what}: {challenge}");
    }
    for bad in [&wrong, &unknown, &odd, &swapped] {
        for said in [by_basic(&agent.server, bad).await, by_body(&agent.server, bad).await] {
            assert_eq!(
                (said.status, &said.body["error"]),
                (401, &"invalid_client".into()),
                "{said:?}"
            );
            assert!(said.header("www-authenticate").starts_with("Basic realm="));
        }
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let said = ask(&agent.server, method, "", &[form], "").await;
        assert_eq!((said.status, said.header("allow")), (405, "POST"), "{method}: {said:?}");
    }
    // Neither a secret nor an id is a token, and an own token is no client's.
    for text in [good.secret.as_str(), good.id.as_str(), "kpa_x", "kpa_"] {
        with(&agent.server, text).get("/Users/3").await.refused(401, "");
    }
    assert_eq!(agent.database().count("scim_access_tokens").await, 0);
    by_body(&agent.server, &good).await.token();
}

async fn revoking_a_client_ends_its_tokens(engine: Engine) {
    let agent = Agent::start(engine).await;
    let (leaked, kept) =
        (client(&agent.install, "leaked", &[]), client(&agent.install, "kept", &[]));
    let token = by_basic(&agent.server, &leaked).await.token();
    let other = by_basic(&agent.server, &kept).await.token();
    let ended = with(&agent.server, &token);
    ended.get("/Users/3").await.expect(200);
    agent.install.stdout(&["client", "revoke", "leaked"]);
    assert_eq!(by_basic(&agent.server, &leaked).await.status, 401);
    refused_within_the_cache(&ended).await;
    with(&agent.server, &other).get("/Users/3").await.expect(200);
    assert!(!agent.install.run(&["client", "revoke", "nobody"]).status.success());
    assert_eq!(agent.database().count("scim_access_tokens").await, 1);
}

async fn rotating_a_client_ends_its_tokens_and_its_secret(engine: Engine) {
    let agent = Agent::start(engine).await;
    let old = client(&agent.install, "entra", &[]);
    let token = by_basic(&agent.server, &old).await.token();
    let ended = with(&agent.server, &token);
    ended.get("/Users/3").await.expect(200);
    let new = credentials(&agent.install.stdout(&["client", "rotate", "entra"]));
    assert_eq!(new.id, old.id);
    assert_eq!(by_basic(&agent.server, &old).await.status, 401);
    let token = by_basic(&agent.server, &new).await.token();
    with(&agent.server, &token).get("/Users/3").await.expect(200);
    refused_within_the_cache(&ended).await;
}

async fn tokens_and_clients_end_when_they_expire(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure("[auth.oauth]\ntoken_lifetime = \"3s\"\n");
    let agent = Agent::on(install).await;
    let lasting = client(&agent.install, "lasting", &[]);
    let said = by_basic(&agent.server, &lasting).await;
    assert_eq!(said.body["expires_in"], 3);
    let short = with(&agent.server, &said.token());
    short.get("/Users/3").await.expect(200);
    refused_within_the_cache(&short).await;
    // The client's own end is its tokens' end.
    let ending = client(&agent.install, "ending", &["--expires", "2s"]);
    let said = by_basic(&agent.server, &ending).await;
    assert!(said.body["expires_in"].as_u64().unwrap() < 3, "{said:?}");
    refused_within_the_cache(&with(&agent.server, &said.token())).await;
    assert_eq!(by_basic(&agent.server, &ending).await.status, 401);
    // What is over is cleared away: by the client's next token, and by the reconciler's.
    by_basic(&agent.server, &lasting).await.token();
    let sql = "scim_access_tokens WHERE client = 'lasting'";
    assert_eq!(agent.database().count(sql).await, 1);
}

async fn agents_share_tokens(engine: Engine) {
    let agent = Agent::start(engine).await;
    let other = agent.install.serve().await;
    let entra = client(&agent.install, "entra", &[]);
    let token = by_basic(&agent.server, &entra).await.token();
    with(&other, &token).get("/Users/3").await.expect(200);
    let token = by_basic(&other, &entra).await.token();
    with(&agent.server, &token).get("/Users/3").await.expect(200);
}

async fn a_client_has_a_hundred_tokens_at_most(engine: Engine) {
    let agent = Agent::start(engine).await;
    let (busy, calm) = (client(&agent.install, "busy", &[]), client(&agent.install, "calm", &[]));
    let other = by_basic(&agent.server, &calm).await.token();
    let mut tokens = Vec::new();
    for _ in 0..103 {
        tokens.push(by_basic(&agent.server, &busy).await.token());
    }
    assert_eq!(agent.database().count("scim_access_tokens WHERE client = 'busy'").await, 100);
    for (place, token) in tokens.iter().enumerate() {
        let status = if place < 3 { 401 } else { 200 };
        with(&agent.server, token).get("/Users/3").await.expect(status);
    }
    with(&agent.server, &other).get("/Users/3").await.expect(200);
}

async fn tokens_issued_at_once_all_work(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = client(&agent.install, "entra", &[]);
    let all = (0..24).map(|_| by_basic(&agent.server, &entra));
    let tokens: Vec<_> =
        futures_util::future::join_all(all).await.iter().map(Said::token).collect();
    for token in &tokens {
        with(&agent.server, token).get("/Users/3").await.expect(200);
    }
    assert_eq!(agent.database().count("scim_access_tokens").await, 24);
}

async fn wrong_secrets_are_slowed_down_and_the_right_one_is_not_shut_out(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = client(&agent.install, "entra", &[]);
    let wrong = Credentials { id: entra.id.clone(), secret: "guess".to_owned() };
    let mut statuses = Vec::new();
    for _ in 0..25 {
        let said = by_basic(&agent.server, &wrong).await;
        assert_eq!(said.header("retry-after").is_empty(), said.status == 401, "{said:?}");
        assert!(said.body["error"].is_string(), "{said:?}");
        statuses.push(said.status);
    }
    assert_eq!((statuses[0], statuses[24]), (401, 429), "{statuses:?}");
    by_basic(&agent.server, &entra).await.token();
}

async fn neither_secret_nor_token_is_stored_or_logged(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure("[log]\nlevel = \"debug\"\n");
    let agent = Agent::on(install).await;
    let entra = client(&agent.install, "entra", &[]);
    let token = by_basic(&agent.server, &entra).await.token();
    let second = by_body(&agent.server, &entra).await.token();
    with(&agent.server, &token).post("/Users", &user("x@plant.example")).await.expect(201);
    let query = format!("?client_secret={}", entra.secret);
    ask(&agent.server, "POST", &query, &[("content-type", FORM)], &entra.body()).await;
    let mut text = agent.server.log();
    assert!(text.contains("client:entra"), "{text}");
    for table in ["scim_clients", "scim_access_tokens", "scim_tokens", "scim_audit"] {
        text += &format!("{:?}", agent.database().rows(&format!("SELECT * FROM {table}")).await);
    }
    for list in [&["client", "list"][..], &["token", "list"], &["status"], &["check"]] {
        text += &String::from_utf8_lossy(&agent.install.run(list).stdout);
    }
    for secret in [&entra.secret, &token, &second] {
        assert!(secret.len() >= 43, "{secret}");
        assert!(!text.contains(secret.as_str()) && !text.contains(&secret[4..]), "{text}");
    }
}

async fn without_a_database_the_client_is_told_to_wait(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    let proxy = Proxy::to(install.database.server_address()).await;
    let url = install.database.url_through(proxy.address);
    install.configure(&format!("[database]\nurl = {url:?}\n"));
    let agent = Agent::on(install).await;
    let entra = client(&agent.install, "entra", &[]);
    proxy.set(Weather::Cut);
    let said = by_basic(&agent.server, &entra).await;
    assert_eq!((said.status, &said.body["error"]), (503, &"temporarily_unavailable".into()));
    assert!(said.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0), "{said:?}");
    proxy.set(Weather::Fair);
    let token = by_basic(&agent.server, &entra).await.token();
    with(&agent.server, &token).get("/Users/3").await.expect(200);
}
