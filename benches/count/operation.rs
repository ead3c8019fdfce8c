//! What is counted: each operation as a sequence of requests, no two of the same user.

use crate::support::Result;
use crate::support::client::Client;
use crate::support::database::Database;
use crate::support::world::{SMALL_TEAM, Status, Step, Team, User};

/// A request that Entra, or a balancer, sends all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// `GET /healthz`: what any request costs.
    Health,
    /// Read a user.
    Get,
    /// Look up a user who is linked.
    Match,
    /// Disable a user.
    SetActive,
    /// Make a user.
    Create,
    /// Add a member to a team.
    AddMember,
    /// Look up a user who isn't linked: writes a link.
    FirstMatch,
}

impl Operation {
    /// In this order, which is the table's: for the last one links go.
    pub const ALL: [Self; 7] = [
        Self::Health,
        Self::Get,
        Self::Match,
        Self::SetActive,
        Self::Create,
        Self::AddMember,
        Self::FirstMatch,
    ];

    /// How the table calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Get => "GET a user",
            Self::Match => "match by userName",
            Self::FirstMatch => "first match",
            Self::SetActive => "PATCH active",
            Self::Create => "POST a user",
            Self::AddMember => "PATCH members, one added",
        }
    }

    /// Makes the database ready for it.
    ///
    /// # Errors
    /// The database's.
    pub async fn prepare(self, database: &Database) -> Result<()> {
        match self {
            Self::FirstMatch => {
                database.execute("DELETE FROM scim_links WHERE resource_type = 'User'").await
            }
            _ => Ok(()),
        }
    }

    /// How many users must be loaded for so many requests.
    pub fn users(requests: u32) -> u32 {
        SMALL_TEAM + 2 * requests
    }

    /// Sends one of so many requests, by its number.
    ///
    /// # Errors
    /// An answer that isn't the expected one.
    pub async fn send(self, client: &mut Client, number: u32, requests: u32) -> Result<()> {
        // Every second user is loaded active; the first are the small team's members.
        let user = User(SMALL_TEAM + 2 * number);
        let step = match self {
            Self::Health => return client.health().await,
            Self::Get => Step::Get(user),
            Self::Match | Self::FirstMatch => Step::Match(user),
            Self::SetActive => Step::SetActive(user, Status::Inactive),
            Self::Create => Step::Create(User(Self::users(requests) + number)),
            Self::AddMember => Step::Add(Team::Small, user),
        };
        client.run(step).await
    }
}
