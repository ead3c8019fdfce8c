//! `check --rehearse`: a whole life on the real tables, of which nothing stays, and what refuses it in
//! the database's own words.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::account::Account;
use crate::support::{Agent, Database, Engine, Install, installs};

on_every_database!(
    a_sound_install_lives_a_whole_life_and_nothing_stays,
    every_install_lives_a_whole_life,
    a_trigger_that_refuses_is_told,
    a_check_that_refuses_is_told,
    a_constant_in_a_unique_column_is_told,
    a_row_that_locks_nobody_is_told,
    a_request_that_a_trigger_refuses_is_answered_400,
);
on_servers!(a_missing_right_is_told);

/// Every row of every table, as text.
async fn everything(database: &Database) -> BTreeMap<String, Vec<String>> {
    let tables = match database.engine {
        Engine::Sqlite => "SELECT '\"' || name || '\"' FROM sqlite_master WHERE type = 'table'",
        Engine::Postgres => {
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
        }
        Engine::Mariadb | Engine::Mysql => {
            "SELECT concat('`', table_name, '`') FROM information_schema.tables \
             WHERE table_schema = database()"
        }
    };
    let mut all = BTreeMap::new();
    for mut row in database.rows(tables).await {
        let name = row.swap_remove(0).unwrap();
        let rows = database.rows(&format!("SELECT * FROM {name}")).await;
        let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        all.insert(name, rows);
    }
    all
}

/// What a rehearsal says, and whether it found no error; it leaves the database as it was.
async fn rehearse(install: &Install) -> (String, bool) {
    let before = everything(&install.database).await;
    let output = install.run(&["check", "--rehearse"]);
    assert_eq!(everything(&install.database).await, before);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("rehearsal: "), "{output:?}");
    (said, output.status.success())
}

/// The lines of the step that is told so: itself, its reason, its fix.
fn told(said: &str, step: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let at = lines.iter().position(|line| line.contains(&format!("rehearsal: {step}")));
    let at = at.unwrap_or_else(|| panic!("no {step:?} in\n{said}"));
    lines[at..lines.len().min(at + 3)].join("\n")
}

async fn a_sound_install_lives_a_whole_life_and_nothing_stays(engine: Engine) {
    let mut install = Install::new(Database::reference(engine).await);
    if engine.speaks_mysql() {
        let said = install.run(&["check", "--rehearse"]);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("can't take a CREATE TABLE back"), "{said}");
    } else {
        // The sidecar tables go with it, as all of it.
        let (said, _) = rehearse(&install).await;
        assert!(said.contains("the sidecar tables are made for it"), "{said}");
    }
    install.migrate();
    install.configure("[cleanup]\ndelete_after = \"400d\"\n");
    let (said, sound) = rehearse(&install).await;
    assert!(sound && !said.contains("error  "), "{said}");
    for step in [
        "one that is there is matched by its userName in another case",
        "a user is made",
        "a second user is made",
        "title is changed",
        "userName is changed",
        "userType is changed",
        "a team is made",
        "a member is added",
        "a member is removed",
        "the user is disabled",
        "the user is enabled past the agent, and locked again",
        "the user is enabled",
        "the second user's memberships are stripped",
        "that is undone",
        "the user is anonymised",
        "the user's row is deleted by cleanup",
        "the second user is deleted",
        "the user comes back under the same name",
        "ends: all of it is rolled back",
    ] {
        assert!(said.contains(&format!("ok     rehearsal: {step}")), "{step}\n{said}");
    }
    for restored in ["is changed past the agent, and restored", "is lost past the agent, and"] {
        assert!(said.contains(restored), "{said}");
    }
    let department = "enterprise:2.0:User:department is changed";
    assert!(said.contains(department), "{said}");
    let numbers = said.contains("numbers that stay used: departments.department_id, ");
    assert_eq!(numbers, engine != Engine::Sqlite, "{said}");
}

/// Whatever a profile can say is rehearsed with it.
async fn every_install_lives_a_whole_life(engine: Engine) {
    let mut all = Vec::new();
    for name in ["reserved", "textkeys", "uuid"] {
        let tables = installs::tables(engine, name);
        all.push((name, installs::lay(engine, name, &tables).await));
    }
    for name in ["board", "contacts", "directory", "loner", "modules", "tenants"] {
        all.push((name, installs::laid(engine, name).await));
    }
    for (name, install) in all {
        install.migrate();
        let (said, sound) = rehearse(&install).await;
        assert!(sound && !said.contains("error  "), "{name}\n{said}");
    }
}

/// A rule of the application's, kept by a trigger.
async fn forbid_titles(database: &Database) {
    let trigger = match database.engine {
        Engine::Sqlite => {
            "CREATE TRIGGER no_titles BEFORE UPDATE OF title ON users WHEN NEW.title <> OLD.title \
             BEGIN SELECT RAISE(ABORT, 'titles are for the board'); END"
        }
        Engine::Postgres => {
            "CREATE FUNCTION no_titles() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.title <> OLD.title THEN RAISE EXCEPTION 'titles are for the board'; END IF; \
             RETURN NEW; END $$; \
             CREATE TRIGGER no_titles BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION no_titles()"
        }
        Engine::Mariadb | Engine::Mysql => {
            "CREATE TRIGGER no_titles BEFORE UPDATE ON users FOR EACH ROW \
             IF NEW.title <> OLD.title THEN SIGNAL SQLSTATE '45000' \
             SET MESSAGE_TEXT = 'titles are for the board'; END IF"
        }
    };
    database.execute(trigger).await;
}

async fn a_trigger_that_refuses_is_told(engine: Engine) {
    let install = Install::new(Database::ready(engine).await);
    forbid_titles(&install.database).await;
    let (said, sound) = rehearse(&install).await;
    let refused = told(&said, "title is changed");
    assert!(!sound && refused.starts_with("error  "), "{said}");
    assert!(refused.contains("a rule of the application"), "{refused}");
    assert!(refused.contains("titles are for the board"), "{refused}");
    // What doesn't need it goes on.
    assert!(told(&said, "userName is changed").starts_with("ok     "), "{said}");
    assert!(told(&said, "the second user is deleted").starts_with("ok     "), "{said}");
}

/// As one that a CHECK refuses; the trigger's words stay in the log.
async fn a_request_that_a_trigger_refuses_is_answered_400(engine: Engine) {
    let agent = Agent::start(engine).await;
    forbid_titles(agent.database()).await;
    let client = agent.client();
    let operation = |value: &str| json!([{ "op": "replace", "path": "title", "value": value }]);
    client.operations("/Users/4", operation("Lead")).await.refused(400, "invalidValue");
    let answer = client.operations("/Users/4", operation("Lead")).await;
    let told = answer.body["detail"].as_str().unwrap_or_default().to_owned();
    assert!(told.contains("trigger") && !told.contains("board"), "{told}");
    let same = json!([{ "op": "replace", "path": "name.givenName", "value": "Ina" }]);
    client.operations("/Users/4", same).await.expect(200);
}

async fn a_check_that_refuses_is_told(engine: Engine) {
    let allowed = "CHECK (status IN ('Active','Inactive'))";
    let comma = if engine.speaks_mysql() { ", " } else { "" };
    let rule = "CONSTRAINT nobody_leaves CHECK (status <> 'Inactive' OR title = 'Operator')";
    let checked = &format!("{comma}{rule}");
    let database = Database::reference_but(engine, allowed, checked).await;
    let install = Install::new(database);
    install.migrate();
    let (said, sound) = rehearse(&install).await;
    let refused = told(&said, "the user is disabled");
    assert!(!sound && refused.starts_with("error  "), "{said}");
    assert!(refused.contains("nobody_leaves"), "{refused}");
}

async fn a_constant_in_a_unique_column_is_told(engine: Engine) {
    let badge = "  badge VARCHAR(20) UNIQUE,\n  locale ";
    let database = Database::reference_but(engine, "  locale ", badge).await;
    let profile = include_str!("../../config/profiles/kpifire.toml").replacen(
        "[users.insert]",
        "[users.insert]\nbadge = \"none\"",
        1,
    );
    let install = Install::with_profile(database, &profile);
    install.migrate();
    let (said, sound) = rehearse(&install).await;
    let refused = told(&said, "a second user is made");
    assert!(!sound && refused.starts_with("error  "), "{said}");
    assert!(refused.contains("[users.insert] `badge`"), "{refused}");
}

/// A trigger that lets nobody be disabled in truth: the statement works, the leaver stays.
async fn a_row_that_locks_nobody_is_told(engine: Engine) {
    let install = Install::new(Database::ready(engine).await);
    let trigger = match engine {
        Engine::Sqlite => {
            "CREATE TRIGGER stays AFTER UPDATE OF status ON users WHEN NEW.status = 'Inactive' \
             BEGIN UPDATE users SET status = 'Active' WHERE user_id = NEW.user_id; END"
        }
        Engine::Postgres => {
            "CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             NEW.status := 'Active'; RETURN NEW; END $$; \
             CREATE TRIGGER stays BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stays()"
        }
        Engine::Mariadb | Engine::Mysql => {
            "CREATE TRIGGER stays BEFORE UPDATE ON users FOR EACH ROW SET NEW.status = 'Active'"
        }
    };
    install.database.execute(trigger).await;
    let (said, sound) = rehearse(&install).await;
    assert!(!sound && said.contains("a leaver keeps access"), "{said}");
}

async fn a_missing_right_is_told(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    let account = Account::new(&install.database).await;
    account.grant(&install.database, "SELECT, INSERT, UPDATE, DELETE").await;
    install
        .database
        .execute(&format!("REVOKE DELETE ON team_members FROM {}", account.grantee))
        .await;
    let owner = install.database.url.clone();
    install.configure(&format!("[database]\nurl = {:?}\n", account.url));
    let output = install.run(&["check", "--rehearse"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let refused = told(&said, "a member is removed");
    assert!(!output.status.success() && refused.starts_with("error  "), "{said}");
    assert!(refused.contains("denied"), "{refused}");
    assert_eq!(install.database.url, owner);
    account.leave(&install.database).await;
}

/// RAISE(ROLLBACK) ends the transaction itself: what came after would be committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_rolls_back_ends_the_rehearsal() {
    let install = Install::new(Database::ready(Engine::Sqlite).await);
    let trigger = "CREATE TRIGGER no_titles BEFORE UPDATE OF title ON users \
                   BEGIN SELECT RAISE(ROLLBACK, 'titles are for the board'); END";
    install.database.execute(trigger).await;
    let (said, sound) = rehearse(&install).await;
    assert!(!sound && told(&said, "breaks off").contains("ended the whole transaction"), "{said}");
    assert!(!said.contains("the user is disabled"), "{said}");
}

/// What takes nothing back isn't rehearsed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_without_transactions_is_refused() {
    let install = Install::new(Database::ready(Engine::Mariadb).await);
    let database = &install.database;
    database
        .execute(
            "CREATE TABLE user_log (what TEXT) ENGINE=MyISAM; \
             CREATE TRIGGER logged AFTER UPDATE ON users FOR EACH ROW \
             INSERT INTO user_log VALUES (NEW.email)",
        )
        .await;
    let (said, sound) = rehearse(&install).await;
    assert!(!sound && said.contains("the trigger `logged` names `user_log`"), "{said}");
    database.execute("DROP TRIGGER logged").await;
    database.execute("ALTER TABLE user_sessions DROP FOREIGN KEY user_sessions_ibfk_1").await;
    database.execute("ALTER TABLE user_sessions ENGINE=MyISAM").await;
    let (said, sound) = rehearse(&install).await;
    let refused = told(&said, "nothing was rehearsed");
    assert!(!sound && refused.contains("`user_sessions` is stored by MyISAM"), "{said}");
    assert!(refused.contains("ALTER TABLE `user_sessions` ENGINE=InnoDB;"), "{refused}");
}
