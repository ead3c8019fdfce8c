//! Nobody takes what is logged: requests are answered all the same, and what was lost is counted.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Client, Database, Engine, Install};

/// A daemon whose log nobody reads.
struct Mute {
    child: Child,
    client: Client,
    admin: String,
    _install: Install,
}

impl Mute {
    /// Two listeners at addresses that are asked for, since nobody reads where they are.
    async fn start(mut install: Install, log: Stdio) -> Self {
        let token = install.prepare();
        let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (scim, admin) = (free(), free());
        let [scim, admin] = [scim, admin].map(|it| it.local_addr().unwrap().to_string());
        install.configure(&format!(
            "listen = {scim:?}\n[admin]\nlisten = {admin:?}\n[log]\nlevel = \"trace\"\n"
        ));
        let mut command = install.command(&["serve"]);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let client = Client::new(&format!("http://{scim}/scim/v2"), Some(&token));
        let mute = Self { child, client, admin, _install: install };
        let begun = Instant::now();
        while mute.lost().await.is_none() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it doesn't begin to serve");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        mute
    }

    /// How many lines were lost, by the metrics.
    async fn lost(&self) -> Option<u64> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(&self.admin).await.ok()?;
        let host = &self.admin;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let sample =
            answer.lines().find_map(|it| it.strip_prefix("kpifire_scim_log_lines_lost_total "));
        sample?.trim().parse().ok()
    }

    /// Asks until lines are lost; each answer comes in good time.
    async fn ask_until_lines_are_lost(&self) -> u64 {
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            self.client.get("/Users/3").await.expect(200);
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
            match self.lost().await {
                Some(lost) if lost > 0 => return lost,
                _ => assert!(begun.elapsed() < Duration::from_secs(60), "nothing was lost"),
            }
        }
    }

    /// Asks it to stop; how long that took.
    async fn stop(&mut self) -> Duration {
        let pid = self.child.id().to_string();
        let killed = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(killed.unwrap().success());
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(asked.elapsed() < Duration::from_secs(20), "it doesn't end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(status.code(), Some(0));
        asked.elapsed()
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn install() -> Install {
    Install::new(Database::ready(Engine::Sqlite).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_that_nobody_reads_holds_nothing_up() {
    let mut mute = Mute::start(install().await, Stdio::piped()).await;
    mute.ask_until_lines_are_lost().await;
    // Somebody reads again: the log says what it lost, and goes on.
    let stderr = mute.child.stderr.take().unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let told = tokio::task::spawn_blocking(move || {
        let next = || lines.recv_timeout(Duration::from_secs(20)).expect("a line that tells");
        let told = std::iter::repeat_with(next).find(|it| it.contains("log lines were lost"));
        (told.unwrap(), lines)
    });
    let (told, lines) = told.await.unwrap();
    assert!(told.contains("WARN") && told.contains("lines="), "{told}");
    mute.stop().await;
    // What was logged until the end is written.
    let last = lines.iter().collect::<Vec<_>>();
    assert!(last.iter().any(|it| it.contains("stopped")), "{:?}", last.last());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_that_nobody_reads_does_not_keep_the_daemon() {
    let mut mute = Mute::start(install().await, Stdio::piped()).await;
    mute.ask_until_lines_are_lost().await;
    let took = mute.stop().await;
    assert!(took < Duration::from_secs(8), "{took:?}");
}
