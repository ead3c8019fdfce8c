//! Where the database is, in the ways that people write it: addresses of IPv6, sockets of this machine's,
//! percent-encoding, and parameters that nobody knows.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::support::{Database, Engine, Install};

on_servers!(an_address_of_ipv6, a_socket_whatever_is_said_of_tls, what_is_percent_encoded);
on_every_database!(a_parameter_that_nobody_knows_is_named);

/// Whether `migrate` reaches the database by this URL.
fn reaches(install: &mut Install, url: &str) {
    install.configure(&format!("[database]\nurl = {url:?}\n"));
    let output = install.run(&["migrate"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{url}: {said}");
}

/// The URL with a parameter more.
fn with(url: &str, parameter: &str) -> String {
    format!("{url}{}{parameter}", if url.contains('?') { '&' } else { '?' })
}

async fn an_address_of_ipv6(engine: Engine) {
    let mut install = Install::new(Database::reference(engine).await);
    let target = install.database.server_address();
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let url = install.database.url_through(address);
    assert!(url.contains("[::1]:"), "{url}");
    reaches(&mut install, &url);
}

async fn a_socket_whatever_is_said_of_tls(engine: Engine) {
    let mut install = Install::new(Database::reference(engine).await);
    let target = install.database.server_address();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join(".s.PGSQL.5432");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let url = install.database.url.clone();
    let (before, after) = url.split_once(&install.database.server_address()).unwrap();
    let folder = folder.path().display().to_string();
    let urls = if engine == Engine::Postgres {
        let encoded = folder.replace('/', "%2F");
        let login = before.split_once("://").unwrap().1.trim_end_matches('@');
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let said = format!("host={folder}&user={user}&password={password}");
        [
            format!("{before}{encoded}{after}"),
            with(&format!("postgres://{after}"), said.trim_end_matches("&password=")),
        ]
    } else {
        let socket = socket.display().to_string();
        let encoded = socket.replace('/', "%2F");
        let local = format!("{before}localhost{after}");
        [with(&local, &format!("socket={socket}")), with(&local, &format!("socket={encoded}"))]
    };
    let mode = if engine == Engine::Postgres { "sslmode=require" } else { "ssl-mode=REQUIRED" };
    for url in urls {
        reaches(&mut install, &url);
        reaches(&mut install, &with(&url, mode));
    }
}

/// A name with letters that a URL can't hold, of an account and a database alike.
async fn what_is_percent_encoded(engine: Engine) {
    let mut install = Install::new(Database::reference(engine).await);
    let (url, name) = (install.database.url.clone(), install.database.name.clone());
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
    reaches(&mut install, &url.replacen(&name, &encoded, 1));
}

async fn a_parameter_that_nobody_knows_is_named(engine: Engine) {
    let mut install = Install::new(Database::reference(engine).await);
    let url = with(&install.database.url, "colour=blue");
    install.configure(&format!("[database]\nurl = {url:?}\n"));
    let output = install.run(&["migrate"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("colour"), "{said}");
}
