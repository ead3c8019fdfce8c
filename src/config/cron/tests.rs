//! When lines are due: examples, and oracles that walk minute by minute.

use chrono::{
    DateTime, Datelike as _, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _, Utc,
};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::Cron;

fn utc(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(&format!("{text}:00"), "%Y-%m-%d %H:%M:%S"))
        .unwrap()
        .and_utc()
}

/// The next times, on the zone's clock.
fn next(line: &str, zone: Tz, after: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(line).unwrap();
    cron.upcoming(utc(after), zone)
        .take(count)
        .map(|due| due.with_timezone(&zone).format("%a %F %T %Z").to_string())
        .collect()
}

#[test]
fn in_utc() {
    let examples = [
        ("17 2 * * *", "2026-11-24 02:16:59", "Tue 2026-11-24 02:17:00"),
        ("17 2 * * *", "2026-11-24 02:17", "Wed 2026-11-25 02:17:00"),
        ("0 7 * * mon", "2026-11-24 00:00", "Mon 2026-11-30 07:00:00"),
        ("0 7 * * 0", "2026-11-24 00:00", "Sun 2026-11-29 07:00:00"),
        ("0 7 * * 7", "2026-11-24 00:00", "Sun 2026-11-29 07:00:00"),
        ("0 7 * * 5-7", "2026-11-28 08:00", "Sun 2026-11-29 07:00:00"),
        ("0 7 * * sat", "2026-11-24 00:00", "Sat 2026-11-28 07:00:00"),
        ("*/20 * * * *", "2026-11-24 09:41", "Tue 2026-11-24 10:00:00"),
        ("5/20 * * * *", "2026-11-24 09:46", "Tue 2026-11-24 10:05:00"),
        ("10-20/5,50 8 * * *", "2026-11-24 08:21", "Tue 2026-11-24 08:50:00"),
        // Either day suffices when both are restricted; with a star both must match.
        ("0 0 13 * fri", "2026-11-24 00:00", "Fri 2026-11-27 00:00:00"),
        ("0 0 13 * fri", "2026-12-12 00:00", "Sun 2026-12-13 00:00:00"),
        ("0 0 */2 * mon", "2026-11-24 00:00", "Mon 2026-12-07 00:00:00"),
        ("0 0 1 * */2", "2026-11-24 00:00", "Tue 2026-12-01 00:00:00"),
        ("0 0 ? * mon", "2026-11-24 00:00", "Mon 2026-11-30 00:00:00"),
        // The ends of months and years, leap days and the century without one.
        ("0 0 31 * *", "2026-11-24 00:00", "Thu 2026-12-31 00:00:00"),
        ("59 23 31 12 *", "2026-12-31 23:59", "Fri 2027-12-31 23:59:00"),
        ("0 0 1 jan *", "2026-12-31 23:59:59", "Fri 2027-01-01 00:00:00"),
        ("0 12 29 2 *", "2026-11-24 00:00", "Tue 2028-02-29 12:00:00"),
        ("0 12 29 2 *", "2096-03-01 00:00", "never"),
        // Seconds first, the year last, and the days alternatives all the same.
        ("30 0 2 * * *", "2026-11-24 02:00:30", "Wed 2026-11-25 02:00:30"),
        ("*/15 * * * * *", "2026-11-24 02:00:31", "Tue 2026-11-24 02:00:45"),
        ("0 0 0 13 * 5", "2026-11-28 00:00", "Fri 2026-12-04 00:00:00"),
        ("0 0 2 1 1 * 2030", "2026-11-24 00:00", "Tue 2030-01-01 02:00:00"),
        ("0 0 2 1 1 * 2030", "2030-01-01 02:00", "never"),
        ("0 0 0 1 1 * 1970", "1969-01-01 00:00", "Thu 1970-01-01 00:00:00"),
    ];
    for (line, after, want) in examples {
        let found = next(line, Tz::UTC, after, 1);
        let found = found.first().map_or("never", |found| found.strip_suffix(" UTC").unwrap());
        assert_eq!(found, want, "{line} after {after}");
    }
}

#[test]
fn a_fraction_of_a_second_is_no_excuse_to_run_twice() {
    let cron = Cron::parse("17 2 * * *").unwrap();
    let due = utc("2026-11-24 02:17");
    assert_eq!(cron.next_after(due - TimeDelta::milliseconds(1), Tz::UTC), Some(due));
    let tomorrow = Some(due + TimeDelta::days(1));
    assert_eq!(cron.next_after(due + TimeDelta::milliseconds(1), Tz::UTC), tomorrow);
}

#[test]
fn the_ends_of_the_calendar() {
    let cron = Cron::parse("* * * * *").unwrap();
    for zone in [Tz::UTC, Tz::Pacific__Kiritimati, Tz::Pacific__Pago_Pago] {
        assert!(cron.next_after(DateTime::<Utc>::MIN_UTC, zone).is_some());
        assert_eq!(cron.next_after(DateTime::<Utc>::MAX_UTC, zone), None);
    }
}

#[test]
fn lines_that_are_never_due() {
    for line in ["30 2 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 29 2 * 2027", "0 0 31 2 */2"] {
        let message = Cron::parse(line).unwrap_err();
        assert_eq!(message, format!("never comes due: no date matches `{line}`"));
    }
    // February has no 30th, but it has Mondays.
    assert!(Cron::parse("30 2 30 2 mon").is_ok());
}

#[test]
fn times_that_a_clock_skips_and_repeats() {
    // Spring: 02:00 to 03:00 is skipped.
    assert_eq!(
        next("30 2 * * *", Tz::Europe__Berlin, "2026-03-28 00:00", 3),
        [
            "Sat 2026-03-28 02:30:00 CET",
            "Sun 2026-03-29 03:00:00 CEST",
            "Mon 2026-03-30 02:30:00 CEST"
        ]
    );
    assert_eq!(
        next("*/10 2 * * *", Tz::Europe__Berlin, "2026-03-28 12:00", 2),
        ["Sun 2026-03-29 03:00:00 CEST", "Mon 2026-03-30 02:00:00 CEST"],
        "all skipped times together run once"
    );
    assert_eq!(
        next("0 2,3 * * *", Tz::Europe__Berlin, "2026-03-28 12:00", 2),
        ["Sun 2026-03-29 03:00:00 CEST", "Mon 2026-03-30 02:00:00 CEST"]
    );
    assert_eq!(
        next("30 2 29 3 *", Tz::Europe__Berlin, "2026-01-01 00:00", 2),
        ["Sun 2026-03-29 03:00:00 CEST", "Mon 2027-03-29 02:30:00 CEST"]
    );
    // Autumn: 02:00 to 03:00 comes twice.
    assert_eq!(
        next("30 2 * * *", Tz::Europe__Berlin, "2026-10-24 12:00", 2),
        ["Sun 2026-10-25 02:30:00 CEST", "Mon 2026-10-26 02:30:00 CET"]
    );
    assert_eq!(
        next("*/30 2 * * *", Tz::Europe__Berlin, "2026-10-25 00:45", 2),
        ["Mon 2026-10-26 02:00:00 CET", "Mon 2026-10-26 02:30:00 CET"],
        "asked in the second pass"
    );
    assert_eq!(
        next("30 1 * * *", Tz::America__New_York, "2026-11-01 00:00", 2),
        ["Sun 2026-11-01 01:30:00 EDT", "Mon 2026-11-02 01:30:00 EST"]
    );
    assert_eq!(
        next("30 2 * * *", Tz::America__New_York, "2026-03-08 00:00", 2),
        ["Sun 2026-03-08 03:00:00 EDT", "Mon 2026-03-09 02:30:00 EDT"]
    );
    // Lord Howe's clock changes by half an hour.
    assert_eq!(
        next("15 2 * * *", Tz::Australia__Lord_Howe, "2026-10-03 00:00", 2),
        ["Sun 2026-10-04 02:30:00 +11", "Mon 2026-10-05 02:15:00 +11"]
    );
    assert_eq!(
        next("45 1 * * *", Tz::Australia__Lord_Howe, "2026-04-04 00:00", 2),
        ["Sun 2026-04-05 01:45:00 +11", "Mon 2026-04-06 01:45:00 +1030"]
    );
    // Samoa left a whole day out.
    assert_eq!(
        next("0 12 30 12 *", Tz::Pacific__Apia, "2011-12-01 00:00", 2),
        ["Sat 2011-12-31 00:00:00 +14", "Sun 2012-12-30 12:00:00 +14"]
    );
}

#[test]
fn lines_of_every_hour_keep_to_real_time() {
    assert_eq!(
        next("30 * * * *", Tz::Europe__Berlin, "2026-03-29 00:00", 3),
        [
            "Sun 2026-03-29 01:30:00 CET",
            "Sun 2026-03-29 03:30:00 CEST",
            "Sun 2026-03-29 04:30:00 CEST"
        ]
    );
    assert_eq!(
        next("0 * * * *", Tz::Europe__Berlin, "2026-03-29 00:30", 2),
        ["Sun 2026-03-29 03:00:00 CEST", "Sun 2026-03-29 04:00:00 CEST"]
    );
    assert_eq!(
        next("30 0-23 * * *", Tz::Europe__Berlin, "2026-10-25 00:00", 3),
        [
            "Sun 2026-10-25 02:30:00 CEST",
            "Sun 2026-10-25 02:30:00 CET",
            "Sun 2026-10-25 03:30:00 CET"
        ]
    );
    assert_eq!(
        next("*/30 * * * *", Tz::Australia__Lord_Howe, "2026-04-04 14:00", 4),
        [
            "Sun 2026-04-05 01:30:00 +11",
            "Sun 2026-04-05 01:30:00 +1030",
            "Sun 2026-04-05 02:00:00 +1030",
            "Sun 2026-04-05 02:30:00 +1030"
        ]
    );
    assert_eq!(
        next("0 * 29 3 *", Tz::Europe__Berlin, "2026-03-29 21:00", 2),
        ["Mon 2027-03-29 00:00:00 CEST", "Mon 2027-03-29 01:00:00 CEST"]
    );
}

#[test]
fn the_latest_time_within_years_is_found_at_once() {
    let within = |line: &str, after: &str, until: &str| {
        let found = Cron::parse(line).unwrap().latest_within(utc(after), utc(until), Tz::UTC);
        found.map(|found| found.format("%F %T").to_string())
    };
    let every_second = within("* * * * * *", "1990-01-01 00:00", "2026-11-24 12:34:56");
    assert_eq!(every_second.as_deref(), Some("2026-11-24 12:34:56"));
    let yearly = within("0 0 1 1 *", "1990-01-01 00:00", "2026-11-24 12:34:56");
    assert_eq!(yearly.as_deref(), Some("2026-01-01 00:00:00"));
    assert_eq!(within("0 2 * * *", "2026-11-24 02:00", "2026-11-25 01:59:59"), None);
    let just = within("0 2 * * *", "2026-11-24 02:00", "2026-11-25 02:00");
    assert_eq!(just.as_deref(), Some("2026-11-25 02:00:00"));
    assert_eq!(within("0 2 * * *", "2026-11-25 02:00", "2026-11-24 02:00"), None);
}

/// One field: its text, and whether a value matches it.
#[derive(Debug, Clone)]
struct Field {
    text: String,
    values: Vec<u32>,
}

impl Field {
    fn has(&self, value: u32) -> bool {
        self.values.contains(&value)
    }
}

fn field(min: u32, max: u32) -> BoxedStrategy<Field> {
    let value = min..=max;
    prop_oneof![
        3 => Just(Field { text: "*".into(), values: (min..=max).collect() }),
        2 => (1..=max).prop_map(move |step| Field {
            text: format!("*/{step}"),
            values: (min..=max).filter(|value| (value - min).is_multiple_of(step)).collect(),
        }),
        3 => prop::collection::vec(value.clone(), 1..4).prop_map(|values| Field {
            text: values.iter().map(u32::to_string).collect::<Vec<_>>().join(","),
            values,
        }),
        2 => (value.clone(), value, 1..5_u32).prop_map(|(a, b, step)| {
            let (from, to) = (a.min(b), a.max(b));
            Field {
                text: format!("{from}-{to}/{step}"),
                values: (from..=to).filter(|value| (value - from).is_multiple_of(step)).collect(),
            }
        }),
    ]
    .boxed()
}

#[derive(Debug, Clone)]
struct Line {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Line {
    fn any() -> impl Strategy<Value = Self> {
        (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).prop_map(
            |(minute, hour, day, month, weekday)| Self { minute, hour, day, month, weekday },
        )
    }

    fn text(&self) -> String {
        [&self.minute, &self.hour, &self.day, &self.month, &self.weekday]
            .map(|field| field.text.as_str())
            .join(" ")
    }

    /// crontab(5), to the letter.
    fn matches(&self, local: NaiveDateTime) -> bool {
        let weekday = local.weekday().num_days_from_sunday();
        let weekday = self.weekday.has(weekday) || weekday == 0 && self.weekday.has(7);
        let day = self.day.has(local.day());
        let star = self.day.text.starts_with('*') || self.weekday.text.starts_with('*');
        self.minute.has(local.minute())
            && self.hour.has(local.hour())
            && self.month.has(local.month())
            && if star { day && weekday } else { day || weekday }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn agrees_with_a_walk_through_the_minutes(line in Line::any(), after in 0..4_000_000_000_i64) {
        const DAYS: i64 = 45;
        let after = DateTime::from_timestamp(after, 0).unwrap();
        let next_minute = after + TimeDelta::seconds(60 - after.timestamp() % 60);
        let walked = (0..DAYS * 1440)
            .map(|minutes| next_minute + TimeDelta::minutes(minutes))
            .find(|minute| line.matches(minute.naive_utc()));
        let Ok(cron) = Cron::parse(&line.text()) else {
            prop_assert_eq!(walked, None, "{}", line.text());
            return Ok(());
        };
        let found = cron.next_after(after, Tz::UTC);
        prop_assert!(found.is_none_or(|found| found > after));
        match walked {
            Some(_) => prop_assert_eq!(found, walked, "{}", line.text()),
            None => prop_assert!(
                found.is_none_or(|found| found >= next_minute + TimeDelta::days(DAYS)),
                "{}", line.text()
            ),
        }
    }

    #[test]
    fn agrees_with_a_walk_across_clock_changes(
        line in Line::any(),
        zone in prop::sample::select(vec![
            Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe,
            Tz::America__Sao_Paulo, Tz::Africa__Casablanca, Tz::Antarctica__Casey,
        ]),
        change in prop::sample::select(vec![
            "2026-03-29 01:00", "2026-10-25 01:00", "2026-03-08 07:00", "2026-11-01 06:00",
            "2026-10-03 15:30", "2026-04-04 15:00", "2017-10-15 03:00", "2018-02-18 02:00",
            "2026-02-15 02:00", "2026-03-22 02:00", "2010-03-04 15:00", "2011-10-27 18:00",
        ]),
        before in 0..36_i64 * 60,
    ) {
        const DAYS: i64 = 4;
        let Ok(cron) = Cron::parse(&line.text()) else { return Ok(()) };
        let every_hour = (0..24).all(|hour| line.hour.has(hour));
        let after = utc(change) - TimeDelta::minutes(before);
        let local = |at: DateTime<Utc>| zone.from_utc_datetime(&at.naive_utc()).naive_local();
        // Far enough ahead to know which local times have been.
        let start = after - TimeDelta::days(2);
        let mut until = local(start);
        let mut walked = None;
        for minutes in 1..(DAYS + 2) * 1440 {
            let at = start + TimeDelta::minutes(minutes);
            let here = local(at);
            let due = if every_hour {
                line.matches(here)
            } else {
                let new = (here - until).num_minutes();
                (1..=new).any(|back| line.matches(until + TimeDelta::minutes(back)))
            };
            until = until.max(here);
            if due && at > after {
                walked = Some(at);
                break;
            }
        }
        let found = cron.next_after(after, zone);
        match walked {
            Some(_) => prop_assert_eq!(found, walked, "{}", line.text()),
            None => prop_assert!(
                found.is_none_or(|found| found >= after + TimeDelta::days(DAYS)),
                "{}", line.text()
            ),
        }
    }

    #[test]
    fn the_latest_is_the_last_of_a_walk(line in Line::any(), minutes in 0..5_000_i64) {
        let Ok(cron) = Cron::parse(&line.text()) else { return Ok(()) };
        let after = utc("2026-10-24 12:00");
        let until = after + TimeDelta::minutes(minutes);
        let upcoming = cron.upcoming(after, Tz::Europe__Berlin);
        let walked = upcoming.take_while(|due| *due <= until).last();
        prop_assert_eq!(cron.latest_within(after, until, Tz::Europe__Berlin), walked);
    }

    #[test]
    fn no_text_panics(text in ".{0,40}", line in "[0-9*,/?a-z -]{0,30}") {
        let _ = Cron::parse(&text);
        let _ = Cron::parse(&line);
    }
}
