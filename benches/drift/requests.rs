//! What a SCIM client notices of a run: a match and a PATCH every few milliseconds, one after the
//! other, on one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::world::{Status, Step, User};
use crate::support::{Failure, Result};

/// Between two requests, as a client that thinks about the answer.
const PAUSE: Duration = Duration::from_millis(5);

/// Latencies, shortest first.
#[derive(Debug, Default)]
pub struct Latencies {
    /// Of lookups by userName.
    pub matches: Vec<Duration>,
    /// Of setting `active`.
    pub patches: Vec<Duration>,
}

/// The one in the middle.
pub fn median(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Sends requests until `stop` is set, and then until everybody is active again.
///
/// # Errors
/// An answer that isn't the expected one.
pub async fn send(
    address: String,
    token: String,
    users: u32,
    stop: Arc<AtomicBool>,
) -> Result<Latencies> {
    let mut client = Client::connect(&address, &token).await?;
    let mut latencies = Latencies::default();
    let mut turn = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        // Spread over the table; numbers that end in 3 are active, and have nothing planted.
        let user = User(turn.wrapping_mul(7_919) % (users / 10) * 10 + 3);
        for status in [Status::Inactive, Status::Active] {
            latencies.matches.push(timed(&mut client, Step::Match(user)).await?);
            latencies.patches.push(timed(&mut client, Step::SetActive(user, status)).await?);
        }
        turn += 1;
    }
    latencies.matches.sort_unstable();
    latencies.patches.sort_unstable();
    Ok(latencies)
}

async fn timed(client: &mut Client, step: Step) -> std::result::Result<Duration, Failure> {
    tokio::time::sleep(PAUSE).await;
    let started = Instant::now();
    client.run(step).await?;
    Ok(started.elapsed())
}
