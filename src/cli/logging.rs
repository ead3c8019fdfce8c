//! Where log lines go and what they look like. stdout is never one of the places.

use std::io::IsTerminal as _;
use std::path::Path;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use super::globals::{Globals, LogFormat};
use super::journal::{self, Journal};
use crate::config::{self, Log};

/// Installs the log: `RUST_LOG` over the command line over the configuration's `[log]`.
///
/// Where there is no journal, `journald` falls back to text on stderr and says so. A panic is
/// logged like everything else, inside the span of the request it happened in.
pub fn init(globals: &Globals, configured: Option<&Log>) {
    let level = match configured {
        _ if globals.quiet => "warn",
        Some(log) => log.level.as_str(),
        None => "info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let format = globals.log_format.unwrap_or_else(|| match configured.map(|log| log.format) {
        None | Some(config::LogFormat::Text) => LogFormat::Text,
        Some(config::LogFormat::Json) => LogFormat::Json,
        Some(config::LogFormat::Journald) => LogFormat::Journald,
    });
    let (journal, missing) = match (format == LogFormat::Journald).then(open_journal) {
        Some(Ok(layer)) => (Some(layer), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let writer = journal::Stderr { is_journal: journal::is_on_stderr() };
    let stderr = match (&journal, format) {
        (Some(_), _) => None,
        (None, LogFormat::Json) => Some(fmt::layer().json().with_writer(writer).boxed()),
        (None, _) => {
            let ansi = std::io::stderr().is_terminal();
            Some(fmt::layer().with_ansi(ansi).with_writer(writer).boxed())
        }
    };
    // A second call, as from a test, keeps the first log.
    drop(registry().with(stderr).with(journal).with(filter).try_init());
    if let Some(error) = missing {
        tracing::warn!(%error, "there is no systemd journal here; logging to stderr");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let said = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a message");
        tracing::error!(place, said, "panic");
    }));
}

fn open_journal() -> std::io::Result<Journal> {
    Journal::at(Path::new(journal::SOCKET))
}
