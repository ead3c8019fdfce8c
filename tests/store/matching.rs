//! A lookup by name goes by the index that the install has, whichever that is.

use std::time::Duration;

use serde_json::json;

use crate::support::{Agent, Database, Engine, Install};

on_every_database!(names_that_nobody_writes_are_counted_before_the_first_cycle);

/// Rows enough that a planner doesn't rather read the table.
const CROWD: &str = "INSERT INTO users (email, first_name, last_name, department_id, license_type, status, \
    password_hash, created_at, updated_at) SELECT 'crowd' || i || '@plant.example', 'Na', 'Tive', 1, \
    'No Access', 'Active', 'x', '2024-01-01 08:00:00', '2024-01-01 08:00:00' \
    FROM generate_series(1, 20000) AS i; ANALYZE users";

/// PostgreSQL counts the uses of each index.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_match_uses_the_index_there_is() {
    for (prepared, index, asked) in [
        ("", "%(email)", "crowd77@plant.example"),
        ("CREATE INDEX by_case ON users (lower(email))", "%lower(%", "CROWD78@plant.example"),
        (
            "CREATE EXTENSION citext; ALTER TABLE users ALTER COLUMN email TYPE citext",
            "%(email)",
            "CROWD79@Plant.example",
        ),
    ] {
        let database = Database::ready(Engine::Postgres).await;
        database.execute(&format!("{CROWD}; {prepared}")).await;
        let agent = Agent::on(Install::new(database)).await;
        let uses = async || {
            let sql = format!(
                "SELECT CAST(sum(s.idx_scan) AS text) FROM pg_stat_user_indexes s \
                 JOIN pg_indexes i ON i.indexname = s.indexrelname AND i.tablename = 'users' \
                 WHERE i.indexdef LIKE '{index}'"
            );
            let found = agent.database().value(&sql).await.expect("the index");
            found.parse::<u64>().expect("a number")
        };
        let (before, started) = (uses().await, std::time::Instant::now());
        let filter = format!("userName eq {}", json!(asked));
        // A server's process tells what it has counted at its next statement, a second later.
        while uses().await == before {
            assert_eq!(agent.client().ids("/Users", &filter).await.len(), 1, "{asked}");
            assert!(started.elapsed() < Duration::from_secs(30), "{index} isn't used for {asked}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// MariaDB counts what was read by each index, and in all. Its collation has no case, so that the login
/// name's own index serves any spelling.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_match_uses_the_index_of_a_collation() {
    const DIGITS: &str = "SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL \
        SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9";
    let database = Database::ready(Engine::Mariadb).await;
    let crowd = format!(
        "INSERT INTO users (email, first_name, last_name, department_id, license_type, status, \
         password_hash, created_at, updated_at) WITH d AS ({DIGITS}) \
         SELECT CONCAT('crowd', a.n, b.n, c.n, e.n, '@plant.example'), 'Na', 'Tive', 1, 'No Access', \
         'Active', 'x', '2024-01-01 08:00:00', '2024-01-01 08:00:00' FROM d a, d b, d c, d e"
    );
    database.execute(&crowd).await;
    database.execute("ANALYZE TABLE users").await;
    database.execute("SET GLOBAL userstat = 1").await;
    let agent = Agent::on(Install::new(database)).await;
    let read = async |what: &str| {
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(ROWS_READ), 0) AS CHAR) FROM information_schema.{what} \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'users'"
        );
        agent.database().value(&sql).await.expect("a sum").parse::<u64>().expect("a number")
    };
    let before = (read("TABLE_STATISTICS").await, read("INDEX_STATISTICS").await);
    for asked in ["crowd0077@plant.example", "CROWD0078@Plant.example", "nobody@plant.example"] {
        let found = agent.client().ids("/Users", &format!("userName eq {}", json!(asked))).await;
        assert_eq!(found.len(), usize::from(asked != "nobody@plant.example"), "{asked}");
    }
    let after = (read("TABLE_STATISTICS").await, read("INDEX_STATISTICS").await);
    assert!(after.1 > before.1, "no index was used: {before:?}, {after:?}");
    let rows = after.0 - before.0;
    assert!((2..100).contains(&rows), "{rows} rows were read for three of 10,000");
}

async fn names_that_nobody_writes_are_counted_before_the_first_cycle(engine: Engine) {
    let install = Install::new(Database::ready(engine).await);
    let said = |output: &str| -> Vec<String> {
        let names = output.lines().filter(|line| line.contains("compatibility form"));
        names.map(str::to_owned).collect()
    };
    let sound = said(&install.stdout(&["check"]));
    assert!(sound.len() == 2 && sound.iter().all(|line| line.starts_with("ok")), "{sound:?}");
    for odd in [
        "blank@plant.example ",
        "\tstab@plant.example",
        "nbsp@plant.example\u{a0}",
        "ﬁn@plant.example",
    ] {
        let sql = format!(
            "INSERT INTO users (email, first_name, last_name, department_id, status, password_hash, \
             created_at, updated_at) VALUES ('{odd}', 'A', 'B', 1, 'Active', 'x', \
             '2020-01-01 00:00:00', '2020-01-01 00:00:00')"
        );
        install.database.execute(&sql).await;
    }
    let found = said(&install.stdout(&["check"]));
    assert_eq!(found.len(), 2, "{found:?}");
    let users = &found[0];
    assert!(users.starts_with("warn   users.attributes.userName: 4 names"), "{users}");
    // Which come first is the database's.
    let spelled = ["\"blank@plant.example \"", "\\u{a0}", "\\tstab", "ﬁn@"];
    assert_eq!(spelled.into_iter().filter(|it| users.contains(it)).count(), 3, "{users}");
    assert!(users.ends_with(", …"), "{users}");
    assert!(found[1].starts_with("ok     groups.attributes.displayName"), "{found:?}");
}
