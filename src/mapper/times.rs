//! Times as a column holds them: a type of its own, seconds, milliseconds, a pattern; in UTC or local.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::cell::{Cell, plausible};
use super::relation::Column;
use crate::profile::catalogue::{Database, Kind};
use crate::profile::model::{Notation, Scalar, TimeForm, Timed};

/// How a column holds times.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    notation: Written,
    zone: Tz,
    digits: usize,
    far_end: NaiveDateTime,
}

/// How a time is written.
#[derive(Debug, Clone, PartialEq)]
enum Written {
    /// By the column's own type.
    Type,
    /// A day without a time.
    Day,
    /// As the text that SQL writes.
    Text,
    Seconds,
    Millis,
    Iso,
    Pattern(String),
}

impl Times {
    /// Of a column, by the profile's word and the column's type. `zone` is the profile's.
    pub(super) fn of(column: &Column, form: &TimeForm, zone: Option<&str>) -> Self {
        let notation = match &form.notation {
            Some(Notation::EpochSeconds) => Written::Seconds,
            Some(Notation::EpochMillis) => Written::Millis,
            Some(Notation::Iso) => Written::Iso,
            Some(Notation::Pattern(pattern)) => Written::Pattern(pattern.clone()),
            None => match column.kind {
                Kind::Int | Kind::Number => Written::Seconds,
                Kind::Text => Written::Text,
                Kind::Date => Written::Day,
                _ => Written::Type,
            },
        };
        // These types are points in time, whatever zone a session shows them in.
        let kind = column.type_name.to_ascii_lowercase();
        let absolute = match column.database {
            Database::Postgres => {
                kind.split_whitespace().any(|word| word == "with") || kind == "timestamptz"
            }
            Database::Mysql => kind.starts_with("timestamp"),
            Database::Sqlite => false,
        };
        let counted = matches!(notation, Written::Seconds | Written::Millis);
        let named = form.zone.as_deref().or(zone).and_then(|name| name.parse().ok());
        let zone = named.filter(|_| !counted && !absolute).unwrap_or(Tz::UTC);
        let short = column.database != Database::Sqlite
            && matches!(notation, Written::Seconds)
            && (kind == "int" || kind.starts_with("int(") || kind == "integer");
        let far_end = if short || absolute && column.database == Database::Mysql {
            at(2038, 1, 19)
        } else {
            at(9999, 12, 31)
        };
        Self { notation, zone, digits: form.digits.unwrap_or(0), far_end }
    }

    /// A time (UTC) as the column holds it.
    pub fn write(&self, time: NaiveDateTime) -> Cell {
        let time = whole_second(time);
        let local = || self.zone.from_utc_datetime(&time);
        match &self.notation {
            Written::Type => Cell::Time(local().naive_local()),
            // What the column drops would differ from what it is thought to hold.
            Written::Day => Cell::Time(local().date_naive().and_time(NaiveTime::MIN)),
            Written::Text => Cell::Text(local().format("%Y-%m-%d %H:%M:%S").to_string()),
            Written::Seconds => self.number(time.and_utc().timestamp()),
            Written::Millis => self.number(time.and_utc().timestamp_millis()),
            Written::Iso if self.zone == Tz::UTC => {
                Cell::Text(time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
            }
            Written::Iso => Cell::Text(local().format("%Y-%m-%dT%H:%M:%S%:z").to_string()),
            Written::Pattern(pattern) => Cell::Text(local().format(pattern).to_string()),
        }
    }

    /// A time (UTC), with its fraction, as the column's own type would hold it.
    pub(super) fn shown(&self, time: NaiveDateTime) -> NaiveDateTime {
        self.zone.from_utc_datetime(&time).naive_local()
    }

    fn number(&self, number: i64) -> Cell {
        if self.digits == 0 {
            return Cell::Int(number);
        }
        Cell::Text(format!("{number:0>width$}", width = self.digits))
    }

    /// The latest time that the column holds.
    pub fn far_end(&self) -> Cell {
        self.write(self.far_end)
    }

    /// The time (UTC) that the column holds; `None` for NULL and for what is no time.
    pub fn read(&self, cell: &Cell) -> Option<NaiveDateTime> {
        let local = |time: NaiveDateTime| {
            self.zone.from_local_datetime(&time).earliest().map(|it| it.naive_utc())
        };
        let time = match &self.notation {
            Written::Type | Written::Day | Written::Text => local(cell.to_time()?)?,
            Written::Seconds => DateTime::from_timestamp(number(cell)?, 0)?.naive_utc(),
            Written::Millis => DateTime::from_timestamp_millis(number(cell)?)?.naive_utc(),
            Written::Iso => {
                let text = cell.to_text()?;
                match DateTime::parse_from_rfc3339(text.trim()) {
                    Ok(time) => time.with_timezone(&Utc).naive_utc(),
                    Err(_) => local(cell.to_time()?)?,
                }
            }
            Written::Pattern(pattern) => {
                let text = cell.to_text()?;
                let parsed = NaiveDateTime::parse_from_str(&text, pattern).ok();
                let parsed = parsed.or_else(|| {
                    NaiveDate::parse_from_str(&text, pattern).ok()?.and_hms_opt(0, 0, 0)
                });
                local(parsed?)?
            }
        };
        plausible(time)
    }
}

/// A number, also one that a text column pads with zeros; 0 stands for no time.
fn number(cell: &Cell) -> Option<i64> {
    let number = match cell {
        #[expect(clippy::cast_possible_truncation, reason = "a time's fraction isn't shown")]
        Cell::Number(number) => *number as i64,
        Cell::Text(text) => text.trim().parse::<f64>().ok().filter(|it| it.is_finite()).map(
            #[expect(clippy::cast_possible_truncation, reason = "as above")]
            |it| it as i64,
        )?,
        other => other.to_int()?,
    };
    (number != 0).then_some(number)
}

fn at(year: i32, month: u32, day: u32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(year, month, day)
        .unwrap_or_default()
        .and_hms_opt(0, 0, 0)
        .unwrap_or_default()
}

/// A column of times that says whether something is on.
#[derive(Debug, Clone, PartialEq)]
pub struct Switch {
    /// How.
    pub timed: Timed,
    /// What something that is on holds instead of NULL.
    pub live: Option<Scalar>,
    /// How the column holds times.
    pub times: Times,
}

impl Switch {
    /// What switches off.
    pub fn off(&self, now: NaiveDateTime) -> Cell {
        match self.timed {
            Timed::Since | Timed::Expires => self.times.write(now),
            Timed::Until => self.times.far_end(),
        }
    }

    /// What switches on.
    pub fn on(&self) -> Cell {
        self.live.as_ref().map_or(Cell::Null, |live| Cell::of(live, NaiveDateTime::default()))
    }

    /// Whether a value says that it is on.
    pub fn is_on(&self, cell: &Cell, now: NaiveDateTime) -> bool {
        if *cell == Cell::Null || self.live.as_ref().is_some_and(|live| cell.is(live)) {
            return true;
        }
        let time = self.times.read(cell);
        match self.timed {
            Timed::Since => false,
            Timed::Expires => time.is_some_and(|time| time > now),
            Timed::Until => time.is_none_or(|time| time <= now),
        }
    }
}

/// A column that marks rows as gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The column.
    pub column: std::sync::Arc<Column>,
    /// What marks them.
    pub by: MarkedBy,
}

/// What marks a row as gone.
#[derive(Debug, Clone, PartialEq)]
pub enum MarkedBy {
    /// A value, and what takes it back.
    Value {
        /// What the column of a row that is gone holds.
        gone: Scalar,
        /// What that of any other gets.
        there: Scalar,
    },
    /// A time.
    Time(Switch),
}

impl Mark {
    /// What marks a row as gone.
    pub fn gone(&self, now: NaiveDateTime) -> Cell {
        match &self.by {
            MarkedBy::Value { gone, .. } => Cell::of(gone, whole_second(now)),
            MarkedBy::Time(switch) => switch.off(now),
        }
    }

    /// What takes the mark back.
    pub fn there(&self) -> Cell {
        match &self.by {
            MarkedBy::Value { there, .. } => Cell::of(there, NaiveDateTime::default()),
            MarkedBy::Time(switch) => switch.on(),
        }
    }
}

/// Legacy times are written to the second, which every install's column type holds: a database
/// that rounds fractions would write a time that hasn't come yet.
pub fn whole_second(now: NaiveDateTime) -> NaiveDateTime {
    use chrono::Timelike;
    now.with_nanosecond(0).unwrap_or(now)
}
