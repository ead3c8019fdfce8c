//! How much of the audit trail a client fills that may change nothing: each write that a token of the
//! scope read tries is refused, and it may try for ever.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Refusals of one token within a window that leave a trace.
const TRACED: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// Whose refusals were traced how often.
#[derive(Debug, Default)]
pub(super) struct Traced(Mutex<HashMap<String, (Instant, u32)>>);

impl Traced {
    /// Whether this token's refusal leaves a trace, which then counts.
    pub fn admits(&self, token: &str) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|_, (began, _)| began.elapsed() < WINDOW);
        let (_, traced) = windows.entry(token.to_owned()).or_insert((Instant::now(), 0));
        *traced = traced.saturating_add(1);
        *traced <= TRACED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_so_many() {
        let traced = Traced::default();
        assert_eq!((0..100).filter(|_| traced.admits("one")).count(), 10);
        assert!(traced.admits("other"));
    }
}
