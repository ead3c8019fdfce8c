//! The formats that what a command prints may have. Renders nothing.

use strum::{Display, EnumString, IntoStaticStr};

/// How what a command prints can look; not every command has all of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "lowercase")]
pub enum Format {
    /// For a person at a terminal.
    Text,
    /// One value.
    Json,
    /// A value a line.
    Ndjson,
    /// A heading, then a row a line (RFC 4180).
    Csv,
    /// One page that needs nothing else.
    Html,
}

/// Which findings follow a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Those that its report lists.
    Listed,
    /// Each.
    All,
}
