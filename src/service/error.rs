//! What an operation can fail with.

use std::time::Duration;

use crate::mapper::{Encoding, Field, Layout, Relation};
use crate::scim::{self, ResourceType};
use crate::store::{self, ErrorKind, Failure, Subject};

/// A boxed cause, for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// The tables don't fit the profile any more.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database's tables don't fit the profile any more: {0}; `kpifire-scim check` says what to do, and a \
     reload takes another profile up"
)]
pub(super) struct Unfit(pub String);

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request's fault: the client is told why.
    #[error("{}", .0.detail)]
    Scim(scim::Error),
    /// The guard against mass disabling refuses for now; the client is told why.
    #[error("{}", .0.detail)]
    Guarded(scim::Error),
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
            ErrorKind::Lost
            | ErrorKind::File
            | ErrorKind::Crowded
            | ErrorKind::ReadOnly
            | ErrorKind::Stale
            | ErrorKind::Unfit
            | ErrorKind::Timeout
            | ErrorKind::Unwanted => {
                Self::Unavailable { retry_after: Duration::from_secs(5), source: Box::new(error) }
            }
            ErrorKind::Conflict => {
                Self::Unavailable { retry_after: Duration::from_secs(1), source: Box::new(error) }
            }
            ErrorKind::Unique
            | ErrorKind::ForeignKey
            | ErrorKind::Invalid
            | ErrorKind::TooBig
            | ErrorKind::Rule => Self::Refused(error),
            ErrorKind::Denied | ErrorKind::Other => Self::Internal(Box::new(error)),
        }
    }
}

impl Failure for Error {
    fn database(&self) -> Option<&store::Error> {
        match self {
            Self::Unavailable { source, .. } => source.downcast_ref(),
            Self::Refused(error) => Some(error),
            Self::Scim(_) | Self::Guarded(_) | Self::Keys { .. } | Self::Internal(_) => None,
        }
    }
}

impl Error {
    /// How the tables don't fit the profile, when that is it.
    pub fn misfit(&self) -> Option<String> {
        let Self::Unavailable { source, .. } = self else { return None };
        source.downcast_ref::<Unfit>().map(ToString::to_string)
    }

    /// What went wrong: an operator may be told what the database said.
    pub fn for_operator(&self) -> String {
        match self {
            Self::Refused(error) => error.to_string(),
            Self::Internal(source) | Self::Unavailable { source, .. } => source.to_string(),
            Self::Scim(error) | Self::Guarded(error) => error.detail.clone(),
            Self::Keys { .. } => self.to_string(),
        }
    }

    /// Why requests can't be served, in words that a stranger may read.
    pub fn reason(&self) -> String {
        let Self::Unavailable { source, .. } = self else {
            return "the agent's log says why".to_owned();
        };
        if let Some(unfit) = source.downcast_ref::<Unfit>() {
            return unfit.to_string();
        }
        let Some(error) = source.downcast_ref::<store::Error>() else {
            return "the agent's log says why".to_owned();
        };
        match error.kind() {
            ErrorKind::File => error.message().to_owned(),
            ErrorKind::ReadOnly => {
                "the database takes no writes: it is read-only, or its disk is full; \
                                    the agent's log has its words"
                    .to_owned()
            }
            ErrorKind::Crowded => {
                "the database lets the account have no more connections".to_owned()
            }
            ErrorKind::Timeout | ErrorKind::Conflict => {
                "the database is locked or busy; the agent's log says by whom".to_owned()
            }
            ErrorKind::Unfit => {
                "the database's tables aren't as they were; `kpifire-scim check` says where"
                    .to_owned()
            }
            _ => "the database doesn't answer; the agent's log says why".to_owned(),
        }
    }

    /// Turns a refusal of the database into what the client is told, without any SQL: a unique key
    /// is 409 `uniqueness`, a foreign key 409, anything else about the value 400 `invalidValue`.
    #[must_use]
    pub fn explained(self) -> Self {
        self.explained_as(|_| Vec::new())
    }

    /// The same of a write to one resource type, naming the attribute that the value was for.
    #[must_use]
    pub fn explained_by(self, layout: &Layout, kind: ResourceType) -> Self {
        self.explained_as(|subject| attributes_of(layout, kind, subject))
    }

    fn explained_as(self, attributes: impl Fn(&Subject) -> Vec<String>) -> Self {
        let Self::Refused(error) = self else { return self };
        if error.kind() == ErrorKind::Rule {
            // Its words are meant for a person, and the client may not read them.
            tracing::warn!(%error, "a rule of kpifire's refused a write");
        } else {
            tracing::debug!(%error, "the database refused a write");
        }
        Self::Scim(match error.kind() {
            ErrorKind::Unique => scim::Error::uniqueness(taken_value(error.subject(), attributes)),
            ErrorKind::ForeignKey => scim::Error::conflict(
                "other data of kpifire still points at this resource, or what it points at is gone",
            ),
            ErrorKind::TooBig => scim::Error::payload_too_large(
                "the database doesn't take so much at once (on MariaDB `max_allowed_packet` says how much)",
            ),
            ErrorKind::Rule => scim::Error::invalid_value(
                "a rule that kpifire keeps in its database (a trigger) refuses the change; the agent's \
                 log has its words",
            ),
            _ => scim::Error::invalid_value(refused_value(error.subject(), attributes)),
        })
    }
}

/// Which value another row has. A key that the database itself made is nobody's name.
fn taken_value(subject: Option<Subject>, attributes: impl Fn(&Subject) -> Vec<String>) -> String {
    let found = subject.as_ref().map(attributes).unwrap_or_default();
    if !found.is_empty() {
        return format!("{}: another row of kpifire's has this value already", found.join(" or "));
    }
    match subject {
        Some(Subject::Unique(key)) => format!(
            "the unique key `{key}` of kpifire's tables refuses the row: not for its name. A number that \
             the database counts may be behind its table, or the profile writes one value into every row; \
             `kpifire-scim check` tells"
        ),
        _ => "another resource has this value already (a unique key of the database)".to_owned(),
    }
}

fn refused_value(subject: Option<Subject>, attributes: impl Fn(&Subject) -> Vec<String>) -> String {
    let found = subject.as_ref().map(attributes).unwrap_or_default();
    if !found.is_empty() {
        return format!("{}: the database doesn't take the value", found.join(" or "));
    }
    // A client may know columns' names, but not SQL.
    match subject {
        Some(Subject::Column { column, .. }) => {
            format!("the database doesn't take the value of column `{column}`")
        }
        _ => "the database doesn't take the value of one of the attributes".to_owned(),
    }
}

/// The attributes that a refusal is about.
fn attributes_of(layout: &Layout, kind: ResourceType, subject: &Subject) -> Vec<String> {
    let own = layout.resource(kind);
    let of_column = |table: Option<&str>, column: &str| -> Vec<String> {
        let is =
            |it: &Relation| table.is_none_or(|table| it.table.name.eq_ignore_ascii_case(table));
        let holds = |field: &Field| is(&own.relation) && field.column.name == column;
        let labels = |field: &Field| match &field.encoding {
            Encoding::Lookup(lookup) => is(&lookup.relation) && lookup.label.name == column,
            _ => false,
        };
        let found = |test: &dyn Fn(&Field) -> bool| -> Vec<String> {
            own.fields.iter().filter(|field| test(field)).map(|field| field.name.clone()).collect()
        };
        let held = found(&holds);
        if held.is_empty() { found(&labels) } else { held }
    };
    match subject {
        Subject::Column { table, column } => of_column(table.as_deref(), column),
        Subject::Check(text) | Subject::Unique(text) => {
            let columns = own.fields.iter().map(|field| field.column.name.as_str());
            let named: Vec<&str> = columns.filter(|column| names(text, column)).collect();
            // `license_type` is not about `type`.
            let longest = named
                .iter()
                .filter(|it| !named.iter().any(|other| it != &other && names(other, it)));
            longest.flat_map(|column| of_column(None, column)).collect()
        }
        Subject::Right(_) | Subject::Schema(_) | Subject::Policy => Vec::new(),
    }
}

/// Whether a CHECK's name (`users_status_check`, `users.status`, `ck_status`) or its text has the
/// column as a word.
fn names(text: &str, column: &str) -> bool {
    let bounds = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(column).any(|(at, found)| {
        let (before, after) = (text.get(..at), text.get(at + found.len()..));
        bounds(before.and_then(|it| it.chars().next_back()))
            && bounds(after.and_then(|it| it.chars().next()))
    })
}

/// At start, a database without the sidecar tables is a thing to do, not an outage.
pub(super) fn not_migrated(error: store::Error) -> Error {
    if matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unfit | ErrorKind::Other) {
        Error::Internal(
            format!("the sidecar tables are missing, run `kpifire-scim migrate` first ({error})")
                .into(),
        )
    } else {
        error.into()
    }
}
