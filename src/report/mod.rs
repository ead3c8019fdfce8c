//! The report of a run: one model, rendered as text, JSON, NDJSON, CSV and HTML, the findings in
//! the same order everywhere. Pure: a renderer gets the model and the time, and returns text.

pub mod model;

pub use model::{Count, Coverage, Grace, Item, Report, Rows, Run, Scope, Verdict};
