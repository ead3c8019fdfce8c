//! The parts of the count, in the order a run meets them.

pub mod options;

pub mod run;

pub mod callgrind;
pub mod operation;

pub mod table;
