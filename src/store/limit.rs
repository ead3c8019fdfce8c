//! The end of a statement before it is done: when it has taken too long, when nobody waits for it
//! any more, when the agent stops. The server is told to cancel it, so that no query outlives the
//! request, the command or the agent that it was for.
//!
//! The sessions' own limits (`pool`) are a little longer: they end what an agent that was killed
//! left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::blockers;
use super::condition::Condition;
use super::connections::Connections;
use super::error::{Error, ErrorKind};
use super::pool::{Connection, Pool};
use super::sqlite_file::Identity;
use super::wanted::{Limits, Wanted};

/// How long a server may take to be told, and the statement then to end.
const CANCELLING: Duration = Duration::from_secs(2);
/// A statement that was cancelled after so long is worth a line in the log.
const LONG: Duration = Duration::from_secs(1);

/// How often a unit is tried, how long its tries wait for connections, all together, and how long a
/// statement may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub tries: u32,
    pub wait: Duration,
    pub limits: Limits,
}

/// What a unit's tries run on, and whether it is still wanted.
pub(super) struct Terms {
    pub connections: Connections,
    pub patience: Patience,
    pub wanted: Wanted,
    pub condition: Arc<Condition>,
}

/// What ends the statements of one connection.
pub(super) struct Guard {
    pool: Pool,
    limit: Duration,
    wanted: Wanted,
    cancel: Cancel,
    /// SQLite looks here while it works.
    interrupt: Arc<AtomicBool>,
    /// The file that SQLite works on.
    file: Option<Identity>,
}

/// How a server is told to cancel what a connection asked for.
enum Cancel {
    Sqlite,
    Postgres(tokio_postgres::CancelToken, tokio_postgres_rustls::MakeRustlsConnect),
    Mysql(diesel_async::MysqlCancelToken),
}

impl Guard {
    /// Over a connection of the pool.
    pub fn new(pool: &Pool, connection: &Connection, limit: Duration, wanted: Wanted) -> Self {
        let cancel = match (connection, pool) {
            (Connection::Postgres(it), Pool::Postgres { tls, .. }) => {
                Cancel::Postgres(it.cancel_token(), tls.clone())
            }
            (Connection::Mysql(it), _) => Cancel::Mysql(it.cancel_token()),
            _ => Cancel::Sqlite,
        };
        let (file, interrupt) = (pool.file(), Arc::default());
        Self { pool: pool.clone(), limit, wanted, cancel, interrupt, file }
    }

    /// How long a statement may take.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// What SQLite looks at while it works.
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    /// Waits for a statement on these tables, as long as it may take and somebody wants it. After a
    /// failure of the kinds [`ErrorKind::Timeout`] and [`ErrorKind::Unwanted`] the connection is of
    /// no more use.
    pub async fn run<T, E: Into<Error>>(
        &self,
        tables: &[String],
        statement: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        self.go_on()?;
        let begun = Instant::now();
        let mut statement = std::pin::pin!(statement);
        let is_wanted = tokio::select! {
            biased;
            answer = &mut statement => return answer.map_err(Into::into),
            // Before the time: a request's own is up a moment sooner, and both may be seen at once.
            () = self.wanted.no_longer() => false,
            () = tokio::time::sleep(self.limit) => true,
        };
        let took = begun.elapsed();
        let blocked = if took >= LONG { blockers::look(&self.pool).await } else { None };
        self.cancel().await;
        // What doesn't end goes with its connection.
        let _ = tokio::time::timeout(CANCELLING, statement).await;
        let blocked = blocked.map_or_else(String::new, |by| format!("; {by}"));
        let took = humantime::format_duration(Duration::from_millis(
            u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        ));
        if is_wanted {
            let said = format!("the statement was cancelled after {took}{blocked}");
            return Err(Error::new(ErrorKind::Timeout, &about(tables), said));
        }
        if begun.elapsed() >= LONG {
            let tables = tables.join(", ");
            let why = format!("after {took}, since nobody waits for it any more{blocked}");
            tracing::warn!(tables, why, "a statement was cancelled");
        }
        Err(unwanted(tables))
    }

    /// Whether there is somebody to go on for.
    ///
    /// # Errors
    /// [`ErrorKind::Unwanted`] when there isn't.
    pub fn go_on(&self) -> Result<(), Error> {
        if self.wanted.still() { Ok(()) } else { Err(unwanted(&[])) }
    }

    /// Waits for the end of a transaction, whoever wants it: what doesn't answer in time is lost.
    pub async fn settle<T, E: Into<Error>>(
        &self,
        commit: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(self.limit, commit).await {
            Ok(Ok(_)) if self.file != self.pool.file_now() => {
                let why = "the file was replaced while it was written to";
                Err(Error::new(ErrorKind::Lost, "a transaction's end", why))
            }
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Error::new(ErrorKind::Lost, "a transaction's end", "no answer in time")),
        }
    }

    async fn cancel(&self) {
        let told = async {
            let refused = match &self.cancel {
                Cancel::Sqlite => {
                    self.interrupt.store(true, Ordering::Relaxed);
                    None
                }
                Cancel::Postgres(token, tls) => {
                    token.cancel_query(tls.clone()).await.err().map(|error| error.to_string())
                }
                Cancel::Mysql(token) => {
                    token.cancel_query().await.err().map(|error| error.to_string())
                }
            };
            if let Some(error) = refused {
                tracing::debug!(error, "a statement could not be cancelled");
            }
        };
        let _ = tokio::time::timeout(CANCELLING, told).await;
    }
}

fn about(tables: &[String]) -> String {
    if tables.is_empty() { "database".to_owned() } else { tables.join(", ") }
}

fn unwanted(tables: &[String]) -> Error {
    let said = "it was given up: whoever wanted it is gone, or the agent stops";
    Error::new(ErrorKind::Unwanted, &about(tables), said)
}
