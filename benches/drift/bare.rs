//! The bare comparison: what SQL alone can say of the same tables. Each count is one statement on a
//! connection of its own; rows stay in the database.

use std::time::{Duration, Instant};

use diesel::Connection as _;
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::support::Result;
use crate::support::database::Database;
use crate::support::options::Engine;
use crate::support::postgres;

/// Users and links, outer-joined on the key, in which a mapped column differs from the baseline.
const USERS_POSTGRES: &str = "SELECT count(*) FROM users r FULL OUTER JOIN \
    (SELECT legacy_key, baseline::jsonb AS b FROM scim_links WHERE resource_type = 'User') l \
    ON l.legacy_key = r.user_id::text \
    WHERE r.user_id IS NULL OR l.legacy_key IS NULL \
    OR l.b->>'userName' IS DISTINCT FROM r.email OR l.b->>'title' IS DISTINCT FROM r.title \
    OR l.b->>'name.givenName' IS DISTINCT FROM r.first_name \
    OR l.b->>'name.familyName' IS DISTINCT FROM r.last_name \
    OR l.b->>'active' IS DISTINCT FROM CASE r.status WHEN 'Active' THEN 'true' ELSE 'false' END";

/// The same in two halves, since SQLite serves neither half of a full join by an index.
const USERS_SQLITE: &str = "SELECT (SELECT count(*) FROM users r LEFT JOIN scim_links l \
    ON l.resource_type = 'User' AND l.legacy_key = CAST(r.user_id AS TEXT) \
    WHERE l.legacy_key IS NULL OR json_extract(l.baseline, '$.userName') IS NOT r.email \
    OR json_extract(l.baseline, '$.title') IS NOT r.title \
    OR json_extract(l.baseline, '$.\"name.givenName\"') IS NOT r.first_name \
    OR json_extract(l.baseline, '$.\"name.familyName\"') IS NOT r.last_name \
    OR json_extract(l.baseline, '$.active') IS NOT (r.status = 'Active')) \
    + (SELECT count(*) FROM scim_links l WHERE l.resource_type = 'User' AND NOT EXISTS \
    (SELECT 1 FROM users r WHERE r.user_id = CAST(l.legacy_key AS INTEGER)))";

/// kpifire's memberships that Entra didn't assert.
const EXTRA: &str = "SELECT count(*) FROM team_members m WHERE NOT EXISTS \
    (SELECT 1 FROM scim_desired_members d WHERE d.group_key = CAST(m.team_id AS TEXT) \
    AND d.user_key = CAST(m.user_id AS TEXT))";

/// Asserted memberships that kpifire lacks.
const LACKING: &str = "SELECT count(*) FROM scim_desired_members d WHERE NOT EXISTS \
    (SELECT 1 FROM team_members m WHERE m.team_id = CAST(d.group_key AS INTEGER) \
    AND m.user_id = CAST(d.user_key AS INTEGER))";

/// How long the comparison takes: users, then memberships in both directions.
///
/// # Errors
/// The database's.
pub async fn compare(database: &Database) -> Result<[Duration; 3]> {
    let users = match database.engine {
        Engine::Postgres => USERS_POSTGRES,
        _ => USERS_SQLITE,
    };
    let mut times = [Duration::ZERO; 3];
    for (time, sql) in times.iter_mut().zip([users, EXTRA, LACKING]) {
        let started = Instant::now();
        plausible(count(database, sql).await?)?;
        *time = started.elapsed();
    }
    Ok(times)
}

/// The number that a statement answers with.
///
/// # Errors
/// The database's.
pub async fn count(database: &Database, sql: &'static str) -> Result<i64> {
    if database.engine == Engine::Postgres {
        let client = postgres::connect(&database.url).await?;
        // What the agent allows itself.
        client.batch_execute("SET work_mem = '64MB'").await?;
        let row = client.query_one(sql, &[]).await;
        return Ok(row.map_err(|error| postgres::explain(&error))?.get(0));
    }
    let url = database.url.trim_start_matches("sqlite:").to_owned();
    let counted = tokio::task::spawn_blocking(move || {
        let mut connection = SqliteConnection::establish(&url)?;
        connection.batch_execute("PRAGMA busy_timeout = 5000")?;
        Ok(diesel::dsl::sql::<BigInt>(sql).get_result(&mut connection)?)
    });
    counted.await?
}

/// Each comparison has something to find; finding most of the table means that it compares nothing.
fn plausible(differences: i64) -> Result<()> {
    if (1..5_000).contains(&differences) {
        return Ok(());
    }
    Err(format!("the bare comparison counts {differences} differences").into())
}
