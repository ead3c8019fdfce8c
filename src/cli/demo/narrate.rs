//! How the demo tells what it does: a progress bar on a terminal, plain lines otherwise. Knows
//! nothing of what is told.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::error::Error;
use crate::cli::output;

/// Tells on stdout; the bar is on stderr.
pub enum Narrator {
    /// On a terminal.
    Bar(ProgressBar),
    /// Into a pipe or a file.
    Lines,
    /// To nobody.
    #[cfg(test)]
    Silent,
}

impl Narrator {
    /// A telling of so many steps.
    pub fn new(steps: usize) -> Self {
        if !std::io::stderr().is_terminal() || !std::io::stdout().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX));
        // The template is a constant; should it ever not parse, the default bar serves.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {wide_msg}") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    /// A line that stays on a terminal as well.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn say(&self, line: &str) -> Result<(), Error> {
        match self {
            Self::Bar(bar) => bar.suspend(|| output::line(line)),
            Self::Lines => output::line(line),
            #[cfg(test)]
            Self::Silent => Ok(()),
        }
    }

    /// What happens within a step: a terminal shows only the latest.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn detail(&self, line: &str) -> Result<(), Error> {
        match self {
            Self::Bar(bar) => {
                bar.set_message(line.to_owned());
                Ok(())
            }
            Self::Lines => output::line(&format!("  {line}")),
            #[cfg(test)]
            Self::Silent => Ok(()),
        }
    }

    /// A step is done.
    pub fn step(&self) {
        if let Self::Bar(bar) = self {
            bar.inc(1);
        }
    }
}

impl Drop for Narrator {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
