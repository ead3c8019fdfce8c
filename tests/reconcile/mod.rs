//! The reconciler, from outside: what `reconcile`, `report` and `drift` say and do about rows that
//! somebody edited behind the agent's back.

mod bad_day;
mod browser;
mod kinds;
mod life;
mod mend;
pub mod plant;
mod schedule;
mod source;
