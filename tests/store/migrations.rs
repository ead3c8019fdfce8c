//! The sidecar tables come, go and come again; by the agent's hand or by a DBA's.

use std::path::Path;

use crate::support::account::Account;
use crate::support::{Agent, Database, Engine, Install, sql, user};

on_every_database!(
    up_down_up,
    migrating_twice_changes_nothing,
    a_dba_runs_the_printed_sql,
    serving_without_tables_says_what_to_do,
    two_migrate_at_once,
);

// The others make it in one transaction.
on_these_databases!([mariadb Mariadb]
    a_migration_that_was_cut_off_is_run_again
    what_was_cut_off_is_taken_back
    the_documented_grants_suffice
    nothing_is_made_without_the_rights
);

/// The tables of the database, by name.
async fn tables(database: &Database) -> Vec<String> {
    let mut names: Vec<_> = database
        .rows(sql::tables(database.engine))
        .await
        .into_iter()
        .map(|mut row| row.remove(0).unwrap())
        .collect();
    names.sort();
    names
}

fn migrations(engine: Engine) -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine.name());
    let mut folders: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

async fn up_down_up(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    let legacy = tables(&install.database).await;
    install.migrate();
    let migrated = tables(&install.database).await;
    let ours: Vec<_> = migrated.iter().filter(|name| !legacy.contains(name)).collect();
    assert!(ours.iter().all(|name| name.starts_with("scim_")), "{ours:?}");
    for name in [
        "scim_links",
        "scim_kept_values",
        "scim_desired_members",
        "scim_tokens",
        "scim_audit",
        "scim_runs",
        "scim_findings",
        "scim_cleanup_journal",
        "scim_lease",
    ] {
        assert!(ours.iter().any(|ours| *ours == name), "{name} is missing: {ours:?}");
    }
    for folder in migrations(engine).iter().rev() {
        let down = std::fs::read_to_string(folder.join("down.sql")).unwrap();
        install.database.execute(&down).await;
    }
    let left = tables(&install.database).await;
    let left: Vec<_> = left.iter().filter(|name| name.starts_with("scim_")).collect();
    assert!(left.is_empty(), "down.sql leaves {left:?}");
    assert_eq!(install.database.count("users").await, 5);
    let agent = Agent::on(install).await;
    assert_eq!(tables(agent.database()).await, migrated);
    agent.client().post("/Users", &user("again@plant.example")).await.expect(201);
}

async fn migrating_twice_changes_nothing(engine: Engine) {
    let agent = Agent::start(engine).await;
    let id = agent.client().post("/Users", &user("stays@plant.example")).await.expect(201).id();
    agent.install.migrate();
    assert_eq!(agent.link("User", &id).await.as_deref(), Some("managed"));
    agent.client().get(&format!("/Users/{id}")).await.expect(200);
}

async fn a_dba_runs_the_printed_sql(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    let before = tables(&install.database).await;
    let sql = install.stdout(&["migrate", "--print"]);
    let after: Vec<_> = tables(&install.database).await;
    assert_eq!(after, before, "--print made tables");
    // One trip: tables and grants, all or nothing where that can be.
    let grants = sql.matches("\nGRANT SELECT, INSERT, UPDATE, DELETE ON ").count();
    let tables = sql.matches("CREATE TABLE").count();
    assert_eq!(grants, if engine == Engine::Sqlite { 0 } else { tables }, "{sql}");
    let whole = sql.starts_with("BEGIN;\n") && sql.ends_with("COMMIT;\n");
    assert_eq!(whole, !format!("{engine:?}").starts_with('M'), "{sql}");
    install.database.execute(&sql).await;
    let token = install.token("entra", &[]);
    let server = install.serve().await;
    let client = crate::support::Client::new(&server.base(), Some(&token));
    client.post("/Users", &user("printed@plant.example")).await.expect(201);
    // And the agent knows that it was done.
    install.migrate();
    client.post("/Users", &user("after@plant.example")).await.expect(201);
}

async fn serving_without_tables_says_what_to_do(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    let output = install.run(&["token", "create", "--name", "early"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("migrate"), "{said}");
    assert!(output.stdout.is_empty());

    // So does a daemon of a newer version, after an upgrade.
    install.migrate();
    let last = migrations(engine).pop().unwrap();
    let version = last.file_name().unwrap().to_str().unwrap();
    let forget = format!("DELETE FROM scim_migrations WHERE version = '{version}'");
    install.database.execute(&forget).await;
    let output = install.run(&["serve"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("run `kpifire-scim migrate`"), "{said}");
}

async fn two_migrate_at_once(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    let mut both = Vec::new();
    for _ in 0..2 {
        both.push(
            install.command(&["migrate"]).stderr(std::process::Stdio::piped()).spawn().unwrap(),
        );
    }
    let outcomes: Vec<_> =
        both.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    assert!(outcomes.iter().any(|output| output.status.success()), "{outcomes:?}");
    install.migrate();
    Agent::on(install).await.client().post("/Users", &user("m@plant.example")).await.expect(201);
}

async fn a_migration_that_was_cut_off_is_run_again(engine: Engine) {
    let whole = Install::new(Database::reference(engine).await);
    whole.migrate();
    let up = std::fs::read_to_string(migrations(engine)[0].join("up.sql")).unwrap();
    for after in ["scim_links_state", "scim_name_locks", "scim_findings_kind", "scim_notices_due"] {
        let install = Install::new(Database::reference(engine).await);
        let at = up.rfind(after).unwrap();
        let end = up[at..].find(";\n").map(|length| at + length + 1).unwrap();
        install.database.execute(&up[..end]).await;
        install.migrate();
        assert_eq!(tables(&install.database).await, tables(&whole.database).await, "{after}");
        for table in ["scim_name_locks", "scim_guard"] {
            let rows = install.database.count(table).await;
            assert_eq!(rows, whole.database.count(table).await, "{after}: {table}");
        }
        let agent = Agent::on(install).await;
        agent.client().post("/Users", &user("goes.on@plant.example")).await.expect(201);
    }
}

/// Cut off before it was written into the books, or after.
async fn what_was_cut_off_is_taken_back(engine: Engine) {
    let up = std::fs::read_to_string(migrations(engine)[0].join("up.sql")).unwrap();
    for after in ["scim_links_state", "scim_name_locks", "scim_notices_due"] {
        let install = Install::new(Database::reference(engine).await);
        let legacy = tables(&install.database).await;
        let at = up.rfind(after).unwrap();
        let end = up[at..].find(";\n").map(|length| at + length + 1).unwrap();
        install.database.execute(&up[..end]).await;
        install.stdout(&["migrate", "--down", "--yes"]);
        assert_eq!(tables(&install.database).await, legacy, "{after}");
        install.stdout(&["migrate", "--down", "--yes"]);
    }
}

/// The GRANTs of docs/install.md, as they stand there, and not one more.
async fn the_documented_grants_suffice(engine: Engine) {
    let mut install = Install::new(Database::reference(engine).await);
    let account = Account::new(&install.database).await;
    let documented = include_str!("../../docs/install.md");
    let of_mariadb = |line: &&str| line.starts_with("GRANT ") && line.contains("'@'");
    let mut granted = 0;
    for line in documented.lines().filter(of_mariadb) {
        let grant = line.split(" TO ").next().unwrap().replace("ON kpifire.", "ON ");
        install.database.execute(&format!("{grant} TO {}", account.grantee)).await;
        granted += 1;
    }
    assert!(granted > 10);
    let legacy = tables(&install.database).await;
    install.configure(&format!("[database]\nurl = {:?}\n", account.url));
    install.migrate();
    install.stdout(&["migrate", "--down", "--yes"]);
    assert_eq!(tables(&install.database).await, legacy);
    install.migrate();
    install.token("entra", &[]);
    account.leave(&install.database).await;
}

/// What is printed is what was lacking.
async fn nothing_is_made_without_the_rights(engine: Engine) {
    let mut install = Install::new(Database::reference(engine).await);
    let account = Account::new(&install.database).await;
    let grant = format!("GRANT CREATE, ALTER, INDEX, DROP ON * TO {}", account.grantee);
    install.database.execute(&grant).await;
    let legacy = tables(&install.database).await;
    install.configure(&format!("[database]\nurl = {:?}\n", account.url));
    let output = install.run(&["migrate"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("nothing was made"), "{said}");
    assert_eq!(tables(&install.database).await, legacy);
    for line in said.lines().filter(|line| line.trim_start().starts_with("GRANT ")) {
        install.database.execute(line).await;
    }
    install.migrate();
    account.leave(&install.database).await;
}
