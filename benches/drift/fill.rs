//! A large install on which nothing has drifted: users with links, teams with members, and the same
//! members as Entra asserted them. Every tenth user is disabled.

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel::sqlite::SqliteConnection;

use crate::support::Result;
use crate::support::database::Database;
use crate::support::load::hash;
use crate::support::options::Engine;
use crate::support::world::{Status, User};

/// Users per team, at five memberships each a fifth of its members.
const USERS_PER_TEAM: u32 = 200;
/// Memberships per user.
pub const MEMBERSHIPS: u32 = 5;
/// From one of a user's teams to the next: no multiple of any number of teams used here.
const STEP: u32 = 997;
/// The key of the first team.
const FIRST_TEAM: u32 = 101;
/// Rows per INSERT.
const CHUNK: usize = 500;
const THEN: &str = "'2026-01-05 08:00:00'";

/// How many teams there are.
pub fn teams(users: u32) -> u32 {
    users / USERS_PER_TEAM
}

/// The key of a team by number.
pub fn team_key(number: u32) -> u32 {
    FIRST_TEAM + number
}

/// Whether a user is loaded as active.
pub fn status(user: User) -> Status {
    Status::from(user.0 % 10 != 9)
}

/// Loads everything but the seed.
///
/// # Errors
/// The database's.
pub async fn fill(database: &Database, users: u32) -> Result<()> {
    if database.engine == Engine::Postgres {
        // Orphans are planted later; and checking every edge takes longer than loading it.
        database
            .execute(
                "ALTER TABLE team_members DROP CONSTRAINT team_members_user_id_fkey, \
                 DROP CONSTRAINT team_members_team_id_fkey",
            )
            .await?;
        database.execute(&postgres(users)).await?;
        let sequences = include_str!("../../tests/fixtures/legacy/postgres-after-seed.sql");
        return database.execute(sequences).await;
    }
    let url = database.url.trim_start_matches("sqlite:").to_owned();
    tokio::task::spawn_blocking(move || sqlite(&url, users)).await?
}

/// Statistics that a running server would have.
///
/// # Errors
/// The database's.
pub async fn settle(database: &Database) -> Result<()> {
    let sql = if database.engine == Engine::Postgres { "VACUUM ANALYZE" } else { "ANALYZE" };
    database.execute(sql).await
}

/// The texts must be those of `support::world::User`, whom the requests speak of.
fn postgres(users: u32) -> String {
    let (last, teams) = (users - 1, teams(users));
    // Within the grace: nothing is due.
    let recently = days_ago(Engine::Postgres, 10);
    let text = r#"format('{"active":%s,"name.familyName":"Family%s","name.givenName":"Given%s","title":"Operator","userName":"user%s@plant.example"}', CASE WHEN n % 10 = 9 THEN 'false' ELSE 'true' END, n, n % 97, lpad(n::text, 6, '0'))"#;
    let digest = "encode(sha256(convert_to(b, 'UTF8')), 'hex')";
    format!(
        r#"INSERT INTO users (user_id, email, first_name, last_name, title, department_id,
             license_type, status, password_hash, created_at, updated_at, modified_by)
           SELECT 1001 + n, 'user' || lpad(n::text, 6, '0') || '@plant.example', 'Given' || n % 97,
             'Family' || n, 'Operator', 4, 'Team Member License',
             CASE WHEN n % 10 = 9 THEN 'Inactive' ELSE 'Active' END, '!sso', {THEN}, {THEN},
             'kpifire-scim' FROM generate_series(0, {last}) n;
           INSERT INTO scim_links (resource_type, legacy_key, external_id, state, baseline,
             baseline_hash, version, created, modified, disabled_at)
           SELECT 'User', 1001 + n, '5d3c9a40-0000-4000-8000-' || lpad(to_hex(n), 12, '0'),
             'managed', b, {digest}, 1, {THEN}, {THEN}, CASE WHEN n % 10 = 9 THEN {recently} END
           FROM (SELECT n, {text} AS b FROM generate_series(0, {last}) n) x;
           INSERT INTO teams (team_id, name, is_archived, created_at, updated_at)
           SELECT {FIRST_TEAM} + t, 'Bench ' || t, 0, {THEN}, {THEN}
           FROM generate_series(0, {teams} - 1) t;
           INSERT INTO scim_links (resource_type, legacy_key, state, baseline, baseline_hash,
             version, created, modified)
           SELECT 'Group', {FIRST_TEAM} + t, 'managed', b, {digest}, 1, {THEN}, {THEN}
           FROM (SELECT t, format('{{"displayName":"Bench %s"}}', t) AS b
                 FROM generate_series(0, {teams} - 1) t) x;
           INSERT INTO team_members (team_id, user_id, member_role, joined_at)
           SELECT {FIRST_TEAM} + (n + k * {STEP}) % {teams} AS t, 1001 + n, 'Member', {THEN}
           FROM generate_series(0, {last}) n, generate_series(0, {MEMBERSHIPS} - 1) k
           ORDER BY t, n;
           INSERT INTO scim_desired_members (group_key, user_key, created)
           SELECT team_id::text, user_id::text, {THEN} FROM team_members
           WHERE team_id >= {FIRST_TEAM};"#
    )
}

fn sqlite(url: &str, users: u32) -> Result<()> {
    let mut connection = SqliteConnection::establish(url)?;
    // Loading isn't measured.
    connection.batch_execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN")?;
    let people = || (0..users).map(User);
    let rows = people().map(|user| {
        let (given, family) = user.name();
        format!(
            "({}, '{}', '{given}', '{family}', 'Operator', 4, 'Team Member License', '{}', '!sso', \
             {THEN}, {THEN}, 'kpifire-scim')",
            user.key(),
            user.email(),
            status(user).word(),
        )
    });
    let columns = "users (user_id, email, first_name, last_name, title, department_id, \
                   license_type, status, password_hash, created_at, updated_at, modified_by)";
    insert(&mut connection, columns, rows)?;
    let recently = days_ago(Engine::Sqlite, 10);
    let links = people().map(|user| {
        let baseline = user.baseline(status(user));
        let disabled = if status(user) == Status::Inactive { recently.as_str() } else { "NULL" };
        format!(
            "('User', '{}', '{}', 'managed', '{baseline}', '{}', 1, {THEN}, {THEN}, {disabled})",
            user.key(),
            user.external_id(),
            hash(&baseline),
        )
    });
    let columns = "scim_links (resource_type, legacy_key, external_id, state, baseline, \
                   baseline_hash, version, created, modified, disabled_at)";
    insert(&mut connection, columns, links)?;
    let teams = teams(users);
    let rows =
        (0..teams).map(|team| format!("({}, 'Bench {team}', 0, {THEN}, {THEN})", team_key(team)));
    insert(&mut connection, "teams (team_id, name, is_archived, created_at, updated_at)", rows)?;
    let links = (0..teams).map(|team| {
        let baseline = serde_json::json!({ "displayName": format!("Bench {team}") }).to_string();
        format!(
            "('Group', '{}', NULL, 'managed', '{baseline}', '{}', 1, {THEN}, {THEN}, NULL)",
            team_key(team),
            hash(&baseline)
        )
    });
    insert(&mut connection, columns, links)?;
    connection.batch_execute(&format!(
        "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {users} - 1), \
         k(k) AS (VALUES (0), (1), (2), (3), (4)) \
         INSERT INTO team_members (team_id, user_id, member_role, joined_at) \
         SELECT {FIRST_TEAM} + (n + k * {STEP}) % {teams} AS t, 1001 + n, 'Member', {THEN} \
         FROM n, k ORDER BY t, n; \
         INSERT INTO scim_desired_members (group_key, user_key, created) \
         SELECT CAST(team_id AS TEXT), CAST(user_id AS TEXT), {THEN} FROM team_members \
         WHERE team_id >= {FIRST_TEAM} ORDER BY 1, 2; COMMIT"
    ))?;
    Ok(())
}

fn insert(
    connection: &mut SqliteConnection,
    columns: &str,
    mut rows: impl Iterator<Item = String>,
) -> Result<()> {
    loop {
        let chunk: Vec<String> = rows.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        let sql = format!("INSERT INTO {columns} VALUES {}", chunk.join(",\n"));
        connection.batch_execute(&sql)?;
    }
}

/// A time in SQL.
pub fn days_ago(engine: Engine, days: u32) -> String {
    match engine {
        Engine::Postgres => {
            format!("date_trunc('second', now()::timestamp) - interval '{days} days'")
        }
        _ => format!("datetime('now', '-{days} days')"),
    }
}
