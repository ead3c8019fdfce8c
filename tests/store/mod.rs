//! What is in the database afterwards: audit, links, revocation, protection, foreign installs,
//! migrations, leases.

mod audit;
mod check;
mod installs;
mod lease;
mod links;
mod migrations;
mod protect;
mod revoke;
pub mod statements;
mod tls;
