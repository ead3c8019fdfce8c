//! An answer's body on its way out: what it keeps until it is sent, and whether its client takes any of
//! it. Knows nothing of what is in it.

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// What is handed out at a time. A client that takes less within `limits.stall` stands still.
const CHUNK: usize = 16 * 1024;

/// An answer's body.
#[derive(Debug, Default)]
pub struct Body {
    rest: Bytes,
    /// Given back when the body is sent, or never will be.
    kept: Vec<Kept>,
    progress: Option<Progress>,
}

type Kept = Box<dyn Any + Send>;

impl Body {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether there is none, or no more.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Keeps this until the body is sent.
    pub fn keep(&mut self, what: impl Any + Send) {
        self.kept.push(Box::new(what));
    }

    /// The same, watched by its connection.
    #[must_use]
    pub(super) fn watched(self, by: &Sending) -> Self {
        let progress = (!self.is_empty()).then(|| by.begin());
        Self { progress, ..self }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self { rest: bytes.into(), kept: Vec::new(), progress: None }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(progress) = &self.progress {
            progress.moved();
        }
        let next = self.rest.len().min(CHUNK);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(next)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

/// The bodies that one connection is sending.
#[derive(Debug, Clone, Default)]
pub(super) struct Sending(Arc<Mutex<Numbered>>);

#[derive(Debug, Default)]
struct Numbered {
    next: u64,
    /// When each was last asked for more.
    moved: BTreeMap<u64, Instant>,
}

impl Sending {
    /// Resolves when one of them has stood still for so long, or a little longer.
    pub async fn stalled(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            match self.slowest().map(|moved| moved + limit) {
                Some(at) if at <= now => return,
                next => sleep_until(next.unwrap_or(now + limit)).await,
            }
        }
    }

    fn slowest(&self) -> Option<Instant> {
        let bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.moved.values().min().copied()
    }

    fn begin(&self) -> Progress {
        let mut bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = bodies.next;
        bodies.next = number.wrapping_add(1);
        bodies.moved.insert(number, Instant::now());
        Progress { number, of: self.clone() }
    }
}

/// How far one body is; over when dropped.
#[derive(Debug)]
struct Progress {
    number: u64,
    of: Sending,
}

impl Progress {
    fn moved(&self) {
        let mut bodies = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.moved.insert(self.number, Instant::now());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).moved.remove(&self.number);
    }
}
