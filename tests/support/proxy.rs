//! A TCP proxy that can lose the other side: between the agent and its database, or between
//! Entra and the agent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with the connections that run through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Carries everything both ways.
    Fair,
    /// Closes what is open and refuses what is new.
    Cut,
    /// Carries requests, and swallows the answers: the other side looks hung.
    Deaf,
}

/// A listener that stands in for another address.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    answered: Arc<AtomicU64>,
    cut_at: Arc<AtomicU64>,
    break_at: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens on a free port, in fair weather.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = Arc::new(watch::Sender::new(Weather::Fair));
        let shared = Arc::clone(&weather);
        let (answered, cut_at) = (Arc::default(), Arc::new(AtomicU64::new(u64::MAX)));
        let break_at = Arc::new(AtomicU64::new(u64::MAX));
        let count = Count {
            answered: Arc::clone(&answered),
            cut_at: Arc::clone(&cut_at),
            break_at: Arc::clone(&break_at),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *shared.borrow() == Weather::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&shared), count.clone()));
            }
        });
        Self { address, weather, answered, cut_at, break_at }
    }

    /// How many bytes of answers it has carried.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    /// Breaks one connection, once: the one that carries the answers after so many more bytes. What
    /// it was about to carry is lost; new connections are carried as ever.
    pub fn break_after(&self, bytes: u64) {
        self.break_at.store(self.answered() + bytes, Ordering::SeqCst);
    }

    /// Whether that has come to pass.
    pub fn broke(&self) -> bool {
        self.break_at.load(Ordering::SeqCst) == u64::MAX
    }

    /// Cuts the line once so many more bytes of answers have been carried.
    pub fn cut_after(&self, bytes: u64) {
        self.cut_at.store(self.answered() + bytes, Ordering::SeqCst);
    }

    /// Changes what happens to connections, open ones included.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

/// Answers carried, and after how many the line is cut, or one connection broken.
#[derive(Debug, Clone)]
struct Count {
    answered: Arc<AtomicU64>,
    cut_at: Arc<AtomicU64>,
    break_at: Arc<AtomicU64>,
}

/// Carries bytes until either side closes, or the weather cuts the line.
async fn carry(
    client: TcpStream,
    server: TcpStream,
    sender: Arc<watch::Sender<Weather>>,
    count: Count,
) {
    let mut weather = sender.subscribe();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = weather.clone();
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            if to_server.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            if *answers.borrow() == Weather::Deaf {
                continue;
            }
            let answered = count.answered.fetch_add(read as u64, Ordering::SeqCst) + read as u64;
            if answered > count.break_at.load(Ordering::SeqCst) {
                count.break_at.store(u64::MAX, Ordering::SeqCst);
                break;
            }
            if answered >= count.cut_at.load(Ordering::SeqCst) {
                sender.send_replace(Weather::Cut);
                break;
            }
            if to_client.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = weather.wait_for(|now| *now == Weather::Cut) => {}
    }
}
