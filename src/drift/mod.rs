//! What runs find and what cleanup would do, as plain values: findings, the report of a run, the
//! plan. Pure, and below the store, the renderers, the notices and the runs, which all speak of it;
//! knows none of them.

pub mod finding;
pub mod plan;
pub mod report;
mod share;

pub use finding::{Finding, Kind, Severity};
pub use report::{
    CleanupPlan, Count, Coverage, Grace, Item, Report, Rows, Run, Scope, SourceScope, TrendPoint,
    Verdict,
};
pub use share::{MANY_USERS, percent};
