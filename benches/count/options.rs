//! The command line.

use std::path::PathBuf;

use clap::Parser;

use super::operation::Operation;
use crate::support::Result;
use crate::support::options::Engine;

/// Counts the instructions that the agent takes for a request, with valgrind's callgrind
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench instructions --", version)]
pub struct Options {
    /// This database, and no other; may be given again
    #[arg(long, value_enum, default_value = "postgres")]
    database: Vec<Engine>,
    /// Only this operation; may be given again
    #[arg(long, value_enum)]
    operation: Vec<Operation>,
    /// Requests per count; the least of three counts is shown
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub requests: u32,
    /// Keeps callgrind's profile of each count in this folder, for `callgrind_annotate`
    #[arg(long, value_name = "DIR")]
    pub profiles: Option<PathBuf>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// What is counted, in this order.
    pub fn operations(&self) -> Vec<Operation> {
        let all = Operation::ALL.into_iter();
        all.filter(|it| self.operation.is_empty() || self.operation.contains(it)).collect()
    }

    /// The databases to count on, with the URLs of their servers.
    ///
    /// # Errors
    /// A URL that the environment doesn't have.
    pub fn servers(&self) -> Result<Vec<(Engine, Option<String>)>> {
        self.database.iter().map(|engine| Ok((*engine, engine.server()?))).collect()
    }
}
