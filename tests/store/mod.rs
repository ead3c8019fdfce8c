//! What is in the database afterwards: audit, links, revocation, protection, foreign installs,
//! migrations, leases.

mod address;
mod audit;
mod broken;
mod check;
mod differing;
mod export;
mod fit;
mod grants;
mod installs;
mod lease;
mod leave;
mod links;
mod live;
mod matching;
mod migrations;
mod notices;
mod proposal;
mod protect;
mod random_profiles;
mod rehearsal;
mod revoke;
mod server;
mod session;
pub mod statements;
mod tls;
