//! A TCP proxy that can lose the other side: between the agent and its database, or between
//! Entra and the agent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    statements: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on a free port, in fair weather.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = Arc::new(watch::Sender::new(Weather::Fair));
        let shared = Arc::clone(&weather);
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *shared.borrow() == Weather::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                tokio::spawn(carry(client, server, shared.subscribe(), Arc::clone(&counter)));
            }
        });
        Self { address, weather, statements }
    }

    /// How many prepared statements have been executed through it since the last call; PostgreSQL
    /// only. BEGIN and COMMIT aren't prepared, and don't count.
    pub fn take_statements(&self) -> usize {
        self.statements.swap(0, Ordering::SeqCst)
    }

    /// Changes what happens to connections, open ones included.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

/// Carries bytes until either side closes, or the weather cuts the line.
async fn carry(
    client: TcpStream,
    server: TcpStream,
    mut weather: watch::Receiver<Weather>,
    statements: Arc<AtomicUsize>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = weather.clone();
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        let mut messages = Messages::default();
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            statements.fetch_add(messages.executions(&buffer[..read]), Ordering::SeqCst);
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

const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// Finds `Execute` among PostgreSQL's frontend messages (protocol 3.0, §55.7): a type byte, then a
/// length that counts itself; the first message of a connection has no type byte.
#[derive(Default)]
struct Messages {
    pending: Vec<u8>,
    started: bool,
}

impl Messages {
    fn executions(&mut self, bytes: &[u8]) -> usize {
        self.pending.extend_from_slice(bytes);
        let mut found = 0;
        loop {
            let typed = usize::from(self.started);
            let Some(length) = self.pending.get(typed..typed + 4) else { break };
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize + typed;
            if self.pending.len() < length {
                break;
            }
            found += usize::from(self.started && self.pending[0] == b'E');
            // A request for TLS (refused here) comes before the first message, untyped as well.
            self.started |= self.pending[typed + 4..length] != SSL_REQUEST;
            self.pending.drain(..length);
        }
        found
    }
}
