//! Tokens that Entra itself issues: which are accepted, and what becomes of them when the keys change
//! or can't be had.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::jwt::{self, APP, AUDIENCE, KeyServer, Serve, TENANT, but, claims};
use crate::support::{Agent, Client, Database, Engine, Install, user};

on_every_database!(entras_own_token_provisions);

async fn install(jwks: &str) -> Install {
    installed(Engine::Sqlite, jwks).await
}

async fn installed(engine: Engine, jwks: &str) -> Install {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure(&jwt::configuration(jwks));
    install
}

/// Until the client gets this status: what happens in the agent's background.
async fn becomes(client: &Client, status: u16, within: Duration) -> Duration {
    let started = Instant::now();
    loop {
        let answer = client.get("/Users/3").await;
        if answer.status == status {
            return started.elapsed();
        }
        assert!(started.elapsed() < within, "still {}: {}", answer.status, answer.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

const SOON: Duration = Duration::from_secs(20);

async fn entras_own_token_provisions(engine: Engine) {
    let keys = KeyServer::with(&["one"]).await;
    let agent = Agent::on(installed(engine, &keys.url()).await).await;
    let token = jwt::token("one", &claims());
    let client = agent.client_with(Some(&token));
    becomes(&client, 200, SOON).await;
    client.post("/Users", &user("jwt@plant.example")).await.expect(201);
    let second = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let second = jwt::token("one", &but("iss", json!(second)));
    agent.client_with(Some(&second)).get("/Users/3").await.expect(200);
    // The agent's own tokens work beside it.
    agent.client().get("/Users/3").await.expect(200);
    let caller = format!("entra:{TENANT}");
    let audited = agent.audit(&["--user", "jwt@plant.example"]);
    assert_eq!(audited.last().unwrap()["token"], caller, "{audited:?}");
    assert!(agent.server.log().contains(&caller));
    let status = agent.install.stdout(&["status"]);
    assert!(status.contains(&caller), "{status}");
    for secret in [token.as_str(), token.rsplit_once('.').unwrap().1] {
        assert!(!agent.server.log().contains(secret));
        let rows = agent.database().rows("SELECT * FROM scim_audit").await;
        assert!(!format!("{rows:?}").contains(secret));
    }
}

/// Each cloud has issuers of its own, and no other's tokens get in, whoever signed them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clouds_own_tokens_provision() {
    const CLOUDS: [(&str, &str, &str); 3] = [
        ("global", "sts.windows.net", "login.microsoftonline.com"),
        ("us-government", "sts.windows.net", "login.microsoftonline.us"),
        ("china", "sts.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
    ];
    for (cloud, first, second) in CLOUDS {
        let keys = KeyServer::with(&["one"]).await;
        let mut install = install(&keys.url()).await;
        install.configure(&format!("[auth.entra]\ncloud = \"{cloud}\"\n"));
        let agent = Agent::on(install).await;
        let client = |issuer: String| {
            agent.client_with(Some(&jwt::token("one", &but("iss", json!(issuer)))))
        };
        becomes(&client(format!("https://{first}/{TENANT}/")), 200, SOON).await;
        client(format!("https://{second}/{TENANT}/v2.0")).get("/Users/3").await.expect(200);
        for (_, other_first, other_second) in CLOUDS {
            for (host, path) in [(other_first, "/"), (other_second, "/v2.0")] {
                if ![first, second].contains(&host) {
                    let other = client(format!("https://{host}/{TENANT}{path}"));
                    other.get("/Users/3").await.expect(401);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_token_gets_in_and_none_is_a_failure() {
    let keys = KeyServer::start(Serve::Body(jwt::key_set(&["one", "small"]))).await;
    let agent = Agent::on(install(&keys.url()).await).await;
    let good = jwt::token("one", &claims());
    becomes(&agent.client_with(Some(&good)), 200, SOON).await;
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let now = chrono::Utc::now().timestamp();
    let other = "99999999-2222-3333-4444-555555555555";
    let small = std::fs::read_to_string(jwt::fixture("small.jwt")).unwrap();
    let none = jwt::part(&json!({ "alg": "none", "kid": "one" }));
    let mac = {
        let header = jwt::part(&json!({ "alg": "HS256", "kid": "one" }));
        let message = format!("{header}.{payload}");
        format!("{message}.{}", jwt::hs256(jwt::key_set(&["one"]).as_bytes(), &message))
    };
    let mut wrong = vec![
        jwt::token("one", &but("aud", json!("00000003-0000-0000-c000-000000000000"))),
        jwt::token("one", &but("iss", json!(format!("https://sts.windows.net/{other}/")))),
        jwt::token("one", &but("tid", json!(other))),
        jwt::token("one", &but("appid", json!(other))),
        jwt::token("one", &but("exp", json!(now - 301))),
        jwt::token("one", &but("nbf", json!(now + 400))),
        jwt::token("one", &but("iat", json!(now + 400))),
        jwt::token("one", &but("exp", Value::Null)),
        jwt::token("one", &but("filler", json!("x".repeat(20_000)))),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        mac,
        small.trim().to_owned(),
        format!("{header}.{}.{signature}", jwt::part(&but("oid", json!("x")))),
        format!("{header}.{payload}.{}", jwt::signature("two", message)),
        format!("{header}.{payload}."),
        format!("{good}.{signature}"),
        format!("{header}.{payload}"),
    ];
    for place in (0..good.len()).step_by(23) {
        let changed = if good.as_bytes()[place] == b'A' { "B" } else { "A" };
        wrong.push(format!("{}{changed}{}", &good[..place], &good[place + 1..]));
        wrong.push(good[..place].to_owned());
    }
    for token in wrong {
        let client = agent.client_with(Some(&token));
        let read = client.get("/Users/3").await;
        let written = client.post("/Users", &user("never@plant.example")).await;
        for answer in [read, written] {
            // The latter once the address has presented too many.
            assert!(matches!(answer.status, 401 | 429), "{}: {token}", answer.status);
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert_eq!(challenge.starts_with("Bearer"), answer.status == 401, "{challenge}");
        }
    }
    // Within the clocks' leeway.
    let late = jwt::token("one", &but("exp", json!(now - 120)));
    agent.client_with(Some(&late)).get("/Users/3").await.expect(200);
    // What is wrong with a token that Entra signed is said to the operator.
    let log = agent.server.log();
    for why in ["auth.entra.audience", "auth.entra.tenant", "auth.entra.app", "1024 bits", "HS256"]
    {
        assert!(log.contains(why), "{why} isn't in the log\n{log}");
    }
    assert_eq!(agent.database().count("users WHERE email = 'never@plant.example'").await, 0);
    assert_eq!(keys.asked(), 2, "at the start, and for the unknown keys");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_key_is_picked_up_by_the_first_token_that_names_it() {
    let keys = KeyServer::with(&["one"]).await;
    let agent = Agent::on(install(&keys.url()).await).await;
    let old = agent.client_with(Some(&jwt::token("one", &claims())));
    let new = agent.client_with(Some(&jwt::token("two", &claims())));
    becomes(&old, 200, SOON).await;
    keys.serve(Serve::Body(jwt::key_set(&["two"])));
    new.get("/Users/3").await.expect(200);
    old.get("/Users/3").await.expect(401);
    assert_eq!(keys.asked(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_name_unknown_keys_cause_one_request() {
    let keys = KeyServer::with(&["one"]).await;
    let agent = Agent::on(install(&keys.url()).await).await;
    let good = agent.client_with(Some(&jwt::token("one", &claims())));
    becomes(&good, 200, SOON).await;
    let started = Instant::now();
    let (mut refused, mut later) = (0, 0);
    for round in 0..20 {
        let flood = (0..16).map(|number| {
            let header = jwt::part(&json!({ "alg": "RS256", "kid": format!("{round}-{number}") }));
            let client =
                agent.client_with(Some(&format!("{header}.{}.AAAA", jwt::part(&claims()))));
            async move { client.get("/Users/3").await.status }
        });
        for status in futures_util::future::join_all(flood).await {
            match status {
                401 | 429 => refused += 1,
                503 => later += 1,
                other => panic!("{other}"),
            }
        }
        good.get("/Users/3").await.expect(200);
    }
    assert!(refused > 0 && refused + later == 320, "{refused} refused, {later} put off");
    assert!(started.elapsed() < Duration::from_secs(30), "too slow to tell");
    assert_eq!(keys.asked(), 2, "at the start, and once for all of these");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_the_daemon_runs_and_entras_tokens_wait() {
    let keys = KeyServer::start(Serve::Down).await;
    let agent = Agent::on(install(&keys.url()).await).await;
    let client = agent.client_with(Some(&jwt::token("one", &claims())));
    agent.client().get("/Users/3").await.expect(200);
    let answer = client.get("/Users/3").await.refused(503, "").naming("keys");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    keys.serve(Serve::Body(jwt::key_set(&["one"])));
    becomes(&client, 200, Duration::from_secs(60)).await;
    // Gone again: what is known goes on being used, and what isn't can't be told.
    keys.serve(Serve::Down);
    client.get("/Users/3").await.expect(200);
    let unknown = agent.client_with(Some(&jwt::token("two", &claims())));
    becomes(&unknown, 503, Duration::from_secs(60)).await;
    client.get("/Users/3").await.expect(200);
    agent.client().get("/Users/3").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_served_badly_are_none() {
    let elsewhere = KeyServer::with(&["one"]).await;
    let keys = KeyServer::start(Serve::Down).await;
    let install = install(&keys.url()).await;
    let token = install.prepare();
    let signed = jwt::token("one", &claims());
    let bad = [
        (Serve::Huge, "longer than 524288 bytes"),
        (Serve::Status(302, format!("location: {}", elsewhere.url())), "302"),
        (Serve::Status(500, "x: y".to_owned()), "500"),
        (Serve::Body("<html>".to_owned()), "no JSON Web Key Set"),
        (Serve::Body(jwt::key_set(&["small"])), "1024 bits"),
        (Serve::Body(jwt::key_set(&["one"; 101])), "at most 100"),
        (Serve::Stalled, "timed out"),
    ];
    for (serve, why) in bad {
        keys.serve(serve);
        let server = install.serve().await;
        let client = Client::new(&server.base(), Some(&signed));
        client.get("/Users/3").await.expect(503);
        Client::new(&server.base(), Some(&token)).get("/Users/3").await.expect(200);
        let started = Instant::now();
        while !server.log().contains(why) {
            assert!(started.elapsed() < SOON, "{why} isn't in the log\n{}", server.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Over a connection of its own: the first one may just be closing, idle for long enough.
        let client = Client::new(&server.base(), Some(&signed));
        client.get("/Users/3").await.expect(503);
        let output = install.run(&["check"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("auth.entra.jwks") && said.contains(why), "{said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
    }
    assert_eq!(elsewhere.asked(), 0, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_may_be_a_file_and_check_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, jwt::key_set(&["one"])).unwrap();
    let agent = Agent::on(install(&file.display().to_string()).await).await;
    let client = agent.client_with(Some(&jwt::token("one", &claims())));
    becomes(&client, 200, SOON).await;
    std::fs::write(&file, jwt::key_set(&["one", "two"])).unwrap();
    let new = agent.client_with(Some(&jwt::token("two", &claims())));
    new.get("/Users/3").await.expect(200);
    let said = agent.install.stdout(&["check"]);
    for part in
        [TENANT, AUDIENCE, APP, "has the signing keys one, two", "tokens that work: 1; clients: 0"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_warns_when_nobody_can_get_in_or_too_many_can() {
    let mut install = Install::new(Database::reference(Engine::Sqlite).await);
    install.migrate();
    let said = install.stdout(&["check"]);
    assert!(said.contains("warn   auth: no token, no client, and no auth.entra"), "{said}");
    install.configure(&format!(
        "[auth.entra]\ntenant = \"{TENANT}\"\naudience = \"{AUDIENCE}\"\njwks = {:?}\n",
        jwt::fixture("one.jwk.json").display().to_string()
    ));
    let output = install.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("warn   auth.entra:") && said.contains("auth.entra.app = "), "{said}");
    assert!(said.contains("no JSON Web Key Set"), "one key is no set of keys: {said}");
    // Keys that anybody on the way could change are refused before anything starts.
    install.configure("[auth.entra]\njwks = \"http://keys.example/keys\"\n");
    let output = install.run(&["check"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("https://"));
}
