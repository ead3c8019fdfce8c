//! Slots met, missed and caught up, in paused time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use tokio::time::{Instant, sleep};

use super::{Clock, Job, Turn, Worker, run};
use crate::config::Cron;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn utc(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, "%F %T").unwrap().and_utc()
}

fn job(name: &'static str, line: &str) -> Job {
    Job { name, cron: Cron::parse(line).unwrap(), zone: Tz::UTC }
}

/// A wall clock that goes with tokio's, and can be set.
#[derive(Clone)]
struct Wall {
    start: DateTime<Utc>,
    began: Instant,
    set: Arc<AtomicI64>,
}

impl Wall {
    fn at(start: &str) -> Self {
        Self { start: utc(start), began: Instant::now(), set: Arc::default() }
    }

    fn now(&self) -> DateTime<Utc> {
        let set = TimeDelta::seconds(self.set.load(Ordering::Relaxed));
        self.start + TimeDelta::from_std(self.began.elapsed()).unwrap() + set
    }

    fn jump(&self, by: TimeDelta) {
        self.set.fetch_add(by.num_seconds(), Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let wall = self.clone();
        Arc::new(move || wall.now())
    }
}

/// Notes what it is told to run: `job slot @ wall clock`.
struct Notes {
    wall: Wall,
    ran: Mutex<Vec<String>>,
    last: Mutex<BTreeMap<&'static str, DateTime<Utc>>>,
    asked: Mutex<u32>,
}

impl Notes {
    fn on(wall: &Wall) -> Self {
        Self {
            wall: wall.clone(),
            ran: Mutex::default(),
            last: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    fn ran_last(self, job: &'static str, slot: &str) -> Self {
        self.last.lock().unwrap().insert(job, utc(slot));
        self
    }

    fn ran(&self) -> Vec<String> {
        std::mem::take(&mut self.ran.lock().unwrap())
    }

    async fn work(&self, jobs: Vec<Job>, time: Duration) -> Vec<String> {
        run(jobs, self, self.wall.clock(), sleep(time)).await;
        self.ran()
    }
}

impl Worker for Notes {
    type Error = &'static str;

    async fn last(
        &self,
        job: &'static str,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, Self::Error> {
        let asked = {
            let mut asked = self.asked.lock().unwrap();
            *asked += 1;
            *asked
        };
        if job == "unknown" && asked < 4 {
            return Err("the database is away");
        }
        Ok(self.last.lock().unwrap().get(job).copied().filter(|last| *last <= now))
    }

    async fn run(&self, job: &'static str, slot: DateTime<Utc>) -> Result<Turn, Self::Error> {
        let now = self.wall.now();
        if job == "held" && now < slot + TimeDelta::seconds(62) {
            return Ok(Turn::Held { by: "another".to_owned() });
        }
        let note = format!("{job} {} @ {}", slot.format("%d %H:%M:%S"), now.format("%d %H:%M:%S"));
        self.ran.lock().unwrap().push(note);
        match job {
            "fails" => return Err("no luck"),
            "panics" => panic!("a bug"),
            "long" => sleep(3 * HOUR).await,
            _ => {}
        }
        self.last.lock().unwrap().insert(job, slot);
        Ok(Turn::Done)
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_run_at_their_slots() {
    let notes = Notes::on(&Wall::at("2026-11-24 02:00:10"));
    let jobs = vec![job("a", "17 2 * * *"), job("b", "*/30 * * * *"), job("c", "30 0 3 * * *")];
    assert_eq!(
        notes.work(jobs, HOUR + MINUTE).await,
        [
            "a 24 02:17:00 @ 24 02:17:00",
            "b 24 02:30:00 @ 24 02:30:00",
            "b 24 03:00:00 @ 24 03:00:00",
            "c 24 03:00:30 @ 24 03:00:30"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_zone_decides() {
    let notes = Notes::on(&Wall::at("2026-11-24 01:00:00"));
    let berlin = Job { zone: Tz::Europe__Berlin, ..job("a", "17 2 * * *") };
    assert_eq!(notes.work(vec![berlin], HOUR).await, ["a 24 01:17:00 @ 24 01:17:00"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_caught_up_once_at_start() {
    let wall = Wall::at("2026-11-24 12:00:00");
    let notes = Notes::on(&wall).ran_last("a", "2026-11-20 02:17:00");
    assert_eq!(
        notes.work(vec![job("a", "17 2 * * *")], 24 * HOUR).await,
        ["a 24 02:17:00 @ 24 12:00:00", "a 25 02:17:00 @ 25 02:17:00"]
    );
    // The same again: nothing is missed now, and never was of a job that never ran.
    let never = job("never", "0 12 * * *");
    assert!(notes.work(vec![job("a", "17 2 * * *"), never], HOUR).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_catches_up_within_half_a_minute() {
    let wall = Wall::at("2026-11-24 02:00:00");
    let notes = Notes::on(&wall);
    let suspended = async {
        sleep(10 * MINUTE + Duration::from_secs(5)).await;
        wall.jump(TimeDelta::hours(5));
    };
    let (ran, ()) = tokio::join!(notes.work(vec![job("a", "17 * * * *")], HOUR), suspended);
    assert_eq!(ran, ["a 24 06:17:00 @ 24 07:10:30", "a 24 07:17:00 @ 24 07:17:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_runs_nothing_twice_and_loses_nothing() {
    let wall = Wall::at("2026-11-24 02:00:00");
    let notes = Notes::on(&wall);
    let set_back = async {
        sleep(20 * MINUTE).await;
        wall.jump(TimeDelta::minutes(-10));
    };
    let (ran, ()) = tokio::join!(notes.work(vec![job("a", "17 * * * *")], 2 * HOUR), set_back);
    assert_eq!(ran, ["a 24 02:17:00 @ 24 02:17:00", "a 24 03:17:00 @ 24 03:17:00"]);

    // A clock that was years ahead for a while, and has left its mark.
    let wall = Wall::at("2026-11-24 02:00:00");
    let notes = Notes::on(&wall);
    wall.jump(TimeDelta::days(2000));
    let corrected = async {
        sleep(20 * MINUTE).await;
        wall.jump(TimeDelta::days(-2000));
    };
    let (ran, ()) = tokio::join!(notes.work(vec![job("a", "17 * * * *")], 2 * HOUR), corrected);
    assert_eq!(ran, ["a 16 02:17:00 @ 16 02:17:00", "a 24 03:17:00 @ 24 03:17:00"],);
}

/// Hours are enough: what was run for a time that hasn't come is no slot that was run.
#[tokio::test(start_paused = true)]
async fn a_run_recorded_a_few_hours_ahead_hides_no_slot() {
    let wall = Wall::at("2026-11-24 02:00:00");
    let notes = Notes::on(&wall).ran_last("a", "2026-11-24 06:17:00");
    assert_eq!(
        notes.work(vec![job("a", "17 * * * *")], 2 * HOUR).await,
        ["a 24 02:17:00 @ 24 02:17:00", "a 24 03:17:00 @ 24 03:17:00"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_another_agent_ran_is_not_run_again() {
    let wall = Wall::at("2026-11-24 02:00:00");
    let notes = Notes::on(&wall);
    let other_agent = async {
        sleep(16 * MINUTE).await;
        notes.last.lock().unwrap().insert("a", utc("2026-11-24 02:17:00"));
    };
    let (ran, ()) = tokio::join!(notes.work(vec![job("a", "17 * * * *")], 2 * HOUR), other_agent);
    assert_eq!(ran, ["a 24 03:17:00 @ 24 03:17:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_an_agent_died_at_is_run_soon_after() {
    let notes = Notes::on(&Wall::at("2026-11-24 02:00:00"));
    let ran = notes.work(vec![job("held", "17 2 * * *")], HOUR).await;
    assert_eq!(ran, ["held 24 02:17:00 @ 24 02:18:05"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_or_panics_waits_for_its_next_slot() {
    let notes = Notes::on(&Wall::at("2026-11-24 02:00:00"));
    let jobs =
        vec![job("fails", "17 * * * *"), job("panics", "17 * * * *"), job("a", "18 2 * * *")];
    assert_eq!(
        notes.work(jobs, 2 * HOUR).await,
        [
            "fails 24 02:17:00 @ 24 02:17:00",
            "panics 24 02:17:00 @ 24 02:17:00",
            "a 24 02:18:00 @ 24 02:18:00",
            "fails 24 03:17:00 @ 24 03:17:00",
            "panics 24 03:17:00 @ 24 03:17:00"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_loses_no_slot() {
    let wall = Wall::at("2026-11-24 12:00:00");
    let notes = Notes::on(&wall).ran_last("unknown", "2026-11-20 02:17:00");
    assert_eq!(
        notes.work(vec![job("unknown", "17 2 * * *")], HOUR).await,
        ["unknown 24 02:17:00 @ 24 12:01:30"]
    );
}

#[tokio::test(start_paused = true)]
async fn slots_that_pass_while_a_job_runs_are_caught_up_once() {
    let notes = Notes::on(&Wall::at("2026-11-24 02:00:00"));
    let jobs = vec![job("long", "0 3 * * *"), job("a", "*/20 3-5 * * *")];
    assert_eq!(
        notes.work(jobs, 5 * HOUR).await,
        ["long 24 03:00:00 @ 24 03:00:00", "a 24 05:40:00 @ 24 06:00:00",]
    );
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_waiting_at_once_and_lets_a_job_finish() {
    let wall = Wall::at("2026-11-24 02:00:00");
    let notes = Notes::on(&wall);
    notes.work(vec![job("a", "0 3 * * *")], Duration::from_secs(7)).await;
    assert_eq!(wall.now(), utc("2026-11-24 02:00:07"));
    let jobs = vec![job("long", "0 3 * * *"), job("a", "0 3 * * *")];
    assert_eq!(notes.work(jobs, 2 * HOUR).await, ["long 24 03:00:00 @ 24 03:00:00"]);
    assert_eq!(wall.now(), utc("2026-11-24 06:00:00"), "the job's end, not the shutdown");
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_can_be_spawned_and_left_without_jobs() {
    let wall = Wall::at("2026-11-24 02:00:00");
    let notes = Notes::on(&wall);
    let spawned = tokio::spawn(async move { notes.work(Vec::new(), HOUR).await });
    assert!(spawned.await.unwrap().is_empty());
}
