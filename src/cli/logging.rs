//! Where log lines go and what they look like. stdout is never one of the places.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use super::globals::{Globals, LogFormat};

/// Installs the log. `RUST_LOG` overrides the level, in tracing's directive syntax.
///
/// Where there is no journal, `journald` falls back to text on stderr and says so. A panic is
/// logged like everything else, inside the span of the request it happened in.
pub fn init(globals: &Globals) {
    let level = if globals.quiet { "warn" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let format = globals.log_format.unwrap_or(LogFormat::Text);
    let (journal, missing) = match (format == LogFormat::Journald).then(tracing_journald::layer) {
        Some(Ok(layer)) => (Some(layer), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let stderr = match (&journal, format) {
        (Some(_), _) => None,
        (None, LogFormat::Json) => Some(fmt::layer().json().with_writer(std::io::stderr).boxed()),
        (None, _) => {
            let ansi = std::io::stderr().is_terminal();
            Some(
                fmt::layer()
                    .with_ansi(ansi)
                    .with_writer(std::io::stderr)
                    .boxed(),
            )
        }
    };
    // A second call, as from a test, keeps the first log.
    drop(
        registry()
            .with(stderr)
            .with(journal)
            .with(filter)
            .try_init(),
    );
    if let Some(error) = missing {
        tracing::warn!(%error, "there is no systemd journal here; logging to stderr");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let message = panic
            .payload_as_str()
            .unwrap_or("a panic without a message");
        tracing::error!(place, message, "panic");
    }));
}
