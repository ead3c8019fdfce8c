//! The plant's people, straight into the tables: a large install on which Entra has been
//! provisioning for a while.

use sha2::{Digest as _, Sha256};

use super::Result;
use super::database::Database;
use super::options::Engine;
use super::world::{Status, Team, World};

/// Rows per INSERT.
const CHUNK: usize = 500;
const THEN: &str = "'2026-01-05 08:00:00'";

/// Loads users and teams with their links and desired members.
///
/// # Errors
/// The database's.
pub async fn load(database: &Database, world: &World) -> Result<()> {
    let users = world.users().map(|(user, status)| {
        let (given, family) = user.name();
        format!(
            "({}, '{}', '{given}', '{family}', 'Operator', 4, 'Team Member License', '{}', '!sso', \
             {THEN}, {THEN}, 'kpifire-scim')",
            user.key(),
            user.email(),
            status.word(),
        )
    });
    let columns = "users (user_id, email, first_name, last_name, title, department_id, \
                   license_type, status, password_hash, created_at, updated_at, modified_by)";
    insert(database, columns, users).await?;

    let links = world.users().map(|(user, status)| {
        let baseline = user.baseline(status);
        let disabled = if status == Status::Inactive { THEN } else { "NULL" };
        format!(
            "('User', '{}', '{}', 'managed', '{baseline}', '{}', 1, {THEN}, {THEN}, {disabled})",
            user.key(),
            user.external_id(),
            hash(&baseline),
        )
    });
    insert(database, LINKS, links).await?;
    for team in [Team::Large, Team::Small] {
        load_team(database, world, team).await?;
    }
    settle(database).await
}

/// The hash of a baseline, as links hold it.
pub fn hash(baseline: &str) -> String {
    Sha256::digest(baseline).iter().map(|byte| format!("{byte:02x}")).collect()
}

const LINKS: &str = "scim_links (resource_type, legacy_key, external_id, state, baseline, \
                     baseline_hash, version, created, modified, disabled_at)";

async fn load_team(database: &Database, world: &World, team: Team) -> Result<()> {
    let key = team.key();
    let name = format!("Bench {team:?}");
    let row = format!("({key}, '{name}', 0, {THEN}, {THEN})");
    let columns = "teams (team_id, name, is_archived, created_at, updated_at)";
    insert(database, columns, [row].into_iter()).await?;
    let baseline = serde_json::json!({ "displayName": name }).to_string();
    let link = format!(
        "('Group', '{key}', NULL, 'managed', '{baseline}', '{}', 1, {THEN}, {THEN}, NULL)",
        hash(&baseline)
    );
    insert(database, LINKS, [link].into_iter()).await?;
    let edges =
        world.members(team).map(|user| format!("({key}, {}, 'Member', {THEN})", user.key()));
    let columns = "team_members (team_id, user_id, member_role, joined_at)";
    insert(database, columns, edges).await?;
    let desired = world.members(team).map(|user| format!("('{key}', '{}', {THEN})", user.key()));
    insert(database, "scim_desired_members (group_key, user_key, created)", desired).await
}

async fn insert(
    database: &Database,
    columns: &str,
    mut rows: impl Iterator<Item = String>,
) -> Result<()> {
    loop {
        let chunk: Vec<String> = rows.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        let sql = format!("INSERT INTO {columns} VALUES {}", chunk.join(",\n"));
        database.execute(&sql).await?;
    }
}

/// Key sequences behind the loaded rows, and statistics that a running server would have.
async fn settle(database: &Database) -> Result<()> {
    match database.engine {
        Engine::Sqlite => database.execute("ANALYZE").await,
        Engine::Postgres => {
            let sql = include_str!("../../tests/fixtures/legacy/postgres-after-seed.sql");
            database.execute(sql).await?;
            database.execute("VACUUM ANALYZE").await
        }
        Engine::Mysql => {
            let tables = "users, teams, team_members, scim_links, scim_desired_members";
            database.execute(&format!("ANALYZE TABLE {tables}")).await
        }
    }
}
