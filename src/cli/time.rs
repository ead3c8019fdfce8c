//! Times as a person writes them on a command line. The clock is an argument.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};

use super::error::Error;

/// A point in time, or a distance back from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// `2025-03-01T08:00:00Z` or `2025-03-01` (midnight UTC)
    At(DateTime<Utc>),
    /// `2h`
    Ago(Duration),
}

impl Since {
    /// Parses either.
    ///
    /// # Errors
    /// A sentence that names the accepted forms.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(time.with_timezone(&Utc)));
        }
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Ok(Self::At(date.and_time(NaiveTime::MIN).and_utc()));
        }
        humantime::parse_duration(text).map(Self::Ago).map_err(|_| {
            "give a time (2025-03-01T08:00:00Z), a date (2025-03-01) or a duration back from now \
             (2h, 30d)"
                .to_owned()
        })
    }

    /// The point in time it means now.
    ///
    /// # Errors
    /// When the duration reaches back before the calendar begins.
    pub fn resolve(self, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
        match self {
            Self::At(time) => Ok(time),
            Self::Ago(duration) => chrono::Duration::from_std(duration)
                .ok()
                .and_then(|duration| now.checked_sub_signed(duration))
                .ok_or_else(|| "that is too long ago".to_owned()),
        }
    }
}

/// A time that lies as far ahead as an option says.
///
/// # Errors
/// 64, naming the option, when it lies past the calendar's end.
pub fn ahead(option: &str, duration: Duration, now: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
    chrono::Duration::from_std(duration)
        .ok()
        .and_then(|duration| now.checked_add_signed(duration))
        .ok_or_else(|| Error::usage(format!("{option}: that is too far ahead")))
}

/// A time for a person: UTC, to the second.
pub fn show(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// [`show`], or a dash.
pub fn show_optional(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(|| "-".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_ways_to_say_since_when() {
        let now: DateTime<Utc> = "2025-03-02T12:00:00Z".parse().unwrap();
        let since = |text: &str| Since::parse(text).unwrap().resolve(now).unwrap();
        assert_eq!(show(since("2025-03-01T10:00:00+02:00")), "2025-03-01T08:00:00Z");
        assert_eq!(show(since("2025-03-01")), "2025-03-01T00:00:00Z");
        assert_eq!(show(since("36h")), "2025-03-01T00:00:00Z");
        assert!(Since::parse("yesterday").is_err());
        assert!(Since::Ago(Duration::MAX).resolve(now).is_err());
        assert!(ahead("--for", Duration::MAX, now).is_err());
    }
}
