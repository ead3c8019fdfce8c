//! SCIM requests by the minute, for a day: what the overview tells a cycle by. In memory, of this agent,
//! since its start.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use hyper::StatusCode;

use crate::console::activity::{Minutes, minute};

/// Minutes that are remembered.
const KEPT: i64 = 24 * 60;

/// Requests by the minute.
#[derive(Debug, Default)]
pub(super) struct Traffic(Mutex<Minutes>);

impl Traffic {
    /// Notes an answer.
    pub(super) fn note(&self, at: DateTime<Utc>, status: StatusCode) {
        let now = minute(at);
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = minutes.entry(now).or_default();
        seen.requests += 1;
        // Entra asks for what may be gone, and must be told so.
        let failed = status.as_u16() >= 400 && status != StatusCode::NOT_FOUND;
        seen.failed += u64::from(failed);
        seen.unauthorised += u64::from(status == StatusCode::UNAUTHORIZED);
        while minutes.first_key_value().is_some_and(|(first, _)| *first <= now - KEPT) {
            minutes.pop_first();
        }
    }

    /// What was noted.
    pub(super) fn minutes(&self) -> Minutes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_remembered() {
        let traffic = Traffic::default();
        let noon: DateTime<Utc> = "2026-11-25T12:00:00Z".parse().unwrap();
        for minutes in 0..3_000 {
            traffic.note(noon + chrono::TimeDelta::minutes(minutes), StatusCode::OK);
        }
        assert_eq!(traffic.minutes().len(), 1440);
        let last = noon + chrono::TimeDelta::minutes(2_999);
        for status in [404, 401, 503] {
            traffic.note(last, StatusCode::from_u16(status).unwrap());
        }
        let seen = traffic.minutes().get(&minute(last)).copied().unwrap();
        assert_eq!((seen.requests, seen.failed, seen.unauthorised), (4, 2, 1));
    }
}
