//! The bad day: a killed agent, a database that is gone, hung or restarted, an orderly stop.

mod commit;
mod cut;
mod killed;
mod stop;
