//! The admin listener: metrics, and the operator console's pages.

mod acts;
mod browser;
mod by_hand;
mod metrics;
mod operator;
mod pages;
mod prometheus;
mod statements;

use std::time::{Duration, Instant};

use crate::support::{Agent, Database, Engine, Install};

/// An agent with an admin listener.
pub struct Watched {
    /// The agent.
    pub agent: Agent,
    /// `127.0.0.1:PORT` of the admin listener.
    pub admin: String,
}

/// An answer of the admin listener.
pub struct Page {
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The head as it came.
    pub exact: String,
    pub body: String,
}

impl Watched {
    pub async fn start(engine: Engine) -> Self {
        Self::on(Install::new(Database::ready(engine).await)).await
    }

    pub async fn on(mut install: Install) -> Self {
        install.configure("[admin]\nlisten = \"127.0.0.1:0\"\n");
        let agent = Agent::on(install).await;
        let begun = Instant::now();
        let admin = loop {
            let log = agent.server.log();
            let addresses = log.lines().filter_map(|line| {
                let rest = line.split_once("http://")?.1;
                let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
                Some(rest[..end.unwrap_or(rest.len())].to_owned())
            });
            if let Some(admin) = addresses.into_iter().find(|it| *it != agent.server.address) {
                break admin;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "no admin address\n{log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        Self { agent, admin }
    }

    pub async fn get(&self, path: &str) -> Page {
        self.send("GET", path).await
    }

    pub async fn send(&self, method: &str, path: &str) -> Page {
        fetch(&self.admin, method, path).await
    }

    /// A page that must be there.
    pub async fn page(&self, path: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        page.body
    }
}

/// What an address answers to a browser.
pub async fn fetch(address: &str, method: &str, path: &str) -> Page {
    send(address, method, path, "", "").await
}

/// The same of a request with more to it.
pub async fn send(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Page {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n{body}"
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Page {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_lowercase(),
        exact: head.to_owned(),
        body: body.to_owned(),
    }
}
