//! Cron lines: five fields as crontab(5) has them, six or seven with seconds first (and the year
//! last), and when a line is next due.
//!
//! Owns the syntax and its translation for the crate `cron`, which counts weekdays from 1 and wants
//! a match of both day fields. `due` owns time zones and clock changes. Reads no clock.

mod due;

use std::collections::BTreeSet;
use std::str::FromStr as _;

use cron::Schedule;

/// A valid cron line: one that comes due at some time.
///
/// As crontab(5) says, a line whose day of month and day of week are both restricted (neither
/// begins with `*`) is due on days that match either. A step after a single value runs on to the
/// end: `5/15` is `5-59/15`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    line: String,
    /// Due when any of them is: two when the days of month and of week are alternatives.
    schedules: Vec<Schedule>,
    hours: Hours,
}

/// What a line's hours say of a clock change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hours {
    /// All 24 of them: the line means an interval of real time.
    Every,
    /// Some of them: the line means times of the day.
    Some,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const SECOND: Field = Field { name: "second", min: 0, max: 59, names: &[] };
const MINUTE: Field = Field { name: "minute", min: 0, max: 59, names: &[] };
const HOUR: Field = Field { name: "hour", min: 0, max: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { name: "day of month", min: 1, max: 31, names: &[] };
const MONTH: Field = Field { name: "month", min: 1, max: 12, names: &MONTHS };
/// 0 and 7 are Sunday.
const DAY_OF_WEEK: Field = Field { name: "day of week", min: 0, max: 7, names: &DAYS };
const YEAR: Field = Field { name: "year", min: 1970, max: 2100, names: &[] };

impl Cron {
    /// Parses a line.
    ///
    /// # Errors
    /// Which field is wrong and what it may hold, or that no day ever matches.
    pub fn parse(line: &str) -> Result<Self, String> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (second, [minute, hour, day, month, weekday], year) = match *fields.as_slice() {
            [minute, hour, day, month, weekday] => ("0", [minute, hour, day, month, weekday], "*"),
            [second, minute, hour, day, month, weekday] => {
                (second, [minute, hour, day, month, weekday], "*")
            }
            [second, minute, hour, day, month, weekday, year] => {
                (second, [minute, hour, day, month, weekday], year)
            }
            _ => {
                return Err(format!(
                    "must be a cron line of five fields (minute hour day month weekday), six (seconds \
                     first) or seven (year last), not {}",
                    fields.len()
                ));
            }
        };
        let time = format!(
            "{} {} {}",
            numbers(&SECOND.read(second)?),
            numbers(&MINUTE.read(minute)?),
            numbers(&HOUR.read(hour)?)
        );
        let days = numbers(&DAY_OF_MONTH.read(day)?);
        let months = numbers(&MONTH.read(month)?);
        // The library counts from Sunday, 1.
        let weekdays: BTreeSet<u32> =
            DAY_OF_WEEK.read(weekday)?.iter().map(|day| day % 7 + 1).collect();
        let weekdays = numbers(&weekdays);
        let years = numbers(&YEAR.read(year)?);
        let lines = if restricted(day) && restricted(weekday) {
            vec![
                format!("{time} {days} {months} * {years}"),
                format!("{time} * {months} {weekdays} {years}"),
            ]
        } else {
            vec![format!("{time} {days} {months} {weekdays} {years}")]
        };
        let schedules = lines
            .iter()
            .map(|line| Schedule::from_str(line).map_err(|error| error.to_string()))
            .collect::<Result<Vec<Schedule>, String>>()?;
        let hours = if HOUR.read(hour)?.len() == 24 { Hours::Every } else { Hours::Some };
        let cron = Self { line: fields.join(" "), schedules, hours };
        if cron.is_ever_due() {
            Ok(cron)
        } else {
            Err(format!("never comes due: no date matches `{}`", cron.line))
        }
    }

    /// The line, its fields separated by single spaces.
    pub fn as_str(&self) -> &str {
        &self.line
    }
}

/// crontab(5) calls a day field restricted unless it begins with `*`; `?` is another way to say `*`.
fn restricted(field: &str) -> bool {
    !field.starts_with(['*', '?'])
}

fn numbers(values: &BTreeSet<u32>) -> String {
    values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

impl Field {
    /// The numbers that a field's text stands for.
    fn read(&self, text: &str) -> Result<BTreeSet<u32>, String> {
        let mut values = BTreeSet::new();
        for part in text.split(',') {
            values.extend(self.part(part).ok_or_else(|| self.refusal(text))?);
        }
        Ok(values)
    }

    fn refusal(&self, text: &str) -> String {
        let names = match self.names {
            [first, .., last] => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        format!(
            "has the {} `{text}`; allowed are *, {} to {}{names}, lists, ranges and steps (*/5)",
            self.name, self.min, self.max
        )
    }

    fn part(&self, part: &str) -> Option<impl Iterator<Item = u32> + use<>> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let is_day = self.name.starts_with("day");
        let (from, to) = match (range.split_once('-'), step) {
            _ if range == "*" => (self.min, self.max),
            (None, None) if range == "?" && is_day => (self.min, self.max),
            (Some((from, to)), _) => (self.value(from)?, self.value(to)?),
            (None, Some(_)) => (self.value(range)?, self.max),
            (None, None) => (self.value(range)?, self.value(range)?),
        };
        (from <= to).then(|| (from..=to).step_by(step.unwrap_or(1)))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(at) => u32::try_from(at).ok()? + self.min,
            None => text.parse().ok()?,
        };
        (self.min..=self.max).contains(&value).then_some(value)
    }
}

#[cfg(test)]
mod tests;
