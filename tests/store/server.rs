//! Whose server it is: named by `check`, `migrate` and `serve`, and refused where it can't work.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Agent, Database, Engine, Install};

on_every_database!(its_product_and_version_are_named);
on_servers!(one_that_is_too_old_is_refused, another_makers_is_refused);

/// What the product of an engine is called.
fn product(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
        Engine::Mariadb => "MariaDB",
        Engine::Mysql => "MySQL",
    }
}

async fn its_product_and_version_are_named(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    let named = format!("the database is {} ", product(engine));
    let output = install.run(&["migrate"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains(&named), "{said}");
    let said = install.stdout(&["check"]);
    assert!(said.contains(&format!("ok     database: {} ", product(engine))), "{said}");
    let agent = Agent::on(install).await;
    agent.server.logged(0, |line| line.contains(&named)).await;
}

async fn one_that_is_too_old_is_refused(engine: Engine) {
    let version = version(engine).await;
    let old = match engine {
        Engine::Postgres => version.replacen("SQL 1", "SQL 0", 1),
        Engine::Mariadb => version.replacen('1', "0", 1),
        _ => version.replacen(['8', '9'], "5", 1),
    };
    refuses(engine, &version, &old, &["is too old", "or later"]).await;
}

/// It speaks the protocol.
async fn another_makers_is_refused(engine: Engine) {
    let version = version(engine).await;
    let (from, to, name) = match engine {
        Engine::Postgres => ("PostgreSQL 1", "CockroachDB ", "CockroachDB"),
        Engine::Mariadb => ("MariaDB", "Vitess-", "Vitess"),
        _ => (&version[version.len() - 6..], "-Dolt-", "Dolt"),
    };
    let other = version.replacen(from, to, 1);
    refuses(engine, &version, &other, &[name, "another database", "or later"]).await;
}

/// What the server says of itself.
async fn version(engine: Engine) -> String {
    Database::empty(engine).await.value("SELECT version()").await.expect("a version")
}

/// With a server that says `other` for its version, nothing is done but told why.
async fn refuses(engine: Engine, version: &str, other: &str, why: &[&str]) {
    assert_ne!(version, other);
    let mut install = Install::new(Database::ready(engine).await);
    let target = install.database.server_address();
    let disguised = disguised(target, version.to_owned(), other.to_owned()).await;
    let url = install.database.url_through(disguised);
    // What is encrypted can't be changed on its way.
    let plain = if engine == Engine::Postgres { "sslmode=disable" } else { "ssl-mode=DISABLED" };
    let first = if url.contains('?') { '&' } else { '?' };
    install.configure(&format!("[database]\nurl = \"{url}{first}{plain}\"\n"));
    for command in ["check", "migrate", "serve"] {
        let output = install.run(&[command]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        for word in why {
            assert!(said.contains(word), "{command}: {word} isn't in: {said}");
        }
    }
}

/// Where a server is reached that says another version, as long as its own.
async fn disguised(target: String, version: String, other: String) -> SocketAddr {
    assert_eq!(version.len(), other.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            let (version, other) = (version.clone(), other.clone());
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let up = tokio::io::copy(&mut from_client, &mut to_server);
                let down = async {
                    let mut buffer = vec![0; 16 * 1024];
                    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                        let answer = &mut buffer[..read];
                        let bytes = version.as_bytes();
                        let found = answer.windows(bytes.len()).position(|it| it == bytes);
                        if let Some(at) = found {
                            answer[at..at + bytes.len()].copy_from_slice(other.as_bytes());
                        }
                        if to_client.write_all(answer).await.is_err() {
                            break;
                        }
                    }
                };
                tokio::select! {
                    _ = up => {}
                    () = down => {}
                }
            });
        }
    });
    address
}
