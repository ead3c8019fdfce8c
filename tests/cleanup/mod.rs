//! Cleanup of users whom Entra disabled, from outside: what a plan says, what applying it does, what
//! keeps it from doing anything, and what undo puts back.

mod aftermath;
mod crash;
mod guard;
mod killed;
mod safety;
mod schedule;
mod stages;
mod undo;
pub mod yard;
