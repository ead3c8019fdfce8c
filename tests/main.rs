//! The whole suite, one binary: black box, through a real socket, against the real
//! `kpifire-scim` and real databases.
//!
//! A test that touches a database is written once and run three times, as `NAME::sqlite`,
//! `NAME::postgres` and `NAME::mariadb` (see [`support`]). A server that is not there fails the test;
//! nothing is skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's answer to the unexpected is a panic"
)]

#[macro_use]
mod support;

mod admin;
mod architecture;
mod cleanup;
mod demo;
mod docs;
mod failover;
mod faults;
mod hostile;
mod http;
mod notify;
mod reconcile;
mod store;
