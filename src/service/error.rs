//! What an operation can fail with.

use std::time::Duration;

use crate::scim;
use crate::store::{self, ErrorKind, Failure};

/// A boxed cause, for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request's fault: the client is told why.
    #[error("{}", .0.detail)]
    Scim(scim::Error),
    /// The database can't be had at the moment.
    #[error("the database is unavailable")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// Why.
        #[source]
        source: Source,
    },
    /// Entra's signing keys can't be had at the moment, so its tokens can't be told from others.
    #[error("Entra's signing keys are not available")]
    Keys {
        /// When to try again.
        retry_after: Duration,
    },
    /// Ours, or the database's in a way that trying again won't mend.
    #[error("internal error")]
    Internal(#[source] Source),
    /// The database refused a write for a reason the request has a part in.
    #[error("the database refused the write")]
    Refused(#[source] store::Error),
}

impl From<scim::Error> for Error {
    fn from(error: scim::Error) -> Self {
        Self::Scim(error)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error.kind() {
            ErrorKind::Lost => {
                Self::Unavailable { retry_after: Duration::from_secs(5), source: Box::new(error) }
            }
            ErrorKind::Conflict => {
                Self::Unavailable { retry_after: Duration::from_secs(1), source: Box::new(error) }
            }
            ErrorKind::Unique | ErrorKind::ForeignKey | ErrorKind::Invalid => Self::Refused(error),
            ErrorKind::Other => Self::Internal(Box::new(error)),
        }
    }
}

impl Failure for Error {
    fn database(&self) -> Option<&store::Error> {
        match self {
            Self::Unavailable { source, .. } => source.downcast_ref(),
            Self::Refused(error) => Some(error),
            Self::Scim(_) | Self::Keys { .. } | Self::Internal(_) => None,
        }
    }
}

impl Error {
    /// Turns a refusal of the database into what the client is told, without any SQL: a unique key
    /// is 409 `uniqueness`, a foreign key 409, anything else about the value 400 `invalidValue`.
    #[must_use]
    pub fn explained(self) -> Self {
        let Self::Refused(error) = self else { return self };
        tracing::debug!(%error, "the database refused a write");
        Self::Scim(match error.kind() {
            ErrorKind::Unique => scim::Error::uniqueness(
                "another resource has this value already (a unique key of the database)",
            ),
            ErrorKind::ForeignKey => scim::Error::conflict(
                "other data of kpifire still points at this resource, or what it points at is gone",
            ),
            _ => scim::Error::invalid_value(format!(
                "the database doesn't take the value of {}",
                column_of(error.message())
            )),
        })
    }
}

/// The column that a message of the database names, for a client that may know columns' names but
/// not SQL.
fn column_of(message: &str) -> String {
    for (before, after) in [("column '", "'"), ("column \"", "\""), ("column `", "`")] {
        if let Some((_, rest)) = message.split_once(before)
            && let Some((name, _)) = rest.split_once(after)
        {
            return format!("column `{name}`");
        }
    }
    "one of the attributes".to_owned()
}

/// At start, a database without the sidecar tables is a thing to do, not an outage.
pub(super) fn not_migrated(error: store::Error) -> Error {
    if error.kind() == ErrorKind::Other {
        Error::Internal(
            format!("the sidecar tables are missing, run `kpifire-scim migrate` first ({error})")
                .into(),
        )
    } else {
        error.into()
    }
}
