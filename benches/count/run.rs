//! One database from empty to dropped: load, start under callgrind, count.

use super::callgrind::Counted;
use super::operation::Operation;
use super::options::Options;
use crate::support::agent::Program;
use crate::support::client::Client;
use crate::support::database::Database;
use crate::support::options::Engine;
use crate::support::world::World;
use crate::support::{Result, load};

/// How often each operation is counted: what the agent does beside requests only adds, so the least
/// is nearest.
const COUNTS: u32 = 3;
/// Requests before the first count: caches fill, statements are prepared.
const WARM_UP: u32 = 20;

/// What was counted on one database.
#[derive(Debug)]
pub struct Report {
    /// The server and its version.
    pub database: String,
    /// Instructions per request.
    pub counts: Vec<(Operation, u64)>,
}

/// Counts everything on one database.
///
/// # Errors
/// What the database or the agent refuses; the database is dropped all the same.
pub async fn count_all(engine: Engine, server: Option<&str>, options: &Options) -> Result<Report> {
    let database = Database::create(engine, server).await?;
    let report = on(&database, options).await;
    let removed = database.remove().await;
    let report = report?;
    removed.map(|()| report)
}

async fn on(database: &Database, options: &Options) -> Result<Report> {
    let program = Program::new(database, &[])?;
    program.migrate()?;
    let token = program.token()?;
    let requests = WARM_UP + COUNTS * options.requests;
    let users = Operation::users(requests);
    load::load(database, &World::new(users, users / 2)).await?;
    program.index(database).await?;

    let mut counted = Counted::start(&program, database.folder()).await?;
    let mut client = Client::connect(&counted.daemon.address, &token).await?;
    let mut counts = Vec::new();
    for operation in options.operations() {
        operation.prepare(database).await?;
        let mut numbers = 0..requests;
        for number in numbers.by_ref().take(WARM_UP as usize) {
            operation.send(&mut client, number, requests).await?;
        }
        let mut least = u64::MAX;
        for turn in 1..=COUNTS {
            counted.instructions()?;
            for number in numbers.by_ref().take(options.requests as usize) {
                operation.send(&mut client, number, requests).await?;
            }
            let (instructions, profile) = counted.instructions()?;
            least = least.min(instructions / u64::from(options.requests));
            if let Some(folder) = &options.profiles {
                std::fs::create_dir_all(folder)?;
                std::fs::copy(profile, folder.join(format!("{operation:?}.{turn}")))?;
            }
        }
        counts.push((operation, least));
    }
    Ok(Report { database: database.description().await?, counts })
}
