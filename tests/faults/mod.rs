//! The bad day: a killed agent, a database that is gone, hung or restarted, an orderly stop.

mod cut;
mod killed;
mod stop;
