//! The parts of the harness for large tables, in the order a run meets them.

pub mod options;
pub mod progress;

pub mod run;

pub mod fill;
pub mod plant;

pub mod bare;
pub mod child;
pub mod cleanup;
pub mod requests;

pub mod table;
