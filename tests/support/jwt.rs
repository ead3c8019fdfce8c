//! Entra as an issuer: signs tokens by the fixtures' keys, and serves the keys over HTTP as well or as
//! badly as a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The tenant of the tests.
pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// The audience that Entra gives every app outside its gallery.
pub const AUDIENCE: &str = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621";
/// The application that Entra's provisioning service is.
pub const APP: &str = "00000014-0000-0000-c000-000000000000";

/// What a good token claims from now on.
pub fn claims() -> Value {
    let now = chrono::Utc::now().timestamp();
    json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "aud": AUDIENCE, "tid": TENANT,
        "iat": now, "nbf": now, "exp": now + 3600, "appid": APP, "appidacr": "2", "ver": "1.0",
    })
}

/// The claims with one of them set.
pub fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// A token that the key of this name signed.
pub fn token(key: &str, claims: &Value) -> String {
    let header = json!({ "alg": "RS256", "kid": key, "typ": "JWT" });
    let message = format!("{}.{}", part(&header), part(claims));
    format!("{message}.{}", signature(key, &message))
}

/// A part of a token.
pub fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// What the key of this name signs a message by.
pub fn signature(key: &str, message: &str) -> String {
    let pem = std::fs::read_to_string(fixture(&format!("{key}.pem"))).unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_der(&STANDARD.decode(der).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    URL_SAFE_NO_PAD.encode(signature)
}

/// What a shared secret signs a message by.
pub fn hs256(secret: &[u8], message: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()))
}

/// The key set of these keys.
pub fn key_set(names: &[&str]) -> String {
    let keys: Vec<Value> = names
        .iter()
        .map(|name| {
            let text = std::fs::read(fixture(&format!("{name}.jwk.json"))).unwrap();
            serde_json::from_slice(&text).unwrap()
        })
        .collect();
    json!({ "keys": keys }).to_string()
}

/// A file among the keys' fixtures.
pub fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys").join(name)
}

/// How the keys are served.
#[derive(Debug, Clone)]
pub enum Serve {
    /// A body, as it is.
    Body(String),
    /// A status and no body, with one more header line.
    Status(u16, String),
    /// Ten megabytes.
    Huge,
    /// The head, and then nothing.
    Stalled,
    /// The connection is closed.
    Down,
}

/// A server of keys.
#[derive(Debug)]
pub struct KeyServer {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<(Serve, usize)>>,
}

impl KeyServer {
    /// Listens and serves.
    pub async fn start(serve: Serve) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new((serve, 0)));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serve = {
                    let mut state = shared.lock().unwrap();
                    state.1 += 1;
                    state.0.clone()
                };
                tokio::spawn(answer(stream, serve));
            }
        });
        Self { address, state }
    }

    /// The same with the keys of these names.
    pub async fn with(names: &[&str]) -> Self {
        Self::start(Serve::Body(key_set(names))).await
    }

    /// From now on something else.
    pub fn serve(&self, serve: Serve) {
        self.state.lock().unwrap().0 = serve;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.state.lock().unwrap().1
    }

    /// The URL of the keys.
    pub fn url(&self) -> String {
        format!("http://{}/discovery/v2.0/keys", self.address)
    }
}

/// The configuration of an agent that takes its keys from a URL or a file.
pub fn configuration(jwks: &str) -> String {
    format!(
        "[auth.entra]\ntenant = \"{TENANT}\"\naudience = \"{AUDIENCE}\"\napp = \"{APP}\"\njwks = {jwks:?}\n"
    )
}

async fn answer(mut stream: TcpStream, serve: Serve) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let answer = match serve {
        Serve::Body(body) => format!("{ok}content-length: {}\r\n\r\n{body}", body.len()),
        Serve::Status(status, header) => format!(
            "HTTP/1.1 {status} Other\r\n{header}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
        Serve::Huge => format!("{ok}\r\n{}", " ".repeat(10 << 20)),
        Serve::Stalled => {
            let _ = stream.write_all(ok.as_bytes()).await;
            tokio::time::sleep(Duration::from_secs(3600)).await;
            return;
        }
        Serve::Down => return,
    };
    let _ = stream.write_all(answer.as_bytes()).await;
}
