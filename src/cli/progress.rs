//! A bar for what takes longer than a second, on a terminal; nothing otherwise.

use std::fmt::Write;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::task::JoinHandle;

use crate::reconcile::snapshot::Progress;

/// Work that is being watched.
pub struct Watched {
    progress: Arc<Progress>,
    watching: JoinHandle<()>,
}

impl Watched {
    /// Begins to watch; `what` is counted.
    pub fn new(what: &'static str) -> Self {
        let progress = Arc::new(Progress::default());
        let template = format!("{{spinner}} {{human_pos}} {what}  {{rate}}  {{elapsed}}");
        let watching = tokio::spawn(watch(Arc::clone(&progress), template));
        Self { progress, watching }
    }

    /// Begins to watch what can't be counted: a bar says that it goes on.
    pub fn uncounted(what: &'static str) -> Self {
        let progress = Arc::new(Progress::default());
        let template = format!("{{spinner}} {what}  {{elapsed}}");
        let watching = tokio::spawn(watch(Arc::clone(&progress), template));
        Self { progress, watching }
    }

    /// What the work counts on.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Takes the bar away.
    pub async fn end(self) {
        self.watching.abort();
        // What is aborted has taken its bar away once it is joined.
        drop(self.watching.await);
    }
}

async fn watch(progress: Arc<Progress>, template: String) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    // Nothing that is over within a second needs a bar.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let bar = Shown(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.0.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
            // That a terminal is gone is no reason to fail.
            let _ = write!(out, "{:.0}/s", state.per_sec());
        }));
    }
    loop {
        bar.0.set_position(progress.rows());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A bar that goes when it is dropped.
struct Shown(ProgressBar);

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
