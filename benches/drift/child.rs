//! The program as a child process, with the memory that it took.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::Result;
use crate::support::agent::Program;
use crate::support::database::Database;

/// How often the child's memory is looked at. Its peak only grows, so that the last look before
/// the end is what counts.
const LOOK: Duration = Duration::from_millis(5);

/// What became of a child.
#[derive(Debug)]
pub struct Done {
    /// The exit code; `None` when it was stopped.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// From start to end.
    pub time: Duration,
    /// The most memory it ever had, in MiB; zero where there is no `/proc`.
    pub peak: f64,
}

/// Runs the program; stops it when it takes longer than `limit`.
///
/// # Errors
/// When it can't be started; with what it logged, when it ends with an error.
pub async fn run(
    program: &Program,
    database: &Database,
    arguments: &[&str],
    limit: Option<Duration>,
) -> Result<Done> {
    let [out, log] = ["stdout", "stderr"].map(|name| database.folder().join(name));
    let started = Instant::now();
    let mut child = program
        .command(arguments)
        .stdout(Stdio::from(File::create(&out)?))
        .stderr(Stdio::from(File::create(&log)?))
        .spawn()?;
    let mut peak: f64 = 0.0;
    let code = loop {
        if let Some(status) = child.try_wait()? {
            break status.code();
        }
        peak = peak.max(high_water(child.id()).unwrap_or_default());
        if limit.is_some_and(|limit| started.elapsed() > limit) {
            child.kill()?;
            child.wait()?;
            break None;
        }
        tokio::time::sleep(LOOK).await;
    };
    let time = started.elapsed();
    let stdout = std::fs::read_to_string(&out)?;
    if code.is_some_and(|code| code == 1 || code > 4) {
        let said = std::fs::read_to_string(&log)?;
        return Err(format!("kpifire-scim {}: {code:?}\n{said}", arguments.join(" ")).into());
    }
    Ok(Done { code, stdout, time, peak })
}

fn high_water(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u32 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(f64::from(kib) / 1024.0)
}
