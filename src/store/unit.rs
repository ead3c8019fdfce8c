//! Units of work: what is done with one connection, or in one transaction, and when it is done again.
//!
//! A unit is an async closure that borrows what it works with, its context: it may run more than
//! once, so it captures nothing and uses nothing up. Every unit runs in a task of its own, since a
//! future dropped in the middle of a MariaDB query would leave a desynchronised connection in the
//! pool; when its caller is dropped, the task cancels what it asked for and ends (`limit`). What failed
//! by deadlock, serialization or a lost connection is run again, a bounded number of times. When the
//! answer to COMMIT is lost, the transaction's audit row tells whether it committed.

use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::Instrument as _;

use super::error::{Error, ErrorKind};
use super::limit::{Patience, Terms};
use super::sql::Sql;
use super::transaction::Tx;
use super::wanted::Limits;
use crate::share::Purpose;

/// An error of a unit of work that may carry a failure of the database.
pub trait Failure: From<Error> + Send + 'static {
    /// The failure of the database, when it is one.
    fn database(&self) -> Option<&Error>;
}

impl Failure for Error {
    fn database(&self) -> Option<&Error> {
        Some(self)
    }
}

/// A unit of work: `async |tx, context| …`, or a function of that form.
pub trait Unit<C: 'static, T, E>:
    AsyncFn(&mut Tx, &C) -> Result<T, E> + for<'a> Spawnable<'a, C, T, E> + Send + Sync + 'static
{
}

impl<C: 'static, T, E, F> Unit<C, T, E> for F where
    F: AsyncFn(&mut Tx, &C) -> Result<T, E>
        + for<'a> Spawnable<'a, C, T, E>
        + Send
        + Sync
        + 'static
{
}

/// That a unit's future may move between threads, which `AsyncFn` has no words for yet.
pub trait Spawnable<'a, C: 'a, T, E> {
    /// The unit at work.
    type Running: Future<Output = Result<T, E>> + Send + 'a;

    /// Begins it.
    fn run(&self, tx: &'a mut Tx, context: &'a C) -> Self::Running;
}

impl<'a, C: 'a, T, E, F, R> Spawnable<'a, C, T, E> for F
where
    F: Fn(&'a mut Tx, &'a C) -> R,
    R: Future<Output = Result<T, E>> + Send + 'a,
{
    type Running = R;

    fn run(&self, tx: &'a mut Tx, context: &'a C) -> R {
        self(tx, context)
    }
}

/// The caller's end of a unit: without it nobody wants the unit any more.
pub(super) type Caller = watch::Sender<()>;

/// Units under way in this process.
static UNDER_WAY: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));
/// How long units that nobody wants any more may take to end: to cancel, and to let go.
const ENDING: Duration = Duration::from_secs(3);

/// Returns when no unit is under way, or after [`ENDING`].
pub(super) async fn all_ended() {
    let mut under_way = UNDER_WAY.subscribe();
    let ended = under_way.wait_for(|units| *units == 0);
    if tokio::time::timeout(ENDING, ended).await.is_err() {
        tracing::warn!("the database doesn't end what was asked of it; its connections are closed");
    }
}

/// One of them, until it is dropped.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        UNDER_WAY.send_modify(|units| *units += 1);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.send_modify(|units| *units = units.saturating_sub(1));
    }
}

/// Runs a unit in a transaction: commits when it returns a value, rolls back when it fails.
///
/// # Errors
/// What the unit returns, or the database's failure once the patience is at its end.
pub(super) async fn write<C, T, E>(
    (caller, terms): (Caller, Terms),
    context: C,
    unit: impl Unit<C, T, E>,
) -> Result<T, E>
where
    C: Send + Sync + 'static,
    T: Send + 'static,
    E: Failure,
{
    detached(caller, async move {
        let attempt = |tx| in_transaction(tx, &terms, &context, &unit);
        until_done(&terms, Purpose::Write, attempt).await
    })
    .await
}

/// Runs a unit on one connection without a transaction.
///
/// # Errors
/// As [`write`].
pub(super) async fn read<C, T, E>(
    (caller, terms): (Caller, Terms),
    context: C,
    unit: impl Unit<C, T, E>,
) -> Result<T, E>
where
    C: Send + Sync + 'static,
    T: Send + 'static,
    E: Failure,
{
    detached(caller, async move {
        let attempt = |tx| bare(tx, &context, &unit);
        until_done(&terms, Purpose::Read, attempt).await
    })
    .await
}

/// Runs a unit in one read-only transaction that sees one state of the database from its first
/// statement to its last. Not tried again: what it read before is of no use after.
///
/// # Errors
/// What the unit returns, or the database's failure.
pub(super) async fn snapshot<C, T, E>(
    (caller, terms): (Caller, Terms),
    context: C,
    unit: impl Unit<C, T, E>,
) -> Result<T, E>
where
    C: Send + Sync + 'static,
    T: Send + 'static,
    E: Failure,
{
    let (limits, terms) = (terms.patience.limits, terms.for_snapshot());
    detached(caller, async move {
        let attempt = |tx| in_snapshot(tx, limits, &context, &unit);
        until_done(&terms, Purpose::Read, attempt).await
    })
    .await
}

/// Runs a unit in a transaction that is rolled back whatever comes of it. Not tried again.
///
/// # Errors
/// What the unit returns, or the database's failure.
pub(super) async fn rehearse<C, T, E>(
    (caller, terms): (Caller, Terms),
    context: C,
    unit: impl Unit<C, T, E>,
) -> Result<T, E>
where
    C: Send + Sync + 'static,
    T: Send + 'static,
    E: Failure,
{
    let terms = terms.once();
    detached(caller, async move {
        let attempt = |tx| rolled_back(tx, &context, &unit);
        until_done(&terms, Purpose::Write, attempt).await
    })
    .await
}

async fn rolled_back<C: 'static, T, E: Failure>(
    mut tx: Tx,
    context: &C,
    unit: &impl Unit<C, T, E>,
) -> Result<T, E> {
    if let Err(error) = tx.begin().await {
        tx.discard();
        return Err(error.into());
    }
    let outcome = unit.run(&mut tx, context).await;
    // The end of its connection takes back what a rollback couldn't.
    if tx.rollback().await.is_err() || outcome.as_ref().is_err_and(lost) {
        tx.discard();
    }
    outcome
}

/// In a task of its own: dropped in the middle, it ends what it asked for instead of leaving it.
fn detached<T, E>(
    caller: Caller,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> impl Future<Output = Result<T, E>>
where
    T: Send + 'static,
    E: Failure,
{
    let under_way = UnderWay::begin();
    let work = async move {
        let done = work.await;
        drop(under_way);
        done
    };
    let task = tokio::spawn(work.in_current_span());
    async {
        let done = task.await;
        drop(caller);
        done.unwrap_or_else(|error| {
            Err(Error::new(ErrorKind::Other, "a unit of database work", error.to_string()).into())
        })
    }
}

/// Attempts it, on a connection each time, until it is done, fails for good, or the patience is at
/// its end.
async fn until_done<T, E, R>(
    terms: &Terms,
    purpose: Purpose,
    attempt: impl Fn(Tx) -> R,
) -> Result<T, E>
where
    E: Failure,
    R: Future<Output = Result<T, E>>,
{
    let Patience { tries, wait: mut left, .. } = terms.patience;
    let mut tried = 1;
    loop {
        let begun = Instant::now();
        let opened = terms.open(purpose, left).await;
        left = left.saturating_sub(begun.elapsed());
        let outcome = match opened {
            Ok(tx) => attempt(tx).await,
            Err(error) => Err(error.into()),
        };
        let error = match outcome {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.database().is_some_and(Error::is_of_the_server) {
            terms.connections.forget(begun);
        }
        let again = error.database().is_some_and(Error::is_transient) && terms.wanted.still();
        if let Some(error) = error.database() {
            terms.condition.failed(error);
        }
        if !again || tried == tries || left.is_zero() {
            return Err(error);
        }
        pause(tried).await;
        tried += 1;
    }
}

impl Terms {
    /// Tried once, with statements as long as a snapshot's may be.
    fn for_snapshot(self) -> Self {
        let limits = Limits::all(self.patience.limits.snapshot);
        Self { patience: Patience { tries: 1, limits, ..self.patience }, ..self }
    }

    /// Tried once.
    fn once(self) -> Self {
        Self { patience: Patience { tries: 1, ..self.patience }, ..self }
    }

    /// A connection, unless it is no longer wanted.
    async fn open(&self, purpose: Purpose, wait: Duration) -> Result<Tx, Error> {
        tokio::select! {
            biased;
            opened = Tx::open(self, purpose, wait) => opened,
            () = self.wanted.no_longer() => {
                Err(Error::new(ErrorKind::Unwanted, "database", "given up before a connection was free"))
            }
        }
    }
}

async fn bare<C: 'static, T, E: Failure>(
    mut tx: Tx,
    context: &C,
    unit: &impl Unit<C, T, E>,
) -> Result<T, E> {
    let outcome = unit.run(&mut tx, context).await;
    if outcome.as_ref().is_err_and(lost) {
        tx.discard();
    }
    outcome
}

async fn in_snapshot<C: 'static, T, E: Failure>(
    mut tx: Tx,
    limits: Limits,
    context: &C,
    unit: &impl Unit<C, T, E>,
) -> Result<T, E> {
    if let Err(error) = tx.begin_snapshot().await {
        tx.discard();
        return Err(error.into());
    }
    let outcome = unit.run(&mut tx, context).await;
    if outcome.as_ref().is_err_and(lost) || tx.end_snapshot(limits).await.is_err() {
        tx.discard();
    }
    outcome
}

async fn in_transaction<C: 'static, T, E: Failure>(
    mut tx: Tx,
    terms: &Terms,
    context: &C,
    unit: &impl Unit<C, T, E>,
) -> Result<T, E> {
    if let Err(error) = tx.begin().await {
        tx.discard();
        return Err(error.into());
    }
    let value = match unit.run(&mut tx, context).await {
        Ok(value) => value,
        Err(error) => {
            if lost(&error) || tx.rollback().await.is_err() {
                tx.discard();
            }
            return Err(error);
        }
    };
    let Err(error) = tx.commit().await else {
        if tx.take_marker().is_some() {
            terms.condition.wrote();
        }
        return Ok(value);
    };
    if error.kind() != ErrorKind::Lost {
        // A statement that was put off failed, or the commit itself: nothing is committed.
        if error.ends_connection() || tx.rollback().await.is_err() {
            tx.discard();
        }
        return Err(error.into());
    }
    let marker = tx.take_marker();
    // First: looking needs a connection, and this may have been the pool's last.
    tx.discard();
    terms.connections.forget(Instant::now());
    match marker {
        Some(marker) if committed(terms, &marker).await? => Ok(value),
        _ => Err(error.into()),
    }
}

/// Whether the transaction that wrote this audit row committed.
async fn committed(terms: &Terms, marker: &str) -> Result<bool, Error> {
    // The server may still be at it: it gets a moment before the first look.
    pause(1).await;
    until_done(terms, Purpose::Read, |tx| look(tx, marker)).await
}

async fn look(mut tx: Tx, marker: &str) -> Result<bool, Error> {
    let sql = Sql::new("SELECT 1 FROM scim_audit WHERE id = ").bind(marker);
    let rows = tx.query(sql).await;
    if rows.as_ref().is_err_and(lost) {
        tx.discard();
    }
    Ok(!rows?.is_empty())
}

fn lost(error: &impl Failure) -> bool {
    error.database().is_some_and(Error::ends_connection)
}

/// Growing and jittered, so that those who collided don't collide again.
async fn pause(attempt: u32) {
    let most = 10_u64 << attempt.min(6);
    let wait = rand::random_range(most / 2..=most);
    tokio::time::sleep(Duration::from_millis(wait)).await;
}
