//! Who is connected, and who waits: when every slot is taken, the connection that has been idle the
//! longest makes room. So thousands of connections that say nothing don't keep out one that does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Nobody is evicted sooner: a request, or a handshake, may be on its way.
const GRACE: Duration = Duration::from_secs(1);
/// Where nobody can be evicted yet, the next look is no later than this.
const LOOK: Duration = Duration::from_millis(100);

/// The open connections of all listeners.
#[derive(Debug, Default)]
pub(super) struct OpenConnections(Mutex<Numbered>);

#[derive(Debug, Default)]
struct Numbered {
    next: u64,
    open: HashMap<u64, Arc<Activity>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection {
    number: u64,
    all: Arc<OpenConnections>,
    pub(super) activity: Arc<Activity>,
}

impl OpenConnections {
    pub fn add(self: &Arc<Self>) -> OpenConnection {
        let activity = Arc::new(Activity::new());
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = connections.next;
        connections.next = number.wrapping_add(1);
        connections.open.insert(number, Arc::clone(&activity));
        OpenConnection { number, all: Arc::clone(self), activity }
    }

    /// Asks the connection that has been idle the longest to close. Says when to look again.
    pub fn evict_longest_idle(&self) -> Instant {
        let now = Instant::now();
        let connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = connections
            .open
            .values()
            .filter_map(|activity| Some((activity.idle_since()?, activity)))
            .min_by_key(|(since, _)| *since);
        if let Some((since, activity)) = longest
            && now.duration_since(since) >= GRACE
        {
            activity.evict();
        }
        now + LOOK
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let mut connections = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.open.remove(&self.number);
    }
}

/// How many requests a connection has under way, and since when that has been none.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    evicted: Notify,
}

#[derive(Debug, Clone, Copy)]
struct State {
    running: usize,
    since: Instant,
    leaving: bool,
}

impl Activity {
    fn new() -> Self {
        let state = State { running: 0, since: Instant::now(), leaving: false };
        Self { state: Mutex::new(state), evicted: Notify::new() }
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request is under way.
    pub fn is_busy(&self) -> bool {
        self.state().running > 0
    }

    /// When the connection will have been idle for `limit`, as things stand.
    pub fn idle_at(&self, limit: Duration) -> Instant {
        let State { running, since, .. } = self.state();
        if running == 0 { since + limit } else { Instant::now() + limit }
    }

    /// Resolves when somebody else needs the place.
    pub async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Since when it has been idle; `None` while it works, or is leaving already.
    fn idle_since(&self) -> Option<Instant> {
        let State { running, since, leaving } = self.state();
        (running == 0 && !leaving).then_some(since)
    }

    fn evict(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).leaving = true;
        self.evicted.notify_one();
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running = change(state.running);
        state.since = Instant::now();
    }
}

/// One request under way; over when dropped, a client's disconnect included.
pub(super) struct Running(Arc<Activity>);

impl Running {
    pub fn begin(activity: &Arc<Activity>) -> Self {
        activity.count(|running| running + 1);
        Self(Arc::clone(activity))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.count(|running| running.saturating_sub(1));
    }
}
