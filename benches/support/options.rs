//! The command line, and the servers that the environment names.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::Result;
use super::world::Operation;

/// One of the databases that the agent runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// A file in a temporary folder.
    Sqlite,
    /// The server in `KPIFIRE_TEST_POSTGRES_URL`.
    Postgres,
    /// The server in `KPIFIRE_TEST_MYSQL_URL`.
    Mysql,
}

/// Measures the agent over HTTP beside the bare SQL of the same changes
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench provisioning --", version)]
pub struct Options {
    /// Only this database; may be given again
    #[arg(long, value_enum)]
    database: Vec<Engine>,
    /// Only this operation; may be given again
    #[arg(long, value_enum)]
    operation: Vec<Operation>,
    /// Only at this many connections; may be given again
    #[arg(long, value_name = "N", value_parser = connections)]
    connections: Vec<usize>,
    /// Seconds per measurement
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Users to load; the large team gets 5,000 of them, or half when there are fewer than 10,000
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub users: u32,
    /// A configuration file to lay over the agent's defaults, to compare settings; may be given again
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// How long each measurement lasts.
    pub fn time(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// How many members the large team has.
    pub fn large_team(&self) -> u32 {
        (self.users / 2).min(5_000)
    }

    /// What is measured, in this order: first what wants no indexes of ours; users are made last, since more of
    /// them are slower to read.
    pub fn operations(&self) -> Vec<Operation> {
        use Operation::{BothTeams, Create, Get, Match, MatchAsFound, Members, Miss, SetActive};
        let all = [MatchAsFound, Miss, Match, Get, SetActive, Members, Create, BothTeams];
        let wanted = all.into_iter();
        wanted.filter(|it| self.operation.is_empty() || self.operation.contains(it)).collect()
    }

    /// At how many connections.
    pub fn connections(&self) -> Vec<usize> {
        if self.connections.is_empty() { vec![1, 16] } else { self.connections.clone() }
    }

    /// The databases to measure, with the URLs of their servers.
    ///
    /// # Errors
    /// A URL that the environment doesn't have: nothing is skipped silently.
    pub fn servers(&self) -> Result<Vec<(Engine, Option<String>)>> {
        let all = [Engine::Sqlite, Engine::Postgres, Engine::Mysql];
        let wanted = all.into_iter();
        wanted
            .filter(|engine| self.database.is_empty() || self.database.contains(engine))
            .map(|engine| Ok((engine, engine.server()?)))
            .collect()
    }
}

fn connections(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err("a number from 1 to 1000".to_owned()),
    }
}

impl Engine {
    /// How a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MariaDB",
        }
    }

    /// The URL of its server; SQLite has none.
    ///
    /// # Errors
    /// A URL that the environment doesn't have.
    pub fn server(self) -> Result<Option<String>> {
        let (variable, scheme) = match self {
            Self::Sqlite => return Ok(None),
            Self::Postgres => ("KPIFIRE_TEST_POSTGRES_URL", "postgres"),
            Self::Mysql => ("KPIFIRE_TEST_MYSQL_URL", "mysql"),
        };
        std::env::var(variable).map(Some).map_err(|_| {
            format!(
                "{variable} is not set: {} needs a server where this may create a database. Set \
                 {variable}={scheme}://USER:PASSWORD@127.0.0.1:PORT/DATABASE, or name the others \
                 (`-- --database sqlite`)",
                self.title()
            )
            .into()
        })
    }
}

/// Agent and bare SQL take turns this often, so that noise meets both alike.
pub const TURNS: u32 = 2;

/// How many turns one database takes: agent and bare SQL at each operation, the agent at both teams.
pub fn turns(options: &Options) -> u64 {
    let sides = options.operations().into_iter().map(|it| 1 + u64::from(it.has_bare_side()));
    sides.sum::<u64>() * options.connections().len() as u64 * u64::from(TURNS)
}
