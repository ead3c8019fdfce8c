//! The command line.

use std::time::Duration;

use clap::Parser;

use crate::support::Result;
use crate::support::options::Engine;

/// Measures the reconciler and cleanup beside a bare comparison in SQL
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench reconcile --", version)]
pub struct Options {
    /// Only this database, `sqlite` or `postgres`; may be given again
    #[arg(long, value_enum)]
    database: Vec<Engine>,
    /// Users to load, with five memberships each
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(20_000..=1_000_000))]
    pub users: u32,
    /// How often reconciler and bare comparison take turns, and how often cleanup is planned
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub turns: u32,
    /// Seconds for which SCIM requests are measured on their own, and `cleanup apply` at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// How long what has no end of its own lasts.
    pub fn time(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// How many disabled users cleanup meets.
    pub fn leavers(&self) -> u32 {
        self.users / 5
    }

    /// The databases to measure, with the URLs of their servers.
    ///
    /// # Errors
    /// A URL that the environment doesn't have; a database that this benchmark can't load.
    pub fn servers(&self) -> Result<Vec<(Engine, Option<String>)>> {
        if self.database.contains(&Engine::Mysql) {
            return Err("this benchmark loads SQLite and PostgreSQL only".into());
        }
        [Engine::Sqlite, Engine::Postgres]
            .into_iter()
            .filter(|engine| self.database.is_empty() || self.database.contains(engine))
            .map(|engine| Ok((engine, engine.server()?)))
            .collect()
    }
}
