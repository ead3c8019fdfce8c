//! One database from empty to dropped: load, start, measure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::agent::{Daemon, Program};
use super::client::Client;
use super::database::Database;
use super::measure::{Measured, Session, Times, measure};
use super::options::{Engine, Options, TURNS};
use super::progress::Progress;
use super::world::{Kind, Operation, Team, World};
use super::{Result, bare, load};

/// How often the daemon is started.
const STARTS: usize = 5;

/// What was found on one database.
#[derive(Debug)]
pub struct Report {
    /// The server and its durability.
    pub database: String,
    /// Indexes that `check` asked for.
    pub indexes: usize,
    /// By kind and connections.
    pub pairs: BTreeMap<(Kind, usize), Pair>,
    /// Both teams through the agent, by connections.
    pub teams: BTreeMap<usize, Measured>,
    /// Resident memory in MiB when freshly started, after the load, and at its peak.
    pub memory: Option<[f64; 3]>,
    /// From start to ready, shortest first.
    pub starts: Vec<Duration>,
}

/// The agent and the bare SQL at the same thing.
#[derive(Debug, Default)]
pub struct Pair {
    /// Over HTTP.
    pub agent: Times,
    /// Past it.
    pub bare: Times,
}

/// Measures everything on one database.
///
/// # Errors
/// What the database or the agent refuses; the database is dropped all the same.
pub async fn measure_all(
    engine: Engine,
    server: Option<&str>,
    options: &Options,
    progress: &Progress,
) -> Result<Report> {
    progress.say(format!("{}: loading {} users", engine.title(), options.users));
    let database = Database::create(engine, server).await?;
    let report = on(&database, options, progress).await;
    let removed = database.remove().await;
    let report = report?;
    removed.map(|()| report)
}

async fn on(database: &Database, options: &Options, progress: &Progress) -> Result<Report> {
    let program = Program::new(database, &options.config)?;
    program.migrate()?;
    let token = program.token()?;
    let world = Arc::new(World::new(options.users, options.large_team()));
    load::load(database, &world).await?;
    let run = Run { database, world, options, progress };
    let (before_indexes, after): (Vec<_>, Vec<_>) =
        options.operations().into_iter().partition(|it| it.as_found());
    let mut early = Pairs::new();
    if !before_indexes.is_empty() {
        let daemon = program.serve().await?;
        (early, _) = run.measurements(&daemon, &token, &before_indexes).await?;
    }
    let indexes = program.index(database).await?;

    progress.say(format!("{}: starting", database.engine.title()));
    let mut starts = Vec::new();
    let mut daemon = program.serve().await?;
    starts.push(daemon.ready_after);
    while starts.len() < STARTS {
        drop(daemon);
        daemon = program.serve().await?;
        starts.push(daemon.ready_after);
    }
    starts.sort_unstable();

    let at_first = daemon.memory();
    let (mut pairs, teams) = run.measurements(&daemon, &token, &after).await?;
    pairs.append(&mut early);
    Client::connect(&daemon.address, &token).await?.read_group(Team::Large.key()).await?;
    let memory = at_first.zip(daemon.memory()).map(|((first, _), (now, peak))| [first, now, peak]);
    let description = database.description().await?;
    Ok(Report { database: description, indexes, pairs, teams, memory, starts })
}

struct Run<'a> {
    database: &'a Database,
    world: Arc<World>,
    options: &'a Options,
    progress: &'a Progress,
}

type Pairs = BTreeMap<(Kind, usize), Pair>;
type Teams = BTreeMap<usize, Measured>;

impl Run<'_> {
    async fn measurements(
        &self,
        daemon: &Daemon,
        token: &str,
        operations: &[Operation],
    ) -> Result<(Pairs, Teams)> {
        let most = self.options.connections().into_iter().max().unwrap_or(1);
        let mut agent = Vec::new();
        for _ in 0..most {
            agent.push(Session::Agent(Client::connect(&daemon.address, token).await?));
        }
        let sessions = bare::connect(self.database.engine, &self.database.url, most).await?;
        let mut bare: Vec<_> = sessions.into_iter().map(Session::Bare).collect();

        let mut pairs = Pairs::new();
        let mut teams = Teams::new();
        for connections in self.options.connections() {
            for &operation in operations {
                for _ in 0..TURNS {
                    let found = self.turn(&mut agent, connections, operation).await?;
                    if !operation.has_bare_side() {
                        for (kind, times) in found {
                            teams
                                .entry(connections)
                                .or_default()
                                .entry(kind)
                                .or_default()
                                .merge(times);
                        }
                        continue;
                    }
                    for (kind, times) in found {
                        pairs.entry((kind, connections)).or_default().agent.merge(times);
                    }
                    let found = self.turn(&mut bare, connections, operation).await?;
                    for (kind, times) in found {
                        pairs.entry((kind, connections)).or_default().bare.merge(times);
                    }
                }
            }
        }
        Ok((pairs, teams))
    }

    async fn turn(
        &self,
        sessions: &mut Vec<Session>,
        connections: usize,
        operation: Operation,
    ) -> Result<Measured> {
        let title = self.database.engine.title();
        self.progress.say(format!("{title}: {operation:?} at {connections}"));
        let time = self.options.time() / TURNS;
        let measured = measure(sessions, connections, operation, &self.world, time).await?;
        self.progress.advance();
        Ok(measured)
    }
}
