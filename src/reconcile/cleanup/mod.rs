//! Cleanup of users whom Entra disabled: from the time of disabling, step by step, what they can
//! reach, what they own and who they were goes. Nothing runs without a [plan](crate::drift::plan), which can be read
//! first; `steps` does one step of one account in one transaction, in which it reads everything
//! again; `undo` takes steps back from the journal.

pub mod apply;
pub mod hold;
pub mod read;
mod steps;
#[cfg(test)]
mod tests;
pub mod undo;

pub use steps::{Hand, run as step};
