//! The reconciler: what kpifire's tables hold against what Entra last asserted.
//!
//! `run` reads one consistent [`snapshot`], which `diff`, `identity` and `members` (pure) turn into
//! [findings](crate::drift); it gives the findings their lives, writes the run, and makes the report. `mend` is what
//! an operator does about a finding. `source` reads an export of Entra itself, and `compare` lays the
//! tables beside it. `cleanup` looks after users whom Entra disabled.

mod auto;
pub mod cleanup;
pub mod compare;
pub mod diff;
pub mod identity;
pub mod judge;
pub mod members;
pub mod mend;
pub mod names;
mod outcome;
pub mod run;
pub mod scheduled;
mod settings;
pub mod snapshot;
pub mod source;
mod spool;

pub use settings::Settings;
