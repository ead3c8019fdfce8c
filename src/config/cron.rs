//! Cron lines, as far as a configuration checks them: five fields as crontab(5) has them, six or
//! seven with seconds first (and the year last).
//!
//! Owns the syntax. When a line is next due is the scheduler's.

/// A valid cron line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron(String);

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
/// crontab(5): minute, hour, day of month, month, day of week (0 and 7 are Sunday).
const CRONTAB: [Field; 5] = [
    Field { name: "minute", min: 0, max: 59, names: &[] },
    Field { name: "hour", min: 0, max: 23, names: &[] },
    Field { name: "day of month", min: 1, max: 31, names: &[] },
    Field { name: "month", min: 1, max: 12, names: &MONTHS },
    Field { name: "day of week", min: 0, max: 7, names: &DAYS },
];
const YEAR: Field = Field { name: "year", min: 1970, max: 2100, names: &[] };

impl Cron {
    /// Parses a line.
    ///
    /// # Errors
    /// Which field is wrong and what it may hold.
    pub fn parse(line: &str) -> Result<Self, String> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let known: Vec<&Field> = match fields.len() {
            5 => CRONTAB.iter().collect(),
            6 => std::iter::once(&SECOND).chain(&CRONTAB).collect(),
            7 => std::iter::once(&SECOND).chain(&CRONTAB).chain(std::iter::once(&YEAR)).collect(),
            count => {
                return Err(format!(
                    "must be a cron line of five fields (minute hour day month weekday), six (seconds \
                     first) or seven (year last), not {count}"
                ));
            }
        };
        for (text, field) in fields.iter().zip(known) {
            field.check(text)?;
        }
        Ok(Self(fields.join(" ")))
    }

    /// The line, its fields separated by single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field {
    fn check(&self, text: &str) -> Result<(), String> {
        let allowed = || {
            let names = match self.names {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            format!(
                "has the {} `{text}`; allowed are *, {} to {}{names}, lists, ranges and steps (*/5)",
                self.name, self.min, self.max
            )
        };
        text.split(',').try_for_each(|part| self.part(part)).map_err(|()| allowed())
    }

    fn part(&self, part: &str) -> Result<(), ()> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        if let Some(step) = step {
            let step: u32 = step.parse().map_err(|_| ())?;
            if step == 0 {
                return Err(());
            }
        }
        let day = self.min == 1 && self.max == 31 || self.max == 7;
        if range == "*" || (range == "?" && day && step.is_none()) {
            return Ok(());
        }
        match range.split_once('-') {
            Some((from, to)) if self.value(from)? <= self.value(to)? => Ok(()),
            Some(_) => Err(()),
            None => self.value(range).map(|_| ()),
        }
    }

    fn value(&self, text: &str) -> Result<u32, ()> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(at) => u32::try_from(at).map_err(|_| ())? + self.min,
            None => text.parse().map_err(|_| ())?,
        };
        (self.min..=self.max).contains(&value).then_some(value).ok_or(())
    }
}
