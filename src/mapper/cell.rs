//! A legacy value, as it lies in a column, on its way to or from SCIM.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use crate::profile::model::Scalar;

/// One database value. As JSON it keeps its type: `{"text": "a"}`, `{"int": 7}`, `"null"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Number(f64),
    /// Text, and what travels as text (UUIDs, enums, decimals).
    Text(String),
    /// A UTC time.
    Time(NaiveDateTime),
    /// Binary data.
    Bytes(Vec<u8>),
}

impl Cell {
    /// The value as text; `None` for NULL.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Text(value) => Some(value.clone()),
            Self::Time(value) => Some(value.format("%Y-%m-%d %H:%M:%S%.f").to_string()),
            Self::Bytes(value) => Some(String::from_utf8_lossy(value).into_owned()),
        }
    }

    /// The value as a whole number, where it is one.
    pub fn to_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Text(value) => value.parse().ok(),
            _ => None,
        }
    }

    /// The value as a time, where it is one: SQLite keeps times as text or as seconds.
    pub fn to_time(&self) -> Option<NaiveDateTime> {
        match self {
            Self::Time(value) => Some(*value),
            Self::Int(seconds) => plausible(DateTime::from_timestamp(*seconds, 0)?.naive_utc()),
            Self::Text(text) => {
                let text = text.trim().trim_end_matches('Z');
                whole_seconds(text)
                    .or_else(|| {
                        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
                            .iter()
                            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
                    })
                    .or_else(|| {
                        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)
                    })
            }
            _ => None,
        }
    }

    /// Whether a legacy value is the one a profile names, whatever type carries it: `1` in the
    /// profile is true, 1 or `1` in the table. Fixed-width text comes padded.
    pub fn is(&self, scalar: &Scalar) -> bool {
        match (self, scalar) {
            (Self::Null, Scalar::Null) => true,
            (Self::Null, _) | (_, Scalar::Null | Scalar::Now) => false,
            (Self::Bool(value), scalar) => match scalar {
                Scalar::Bool(other) => value == other,
                Scalar::Int(other) => i64::from(*value) == *other,
                Scalar::Text(other) => other == if *value { "true" } else { "false" },
                Scalar::Null | Scalar::Now => false,
            },
            (Self::Int(value), Scalar::Bool(other)) => *value == i64::from(*other),
            (Self::Text(value), Scalar::Text(other)) => value.trim_end() == other.trim_end(),
            (value, Scalar::Int(other)) => value.to_int() == Some(*other),
            (value, Scalar::Text(other)) => value.to_text().as_deref() == Some(other),
            (value, Scalar::Bool(other)) => value.to_int() == Some(i64::from(*other)),
        }
    }

    /// The cell that a profile's constant stands for; `now` is the time of the statement.
    pub fn of(scalar: &Scalar, now: NaiveDateTime) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(*value),
            Scalar::Int(value) => Self::Int(*value),
            Scalar::Text(value) => Self::Text(value.clone()),
            Scalar::Now => Self::Time(now),
        }
    }
}

/// `2026-11-24 08:00:00`, as most times in SQLite are written: a run over a million rows reads some
/// millions of them, and interpreting a format for each showed in its profile.
fn whole_seconds(text: &str) -> Option<NaiveDateTime> {
    let as_written = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b' ',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 19 || !text.bytes().enumerate().all(as_written) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let year = i32::try_from(number(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?)?;
    date.and_hms_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?)
}

/// A time that SCIM can show; the year 55840, milliseconds taken for seconds, is none.
pub(super) fn plausible(time: NaiveDateTime) -> Option<NaiveDateTime> {
    (1..=9999).contains(&time.year()).then_some(time)
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<NaiveDateTime> for Cell {
    fn from(value: NaiveDateTime) -> Self {
        Self::Time(value)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
