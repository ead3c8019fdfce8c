//! The agent under callgrind: what it executed between two moments.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Result;
use crate::support::agent::{Daemon, Program};

/// A running agent whose instructions are counted.
#[derive(Debug)]
pub struct Counted {
    /// The agent; valgrind runs it in its own process.
    pub daemon: Daemon,
    profiles: PathBuf,
    dumps: u32,
}

impl Counted {
    /// Starts it and waits until it is ready; its profiles go into `folder`.
    ///
    /// # Errors
    /// When valgrind isn't there, or the daemon doesn't get ready.
    pub async fn start(program: &Program, folder: &Path) -> Result<Self> {
        let profiles = folder.join("callgrind.out");
        let file = format!("--callgrind-out-file={}", profiles.display());
        let daemon = program.serve_under(&["valgrind", "--tool=callgrind", "-q", &file]).await?;
        Ok(Self { daemon, profiles, dumps: 0 })
    }

    /// The instructions since the start, or since this was asked last; and the profile of them.
    ///
    /// # Errors
    /// When callgrind doesn't answer.
    pub fn instructions(&mut self) -> Result<(u64, PathBuf)> {
        let asked = Command::new("callgrind_control")
            .args(["--dump", &self.daemon.id().to_string()])
            .output()
            .map_err(|error| format!("callgrind_control, which comes with valgrind: {error}"))?;
        self.dumps += 1;
        let profile = self.profiles.with_extension(format!("out.{}", self.dumps));
        let text = std::fs::read_to_string(&profile).map_err(|error| {
            let said = String::from_utf8_lossy(&asked.stderr).into_owned();
            format!("no profile {}: {error}\n{said}", profile.display())
        })?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        let total = total.ok_or_else(|| format!("no totals in {}", profile.display()))?;
        Ok((total.parse()?, profile))
    }
}
