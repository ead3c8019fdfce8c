//! Why an export is refused: the line, what is wrong there, and what to do about it.
//!
//! Owns how text out of the file is shown: short and without control characters.

use std::io;

/// Why an export can't be used.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct Error {
    line: usize,
    kind: Kind,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Kind {
    #[error("the export holds no users")]
    Empty,
    #[error("the export holds more users than can be told apart")]
    TooMany,
    #[error("the file can't be read: {0}")]
    Io(io::Error),
    #[error("this isn't UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”)")]
    NotUtf8,
    #[error("this is UTF-16; save the file as UTF-8 (in Excel: “CSV UTF-8”)")]
    Utf16,
    #[error("the JSON breaks off (column {column}); the export is incomplete, fetch it again")]
    BrokenOff { column: usize },
    #[error("not an export of users (column {column}): {message}")]
    Json { column: usize, message: String },
    #[error(
        "the export is partial: its last page still has an @odata.nextLink. Fetch the URL that it \
         names, append the answer to the file, and go on so until a page has none"
    )]
    Partial,
    #[error("Microsoft Graph answered with an error instead of users: {}", shown(.0))]
    Refused(String),
    #[error("there are neither users (`value`) nor a user here")]
    NotUsers,
    #[error("a user without `{property}`{}", of(.user.as_ref()))]
    Without { property: &'static str, user: Option<String> },
    #[error("`{property}` is {found}, not {wanted}")]
    Type { property: &'static str, found: String, wanted: &'static str },
    #[error("the texts of this user take more than 64 KiB")]
    TooLong,
    #[error("the {property} `{}` is there twice; the first time in line {first}", shown(.value))]
    Twice { property: &'static str, value: String, first: usize },
    #[error(
        "the header has no column {}; it has {}. Wanted is Microsoft Graph's JSON, or the CSV of \
         Users → Bulk operations → Download users with at least `userPrincipalName` and `id` (or \
         `objectId`)", list(.missing), list(.found)
    )]
    Columns { missing: Vec<String>, found: Vec<String> },
    #[error("the header has the column `{}` twice", shown(.0))]
    ColumnTwice(String),
    #[error("a quoted field of this row isn't closed; the export is incomplete, fetch it again")]
    Unclosed,
    #[error("{found} fields in this row, {wanted} in the header")]
    Fields { found: usize, wanted: usize },
}

impl Error {
    pub(super) fn new(line: usize, kind: Kind) -> Self {
        Self { line, kind }
    }

    /// What [`super::text::Text`] found wrong comes through two libraries as an IO error.
    pub(super) fn from_io(error: io::Error, line: usize) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| Self::new(line, Kind::Io(error)))
    }

    /// Where in the file, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

/// Text out of the file, fit for a terminal and a line.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String =
        text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

fn of(user: Option<&String>) -> String {
    user.map_or_else(String::new, |user| format!(": `{}`", shown(user)))
}

fn list(names: &[String]) -> String {
    const MOST: usize = 40;
    let mut shown: Vec<String> =
        names.iter().take(MOST).map(|name| format!("`{}`", shown(name))).collect();
    if names.len() > MOST {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
