//! The program under test: an install with a configuration, its commands, its daemon.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Client, Database, Dialect, Engine, Entra};

/// A database and the configuration that points an agent at it.
#[derive(Debug)]
pub struct Install {
    /// The database.
    pub database: Database,
    configs: Vec<PathBuf>,
    environment: Vec<(String, String)>,
}

impl Install {
    /// An install that the built-in profile fits. Nothing runs by the clock before New Year: what a
    /// test sees must not depend on the hour. (No cleanup at all would be another thing: without a
    /// schedule whoever is due is late.)
    pub fn new(database: Database) -> Self {
        let mut install = Self { database, configs: Vec::new(), environment: Vec::new() };
        install.configure(&format!(
            "listen = \"127.0.0.1:0\"\n[database]\nurl = {:?}\n\
             [schedule]\nreconcile = \"0 0 1 1 *\"\ncleanup = \"0 0 1 1 *\"\n",
            install.database.url
        ));
        install
    }

    /// An install with a profile of its own.
    pub fn with_profile(database: Database, profile: &str) -> Self {
        let path = database.folder().join("profile.toml");
        std::fs::write(&path, profile).unwrap();
        let mut install = Self::new(database);
        install.configure(&format!("profile = {:?}\n", path.display().to_string()));
        install
    }

    /// Lays another configuration file over the ones before it.
    pub fn configure(&mut self, toml: &str) {
        let path = self.database.folder().join(format!("config-{}.toml", self.configs.len()));
        std::fs::write(&path, toml).unwrap();
        self.configs.push(path);
    }

    /// The configuration file that lies over the others.
    pub fn last_config(&self) -> &std::path::Path {
        self.configs.last().unwrap()
    }

    /// Sets a variable for its commands and daemons.
    pub fn environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// A subcommand, ready to run: this install's configuration, and of `KPIFIRE_*` nothing from the
    /// environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kpifire-scim"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KPIFIRE_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // What paths without a beginning are relative to, `reports.dir` for one.
        command.current_dir(self.database.folder());
        command.env("NO_COLOR", "1").env("RUST_BACKTRACE", "1").args(arguments);
        for config in &self.configs {
            command.arg("--config").arg(config);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a subcommand that must succeed; its stdout.
    #[track_caller]
    pub fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}\n{stdout}\n{stderr}", output.status);
        stdout
    }

    /// Makes the sidecar tables.
    #[track_caller]
    pub fn migrate(&self) {
        self.stdout(&["migrate"]);
    }

    /// Makes a token; alone on stdout, it is.
    #[track_caller]
    pub fn token(&self, name: &str, more: &[&str]) -> String {
        let arguments = [&["token", "create", "--name", name], more].concat();
        let token = self.stdout(&arguments).trim_end().to_owned();
        assert!(!token.is_empty() && !token.contains(char::is_whitespace), "{token:?}");
        token
    }

    /// Sidecar tables and a token with scope `provision`, where the database doesn't come with them:
    /// the token.
    #[track_caller]
    pub fn prepare(&self) -> String {
        self.database.token.clone().unwrap_or_else(|| {
            self.migrate();
            self.token("entra", &[])
        })
    }

    /// Starts a daemon and waits until it is ready.
    pub async fn serve(&self) -> Server {
        let server = self.serve_unready().await;
        let started = Instant::now();
        while server.status("/readyz").await != Some(200) {
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "not ready in 30 s\n{}",
                server.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// Starts a daemon and waits only until it listens.
    pub async fn serve_unready(&self) -> Server {
        self.serve_by(self.command(&["serve"]).stdout(Stdio::null())).await
    }

    /// The same by a command that becomes the daemon.
    pub async fn serve_by(&self, command: &mut Command) -> Server {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                written.lock().unwrap().push(line);
            }
        });
        let mut server = Server { address: String::new(), child, log };
        let listening = |line: &String| address_in(line, "listening on");
        let started = Instant::now();
        while server.address.is_empty() {
            let found = server.log.lock().unwrap().iter().find_map(listening);
            if let Some(address) = found {
                server.address = address;
                break;
            }
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("serve ended with {status}\n{}", server.log());
            }
            assert!(started.elapsed() < Duration::from_secs(30), "no address\n{}", server.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }
}

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub struct Server {
    /// `127.0.0.1:PORT`
    pub address: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The SCIM base URL.
    pub fn base(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    /// The status that a path outside SCIM answers; `None` when nothing answers.
    pub async fn status(&self, path: &str) -> Option<u16> {
        self.answer(path).await?.split(' ').nth(1)?.parse().ok()
    }

    /// The status and the body that a path outside SCIM answers.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.answer(path).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    async fn answer(&self, path: &str) -> Option<String> {
        let mut stream = tokio::net::TcpStream::connect(&self.address).await.ok()?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no chance to tidy up.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM: what systemd sends.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Where the admin listener is. Its line comes after the one that says the daemon listens.
    pub async fn admin(&self) -> String {
        let what = "admin listener on";
        let line = self.logged(0, |line| address_in(line, what).is_some()).await;
        address_in(&line, what).unwrap()
    }

    /// Reloads, and waits until the log says what came of it: its line.
    pub async fn reload(&self) -> String {
        let before = self.log.lock().unwrap().len();
        self.signal("-HUP");
        self.logged(before, |line| line.contains("reloaded") || line.contains("refused")).await
    }

    /// Waits for a line of the log, from a line's number on.
    pub async fn logged(&self, from: usize, is_it: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let found = {
                let log = self.log.lock().unwrap();
                log.iter().skip(from).find(|line| is_it(line)).cloned()
            };
            if let Some(line) = found {
                return line;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "no such line\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The exit code, if it ends by itself in time.
    pub async fn exit_code(&mut self, within: Duration) -> Option<i32> {
        let started = Instant::now();
        while started.elapsed() < within {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            // A panic in here would end all tests, and hide what every one of them had to say.
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let tail = log.len().saturating_sub(60);
            eprintln!("--- the agent's log, from line {tail}\n{}\n---", log[tail..].join("\n"));
        }
    }
}

/// The usual case: a migrated install, a `provision` token, a daemon that is ready.
#[derive(Debug)]
pub struct Agent {
    /// Stopped before the database goes.
    pub server: Server,
    /// The install it runs on.
    pub install: Install,
    /// A token with scope `provision`.
    pub token: String,
}

impl Agent {
    /// On the reference install, with the built-in profile.
    pub async fn start(engine: Engine) -> Self {
        Self::on(Install::new(Database::ready(engine).await)).await
    }

    /// On any install.
    pub async fn on(install: Install) -> Self {
        let token = install.prepare();
        let server = install.serve().await;
        Self { server, install, token }
    }

    /// A caller with the agent's token.
    pub fn client(&self) -> Client {
        Client::new(&self.server.base(), Some(&self.token))
    }

    /// A caller with another token, or none.
    pub fn client_with(&self, token: Option<&str>) -> Client {
        Client::new(&self.server.base(), token)
    }

    /// An Entra that speaks one of its dialects.
    pub fn entra(&self, dialect: Dialect) -> Entra {
        Entra::new(self.client(), dialect)
    }

    /// The database behind it.
    pub fn database(&self) -> &Database {
        &self.install.database
    }

    /// The audit trail as `audit --format json` prints it, without the commands that made the test's own
    /// tokens.
    #[track_caller]
    pub fn audit(&self, more: &[&str]) -> Vec<serde_json::Value> {
        let text = self.install.stdout(&[&["audit", "--format", "json"], more].concat());
        let rows: Vec<serde_json::Value> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let made =
            |row: &serde_json::Value| row["operation"] == "token_create" && row["token"].is_null();
        rows.into_iter().filter(|row| !made(row)).collect()
    }

    /// The state of a resource's link; `None` when it has none.
    pub async fn link(&self, resource_type: &str, id: &str) -> Option<String> {
        let sql = format!(
            "SELECT state FROM scim_links WHERE resource_type = '{resource_type}' AND legacy_key = '{}'",
            super::key(id)
        );
        self.database().value(&sql).await
    }
}

/// The address in a line such as `… listening on http://127.0.0.1:4711`.
fn address_in(line: &str, what: &str) -> Option<String> {
    let rest = line.split_once(what)?.1.split_once("://")?.1;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".:[]".contains(c)));
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}

/// Bytes as they come from a raw connection, until it closes.
pub fn read_raw(stream: &mut std::net::TcpStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
