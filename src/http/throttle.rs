//! Failed authentication, counted per source address within bounded memory.
//!
//! A token is 256 random bits, so nobody guesses one; what a flood of wrong ones costs is the look-up of each,
//! and the log. An address with too many failures is answered 429 instead of 401 at each further
//! failure, and its tokens are looked up one at a time. A good token is accepted all the same: behind
//! a proxy an attacker and Entra come from one address, and shutting the address out would let
//! anybody stop provisioning. Requests without a token cost nothing and aren't counted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Failures of one address within a window that are answered 401.
const ALLOWED: u32 = 20;
/// How long failures are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// More addresses than this aren't told apart: the others share one count.
const MOST: usize = 4096;

/// Who failed how often.
#[derive(Debug)]
pub struct Throttle {
    windows: Mutex<HashMap<Source, Window>>,
    single_file: Arc<Semaphore>,
}

/// What counts as one address: an IPv4 address, or the /64 that an IPv6 host may choose its own
/// from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Address(IpAddr),
    /// All that there was no room for.
    Rest,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    failures: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { windows: Mutex::default(), single_file: Arc::new(Semaphore::new(1)) }
    }
}

impl Throttle {
    /// Waits for this address's turn: at once, unless it failed too often.
    pub async fn turn(&self, address: IpAddr, now: Instant) -> Option<OwnedSemaphorePermit> {
        let failures = {
            let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            let source = known(&windows, network(address));
            windows.get(&source).filter(|window| !window.is_over(now)).map_or(0, |it| it.failures)
        };
        if failures < ALLOWED {
            return None;
        }
        Arc::clone(&self.single_file).acquire_owned().await.ok()
    }

    /// Counts a failure. `Some`: it is one too many, and how long until the count begins anew.
    pub fn failed(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let network = network(address);
        let window = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            if windows.len() >= MOST && !windows.contains_key(&network) {
                windows.retain(|_, window| !window.is_over(now));
            }
            let source = known(&windows, network);
            let window = windows.entry(source).or_insert(Window { began: now, failures: 0 });
            if window.is_over(now) {
                *window = Window { began: now, failures: 0 };
            }
            window.failures = window.failures.saturating_add(1);
            *window
        };
        if window.failures <= ALLOWED {
            return None;
        }
        if window.failures == ALLOWED + 1 {
            tracing::warn!(
                address = %address.to_canonical(),
                failures = window.failures,
                "an address presents wrong tokens; its further ones are answered 429 for a minute"
            );
        }
        Some(WINDOW.saturating_sub(now.duration_since(window.began)))
    }
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.began) >= WINDOW
    }
}

/// The address's own count, while there is room for one.
fn known(windows: &HashMap<Source, Window>, source: Source) -> Source {
    if windows.len() < MOST || windows.contains_key(&source) { source } else { Source::Rest }
}

fn network(address: IpAddr) -> Source {
    Source::Address(match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_failure_after_the_last_allowed_one_waits_for_the_window() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..ALLOWED {
            assert_eq!(throttle.failed(ip("192.0.2.1"), now), None);
        }
        let later = now + Duration::from_secs(20);
        assert_eq!(throttle.failed(ip("192.0.2.1"), later), Some(Duration::from_secs(40)));
        assert_eq!(throttle.failed(ip("::ffff:192.0.2.1"), later), Some(Duration::from_secs(40)));
        assert_eq!(throttle.failed(ip("192.0.2.2"), later), None);
        assert_eq!(throttle.failed(ip("192.0.2.1"), now + WINDOW), None);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for host in 0..ALLOWED {
            assert_eq!(throttle.failed(ip(&format!("2001:db8::{host:x}")), now), None);
        }
        assert!(throttle.failed(ip("2001:db8::ffff:1"), now).is_some());
        assert_eq!(throttle.failed(ip("2001:db8:0:1::1"), now), None);
    }

    #[test]
    fn memory_is_bounded_and_is_given_back() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for host in 0..100_000_u32 {
            throttle.failed(std::net::Ipv4Addr::from(host).into(), now);
        }
        let kept = || throttle.windows.lock().unwrap().len();
        assert_eq!(kept(), MOST + 1);
        throttle.failed(ip("203.0.113.9"), now + WINDOW);
        assert_eq!(kept(), 1);
    }

    #[tokio::test]
    async fn only_who_failed_too_often_goes_in_single_file() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..ALLOWED {
            throttle.failed(ip("192.0.2.1"), now);
        }
        let first = throttle.turn(ip("192.0.2.1"), now).await;
        assert!(first.is_some());
        assert!(throttle.turn(ip("192.0.2.2"), now).await.is_none());
        let second = throttle.turn(ip("192.0.2.1"), now);
        assert!(tokio::time::timeout(Duration::from_millis(50), second).await.is_err());
        drop(first);
        assert!(throttle.turn(ip("192.0.2.1"), now).await.is_some());
    }
}
