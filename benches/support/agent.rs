//! The program under measurement: its commands, its daemon, and what the daemon takes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::database::Database;
use super::{Result, client};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kpifire-scim");
/// Until a daemon must be ready; one under a tool takes its time.
const READY: Duration = Duration::from_secs(120);

/// The program with a configuration that points at one database; defaults and the given files
/// otherwise.
#[derive(Debug)]
pub struct Program {
    folder: PathBuf,
    configs: Vec<PathBuf>,
}

impl Program {
    /// Writes the configuration.
    ///
    /// # Errors
    /// The file system's.
    pub fn new(database: &Database, more: &[PathBuf]) -> Result<Self> {
        let folder = database.folder().to_owned();
        let toml = format!("listen = \"127.0.0.1:0\"\n[database]\nurl = {:?}\n", database.url);
        let own = folder.join("config.toml");
        std::fs::write(&own, toml)?;
        let configs = std::iter::once(own).chain(more.iter().cloned()).collect();
        Ok(Self { folder, configs })
    }

    /// Makes the sidecar tables.
    ///
    /// # Errors
    /// When the command fails.
    pub fn migrate(&self) -> Result<()> {
        self.stdout(&["migrate"]).map(drop)
    }

    /// Makes a token.
    ///
    /// # Errors
    /// When the command fails.
    pub fn token(&self) -> Result<String> {
        let text = self.stdout(&["token", "create", "--name", "bench"])?;
        Ok(text.trim_end().to_owned())
    }

    /// Makes the indexes that `check` recommends, as its reader would: unique ones first, then what
    /// it still asks for.
    ///
    /// # Errors
    /// When the command fails, or the database refuses an index.
    pub async fn index(&self, database: &Database) -> Result<usize> {
        let mut made = 0;
        for beginning in ["CREATE UNIQUE INDEX", "CREATE INDEX"] {
            let advice = self.stdout(&["check"])?;
            for line in advice.lines() {
                let fix = line.trim_start().strip_prefix("fix: ").unwrap_or_default();
                if fix.starts_with(beginning) {
                    database.execute(fix).await?;
                    made += 1;
                }
            }
        }
        Ok(made)
    }

    /// Starts the daemon and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or isn't ready in time; with what it logged.
    pub async fn serve(&self) -> Result<Daemon> {
        self.serve_under(&[]).await
    }

    /// The same by a tool that runs the program in its own process.
    ///
    /// # Errors
    /// As for [`Self::serve`].
    pub async fn serve_under(&self, tool: &[&str]) -> Result<Daemon> {
        let log = self.folder.join("serve.log");
        // A file, as a service manager's journal would take it: reading it costs nothing here.
        let stderr = std::fs::File::create(&log)?;
        let started = Instant::now();
        let mut command = match tool.split_first() {
            None => Command::new(PROGRAM),
            Some((tool, arguments)) => {
                let mut command = Command::new(tool);
                command.args(arguments).arg(PROGRAM);
                command
            }
        };
        self.configure(&mut command, &["serve"]);
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn()?;
        let mut daemon = Daemon { child, address: String::new(), ready_after: Duration::ZERO };
        while daemon.ready_after.is_zero() {
            if let Some(status) = daemon.child.try_wait()? {
                return Err(format!("serve ended with {status}\n{}", tail(&log)).into());
            }
            if started.elapsed() > READY {
                return Err(format!("serve isn't ready after {READY:?}\n{}", tail(&log)).into());
            }
            if daemon.address.is_empty() {
                daemon.address = listening(&log).unwrap_or_default();
            } else if client::is_ready(&daemon.address).await {
                daemon.ready_after = started.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(daemon)
    }

    fn stdout(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).stderr(Stdio::piped()).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("kpifire-scim {}: {}\n{said}", arguments.join(" "), output.status).into())
    }

    /// The program with these arguments, ready to start.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        self.configure(&mut command, arguments);
        command
    }

    fn configure(&self, command: &mut Command, arguments: &[&str]) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KPIFIRE_") {
                command.env_remove(name);
            }
        }
        command.env("NO_COLOR", "1").stdin(Stdio::null()).args(arguments);
        for config in &self.configs {
            command.arg("--config").arg(config);
        }
    }
}

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// From the start of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
}

impl Daemon {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in MiB, now and at its peak; `None` where there is no `/proc`.
    pub fn memory(&self) -> Option<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u32 = line.trim().trim_end_matches(" kB").parse().ok()?;
            Some(f64::from(kib) / 1024.0)
        };
        Some((field("VmRSS:")?, field("VmHWM:")?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the line `… listening on http://127.0.0.1:4711/scim/v2`.
fn listening(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let (rest, _) = text.split_once("listening on http://")?.1.split_once('/')?;
    Some(rest.to_owned())
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
