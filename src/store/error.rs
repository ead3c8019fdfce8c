//! What can go wrong below the service, sorted by what the caller can do about it.
//!
//! Owns the reading of three drivers' error shapes. A message of the database stays here and in the
//! log: it never reaches a client.

use diesel::result::{ConnectionError, DatabaseErrorKind, Error as Diesel};

/// The sort of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A unique key refused the write.
    Unique,
    /// A foreign key refused the write.
    ForeignKey,
    /// A CHECK, length, NOT NULL or type rule refused the value.
    Invalid,
    /// Deadlock, serialization failure or lock timeout: the transaction can be run again.
    Conflict,
    /// The connection is gone or could not be had.
    Lost,
    /// The database refused for another reason: a missing table, a missing grant, a bug.
    Other,
}

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
#[error("{context}: {message}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    message: String,
    subject: Option<Subject>,
}

/// What a refused value was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A column, of a table where the database says which.
    Column {
        /// Without its schema.
        table: Option<String>,
        /// Its name.
        column: String,
    },
    /// A CHECK: its name, or on SQLite its text where it has none.
    Check(String),
}

impl Error {
    pub(super) fn new(kind: ErrorKind, context: &str, message: impl Into<String>) -> Self {
        Self { kind, context: context.to_owned(), message: message.into(), subject: None }
    }

    /// Whether the database went away.
    pub fn is_lost(&self) -> bool {
        self.kind == ErrorKind::Lost
    }

    /// Whether the transaction may succeed when it is run again.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Conflict | ErrorKind::Lost)
    }

    /// The sort of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the database said, for a person who may read it (the log, the command line).
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What a refused value was for, as far as the database says.
    pub fn subject(&self) -> Option<Subject> {
        self.subject.clone()
    }

    /// Says what was being done.
    #[must_use]
    pub(super) fn during(mut self, context: &str) -> Self {
        context.clone_into(&mut self.context);
        self
    }
}

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        let kind = match &error {
            Diesel::DatabaseError(kind, information) => match kind {
                DatabaseErrorKind::UniqueViolation => ErrorKind::Unique,
                DatabaseErrorKind::ForeignKeyViolation => ErrorKind::ForeignKey,
                DatabaseErrorKind::NotNullViolation | DatabaseErrorKind::CheckViolation => {
                    ErrorKind::Invalid
                }
                DatabaseErrorKind::SerializationFailure => ErrorKind::Conflict,
                DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
                    ErrorKind::Lost
                }
                _ => by_message(information.message()),
            },
            Diesel::BrokenTransactionManager => ErrorKind::Lost,
            _ => ErrorKind::Other,
        };
        let message = match &error {
            Diesel::DatabaseError(_, information) => match information.constraint_name() {
                Some(constraint) => format!("{} (constraint {constraint})", information.message()),
                None => information.message().to_owned(),
            },
            other => other.to_string(),
        };
        let subject = match &error {
            Diesel::DatabaseError(_, information) if kind == ErrorKind::Invalid => {
                let column = information.column_name().map(|column| Subject::Column {
                    table: information.table_name().map(str::to_owned),
                    column: column.to_owned(),
                });
                let check =
                    || information.constraint_name().map(|it| Subject::Check(it.to_owned()));
                column.or_else(check).or_else(|| subject(information.message()))
            }
            _ => None,
        };
        Self { subject, ..Self::new(kind, "database", message) }
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        let message = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        Self::new(ErrorKind::Lost, "connecting to the database", message)
    }
}

/// The drivers hand many errors on as text alone. The texts are those of PostgreSQL 15 to 17,
/// MariaDB 10.6 to 11 and SQLite 3; an unknown text is `Other`, which is never retried.
fn by_message(message: &str) -> ErrorKind {
    const CONFLICT: &[&str] = &[
        "deadlock detected",
        "Deadlock found when trying to get lock",
        "Lock wait timeout exceeded",
        "Record has changed since last read",
        "database is locked",
        "database table is locked",
        "canceling statement due to lock timeout",
    ];
    const LOST: &[&str] = &[
        "terminating connection",
        "the database system is",
        "connection closed",
        "Connection to the server is closed",
        "Input/output error",
        "IO error",
        "unexpected EOF",
        "Connection was killed",
        "Server shutdown in progress",
        "Too many connections",
        "too many clients",
        "remaining connection slots",
        "Packets out of sync",
        "Packet out of order",
        "Connection reset",
        "Broken pipe",
        "disk I/O error",
        "WSREP has not yet prepared node",
    ];
    const INVALID: &[&str] = &[
        "value too long",
        "Data too long for column",
        "Data truncated for column",
        "Out of range value",
        "Incorrect",
        "CONSTRAINT `",
        "invalid input value for enum",
        "invalid input syntax",
        "out of range",
        "invalid byte sequence",
        "cannot be null",
        "doesn't have a default value",
        "CHECK constraint failed",
        "datatype mismatch",
    ];
    let any = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if any(CONFLICT) {
        ErrorKind::Conflict
    } else if any(LOST) {
        ErrorKind::Lost
    } else if any(INVALID) {
        ErrorKind::Invalid
    } else {
        ErrorKind::Other
    }
}

/// What the message of SQLite or MariaDB says that a refused value was for.
fn subject(message: &str) -> Option<Subject> {
    let after = |words: &str| message.rsplit_once(words).map(|(_, rest)| rest);
    if let Some(text) = after("CHECK constraint failed: ") {
        return Some(Subject::Check(text.to_owned()));
    }
    if let Some(names) = after("NOT NULL constraint failed: ") {
        return column(names.split('.'));
    }
    // MariaDB: CONSTRAINT `users.status` failed for `plant`.`users`
    if let Some(rest) = message.strip_prefix("CONSTRAINT `") {
        return rest.split_once("` failed").map(|(name, _)| Subject::Check(name.to_owned()));
    }
    // Column 'title' cannot be null; … for column `plant`.`users`.`title` at row 1
    let rest = after("olumn ").or_else(|| after("Field "))?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '`' | '"'))?;
    let names: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
    column(names.split('.').map(|name| name.trim_matches(quote)))
}

fn column<'a>(names: impl DoubleEndedIterator<Item = &'a str>) -> Option<Subject> {
    let mut last = names.rev().map(str::to_owned);
    Some(Subject::Column { column: last.next()?, table: last.next() })
}
