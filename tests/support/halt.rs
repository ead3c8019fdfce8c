//! A TCP proxy between the agent and PostgreSQL or MariaDB that understands the client's side of
//! their protocols well enough to count statements, and carries none from a given one on: the place
//! where a test kills the agent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Engine;

/// The proxy.
#[derive(Debug)]
pub struct Halt {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    seen: AtomicU64,
    halt_at: AtomicU64,
    halted: watch::Sender<bool>,
}

impl Halt {
    /// Listens on a free port and carries everything.
    pub async fn before(engine: Engine, target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            seen: AtomicU64::new(0),
            halt_at: AtomicU64::new(u64::MAX),
            halted: watch::Sender::new(false),
        });
        let counted = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                // Messages go one by one: none may wait for the one before it to be acknowledged.
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                tokio::spawn(carry(client, server, engine, Arc::clone(&counted)));
            }
        });
        Self { address, shared }
    }

    /// Counts anew, and carries neither the statement of this number, from one on, nor any after it.
    pub fn at(&self, statement: u64) {
        self.shared.seen.store(0, Ordering::SeqCst);
        self.shared.halt_at.store(statement, Ordering::SeqCst);
        self.shared.halted.send_replace(false);
    }

    /// Carries everything again.
    pub fn never(&self) {
        self.at(u64::MAX);
    }

    /// Comes back when a statement was held up.
    pub async fn halted(&self) {
        let _ = self.shared.halted.subscribe().wait_for(|halted| *halted).await;
    }
}

async fn carry(client: TcpStream, server: TcpStream, engine: Engine, shared: Arc<Shared>) {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    tokio::select! {
        () = statements(from_client, to_server, engine, &shared) => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}

/// Message by message, until one is a statement that must not go; then waits for the client's end.
async fn statements(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    engine: Engine,
    shared: &Shared,
) {
    let mut bytes = Vec::new();
    let mut greeted = false;
    while client.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        while let Some(length) = message(engine, greeted, &bytes) {
            let message: Vec<u8> = bytes.drain(..length).collect();
            if is_statement(engine, greeted, &message) {
                let number = shared.seen.fetch_add(1, Ordering::SeqCst) + 1;
                if number >= shared.halt_at.load(Ordering::SeqCst) {
                    shared.halted.send_replace(true);
                    let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
                    return;
                }
            }
            greeted = true;
            if server.write_all(&message).await.is_err() {
                return;
            }
        }
    }
}

/// The length of the first message, once all of it is there. PostgreSQL: a kind and a length that
/// counts itself, the first message without the kind (§55.7 of its manual). MariaDB: three bytes of
/// length, a number, and the payload.
fn message(engine: Engine, greeted: bool, bytes: &[u8]) -> Option<usize> {
    let length = if engine == Engine::Postgres {
        let kind = usize::from(greeted);
        let length = bytes.get(kind..kind + 4)?;
        kind + u32::from_be_bytes(length.try_into().unwrap()) as usize
    } else {
        let length = bytes.get(..4)?;
        4 + u32::from_le_bytes([length[0], length[1], length[2], 0]) as usize
    };
    (bytes.len() >= length).then_some(length)
}

/// PostgreSQL's Execute and Query; MariaDB's `COM_QUERY` and `COM_STMT_EXECUTE`, whose number is 0.
fn is_statement(engine: Engine, greeted: bool, message: &[u8]) -> bool {
    match engine {
        Engine::Postgres => greeted && matches!(message[0], b'E' | b'Q'),
        _ => message[3] == 0 && matches!(message.get(4), Some(0x03 | 0x17)),
    }
}
