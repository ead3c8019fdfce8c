//! What systemd is told, and what it passes: a stand-in for it at the other end of the socket.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::support::agent::Server;
use crate::support::proxy::{Proxy, Weather};
use crate::support::tls::{exchange, get, status};
use crate::support::{Database, Engine, Install};

/// The receiving end of `$NOTIFY_SOCKET`.
struct Manager {
    socket: UnixDatagram,
    path: std::path::PathBuf,
}

impl Manager {
    fn new(install: &Install) -> Self {
        let path = install.database.folder().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path }
    }

    async fn serve(&self, install: &Install) -> Server {
        let mut command = install.command(&["serve"]);
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", "800000");
        install.serve_by(command.stdout(Stdio::null())).await
    }

    /// The next message; `None` when none comes.
    fn next(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// The next message that has this in it.
    #[track_caller]
    fn told(&self, what: &str) -> String {
        let started = Instant::now();
        let mut others = Vec::new();
        while started.elapsed() < Duration::from_secs(40) {
            match self.next(Duration::from_secs(1)) {
                Some(message) if message.contains(what) => return message,
                other => others.extend(other),
            }
        }
        panic!("no {what}: {others:?}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_how_things_stand() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.configure("");
    let manager = Manager::new(&install);
    let mut server = manager.serve(&install).await;
    let ready = manager.told("READY=1");
    let url = format!("STATUS=Serving SCIM on {}", server.base());
    assert!(ready.contains(&url), "{ready}");
    for _ in 0..3 {
        manager.told("WATCHDOG=1");
    }
    server.signal("-HUP");
    let reloading = manager.told("RELOADING=1");
    let clock = reloading.split("MONOTONIC_USEC=").nth(1).and_then(|text| text.trim().parse().ok());
    assert!(clock.is_some_and(|now: u64| now > 0), "{reloading}");
    assert!(manager.told("READY=1").contains(&url));
    std::fs::write(install.last_config(), "lisen = 1\n").unwrap();
    server.signal("-HUP");
    manager.told("RELOADING=1");
    let refused = manager.told("READY=1");
    assert!(refused.contains("reload was refused") && refused.contains("lisen"), "{refused}");

    // Nothing of it runs any more, and nobody says it does.
    server.signal("-STOP");
    while manager.next(Duration::from_millis(900)).is_some() {}
    server.signal("-CONT");
    manager.told("WATCHDOG=1");
    server.terminate();
    manager.told("STOPPING=1");
    assert_eq!(server.exit_code(Duration::from_secs(20)).await, Some(0), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_is_no_reason_to_be_restarted() {
    let mut install = Install::new(Database::ready(Engine::Postgres).await);
    let proxy = Proxy::to(install.database.server_address()).await;
    let url = install.database.url_through(proxy.address);
    install.configure(&format!("[database]\nurl = {url:?}\nconnect_timeout = \"1s\"\n"));
    let manager = Manager::new(&install);
    let _server = manager.serve(&install).await;
    manager.told("READY=1");
    for weather in [Weather::Cut, Weather::Deaf] {
        proxy.set(weather);
        manager.told("the database doesn't answer");
        // Longer than the watchdog's patience, four times over.
        let mut fed = 0;
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(3200) {
            let message = manager.next(Duration::from_millis(800));
            fed += usize::from(message.is_some_and(|message| message.contains("WATCHDOG=1")));
        }
        assert!(fed >= 8, "{fed}");
        proxy.set(Weather::Fair);
        let status = manager.told("STATUS=");
        assert!(!status.contains("doesn't answer"), "{status}");
    }
}

/// A command whose stderr, this file, is read by the journal.
fn into_the_journal(install: &Install, arguments: &[&str]) -> (Command, std::path::PathBuf) {
    use std::os::unix::fs::MetadataExt as _;
    let path = install.database.folder().join("journal-stream");
    let stream = std::fs::File::create(&path).unwrap();
    let metadata = stream.metadata().unwrap();
    let mut command = install.command(arguments);
    command.env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino()));
    command.stdout(Stdio::null()).stderr(Stdio::from(stream));
    (command, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_told_how_bad_it_is() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    install.configure("");
    for format in ["text", "json"] {
        let serve = ["serve", "--log-format", format];
        let (mut command, path) = into_the_journal(&install, &serve);
        let mut server = command.spawn().unwrap();
        let begun = Instant::now();
        let log = loop {
            let log = std::fs::read_to_string(&path).unwrap();
            if log.contains("listening on") {
                break log;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        server.kill().unwrap();
        server.wait().unwrap();
        assert!(log.lines().all(|line| line.starts_with("<6>")), "{log}");
    }

    // Each line of what stops it, and nothing but those.
    std::fs::write(install.last_config(), "lisen = 1\nbase_path = 2\n").unwrap();
    for format in ["text", "json", "journald"] {
        let serve = ["serve", "--log-format", format];
        let (mut command, path) = into_the_journal(&install, &serve);
        assert_eq!(command.status().unwrap().code(), Some(64));
        let log = std::fs::read_to_string(path).unwrap();
        assert!(log.contains("lisen") && log.lines().count() > 1, "{log}");
        assert!(log.lines().all(|line| line.starts_with("<3>")), "{log}");
    }
}

/// The daemon with a socket that somebody else holds, as systemd passes it.
async fn serve_on(install: &Install, name: &str, socket: &std::net::TcpListener) -> Server {
    let serve = install.command(&["serve"]);
    let script = format!(
        "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name} exec \"$@\""
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(serve.get_program()).args(serve.get_args());
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap()))).stdout(Stdio::null());
    install.serve_by(&mut command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_drops_no_connection() {
    let install = Install::new(Database::ready(Engine::Sqlite).await);
    let token = install.prepare();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut server = serve_on(&install, "scim", &socket).await;
    assert_eq!(server.address, address);

    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let headers = format!("Authorization: Bearer {token}\r\nConnection: close\r\n");
            let (address, request) = (address.clone(), get(&address, "/scim/v2/Users/3", &headers));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = TcpStream::connect(&address).await.unwrap();
                    let answer = exchange(&mut stream, &request).await.unwrap();
                    assert_eq!(status(&answer), 200, "dropped: {answer:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..3 {
        let before = answered.load(Ordering::Relaxed);
        let started = Instant::now();
        while answered.load(Ordering::Relaxed) < before + 50 {
            assert!(started.elapsed() < Duration::from_secs(30), "no answers");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.terminate();
        let code = server.exit_code(Duration::from_secs(20)).await;
        assert_eq!(code, Some(0), "{}", server.log());
        server = serve_on(&install, "scim", &socket).await;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(server.log().contains("systemd passed a socket"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_socket_is_what_its_name_says() {
    let mut install = Install::new(Database::ready(Engine::Sqlite).await);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let server = serve_on(&install, "admin", &socket).await;
    assert_eq!(server.admin().await, address);
    assert_ne!(server.address, address);
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = get(&address, "/scim/v2/Users", "Connection: close\r\n");
    assert_eq!(status(&exchange(&mut stream, &request).await.unwrap()), 404);
    drop(server);

    // Neither name nor reach is guessed.
    let run = |install: &Install, name: &str, socket: &std::net::TcpListener| {
        let serve = install.command(&["serve"]);
        let script = format!(
            "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name} exec \"$@\""
        );
        let output = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(serve.get_program())
            .args(serve.get_args())
            .stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())))
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{message}");
        message
    };
    let message = run(&install, "web", &socket);
    assert!(message.contains("`web`") && message.contains("FileDescriptorName=scim"), "{message}");
    let open = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let message = run(&install, "scim", &open);
    assert!(message.contains("others can reach the socket"), "{message}");
    install.configure("insecure_plain_http = true\n");
    let message = run(&install, "admin", &open);
    assert!(message.contains("others can reach the socket"), "{message}");
}
