//! What can go wrong below the service, sorted by what the caller can do about it.
//!
//! Owns the reading of three drivers' error shapes: diesel's kind where it made one of the server's
//! code, else the message's text (`text`), since diesel hands on no code. A message of the database
//! stays here and in the log: it never reaches a client.

mod own;
#[cfg(test)]
mod tests;
mod text;

use diesel::result::{
    ConnectionError, DatabaseErrorInformation, DatabaseErrorKind, Error as Diesel,
};

/// The server lets the account have no more connections for now: what a driver's error carries.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Crowded(pub String);

/// The sort of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A unique key refused the write.
    Unique,
    /// A foreign key refused the write.
    ForeignKey,
    /// A CHECK, length, NOT NULL or type rule refused the value.
    Invalid,
    /// The value is more than the database takes at once.
    TooBig,
    /// Deadlock, serialization failure or lock timeout: the transaction can be run again.
    Conflict,
    /// The connection is gone or could not be had.
    Lost,
    /// SQLite's file isn't there, or it is another; in the agent's own words.
    File,
    /// The server lets the account have no more connections for now.
    Crowded,
    /// The server takes no writes now: it changed roles under the connection, or its disk is full.
    ReadOnly,
    /// The connection's statements are of tables as they were: altered since, or the session is another.
    Stale,
    /// A table or a column isn't there: the tables have another shape than the statement.
    Unfit,
    /// The statement took longer than it may; again, it would take as long.
    Timeout,
    /// Nobody waits for the statement any more, or the agent stops.
    Unwanted,
    /// The account lacks a grant.
    Denied,
    /// A rule that the application keeps in its database refused the write: a trigger's or a
    /// procedure's own words.
    Rule,
    /// The database refused for another reason: a missing table, a bug.
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
    /// Whether the database says where in a statement's text the trouble lies.
    placed: bool,
}

/// What a refusal was about.
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
    /// A unique key: its name, or on SQLite its columns.
    Unique(String),
    /// The right that the account lacks, where the database says which.
    Right(String),
    /// A schema that the account may not look into.
    Schema(String),
    /// A policy of row security.
    Policy,
}

/// Sessions that aren't the agent's alone, and what to do.
pub(super) const POOLED: &str = "a pooler gives each statement to another session of the server (transaction pooling), where what \
     the agent prepares and sets isn't: write the server's own address into `database.url`, or let the \
     pooler keep sessions for it (PgBouncer: pool_mode = session)";

impl Error {
    /// What a run reads can't be kept until its end.
    pub fn unkept(error: &std::io::Error) -> Self {
        Self::new(ErrorKind::Other, "the run's temporary file (TMPDIR)", error.to_string())
    }

    pub(super) fn new(kind: ErrorKind, context: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            context: context.to_owned(),
            message: message.into(),
            subject: None,
            placed: false,
        }
    }

    /// Whether the database went away.
    pub fn is_lost(&self) -> bool {
        self.kind == ErrorKind::Lost
    }

    /// Whether the transaction may succeed when it is run again.
    pub fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Conflict || self.is_of_the_server()
    }

    /// Whether the connection is of no more use: gone, bound to a state of the server that is over, or
    /// told to cancel what it was at.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout | ErrorKind::Unwanted | ErrorKind::TooBig)
            || self.is_of_the_server()
    }

    /// Whether the other connections of the pool are as useless.
    pub(super) fn is_of_the_server(&self) -> bool {
        matches!(self.kind, ErrorKind::Lost | ErrorKind::ReadOnly | ErrorKind::Stale)
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

    /// Whether a trigger or a procedure may have said this in its own words: no driver hands on the
    /// code that would tell.
    pub(super) fn may_be_a_rule(&self) -> bool {
        self.kind == ErrorKind::Other && !self.placed && !own::is_servers(&self.message)
    }

    /// The same failure, of something that is known better.
    #[must_use]
    pub(super) fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// The same failure, known to be a rule's of the application.
    #[must_use]
    pub(super) fn of_a_rule(mut self) -> Self {
        self.kind = ErrorKind::Rule;
        self
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
        match error {
            Diesel::DatabaseError(kind, information) => refused(kind, information.as_ref()),
            Diesel::BrokenTransactionManager => {
                Self::new(ErrorKind::Lost, "database", error.to_string())
            }
            _ => Self::new(ErrorKind::Other, "database", error.to_string()),
        }
    }
}

fn refused(kind: DatabaseErrorKind, said: &(dyn DatabaseErrorInformation + Send + Sync)) -> Error {
    let read = text::read(said.message());
    let by_text = read.as_ref().map_or(ErrorKind::Other, |(kind, _)| *kind);
    let kind = match kind {
        DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::ExclusionViolation => {
            ErrorKind::Unique
        }
        DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation => {
            ErrorKind::ForeignKey
        }
        DatabaseErrorKind::NotNullViolation | DatabaseErrorKind::CheckViolation => {
            ErrorKind::Invalid
        }
        DatabaseErrorKind::SerializationFailure => ErrorKind::Conflict,
        DatabaseErrorKind::ReadOnlyTransaction => ErrorKind::ReadOnly,
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
            ErrorKind::Lost
        }
        _ => by_text,
    };
    let message = match said.constraint_name() {
        Some(constraint) => format!("{} (constraint {constraint})", said.message()),
        None => said.message().to_owned(),
    };
    let column = said.column_name().map(|column| Subject::Column {
        table: said.table_name().map(str::to_owned),
        column: column.to_owned(),
    });
    let subject = match kind {
        ErrorKind::Invalid => column
            .or_else(|| said.constraint_name().map(|name| Subject::Check(name.to_owned())))
            .or_else(|| read.and_then(|(_, subject)| subject)),
        ErrorKind::Denied => read.and_then(|(_, subject)| subject),
        ErrorKind::Unique => said
            .constraint_name()
            .map(|name| Subject::Unique(name.to_owned()))
            .or_else(|| read.and_then(|(_, subject)| subject)),
        _ => None,
    };
    let placed = said.statement_position().is_some();
    Error { subject, placed, ..Error::new(kind, "database", message) }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        if let ConnectionError::CouldntSetupConfiguration(Diesel::QueryBuilderError(own)) = &error
            && let Some(crowded) = own.downcast_ref::<Crowded>()
        {
            let context = "connecting to the database";
            return Self::new(ErrorKind::Crowded, context, crowded.to_string());
        }
        let message = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        // A session that is the agent's own has prepared nothing yet: this one is another client's too.
        if text::read(&message).is_some_and(|(kind, _)| kind == ErrorKind::Stale) {
            return Self::new(ErrorKind::Lost, "connecting to the database", POOLED);
        }
        Self::new(ErrorKind::Lost, "connecting to the database", message)
    }
}
