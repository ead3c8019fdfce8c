//! The parts of the harness, in the order a run meets them.

pub mod options;
pub mod progress;

pub mod run;

pub mod database;
pub mod world;

pub mod load;

pub mod agent;
pub mod bare;
pub mod client;
pub mod mysql;
pub mod postgres;
pub mod sqlite;
pub mod statements;

pub mod measure;
pub mod table;

/// What goes wrong ends the run with its message: nobody handles it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A value, or what ends the run.
pub type Result<T> = std::result::Result<T, Failure>;
