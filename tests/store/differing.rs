//! What `check` says of installs that differ from the reference in one thing, and that what it prints as a
//! fix mends it.

use serde_json::json;

use crate::support::{Agent, Database, Engine, Install, user};

on_every_database!(
    a_unique_column_is_filled_anew_for_each_row,
    a_computed_column_is_read_and_never_written,
    users_through_a_view,
    an_index_of_some_rows_is_no_false_alarm,
);

const PROFILE: &str = include_str!("../../config/profiles/kpifire.toml");

/// The built-in profile with something else instead of one of its lines.
fn profile(from: &str, to: &str) -> String {
    assert!(PROFILE.contains(from), "{from}");
    PROFILE.replacen(from, to, 1)
}

/// What `check` says, and whether it found no error.
fn check(install: &Install) -> (String, bool) {
    let output = install.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("configuration"), "{output:?}");
    (said, output.status.success())
}

/// The fix of the first finding that says this, all its lines.
fn fix(said: &str, what: &str) -> String {
    let mut lines = said.lines().skip_while(|line| !line.contains(what));
    assert!(lines.next().is_some(), "no {what:?} in\n{said}");
    let mut lines = lines.skip_while(|line| !line.trim_start().starts_with("fix: "));
    let first = lines.next().unwrap().trim_start().trim_start_matches("fix: ").to_owned();
    let more = lines.take_while(|line| line.starts_with("            "));
    more.fold(first, |all, line| format!("{all}\n{}", line.trim_start()))
}

/// No constant is proposed for it, and one that is there is an error.
async fn a_unique_column_is_filled_anew_for_each_row(engine: Engine) {
    let badge = "  badge VARCHAR(40) NOT NULL UNIQUE,\n  locale ";
    let database = Database::empty(engine).await;
    let tables = match engine {
        Engine::Sqlite => include_str!("../fixtures/legacy/sqlite.sql"),
        Engine::Postgres => include_str!("../fixtures/legacy/postgres.sql"),
        Engine::Mariadb | Engine::Mysql => include_str!("../fixtures/legacy/mysql.sql"),
    };
    database.execute(&tables.replacen("  locale ", badge, 1)).await;
    database.execute("INSERT INTO departments (name) VALUES ('Unassigned')").await;
    let install = Install::new(database);
    install.migrate();
    let (said, sound) = check(&install);
    let proposed = fix(&said, "`users.badge`");
    assert!(!sound && proposed == "[users.insert]\nbadge = { new = \"uuid\" }", "{said}");
    let database = install.database;
    let constant = profile("[users.insert]", "[users.insert]\nbadge = \"none\"");
    let install = Install::with_profile(database, &constant);
    let (said, sound) = check(&install);
    let what = "users.insert.badge: the same in each row, and (badge) of `users` is unique";
    assert!(!sound && fix(&said, what) == proposed, "{said}");
    let install = Install::with_profile(install.database, &profile("[users.insert]", &proposed));
    let (said, sound) = check(&install);
    assert!(sound, "{said}");
    let agent = Agent::on(install).await;
    for name in ["one@plant.example", "two@plant.example"] {
        agent.client().post("/Users", &user(name)).await.expect(201);
    }
}

async fn a_computed_column_is_read_and_never_written(engine: Engine) {
    let whole = match engine {
        Engine::Mariadb | Engine::Mysql => "concat(first_name, ' ', last_name)",
        _ => "first_name || ' ' || last_name",
    };
    let column =
        format!("  full_name VARCHAR(201) GENERATED ALWAYS AS ({whole}) STORED,\n  locale ");
    let database = Database::reference_but(engine, "  locale ", &column).await;
    let mapped = "[users.attributes]\ndisplayName = \"full_name\"";
    let install = Install::with_profile(database, &profile("[users.attributes]", mapped));
    install.migrate();
    let (said, sound) = check(&install);
    assert!(sound && said.contains("column `full_name` is computed"), "{said}");
    let agent = Agent::on(install).await;
    let client = agent.client();
    let made = client.post("/Users", &user("computed@plant.example")).await.expect(201);
    let id = made.id();
    let read = client.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body["displayName"], "Ana Silva");
    let named = json!([{ "op": "replace", "path": "name.givenName", "value": "Ina" }]);
    client.operations(&format!("/Users/{id}"), named).await.expect(200);
    let read = client.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body["displayName"], "Ina Silva");
    // And where the profile has it written, that is told.
    let database = Database::reference_but(engine, "  locale ", &column).await;
    let wrong = profile("[users.insert]", "[users.insert]\nfull_name = \"x\"");
    let install = Install::with_profile(database, &wrong);
    install.migrate();
    let (said, sound) = check(&install);
    assert!(!sound && said.contains("column `full_name` is computed by the database"), "{said}");
}

/// By INSTEAD OF triggers on SQLite, of itself elsewhere.
async fn users_through_a_view(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    let columns = "user_id, email, first_name, last_name, title, phone_number, department_id, \
                   license_type, status, password_hash, created_at, updated_at, modified_by";
    install.database.execute(&format!("CREATE VIEW people AS SELECT {columns} FROM users")).await;
    if engine == Engine::Sqlite {
        let names: Vec<&str> = columns.split(", ").skip(1).collect();
        let new: Vec<String> = names.iter().map(|name| format!("NEW.{name}")).collect();
        let set: Vec<String> = names.iter().map(|name| format!("{name} = NEW.{name}")).collect();
        install
            .database
            .execute(&format!(
                "CREATE TRIGGER people_made INSTEAD OF INSERT ON people BEGIN \
                 INSERT INTO users ({}) VALUES ({}); END; \
                 CREATE TRIGGER people_changed INSTEAD OF UPDATE ON people BEGIN \
                 UPDATE users SET {} WHERE user_id = OLD.user_id; END; \
                 CREATE TRIGGER people_gone INSTEAD OF DELETE ON people BEGIN \
                 DELETE FROM users WHERE user_id = OLD.user_id; END",
                names.join(", "),
                new.join(", "),
                set.join(", "),
            ))
            .await;
    }
    let seen = profile("table = \"users\"", "table = \"people\"").replacen(
        "[users.insert]",
        "[users.insert]\nstatus = \"Active\"",
        1,
    );
    let install = Install::with_profile(install.database, &seen);
    install.migrate();
    let (said, sound) = check(&install);
    assert!(sound && said.contains("`people` is a view"), "{said}");
    assert!(!said.contains("INDEX \"people") && !said.contains("ON `people`"), "{said}");
    let rehearsed = install.run(&["check", "--rehearse"]);
    let told = String::from_utf8_lossy(&rehearsed.stdout).into_owned();
    assert!(rehearsed.status.success(), "{told}");
    let agent = Agent::on(install).await;
    let made = agent.client().post("/Users", &user("seen@plant.example")).await.expect(201).id();
    let same = format!("users WHERE user_id = {made} AND email = 'seen@plant.example'");
    assert_eq!(agent.database().count(&same).await, 1);
}

/// A unique index of living rows only.
async fn an_index_of_some_rows_is_no_false_alarm(engine: Engine) {
    if engine.speaks_mysql() {
        return; // it has none
    }
    let from = "email         VARCHAR(191) NOT NULL";
    let tables = match engine {
        Engine::Sqlite => include_str!("../fixtures/legacy/sqlite.sql"),
        _ => include_str!("../fixtures/legacy/postgres.sql"),
    };
    let line = tables.lines().find(|line| line.contains(from)).expect("the column");
    let bare = format!("  {from},");
    let database = Database::reference_but(engine, line, &bare).await;
    let index = "CREATE UNIQUE INDEX living ON users (lower(email)) WHERE status = 'Active'";
    database.execute(index).await;
    let install = Install::new(database);
    install.migrate();
    let (said, sound) = check(&install);
    let unique = "users.attributes.userName: column `email` is unique among the rows where ";
    assert!(sound && said.contains(unique) && said.contains("Active"), "{said}");
    assert!(!said.contains("CREATE UNIQUE INDEX CONCURRENTLY \"users_email"), "{said}");
}

/// What is stored without transactions isn't written; what it takes to mend is printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_without_transactions_on_mariadb() {
    let install = Install::new(Database::ready(Engine::Mariadb).await);
    let database = &install.database;
    database.execute("ALTER TABLE user_sessions DROP FOREIGN KEY user_sessions_ibfk_1").await;
    database.execute("ALTER TABLE user_sessions ENGINE=MyISAM").await;
    let (said, sound) = check(&install);
    let what = "`user_sessions` is stored by MyISAM";
    assert!(!sound && said.contains(what), "{said}");
    database.execute(&fix(&said, what)).await;
    let (said, sound) = check(&install);
    assert!(sound, "{said}");
}

/// The column stays what it was but for its collation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collation_is_changed_and_nothing_else_on_mariadb() {
    let declared = "email         VARCHAR(191) NOT NULL UNIQUE";
    let kept = "email VARCHAR(191) COLLATE utf8mb4_bin NOT NULL DEFAULT 'nobody''s' \
                COMMENT 'who it''s' UNIQUE CHECK (email <> 'x')";
    let install = Install::new(Database::reference_but(Engine::Mariadb, declared, kept).await);
    install.migrate();
    let (said, _) = check(&install);
    let column = "SELECT concat_ws('|', COLUMN_TYPE, COLUMN_DEFAULT, IS_NULLABLE, COLUMN_COMMENT) \
                  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = database() \
                  AND TABLE_NAME = 'users' AND COLUMN_NAME = 'email'";
    let checks = "SELECT group_concat(CHECK_CLAUSE ORDER BY CHECK_CLAUSE) \
                  FROM information_schema.CHECK_CONSTRAINTS \
                  WHERE CONSTRAINT_SCHEMA = database() AND TABLE_NAME = 'users'";
    let before = [install.database.value(column).await, install.database.value(checks).await];
    install.database.execute(&fix(&said, "`email` is unique only to the letter")).await;
    let after = [install.database.value(column).await, install.database.value(checks).await];
    assert_eq!(before, after);
    let (said, sound) = check(&install);
    assert!(sound && said.contains("`email` is unique without case"), "{said}");
}

/// MariaDB shows an account no table that it may do nothing with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_table_comes_with_its_grant_on_mariadb() {
    let mut install = Install::new(Database::ready(Engine::Mariadb).await);
    let account = crate::support::account::Account::new(&install.database).await;
    account.grant(&install.database, "SELECT, INSERT, UPDATE, DELETE").await;
    let revoke = "REVOKE SELECT, INSERT, UPDATE, DELETE ON team_members FROM";
    install.database.execute(&format!("{revoke} {}", account.grantee)).await;
    install.configure(&format!("[database]\nurl = {:?}\n", account.url));
    let (said, sound) = check(&install);
    let what = "table `team_members` isn't there, or the agent's account can't see it";
    assert!(!sound && said.contains(what), "{said}");
    install.database.execute(fix(&said, what).split("   --").next().unwrap()).await;
    let (said, sound) = check(&install);
    assert!(sound, "{said}");
    account.leave(&install.database).await;
}
