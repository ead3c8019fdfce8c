//! A real mail server (aiosmtpd, a process) with STARTTLS or TLS, a password, and a certificate of a CA
//! of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

/// How the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// STARTTLS, then a password.
    StartTls,
    /// TLS from the first byte, then a password.
    Tls,
    /// In the clear, without a password.
    Plain,
}

/// The server; stopped when dropped.
#[derive(Debug)]
pub struct MailServer {
    folder: tempfile::TempDir,
    speaks: Speaks,
    port: u16,
    child: Option<Child>,
}

impl MailServer {
    /// Starts one.
    pub fn start(speaks: Speaks) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let mut server = Self { folder, speaks, port: 0, child: None };
        server.up();
        server
    }

    /// Stops it: nobody answers there.
    pub fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again, where it was.
    pub fn up(&mut self) {
        let python = std::env::var("KPIFIRE_TEST_PYTHON").unwrap_or_else(|_| {
            panic!(
                "KPIFIRE_TEST_PYTHON is not set: this test needs a Python with aiosmtpd. `tests/run` \
                 makes one and sets it; by hand: python3 -m venv V && V/bin/pip install aiosmtpd, and \
                 KPIFIRE_TEST_PYTHON=V/bin/python"
            )
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/smtpd.py");
        let mode = match self.speaks {
            Speaks::StartTls => "starttls",
            Speaks::Tls => "tls",
            Speaks::Plain => "plain",
        };
        let mut child = Command::new(python)
            .arg(script)
            .arg(self.folder.path())
            .args([&self.port.to_string(), mode])
            .args([self.file("server.pem"), self.file("server.key")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.port = line.trim().parse().expect("the mail server's port");
        self.child = Some(child);
    }

    /// What reaches it: `[notify.smtp]`.
    pub fn config(&self) -> String {
        self.config_with("scim:p%40ss%2Fword@")
    }

    /// The same, with another user and password in its URL.
    pub fn config_with(&self, login: &str) -> String {
        let port = self.port;
        let url = match self.speaks {
            Speaks::StartTls => format!("smtp://{login}127.0.0.1:{port}"),
            Speaks::Tls => format!("smtps://{login}127.0.0.1:{port}"),
            Speaks::Plain => format!("smtp://127.0.0.1:{port}?tls=none"),
        };
        format!(
            "[notify.smtp]\nurl = \"{url}\"\nfrom = \"Plant 7 <scim@plant.example>\"\n\
             to = [\"it@plant.example\", '\"Möller, Jürgen\" <jm@plant.example>']\n"
        )
    }

    /// The CA to trust.
    pub fn authority(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// A file in its folder, by which it is steered.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The mails so far, in the order in which they came.
    pub fn mails(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "json"))
            .collect();
        files.sort();
        let read = |path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        files.into_iter().map(read).collect()
    }

    /// The mails, once there are so many.
    pub async fn until(&self, wanted: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let mails = self.mails();
            if mails.len() >= wanted {
                return mails;
            }
            assert!(started.elapsed() < Duration::from_secs(40), "{wanted} wanted: {mails:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.down();
    }
}

/// A header of a mail; panics when it isn't there once.
#[track_caller]
pub fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let all: Vec<&str> = mail["headers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().unwrap())
        .collect();
    assert_eq!(all.len(), 1, "{name}: {mail:#}");
    all[0]
}

/// A CA, and a certificate of it for 127.0.0.1.
fn certify(folder: &Path) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = ca.self_signed(&ca_key).unwrap();
    std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}
