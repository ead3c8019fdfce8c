//! The bad day: a killed agent, a database that is gone, hung or restarted, an orderly stop.

mod changed;
mod commit;
mod cut;
mod killed;
mod limits;
mod log;
mod stop;
