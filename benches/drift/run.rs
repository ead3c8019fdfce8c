//! One database from empty to dropped: load, plant, compare, answer requests meanwhile, clean up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::child::Done;
use super::cleanup::Seen;
use super::options::Options;
use super::progress::Progress;
use super::requests::Latencies;
use super::{bare, child, cleanup, fill, plant, requests};
use crate::support::Result;
use crate::support::agent::Program;
use crate::support::database::Database;
use crate::support::options::Engine;

/// Leavers and thresholds for cleanup, which the reconciler's part of the run leaves as they are.
const UNBOUNDED: &str = "[cleanup]\nmax_count = 1000000\nmax_percent = 100\n";

/// What was found on one database.
#[derive(Debug)]
pub struct Report {
    /// The server and its durability.
    pub database: String,
    /// Users loaded.
    pub users: u32,
    /// Teams loaded.
    pub teams: u32,
    /// How long loading took.
    pub loaded: Duration,
    /// Runs of the reconciler: how long, and peak memory in MiB.
    pub runs: Vec<(Duration, f64)>,
    /// Bare comparisons: users, memberships in both directions.
    pub bare: Vec<[Duration; 3]>,
    /// Requests without a run, and during one.
    pub requests: [Latencies; 2],
    /// Cleanup.
    pub cleanup: Seen,
}

/// Measures everything on one database.
///
/// # Errors
/// What the database or the agent refuses, and findings that weren't planted; the database is
/// dropped all the same.
pub async fn measure_all(
    engine: Engine,
    server: Option<&str>,
    options: &Options,
    progress: &Progress,
) -> Result<Report> {
    let database = Database::create(engine, server).await?;
    let report = on(&database, options, progress).await;
    let removed = database.remove().await;
    let report = report?;
    removed.map(|()| report)
}

async fn on(database: &Database, options: &Options, progress: &Progress) -> Result<Report> {
    let title = database.engine.title();
    let say = |what: &str| progress.say(format!("{title}: {what}"));
    let unbounded = database.folder().join("unbounded.toml");
    std::fs::write(&unbounded, UNBOUNDED)?;
    let program = Program::new(database, &[])?;
    program.migrate()?;
    let token = program.token()?;
    say(&format!("loading {} users", options.users));
    let started = Instant::now();
    fill::fill(database, options.users).await?;
    program.index(database).await?;
    let planted = plant::plant(database, options.users).await?;
    fill::settle(database).await?;
    let loaded = started.elapsed();

    let (mut runs, mut bares) = (Vec::new(), Vec::new());
    for turn in 1..=options.turns {
        say(&format!("run {turn} of {}", options.turns));
        let done = reconcile(&program, database).await?;
        must_be_planted(&planted, &done)?;
        runs.push((done.time, done.peak));
        say(&format!("bare comparison {turn} of {}", options.turns));
        bares.push(bare::compare(database).await?);
    }

    say("requests");
    let daemon = program.serve().await?;
    let asking = Asking { address: daemon.address.clone(), token, users: options.users };
    let alone = asking.during(tokio::time::sleep(options.time())).await?.0;
    say("requests during a run");
    let (during, done) = asking.during(reconcile(&program, database)).await?;
    done?;
    drop(daemon);

    say("cleanup");
    let patient = Program::new(database, &[unbounded])?;
    let cleanup =
        cleanup::measure(database, &patient, options.leavers(), options.turns, options.time())
            .await?;
    Ok(Report {
        database: database.description().await?,
        users: options.users,
        teams: fill::teams(options.users),
        loaded,
        runs,
        bare: bares,
        requests: [alone, during],
        cleanup,
    })
}

async fn reconcile(program: &Program, database: &Database) -> Result<Done> {
    child::run(program, database, &["reconcile", "--format", "json"], None).await
}

fn must_be_planted(planted: &BTreeSet<String>, done: &Done) -> Result<()> {
    if planted.len() != plant::PLANTED {
        return Err(format!("{} differences were planted", planted.len()).into());
    }
    match plant::differ(planted, &plant::found(&done.stdout)?) {
        Some(difference) => Err(difference.into()),
        None if done.code != Some(2) => Err(format!("exit code {:?}", done.code).into()),
        None => Ok(()),
    }
}

/// A client of the daemon.
struct Asking {
    address: String,
    token: String,
    users: u32,
}

impl Asking {
    /// Asks for as long as something else takes.
    async fn during<T>(&self, work: impl Future<Output = T>) -> Result<(Latencies, T)> {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, token) = (self.address.clone(), self.token.clone());
        let client = requests::send(address, token, self.users, Arc::clone(&stop));
        let client = tokio::spawn(client);
        let done = work.await;
        stop.store(true, Ordering::Relaxed);
        Ok((client.await??, done))
    }
}
