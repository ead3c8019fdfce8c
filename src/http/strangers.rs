//! What is done for who hasn't proved who they are: little at a time, and not for long.
//!
//! A stranger's body, and what a stranger presents, are read in a lane of their own. When the lane is
//! full, who has been in it the longest makes room, so that a thousand who send nothing more keep out
//! nobody who does.

use std::collections::VecDeque;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use super::error::Failure;
use super::throttle::Throttle;

/// Strangers that are attended to at a time.
const MOST: usize = 64;
/// Credentials that are looked up at a time.
const LOOKED_UP: usize = 2;

/// The strangers of all listeners.
#[derive(Debug)]
pub struct Strangers {
    inside: Mutex<Inside>,
    lookups: Arc<Semaphore>,
    throttle: Throttle,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    /// The longest inside first.
    line: VecDeque<(u64, oneshot::Sender<()>)>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            inside: Mutex::default(),
            lookups: Arc::new(Semaphore::new(LOOKED_UP)),
            throttle: Throttle::default(),
        }
    }
}

impl Strangers {
    /// Does this for a stranger.
    ///
    /// # Errors
    /// 503 when others needed the room.
    pub async fn attend<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let (place, needed) = self.enter();
        let attended = tokio::select! {
            biased;
            done = work => Ok(done),
            _ = needed => Err(Failure::busy()),
        };
        drop(place);
        attended
    }

    /// Looks up what a stranger at this address presents: in the address's turn, and a few at a time.
    ///
    /// # Errors
    /// As [`Self::attend`].
    pub async fn look_up<T>(
        &self,
        address: IpAddr,
        now: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        self.attend(async {
            let _turn = self.throttle.turn(address, now).await;
            // An error would be a closed semaphore, which this never is.
            let _place = self.lookups.acquire().await;
            work.await
        })
        .await
    }

    /// Counts what was presented and isn't good. `Some`: it is one too many, and how long until the count
    /// begins anew.
    pub fn failed(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        self.throttle.failed(address, now)
    }

    fn enter(&self) -> (Place<'_>, oneshot::Receiver<()>) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let number = inside.next;
        inside.next = number.wrapping_add(1);
        if inside.line.len() >= MOST {
            // Dropping the sender is what tells.
            inside.line.pop_front();
        }
        let (sender, needed) = oneshot::channel();
        inside.line.push_back((number, sender));
        (Place { strangers: self, number }, needed)
    }
}

/// One stranger's place.
struct Place<'a> {
    strangers: &'a Strangers,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut inside = self.strangers.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.line.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_been_there_the_longest_makes_room() {
        let strangers = Arc::new(Strangers::default());
        let waiting: Vec<_> = (0..MOST + 3)
            .map(|_| {
                let strangers = Arc::clone(&strangers);
                tokio::spawn(async move { strangers.attend(std::future::pending::<()>()).await })
            })
            .collect();
        while strangers.inside.lock().unwrap().next < (MOST + 3) as u64 {
            tokio::task::yield_now().await;
        }
        assert!(strangers.attend(async { 7 }).await.is_ok_and(|seven| seven == 7));
        for (number, one) in waiting.into_iter().enumerate() {
            if number < 4 {
                assert_eq!(one.await.unwrap().unwrap_err().reason().status, 503);
            } else {
                assert!(!one.is_finished());
                one.abort();
                assert!(one.await.unwrap_err().is_cancelled());
            }
        }
        assert!(strangers.inside.lock().unwrap().line.is_empty());
    }
}
