//! Where the run is, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

use super::options::{Options, turns};

/// A bar on stderr; nothing when stderr is no terminal.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar over that many databases.
    pub fn new(databases: usize, options: &Options) -> Self {
        let bar = ProgressBar::new(turns(options) * databases as u64);
        let style = "{elapsed_precise} [{bar:30}] about {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Says what is being done.
    pub fn say(&self, what: String) {
        self.0.set_message(what);
        self.0.tick();
    }

    /// One of a run's turns is done.
    pub fn advance(&self) {
        self.0.inc(1);
    }

    /// Prints without the bar in the way.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
