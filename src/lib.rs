//! kpifire-scim: the SCIM 2.0 service provider between Microsoft Entra ID and an on-prem kpifire
//! install's own database.
//!
//! A request walks the rooms in one direction:
//!
//! ```text
//! http (listener → auth → router) → service → scim (parse, filter, patch) → mapper → store → database
//! ```
//!
//! [`daemon`] composes: it joins `http`, [`admin`] and the [`scheduler`]. [`clock`], [`share`], [`log_queue`] and [`drift`]
//! (what runs find) lie below all that speak of them. Rooms and files need each other in one direction:
//! `tests/architecture/circles.rs` follows every name to the file that defines it and finds no circle.
//!
//! Invariants, of which `tests/architecture.rs` reads the first, second, fourth, ninth and tenth off the sources:
//!
//! 1. [`scim`], [`mapper`], [`drift`], [`report`] and the pure parts of [`profile`], [`notify`] and [`reconcile`]
//!    do no IO, know no SQL and read no clock; `now` is an argument.
//! 2. Only [`store`] names diesel; only [`http`], [`admin`] and [`daemon`] name hyper. `http` calls
//!    [`service`], never [`store`].
//! 3. One request, one transaction: legacy change, link, desired membership and audit row commit
//!    together or not at all.
//! 4. Identifiers in SQL come from the validated profile and are quoted by the dialect; values are
//!    always bound.
//! 5. Nothing destructive runs without a plan that can be printed first; `cleanup apply` takes only
//!    a plan.
//! 6. Absent, null and empty are three different things from the wire to the mapper.
//! 7. A database error is never "not found", "empty" or 400: it is 503 with Retry-After, or 500,
//!    logged once.
//! 8. All state is in the database: any number of agents may run on one database.
//! 9. Only `store/schema.rs` says which columns a sidecar table has; a row that does not decode is an
//!    error.
//! 10. A cause, a kind, a reason is a type until a renderer makes it words; no code reads words back.
//! 11. A stranger costs little: nothing scarce is held for who hasn't proved who they are, and no request's
//!     work is more than linear in its size.

pub mod admin;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod daemon;
pub mod digest;
pub mod drift;
mod file;
pub mod http;
pub mod lease;
pub mod log_queue;
pub mod mapper;
pub mod notify;
pub mod outbound;
pub mod presence;
pub mod profile;
pub mod reconcile;
pub mod rehearsal;
pub mod report;
pub mod scheduler;
pub mod scim;
pub mod service;
pub mod share;
pub mod store;
pub mod systemd;
