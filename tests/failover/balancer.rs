//! A TCP balancer: each connection goes to a target that takes it.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

/// Where a connection goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// To each target in turn.
    InTurn,
    /// To the first that is up.
    FirstUp,
}

/// A listener in front of several addresses.
#[derive(Debug)]
pub struct Balancer {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Balancer {
    /// Listens on a free port.
    pub async fn over<const N: usize>(order: Order, targets: [String; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut turn = 0;
            while let Ok((client, _)) = listener.accept().await {
                turn += usize::from(order == Order::InTurn);
                let targets: Vec<String> =
                    targets.iter().cycle().skip(turn % N).take(N).cloned().collect();
                tokio::spawn(carry(client, targets));
            }
        });
        Self { address }
    }
}

async fn carry(mut client: TcpStream, targets: Vec<String>) {
    for target in targets {
        if let Ok(mut server) = TcpStream::connect(&target).await {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}
