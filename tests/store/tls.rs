//! TLS to the database servers: every mode × CA × host, as the databases' own clients define it,
//! seen from the server's side.
//!
//! `KPIFIRE_TEST_TLS` names a folder with the servers' CA (`ca.pem`) and one that signed nothing
//! (`other-ca.pem`). The servers' certificate names 127.0.0.1 and not localhost.

use std::path::PathBuf;
use std::process::Output;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use self::Outcome::{Encrypted, Issuer, Name, Plain};
use crate::support::{Database, Engine, Install};

on_servers!(
    every_mode_does_what_the_own_clients_do,
    the_configured_ca_proves_the_server,
    a_server_without_tls_is_named,
    what_cannot_be_used_is_named,
    the_daemon_connects_or_says_why,
);

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Plain,
    Encrypted,
    /// Refused: no trusted authority signed the certificate.
    Issuer,
    /// Refused: the certificate is another host's.
    Name,
}

/// A mode, and its outcome with no CA, with another CA, and with the right CA for 127.0.0.1 and for
/// localhost. No CA means the system's, which don't know the test's.
type Row = (&'static str, [Outcome; 4]);

/// libpq, "SSL Support", table 34.1. `require` with a CA is `verify-ca`; unsaid is `prefer`. libpq's
/// `prefer` with another CA goes on in the clear; staying encrypted and unproved is never less.
const POSTGRES: &[Row] = &[
    ("", [Encrypted, Encrypted, Encrypted, Encrypted]),
    ("sslmode=disable", [Plain, Plain, Plain, Plain]),
    ("sslmode=allow", [Plain, Plain, Plain, Plain]),
    ("sslmode=prefer", [Encrypted, Encrypted, Encrypted, Encrypted]),
    ("sslmode=require", [Encrypted, Issuer, Encrypted, Encrypted]),
    ("sslmode=verify-ca", [Issuer, Issuer, Encrypted, Encrypted]),
    ("sslmode=verify-full", [Issuer, Issuer, Encrypted, Name]),
];

/// MySQL's `--ssl-mode`. Unsaid is `PREFERRED`, with a CA `VERIFY_CA`. `REQUIRED` with a CA proves the
/// chain, as MariaDB's client does and MySQL's doesn't.
const MYSQL: &[Row] = &[
    ("", [Encrypted, Issuer, Encrypted, Encrypted]),
    ("ssl-mode=DISABLED", [Plain, Plain, Plain, Plain]),
    ("ssl-mode=PREFERRED", [Encrypted, Encrypted, Encrypted, Encrypted]),
    ("ssl-mode=REQUIRED", [Encrypted, Issuer, Encrypted, Encrypted]),
    ("ssl-mode=VERIFY_CA", [Issuer, Issuer, Encrypted, Encrypted]),
    ("ssl-mode=VERIFY_IDENTITY", [Issuer, Issuer, Encrypted, Name]),
];

async fn every_mode_does_what_the_own_clients_do(engine: Engine) {
    let mut case = Case::new(engine).await;
    let table = if engine == Engine::Postgres { POSTGRES } else { MYSQL };
    let (right, other) = (case.ca(&pem("ca.pem")), case.ca(&pem("other-ca.pem")));
    for (mode, [none, wrong, named, unnamed]) in table {
        for host in ["127.0.0.1", "localhost"] {
            let with_right = if host == "localhost" { unnamed } else { named };
            for (ca, outcome) in [("", none), (&other, wrong), (&right, with_right)] {
                case.proves(&[mode, ca], host, *outcome).await;
            }
        }
    }
}

/// `database.tls.ca`: with it a URL that says nothing proves the server in full.
async fn the_configured_ca_proves_the_server(engine: Engine) {
    let mut case = Case::new(engine).await;
    let (require, off, authority) = match engine {
        Engine::Postgres => ("sslmode=require", "sslmode=disable", "sslmode=verify-ca"),
        _ => ("ssl-mode=REQUIRED", "ssl-mode=DISABLED", "ssl-mode=VERIFY_CA"),
    };
    case.configure_ca("other-ca.pem");
    case.proves(&[], "127.0.0.1", Issuer).await;
    case.proves(&[require], "127.0.0.1", Issuer).await;
    case.proves(&[off], "127.0.0.1", Plain).await;
    // The URL's own CA is the one that counts.
    let right = case.ca(&pem("ca.pem"));
    case.proves(&[authority, &right], "127.0.0.1", Encrypted).await;
    case.configure_ca("ca.pem");
    case.proves(&[], "127.0.0.1", Encrypted).await;
    case.proves(&[], "localhost", Name).await;
    case.proves(&[require], "localhost", Encrypted).await;
}

/// A server that offers no TLS is taken as it is where the mode allows, and refused where it doesn't.
async fn a_server_without_tls_is_named(engine: Engine) {
    let mut case = Case::new(engine).await;
    let (prefer, require) = match engine {
        Engine::Postgres => ("sslmode=prefer", "sslmode=require"),
        _ => ("ssl-mode=PREFERRED", "ssl-mode=REQUIRED"),
    };
    let front = front(engine, case.install.database.server_address(), Manners::NoTls).await;
    for mode in ["", prefer] {
        let output = case.check(&case.url("kpifire", &[mode], &front));
        assert!(output.status.success(), "{mode}: {}", said(&output));
    }
    let output = case.check(&case.url("kpifire", &[require], &front));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("the server offers no TLS"), "{}", said(&output));
}

async fn what_cannot_be_used_is_named(engine: Engine) {
    let mut case = Case::new(engine).await;
    let (mode_key, verify) = match engine {
        Engine::Postgres => ("sslmode", "sslmode=verify-full"),
        _ => ("ssl-mode", "ssl-mode=VERIFY_IDENTITY"),
    };
    let empty = case.install.database.folder().join("empty.pem");
    std::fs::write(&empty, "no certificate\n").unwrap();
    let (missing, empty) = (case.ca("/nonexistent/ca.pem"), case.ca(empty.to_str().unwrap()));
    let mut wrong = vec![
        (vec![format!("{mode_key}=sometimes")], "`sometimes` is no TLS mode"),
        (vec![verify.to_owned(), missing], "/nonexistent/ca.pem"),
        (vec![verify.to_owned(), empty], "empty.pem"),
    ];
    if engine == Engine::Postgres {
        let system = "sslrootcert=system".to_owned();
        wrong.push((vec!["sslmode=require".to_owned(), system], "sslmode=verify-full"));
    } else {
        // The driver's own words for it, which would be lost.
        wrong.push((vec!["require_ssl=true".to_owned()], "ssl-mode=REQUIRED"));
    }
    for (parameters, word) in wrong {
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let output = case.check(&case.url("kpifire", &parameters, "127.0.0.1"));
        assert_eq!(output.status.code(), Some(1), "{parameters:?}: {}", said(&output));
        assert!(said(&output).contains(word), "{parameters:?}: {}", said(&output));
        assert!(said(&output).contains("database.url"), "{parameters:?}: {}", said(&output));
    }
}

/// `migrate` and `serve` connect as `check` does.
async fn the_daemon_connects_or_says_why(engine: Engine) {
    let mut case = Case::new(engine).await;
    let verify = match engine {
        Engine::Postgres => "sslmode=verify-full",
        _ => "ssl-mode=VERIFY_IDENTITY",
    };
    let right = case.ca(&pem("ca.pem"));
    for (host, ready) in [("127.0.0.1", true), ("localhost", false)] {
        let url = case.url("kpifire", &[verify, &right], host);
        case.use_url(&url);
        let migrated = case.install.run(&["migrate"]);
        assert_eq!(migrated.status.success(), ready, "{}", said(&migrated));
        if ready {
            let server = case.install.serve().await;
            assert_eq!(server.status("/readyz").await, Some(200));
        } else {
            assert!(said(&migrated).contains("name mismatch"), "{}", said(&migrated));
            let served = case.install.run(&["serve"]);
            assert_eq!(served.status.code(), Some(1), "{}", said(&served));
            assert!(said(&served).contains("name mismatch"), "{}", said(&served));
        }
    }
}

/// libpq: `allow` turns to TLS, and `prefer` away from it, when the server refuses the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_asked_the_other_way_once_refused() {
    let mut case = Case::new(Engine::Postgres).await;
    let server = case.install.database.server_address();
    let front = front(Engine::Postgres, server, Manners::TlsOnly).await;
    for (mode, connects) in [("disable", false), ("allow", true), ("prefer", true)] {
        let url = case.url("kpifire", &[&format!("sslmode={mode}")], &front);
        let output = case.check(&url);
        assert_eq!(output.status.success(), connects, "{mode}: {}", said(&output));
        assert_eq!(said(&output).contains("TLS only"), !connects, "{mode}: {}", said(&output));
    }
}

/// An install, reached by one URL after the other.
struct Case {
    install: Install,
    /// MariaDB: an account that the server lets in through TLS alone.
    encrypted_only: String,
}

impl Case {
    async fn new(engine: Engine) -> Self {
        let install = Install::new(Database::ready(engine).await);
        let encrypted_only = format!("tls_{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        if engine.speaks_mysql() {
            let name = install.database.url.rsplit('/').next().unwrap();
            install
                .database
                .execute(&format!(
                    "CREATE USER {encrypted_only}@'%' IDENTIFIED BY 'kpifire' REQUIRE SSL; \
                     GRANT ALL ON {name}.* TO {encrypted_only}@'%'"
                ))
                .await;
        }
        Self { install, encrypted_only }
    }

    /// The parameter that names a CA.
    fn ca(&self, path: &str) -> String {
        match self.install.database.engine {
            Engine::Postgres => format!("sslrootcert={path}"),
            _ => format!("ssl-ca={path}"),
        }
    }

    /// The install's URL with these parameters, for an account, by way of a host or `host:port`.
    fn url(&self, account: &str, parameters: &[&str], host: &str) -> String {
        let database = &self.install.database;
        let address = database.server_address();
        let (_, port) = address.rsplit_once(':').expect("a port in the server's URL");
        let through = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
        let mut url = database.url.replacen(&address, &through, 1);
        if account == self.encrypted_only {
            let rest = url.rsplit('@').next().unwrap();
            url = format!("mysql://{account}:kpifire@{rest}");
        }
        for parameter in parameters.iter().filter(|parameter| !parameter.is_empty()) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(parameter);
        }
        url
    }

    fn use_url(&mut self, url: &str) {
        self.install.configure(&format!("[database]\nurl = {url:?}\n"));
    }

    fn configure_ca(&mut self, file: &str) {
        self.install.configure(&format!("[database.tls]\nca = {:?}\n", pem(file)));
    }

    fn check(&mut self, url: &str) -> Output {
        self.use_url(url);
        self.install.run(&["check"])
    }

    /// Connects, and asks the server what came of it.
    async fn proves(&mut self, parameters: &[&str], host: &str, outcome: Outcome) {
        let label = format!("{parameters:?} to {host}");
        let url = self.url("kpifire", parameters, host);
        let output = self.check(&url);
        let word = match outcome {
            Issuer => "unknown issuer",
            Name => "name mismatch",
            Plain | Encrypted => {
                assert!(output.status.success(), "{label}: {}", said(&output));
                let encrypted = match self.install.database.engine {
                    Engine::Postgres => self.backend_is_encrypted(&url).await,
                    _ => self.account_is_let_in(parameters, host),
                };
                assert_eq!(encrypted, outcome == Encrypted, "{label}: encrypted");
                return;
            }
        };
        assert_eq!(output.status.code(), Some(1), "{label}: {}", said(&output));
        assert!(said(&output).contains(word), "{label}: {}", said(&output));
    }

    /// What PostgreSQL says of the daemon's connection.
    async fn backend_is_encrypted(&mut self, url: &str) -> bool {
        let name = format!("tls-{}", uuid::Uuid::new_v4().simple());
        let join = if url.contains('?') { '&' } else { '?' };
        self.use_url(&format!("{url}{join}application_name={name}"));
        let _server = self.install.serve().await;
        let rows = self
            .install
            .database
            .rows(&format!(
                "SELECT DISTINCT ssl::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = '{name}'"
            ))
            .await;
        assert_eq!(rows.len(), 1, "{url}: {rows:?}");
        rows[0][0].as_deref() == Some("true")
    }

    /// Whether MariaDB lets in the account that it lets in through TLS alone.
    fn account_is_let_in(&mut self, parameters: &[&str], host: &str) -> bool {
        let account = self.encrypted_only.clone();
        let output = self.check(&self.url(&account, parameters, host));
        let refused = said(&output).contains("Access denied");
        assert_eq!(output.status.success(), !refused, "{}", said(&output));
        !refused
    }
}

impl Drop for Case {
    /// The account outlives the database otherwise.
    fn drop(&mut self) {
        let database = &self.install.database;
        if !database.engine.speaks_mysql() {
            return;
        }
        let (url, sql) = (database.url.clone(), format!("DROP USER {}@'%'", self.encrypted_only));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(crate::support::sql::mysql(&url, &sql)).map_err(std::io::Error::other)
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("{} is left behind on the server: {error}", self.encrypted_only);
        }
    }
}

/// A file of `KPIFIRE_TEST_TLS`. Not set is a failure, never a skip.
fn pem(file: &str) -> String {
    let folder = std::env::var_os("KPIFIRE_TEST_TLS").unwrap_or_else(|| {
        panic!(
            "KPIFIRE_TEST_TLS is not set: run tests/run, or set KPIFIRE_TEST_TLS to a folder with \
             the ca.pem of the servers in the URLs, and the other-ca.pem of any other CA"
        )
    });
    let path = PathBuf::from(folder).join(file);
    assert!(path.is_file(), "{} (in KPIFIRE_TEST_TLS) is no file", path.display());
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// How a server set up otherwise would behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manners {
    /// Offers no TLS.
    NoTls,
    /// PostgreSQL with nothing but `hostssl` in its `pg_hba.conf`.
    TlsOnly,
}

/// Stands in front of a server and gives it other manners; where it listens.
async fn front(engine: Engine, target: String, manners: Manners) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            // What the client breaks off is not this side's failure.
            tokio::spawn(async move {
                let _ = match engine {
                    Engine::Postgres => postgres_front(client, server, manners).await,
                    _ => mariadb_without_tls(client, server).await,
                };
            });
        }
    });
    address
}

async fn postgres_front(
    mut client: TcpStream,
    mut server: TcpStream,
    manners: Manners,
) -> std::io::Result<()> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let mut first = [0; 8];
    client.read_exact(&mut first).await?;
    let asks = first == SSL_REQUEST;
    match manners {
        Manners::NoTls if asks => client.write_all(b"N").await?,
        Manners::TlsOnly if !asks => {
            let fields = b"SFATAL\0C28000\0MTLS only\0\0";
            client.write_all(b"E").await?;
            client.write_all(&u32::try_from(fields.len() + 4).unwrap().to_be_bytes()).await?;
            client.write_all(fields).await?;
            return client.shutdown().await;
        }
        _ => server.write_all(&first).await?,
    }
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// Takes `CLIENT_SSL` (0x0800) out of the capabilities in the server's greeting.
async fn mariadb_without_tls(mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    let mut header = [0; 4];
    server.read_exact(&mut header).await?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    let mut greeting = vec![0; usize::try_from(length).unwrap()];
    server.read_exact(&mut greeting).await?;
    let version = greeting[1..].iter().position(|byte| *byte == 0).expect("a version") + 1;
    // After the version's NUL: thread id (4), salt (8), a filler, the lower capabilities (2).
    greeting[version + 1 + 4 + 8 + 1 + 1] &= !0x08;
    client.write_all(&header).await?;
    client.write_all(&greeting).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}
