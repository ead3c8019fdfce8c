//! What is said to systemd and taken from it: `sd_notify(3)`, the watchdog, the sockets of
//! `sd_listen_fds(3)`. Without systemd there is nobody to talk to, and nothing here does anything.
//!
//! Knows nothing of SCIM or of the database: what is alive, and what the status says, is asked of
//! the caller.

use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::http::listener::Liveness;

/// The sockets that systemd passed.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For SCIM: `FileDescriptorName=scim`.
    pub scim: Vec<TcpListener>,
    /// For the admin listener: `FileDescriptorName=admin`.
    pub admin: Vec<TcpListener>,
}

/// A passed socket that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its name says neither what it is for.
    #[error(
        "systemd passed a socket named `{0}`: say FileDescriptorName=scim or \
         FileDescriptorName=admin in its .socket unit"
    )]
    Name(String),
    /// It isn't a listening TCP socket.
    #[error(
        "systemd passed a socket named `{name}` that can't be used: use ListenStream= with a port"
    )]
    Kind {
        /// Its name.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Takes the passed sockets. Call it once, before there are threads: it changes the environment.
///
/// # Errors
/// A socket whose name or kind is no use.
pub fn sockets() -> Result<Sockets, Error> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut passed = ListenFd::from_env();
    let mut sockets = Sockets::default();
    for place in 0..passed.len() {
        // Without names there is one kind of socket.
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or("scim").to_owned();
        let kept = match name.as_str() {
            // What systemd itself calls a socket without a name.
            "scim" | "unknown" => &mut sockets.scim,
            "admin" => &mut sockets.admin,
            _ => return Err(Error::Name(name)),
        };
        let taken = passed.take_tcp_listener(place).and_then(|socket| {
            socket.as_ref().map_or(Ok(()), |socket| socket.set_nonblocking(true))?;
            Ok(socket)
        });
        kept.extend(taken.map_err(|source| Error::Kind { name, source })?);
    }
    Ok(sockets)
}

/// The service is up (again, after a reload).
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// A reload has begun; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the monotonic clock can't be read"),
    }
}

/// The service is about to end.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("Stopping: finishing the requests under way"),
    ]);
}

/// What `systemctl status` shows.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(&one_line(status))]);
}

/// Whether anybody listens.
pub fn is_listening() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Feeds the watchdog, where the unit has one, for as long as this is polled: whenever the runtime
/// gets to it and every accepting loop answers. The database has no say in it: a restart wouldn't
/// bring it back.
pub async fn feed_watchdog(liveness: Liveness) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut look = tokio::time::interval(limit / 4);
    loop {
        look.tick().await;
        if liveness.is_alive(limit / 4).await {
            tell(&[NotifyState::Watchdog]);
        } else {
            let within = humantime::format_duration(limit / 4);
            tracing::error!(%within, "a listener doesn't accept any more; the watchdog isn't fed");
        }
    }
}

/// How often to look at what the status says.
pub const LOOK: Duration = Duration::from_secs(5);

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd can't be told");
    }
}

/// A status is one line, or what follows would be read as another message.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
