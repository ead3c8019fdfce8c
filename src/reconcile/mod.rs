//! The reconciler: what kpifire's tables hold against what Entra last asserted.

pub mod finding;
