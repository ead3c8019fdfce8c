//! The admin listener: open on loopback to whoever asks for it by that name, elsewhere to whoever
//! has a token of its scope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpStream;

use crate::support::tls::{Authority, exchange, get, status};
use crate::support::{Database, Engine, Install};

on_every_database!(an_admin_token_opens_the_admin_listener_and_nothing_else);

#[tokio::test(flavor = "multi_thread")]
async fn on_loopback_nobody_is_asked_but_for_the_right_name() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.configure("[admin]\nlisten = \"127.0.0.1:0\"\n");
    let server = install.serve().await;
    let address = server.admin().await;
    let ask = async |host: &str, path: &str| {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let answer = exchange(&mut stream, &get(host, path, "Connection: close\r\n")).await;
        status(&answer.unwrap())
    };
    for host in [address.as_str(), "localhost:8643", "[::1]:1"] {
        assert_eq!(ask(host, "/nothing").await, 404, "{host}");
    }
    // A name of somebody's own that points here.
    for host in ["evil.example", "127.0.0.1.evil.example:8643", "localhost.evil.example"] {
        assert_eq!(ask(host, "/nothing").await, 403, "{host}");
        assert_eq!(ask(host, "/healthz").await, 200, "{host}");
        assert_eq!(ask(host, "/readyz").await, 200, "{host}");
    }
}

async fn an_admin_token_opens_the_admin_listener_and_nothing_else(engine: Engine) {
    let authority = Authority::new();
    let mut install = Install::new(Database::ready(engine).await);
    let files = authority.issue().install(&install.database.folder());
    install.configure(&format!("[admin]\nlisten = \"0.0.0.0:0\"\n[tls]\n{files}"));
    let entra = install.prepare();
    let reader = install.token("reader", &["--scope", "read"]);
    let admin = install.token("operator", &["--scope", "admin"]);
    let list = install.stdout(&["token", "list"]);
    assert!(list.lines().any(|line| line.contains("operator") && line.contains("admin")), "{list}");
    let server = install.serve_unready().await;
    let port = server.admin().await.rsplit(':').next().unwrap().to_owned();
    let address = format!("127.0.0.1:{port}");
    let caller = authority.client(None);
    let ask = async |path: &str, headers: &str| caller.get(&address, path, headers).await.unwrap();
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let login = |name: &str, token: &str| {
        format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{token}")))
    };

    assert_eq!(status(&ask("/healthz", "").await), 200);
    assert_eq!(status(&ask("/readyz", "").await), 200);
    for nobody in [String::new(), bearer("kps_wrong"), login("admin", "admin")] {
        let answer = ask("/", &nobody).await;
        assert_eq!(status(&answer), 401, "{answer}");
        assert!(answer.to_lowercase().contains("www-authenticate: basic realm="), "{answer}");
    }
    for good in [bearer(&admin), login("whoever", &admin), login("", &admin)] {
        assert_eq!(status(&ask("/nothing", &good).await), 404);
    }
    for other in [bearer(&entra), login("entra", &reader)] {
        assert_eq!(status(&ask("/nothing", &other).await), 403);
    }
    // A browser is shown where to sign in; what it needs for that is everybody's, and nothing else.
    let page = "Accept: text/html,*/*;q=0.8\r\n";
    let led = ask("/finding?id=x", page).await;
    assert!(
        status(&led) == 303 && led.contains("location: sign-in?next=finding%3Fid%3Dx"),
        "{led}"
    );
    for open in ["/sign-in", "/console.css", "/icon.svg"] {
        assert_eq!(status(&ask(open, page).await), 200, "{open}");
    }
    assert_eq!(status(&ask("/finding?id=x", &format!("{page}{}", bearer("kps_wrong"))).await), 401);
    let send = async |path: &str, headers: &str, body: String| {
        let mut stream = caller.connect(&address, &["http/1.1"]).await.unwrap();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nOrigin: https://{address}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        exchange(&mut stream, &request).await.unwrap()
    };
    let cookie = async |token: &str| {
        let answer = send("/sign-in", "", format!("token={token}")).await;
        assert_eq!(status(&answer), 303, "{answer}");
        let cookie = answer.split_once("set-cookie: ").unwrap().1.split("\r\n").next().unwrap();
        assert!(cookie.starts_with("__Host-kpifire-scim=kpw_"), "{cookie}");
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
        format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
    };
    let acting = install.token("olga", &["--scope", "operator"]);
    for (token, scope) in [(&admin, "admin"), (&acting, "operator")] {
        let cookie = cookie(token).await;
        let console = ask("/", &cookie).await;
        assert!(
            status(&console) == 200 && console.contains(&format!("<small>{scope}</small>")),
            "{console}"
        );
        // Without what its pages have in them no form counts, whoever sends it.
        assert_eq!(status(&send("/act", &cookie, "do=allow&for=1h".to_owned()).await), 403);
    }
    for other in [&entra, &reader] {
        assert_eq!(status(&send("/sign-in", "", format!("token={other}")).await), 403);
    }
    // It doesn't listen in the clear.
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let plain = exchange(&mut stream, &get(&address, "/healthz", "")).await;
    assert!(!plain.unwrap_or_default().contains("HTTP/1.1"));
    // And SCIM isn't the admin's.
    let scim = caller.get(&server.address, "/scim/v2/Users", &bearer(&admin)).await.unwrap();
    assert_eq!(status(&scim), 403, "{scim}");
    assert!(scim.contains("scope is admin"), "{scim}");
}
