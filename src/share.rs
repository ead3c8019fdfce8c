//! Places shared fairly between clients: of a daemon's requests, of a pool's connections, of the memory
//! for answers. Knows nothing of what a place is for.
//!
//! A client alone may have all but a quarter; while another has one or waits for one, no more than half.
//! The last quarter is for those who have none, so a newcomer never waits for somebody's slow work to
//! end. Who waits is served in turns: the client with the fewest places first, then the one that was
//! served the longest ago.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// A client doesn't wait for more places than this at a time.
const MOST_WAITING: usize = 1024;

/// What a place is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reading, of which there may be less than of all.
    Read,
    /// Anything else.
    Write,
}

/// So many places, shared. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Places(Arc<Mutex<State>>);

/// Some of the places, until it is dropped.
#[derive(Debug)]
pub struct Held {
    places: Places,
    client: Arc<str>,
    purpose: Purpose,
    count: usize,
}

#[derive(Debug)]
struct State {
    all: usize,
    /// What reading may have of them.
    reads: usize,
    free: usize,
    reading: usize,
    clients: BTreeMap<Arc<str>, Client>,
    waiting: VecDeque<Waiting>,
    /// Counts what was asked for and granted.
    next: u64,
}

/// A client that has places or waits for one.
#[derive(Debug, Default)]
struct Client {
    held: usize,
    waiting: usize,
    /// When it was last served.
    served: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    client: Arc<str>,
    purpose: Purpose,
    granted: oneshot::Sender<Held>,
}

impl Places {
    /// So many places, of which reading may have all.
    pub fn new(all: usize) -> Self {
        Self::of_which_reads(all, all)
    }

    /// So many places, of which reading may have so many.
    pub fn of_which_reads(all: usize, reads: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            all,
            reads,
            free: all,
            reading: 0,
            clients: BTreeMap::new(),
            waiting: VecDeque::new(),
            next: 0,
        })))
    }

    /// So many places at once, where the client may have them now; more than there are count as all.
    pub fn try_take(&self, client: &str, purpose: Purpose, count: usize) -> Option<Held> {
        let mut state = self.state();
        let client = Arc::from(client);
        let count = count.min(state.most(purpose));
        state
            .allows(&client, purpose, count)
            .then(|| self.grant(&mut state, client, purpose, count))
    }

    /// A place, waited for so long. `None`: it wasn't to be had.
    pub async fn take(&self, client: &str, purpose: Purpose, patience: Duration) -> Option<Held> {
        let (_leaving, granted) = {
            let mut state = self.state();
            let client: Arc<str> = Arc::from(client);
            if state.allows(&client, purpose, 1) {
                return Some(self.grant(&mut state, client, purpose, 1));
            }
            let known = state.clients.entry(Arc::clone(&client)).or_default();
            if known.waiting >= MOST_WAITING {
                return None;
            }
            known.waiting += 1;
            let (granted, receiver) = oneshot::channel();
            let number = state.number();
            state.waiting.push_back(Waiting { number, client, purpose, granted });
            (Leaving { places: self, number }, receiver)
        };
        tokio::time::timeout(patience, granted).await.ok()?.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grant(&self, state: &mut State, client: Arc<str>, purpose: Purpose, count: usize) -> Held {
        let served = state.number();
        state.free -= count;
        if purpose == Purpose::Read {
            state.reading += count;
        }
        let known = state.clients.entry(Arc::clone(&client)).or_default();
        known.held += count;
        known.served = served;
        Held { places: self.clone(), client, purpose, count }
    }

    /// Grants what has become possible.
    fn serve(&self) {
        loop {
            let mut state = self.state();
            let Some(next) = state.next_waiting() else { return };
            let Some(Waiting { client, purpose, granted, .. }) = state.waiting.remove(next) else {
                return;
            };
            state.stops_waiting(&client);
            let held = self.grant(&mut state, client, purpose, 1);
            drop(state);
            // Who has gone in the meantime gives it back by that.
            drop(granted.send(held));
        }
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn most(&self, purpose: Purpose) -> usize {
        match purpose {
            Purpose::Read => self.reads,
            Purpose::Write => self.all,
        }
    }

    /// Whether a client may have so many more.
    fn allows(&self, client: &Arc<str>, purpose: Purpose, count: usize) -> bool {
        let most = self.most(purpose);
        let free = match purpose {
            Purpose::Read => self.free.min(self.reads.saturating_sub(self.reading)),
            Purpose::Write => self.free,
        };
        let held = self.clients.get(client).map_or(0, |it| it.held);
        let alone = || {
            let mut others = self.clients.iter().filter(|(name, _)| *name != client);
            others.all(|(_, it)| it.held == 0 && it.waiting == 0)
        };
        let newcomers = most / 4;
        count <= free
            && (held == 0 || (free - count >= newcomers && (held + count <= most / 2 || alone())))
    }

    /// Who of those that wait is served next.
    fn next_waiting(&self) -> Option<usize> {
        let allowed = |it: &Waiting| self.allows(&it.client, it.purpose, 1);
        let rank = |it: &Waiting| {
            let known = self.clients.get(&it.client);
            (known.map_or(0, |it| it.held), known.map_or(0, |it| it.served), it.number)
        };
        let allowed = self.waiting.iter().enumerate().filter(|(_, it)| allowed(it));
        allowed.min_by_key(|(_, it)| rank(it)).map(|(at, _)| at)
    }

    fn stops_waiting(&mut self, client: &Arc<str>) {
        if let Some(known) = self.clients.get_mut(client) {
            known.waiting = known.waiting.saturating_sub(1);
        }
        self.forget(client);
    }

    fn forget(&mut self, client: &Arc<str>) {
        if self.clients.get(client).is_some_and(|it| it.held == 0 && it.waiting == 0) {
            self.clients.remove(client);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.places.state();
        state.free += self.count;
        if self.purpose == Purpose::Read {
            state.reading = state.reading.saturating_sub(self.count);
        }
        if let Some(known) = state.clients.get_mut(&self.client) {
            known.held = known.held.saturating_sub(self.count);
        }
        state.forget(&self.client);
        drop(state);
        self.places.serve();
    }
}

/// Takes somebody out of those that wait, when they wait no longer.
struct Leaving<'a> {
    places: &'a Places,
    number: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut state = self.places.state();
        let at = state.waiting.iter().position(|it| it.number == self.number);
        if let Some(left) = at.and_then(|at| state.waiting.remove(at)) {
            state.stops_waiting(&left.client);
            drop(state);
            // Where nobody else waits, others may have more than half.
            self.places.serve();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Purpose = Purpose::Read;
    const WRITE: Purpose = Purpose::Write;

    fn as_many(places: &Places, client: &str, purpose: Purpose) -> Vec<Held> {
        std::iter::from_fn(|| places.try_take(client, purpose, 1)).collect()
    }

    #[test]
    fn a_client_alone_leaves_a_quarter_and_beside_another_half() {
        let places = Places::new(64);
        let mut greedy = as_many(&places, "greedy", WRITE);
        assert_eq!(greedy.len(), 48);
        let other = places.try_take("other", WRITE, 1).unwrap();
        greedy.truncate(32);
        assert!(places.try_take("greedy", WRITE, 1).is_none(), "half while another asks");
        greedy.truncate(31);
        greedy.extend(places.try_take("greedy", WRITE, 1));
        assert_eq!(greedy.len(), 32);
        drop(other);
        assert!(places.try_take("greedy", WRITE, 1).is_some(), "alone again");
    }

    #[test]
    fn a_newcomer_finds_a_place_beside_any_two() {
        for all in 8..64 {
            let places = Places::new(all);
            let _one = as_many(&places, "one", READ);
            let _two = as_many(&places, "two", READ);
            assert!(places.try_take("newcomer", READ, 1).is_some(), "{all}");
        }
    }

    #[test]
    fn reads_leave_a_place_for_a_write() {
        let places = Places::of_which_reads(6, 5);
        let held: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"]
            .iter()
            .filter_map(|client| places.try_take(client, READ, 1))
            .collect();
        assert_eq!(held.len(), 5);
        assert!(places.try_take("h", WRITE, 1).is_some());
    }

    #[test]
    fn few_places_are_still_places() {
        for all in 1..4 {
            let places = Places::new(all);
            assert_eq!(as_many(&places, "only", WRITE).len(), all);
        }
        let answers = Places::new(64);
        assert!(answers.try_take("large", READ, 1000).is_some(), "more than there is, alone");
    }

    #[tokio::test]
    async fn who_waits_is_served_in_turns() {
        let places = Places::new(1);
        let held = places.try_take("greedy", WRITE, 1).unwrap();
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for client in ["greedy", "greedy", "greedy", "other"] {
            let (waiting, told) = (places.clone(), told.clone());
            tokio::spawn(async move {
                let mine = waiting.take(client, WRITE, Duration::from_secs(9)).await;
                told.send(client).unwrap();
                drop(mine);
            });
            tokio::task::yield_now().await;
        }
        drop((told, held));
        let mut served = Vec::new();
        while let Some(client) = order.recv().await {
            served.push(client);
        }
        assert_eq!(served.iter().position(|it| *it == "other"), Some(0), "{served:?}");
        assert_eq!(served.len(), 4);
        assert!(places.state().clients.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_leaves_nothing_behind() {
        let places = Places::new(1);
        let held = places.try_take("a", WRITE, 1).unwrap();
        assert!(places.take("b", WRITE, Duration::from_secs(1)).await.is_none());
        assert!(places.state().waiting.is_empty());
        drop(held);
        assert!(places.take("b", WRITE, Duration::ZERO).await.is_some());
        assert_eq!(places.state().free, 1);
    }
}
