//! The reconciler, from outside: what `reconcile`, `report` and `drift` say and do about rows that
//! somebody edited behind the agent's back.

mod bad_day;
mod browser;
mod causes;
mod clocks;
mod columns;
mod contact;
mod edges;
mod hostile;
mod installs;
mod kinds;
mod life;
mod many;
mod mend;
pub mod plant;
mod races;
mod rehire;
mod schedule;
mod source;
