//! What is logged, on its way out: whoever logs never waits for whoever takes it. A thread of its own hands
//! lines on; where it is held up, so many wait for it, and what is logged beyond them is lost and counted.
//!
//! Below all rooms: the log is written by `cli/`, and what it lost is a metric.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait.
const LINES: usize = 2048;
/// How long the end of the process may wait for what is still queued.
const ENDING: Duration = Duration::from_secs(1);

/// What writes a line.
type Write = Box<dyn FnOnce() + Send>;

enum Message {
    Line(Write),
    /// Everything before it is written.
    End(SyncSender<()>),
}

static QUEUE: OnceLock<Queue> = OnceLock::new();
static LOST: AtomicU64 = AtomicU64::new(0);

/// From now on lines wait in the queue; before, they are written where they are logged.
///
/// # Errors
/// When there can be no thread.
pub fn begin() -> std::io::Result<()> {
    if QUEUE.get().is_none() {
        // Of two that begin at the same time, one ends with its sender.
        drop(QUEUE.set(Queue::begin(LINES)?));
    }
    Ok(())
}

/// Writes a line, or has it written.
pub fn put(write: impl FnOnce() + Send + 'static) {
    match QUEUE.get() {
        None => write(),
        Some(queue) => queue.put(Box::new(write)),
    }
}

/// Lines that were lost since the process began.
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Returns when what was logged so far is written, or after a second.
pub fn end() {
    if let Some(queue) = QUEUE.get() {
        queue.end(ENDING);
    }
}

/// Lines that wait for the thread that hands them on.
struct Queue(SyncSender<Message>);

impl Queue {
    fn begin(lines: usize) -> std::io::Result<Self> {
        let (sender, lines) = sync_channel(lines);
        thread::Builder::new().name("log".to_owned()).spawn(move || hand_on(&lines))?;
        Ok(Self(sender))
    }

    fn put(&self, write: Write) {
        if self.0.try_send(Message::Line(write)).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn end(&self, most: Duration) {
        let (sender, ended) = sync_channel(1);
        let mut message = Message::End(sender);
        let step = Duration::from_millis(20);
        let mut left = most;
        // Where the queue is full it is held up: there is no room for this either.
        while let Err(TrySendError::Full(back)) = self.0.try_send(message) {
            if left.is_zero() {
                return;
            }
            thread::sleep(step);
            left = left.saturating_sub(step);
            message = back;
        }
        // That the time is over is no reason to do anything else.
        let _ = ended.recv_timeout(left);
    }
}

fn hand_on(lines: &Receiver<Message>) {
    let mut told = 0;
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(write) => write(),
                Message::End(ended) => drop(ended.try_send(())),
            }
            next = lines.try_recv().ok();
        }
        // Nothing waits any more: whoever takes the lines takes them again.
        let lost = lost();
        if lost > told {
            tracing::warn!(lines = lost - told, "log lines were lost: nobody took them");
            told = lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    #[test]
    fn nobody_waits_for_a_line_that_nobody_takes() {
        let queue = Queue::begin(4).unwrap();
        let (written, lines) = channel();
        let (free, held) = channel::<()>();
        let (begun, begins) = channel();
        queue.put(Box::new(move || {
            begun.send(()).unwrap();
            held.recv().unwrap();
        }));
        begins.recv().unwrap();
        let before = lost();
        for line in 0..10 {
            let written = written.clone();
            queue.put(Box::new(move || written.send(line).unwrap()));
        }
        assert_eq!(lost() - before, 6);
        let asked = Instant::now();
        queue.end(Duration::from_millis(100));
        assert!(asked.elapsed() < Duration::from_secs(10));
        free.send(()).unwrap();
        // What waited is written, and so is what comes after.
        queue.end(Duration::from_secs(60));
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}
