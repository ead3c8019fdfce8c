//! Log lines for the systemd journal: in its native protocol, or on a stderr that is connected to it.
//!
//! `journalctl` shows a record's `MESSAGE` alone, so that carries everything a person needs: what
//! happened, and each field as `name=value`, those of the request it happened in included. The fields
//! are there as well, as `F_NAME`, for `journalctl F_STATUS=503`. Knows no message by name.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::log_queue;

/// Where journald takes records (systemd's `JOURNAL_NATIVE_PROTOCOL`).
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// Bytes of a message that is sent alone, when the record as a whole is longer than a datagram may be.
const SHORT: usize = 16 * 1024;

/// The priority of what is logged at a level, as `syslog(3)` counts.
pub fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// Whether stderr goes to the journal: `$JOURNAL_STREAM` (`systemd.exec(5)`) names what stderr is.
pub fn is_on_stderr() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = io::stderr().as_fd().try_clone_to_owned();
    let stderr = stderr.map(std::fs::File::from).and_then(|it| it.metadata());
    stderr.is_ok_and(|it| stream == format!("{}:{}", it.dev(), it.ino()))
}

/// A text with each of its lines marked as the journal reads priorities off a stream (`sd-daemon(3)`).
pub fn marked(level: Level, text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("<{}>{line}", priority(level))).collect();
    lines.join("\n")
}

/// stderr, with each record's priority before it where the journal reads it.
#[derive(Debug, Clone, Copy)]
pub struct Stderr {
    /// Whether the journal does.
    pub is_journal: bool,
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Marked;

    fn make_writer(&'a self) -> Marked {
        Marked(None)
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Marked {
        Marked(self.is_journal.then(|| priority(*meta.level())))
    }
}

/// Writes a record whole, its priority before it.
#[derive(Debug)]
pub struct Marked(Option<u8>);

impl Write for Marked {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let mark = self.0.map(|it| format!("<{it}>")).unwrap_or_default();
        let marked = [mark.as_bytes(), record].concat();
        // Nobody is there to be told that stderr is closed.
        log_queue::put(move || drop(io::stderr().write_all(&marked)));
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What is written waits for nobody; nothing is held back here.
        Ok(())
    }
}

/// Sends what is logged to journald.
#[derive(Debug)]
pub struct Journal(Arc<Socket>);

#[derive(Debug)]
struct Socket {
    socket: UnixDatagram,
    address: PathBuf,
}

impl Journal {
    /// The journal that listens at this socket.
    ///
    /// # Errors
    /// When none does.
    pub fn at(address: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // An empty record is thrown away.
        socket.send_to(&[], address)?;
        Ok(Self(Arc::new(Socket { socket, address: address.to_owned() })))
    }
}

impl Socket {
    /// A record that can't be delivered, because journald restarts, goes where the unit's output goes.
    fn send(&self, level: Level, message: &str, rest: &[u8]) {
        let mut record = format!("PRIORITY={}\n", priority(level)).into_bytes();
        put(&mut record, "MESSAGE", message);
        put(&mut record, "SYSLOG_IDENTIFIER", env!("CARGO_PKG_NAME"));
        let whole = [record.as_slice(), rest].concat();
        if self.socket.send_to(&whole, &self.address).is_ok() {
            return;
        }
        let end = (0..=SHORT).rev().find(|at| message.is_char_boundary(*at));
        let short = message.get(..end.unwrap_or_default()).unwrap_or_default();
        let mut record = format!("PRIORITY={}\n", priority(level)).into_bytes();
        put(&mut record, "MESSAGE", short);
        if self.socket.send_to(&record, &self.address).is_err() {
            drop(writeln!(io::stderr(), "{}", marked(level, short)));
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Journal {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.rest.extend(of_span.rest.iter().cloned());
            }
        }
        let mut rest = Vec::new();
        put(&mut rest, "TARGET", event.metadata().target());
        for (name, value) in &fields.rest {
            put(&mut rest, &journal_name(name), value);
        }
        let (level, message) = (*event.metadata().level(), fields.to_string());
        let socket = Arc::clone(&self.0);
        log_queue::put(move || socket.send(level, &message, &rest));
    }
}

/// The fields of a record or of a span, in their order.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.rest.push((name, format!("{value:?}"))),
        }
    }
}

/// What a person reads.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (name, value) in &self.rest {
            write!(f, " {name}=")?;
            let is_plain = !value.is_empty()
                && value.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '"');
            // A value with a line break in it must not look like a line of the log.
            if is_plain { f.write_str(value)? } else { write!(f, "{value:?}")? }
        }
        Ok(())
    }
}

/// `request_id` → `F_REQUEST_ID`: capitals, digits and underscores are what the journal takes.
fn journal_name(name: &str) -> String {
    let is_taken = |c: char| c.is_ascii_alphanumeric();
    format!("F_{}", name.to_ascii_uppercase().replace(|c| !is_taken(c), "_"))
}

/// Appends a field in the form that takes any value: name, length (64 bits, little-endian), value.
fn put(record: &mut Vec<u8>, name: &str, value: &str) {
    record.extend_from_slice(name.as_bytes());
    record.push(b'\n');
    record.extend_from_slice(&(value.len() as u64).to_le_bytes());
    record.extend_from_slice(value.as_bytes());
    record.push(b'\n');
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// What journald gets when this is logged.
    fn received(log: impl FnOnce()) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("kpifire-journal-{}", uuid()));
        std::fs::create_dir_all(&folder).unwrap();
        let address = folder.join("socket");
        let journald = UnixDatagram::bind(&address).unwrap();
        let journal = Journal::at(&address).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(journal), log);
        journald.set_nonblocking(true).unwrap();
        let mut buffer = vec![0; 1 << 20];
        let mut records = Vec::new();
        while let Ok(length) = journald.recv(&mut buffer) {
            records.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(records.remove(0), "");
        records
    }

    fn uuid() -> String {
        let thread = format!("{:?}", std::thread::current().id());
        format!("{}-{}", std::process::id(), thread.replace(|c: char| !c.is_ascii_digit(), ""))
    }

    #[test]
    fn the_message_says_it_all() {
        let records = received(|| {
            let span = tracing::info_span!("request", request_id = %"4f-1");
            let _in_it = span.enter();
            tracing::info!(method = %"PATCH", status = 409_u16, reason = "no such row", "answered");
        });
        let [record] = records.as_slice() else { panic!("{records:?}") };
        let message = r#"answered method=PATCH status=409 reason="no such row" request_id=4f-1"#;
        assert!(record.contains(&format!("{message}\n")), "{record}");
        assert!(record.starts_with("PRIORITY=6\n"), "{record}");
        for name in ["F_METHOD\n", "F_STATUS\n", "F_REASON\n", "F_REQUEST_ID\n", "TARGET\n"] {
            assert!(record.contains(name), "{name} in {record}");
        }
    }

    #[test]
    fn priorities_are_those_of_syslog() {
        let records = received(|| {
            tracing::error!("e");
            tracing::warn!("w");
            tracing::info!("i");
            tracing::debug!("d");
        });
        let priorities: Vec<_> = records.iter().map(|it| it.lines().next().unwrap()).collect();
        assert_eq!(priorities, ["PRIORITY=3", "PRIORITY=4", "PRIORITY=6", "PRIORITY=7"]);
        assert_eq!(marked(Level::ERROR, "a\nb"), "<3>a\n<3>b");
    }

    #[test]
    fn a_value_cannot_forge_a_line() {
        let records = received(|| tracing::warn!(why = "a\nMESSAGE=b", "refused"));
        assert!(records[0].contains("refused why=\"a\\nMESSAGE=b\"\n"), "{records:?}");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let records = received(|| tracing::error!(causes = "ü".repeat(400_000), "unavailable"));
        let [record] = records.as_slice() else { panic!("{} records", records.len()) };
        assert!(record.contains("unavailable causes=üü"), "{}", record.len());
        assert!(record.len() < 2 * SHORT);
    }
}
