//! What is in the database afterwards: audit, links, revocation, protection, foreign installs,
//! migrations.

mod audit;
mod check;
mod installs;
mod links;
mod migrations;
mod protect;
mod revoke;
mod statements;
