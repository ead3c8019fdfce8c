//! Why a command failed, with the exit code that says so. Printed once, by `main`.

use std::fmt;

use crate::http::error::chain;
use crate::service;

/// Anything that can be the cause.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failed command.
#[derive(Debug)]
pub struct Error {
    code: u8,
    message: String,
    cause: Option<Cause>,
}

/// Exit code of a command that ran and failed.
pub const FAILED: u8 = 1;
/// Exit code of a run that could not read what it needs.
pub const INCOMPLETE: u8 = 3;
/// Exit code of a command line or configuration that can't be used.
pub const USAGE: u8 = 64;

impl Error {
    /// The work failed.
    pub fn failed(message: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self { code: FAILED, message: message.into(), cause: Some(cause.into()) }
    }

    /// The service failed. At the command line its own causes may be told, so what it says of an
    /// internal error to a client is left out.
    pub fn service(message: impl Into<String>, error: service::Error) -> Self {
        match error {
            service::Error::Internal(cause) => Self::failed(message, cause),
            other => Self::failed(message, other),
        }
    }

    /// The work can't be done, and nothing further is behind it.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { code: FAILED, message: message.into(), cause: None }
    }

    /// The command line, the configuration or the profile can't be used.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into(), cause: None }
    }

    /// What a run needs could not be read: as its own verdict, INCOMPLETE.
    pub fn incomplete(message: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self { code: INCOMPLETE, message: message.into(), cause: Some(cause.into()) }
    }

    /// A signal ended the work; the code is a shell's: 128 and the signal's number.
    pub fn signalled(code: u8, signal: &str) -> Self {
        Self { code, message: format!("ended by {signal}"), cause: None }
    }

    /// Whether whoever read stdout has gone, as `| head` does: nobody is left to be told.
    pub fn is_unread(&self) -> bool {
        let cause = self.cause.as_ref().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {}", chain(cause.as_ref()))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::failed("input or output failed", error)
    }
}
