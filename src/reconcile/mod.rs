//! Drift between kpifire and what Entra asserted: found, explained, mended.

pub mod source;
