//! What `check` says of an account that lacks rights, and that what it prints is what was lacking.

use serde_json::json;

use crate::support::account::Account;
use crate::support::{Agent, Database, Dialect, ENTERPRISE, Engine, Install, installs};

on_servers!(what_is_missing_is_named_and_the_printed_grants_suffice, names_that_need_quotes,);

/// An account on a migrated install, whose commands run as it from now on; and a token.
async fn bare(mut install: Install) -> (Install, Account, String) {
    install.migrate();
    let token = install.token("entra", &[]);
    let account = Account::new(&install.database).await;
    install.configure(&format!("[database]\nurl = {:?}\n", account.url));
    (install, account, token)
}

/// What `check` prints, and whether it found no error.
fn check(install: &Install) -> (String, bool) {
    let output = install.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("sidecar") || said.contains("grants on"), "{output:?}");
    (said, output.status.success())
}

/// Runs every GRANT that `check` prints, as the DBA would; then it is content.
async fn grant_what_is_asked(install: &Install) -> Vec<String> {
    let (said, _) = check(install);
    let fixes = said.lines().filter_map(|line| line.trim_start().strip_prefix("fix: GRANT "));
    let mut granted = Vec::new();
    for fix in fixes {
        install.database.execute(&format!("GRANT {fix}")).await;
        granted.push(fix.to_owned());
    }
    let (said, sound) = check(install);
    assert!(sound, "{said}");
    granted
}

/// The daemon does everything under this account.
async fn works(install: Install, token: String) -> Agent {
    let server = install.serve().await;
    let agent = Agent { server, install, token };
    let entra = agent.entra(Dialect::Classic);
    let body = json!({
        "userName": "granted@plant.example",
        "active": true,
        "name": { "givenName": "G", "familyName": "G" },
        ENTERPRISE: { "department": "A new one" },
    });
    let id = agent.client().post("/Users", &body).await.expect(201).id();
    let team = entra.create_group("Granted").await;
    entra.add_members(&team, &[&id]).await.expect(204);
    entra.disable(&id).await;
    entra.enable(&id).await;
    entra.remove_members(&team, &[&id]).await.expect(204);
    agent.client().delete(&format!("/Groups/{team}")).await.expect(204);
    agent.client().delete(&format!("/Users/{id}")).await.expect(204);
    agent
}

async fn what_is_missing_is_named_and_the_printed_grants_suffice(engine: Engine) {
    let (install, account, token) = bare(Install::new(Database::reference(engine).await)).await;
    let database = &install.database;
    account.grant(database, "SELECT").await;
    let granted = grant_what_is_asked(&install).await;
    let on = |table: &str| {
        let quoted = [format!(" ON \"{table}\" "), format!(" ON `{table}` ")];
        let found = granted.iter().find(|it| quoted.iter().any(|name| it.contains(name)));
        found.map(|it| it.split(" ON ").next().unwrap()).unwrap_or_default()
    };
    // No more than it needs.
    assert_eq!(on("users"), "INSERT, UPDATE", "{granted:#?}");
    assert_eq!(on("team_members"), "INSERT, DELETE", "{granted:#?}");
    assert_eq!(on("departments"), "INSERT", "{granted:#?}");
    assert_eq!(on("scim_links"), "INSERT, UPDATE, DELETE", "{granted:#?}");
    for (table, rights) in [
        ("users", &["SELECT", "INSERT", "UPDATE"][..]),
        ("team_members", &["SELECT", "INSERT", "DELETE"]),
        ("user_sessions", &["DELETE"]),
        ("scim_links", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
        ("scim_tokens", &["SELECT"]),
        ("scim_migrations", &["SELECT"]),
    ] {
        for right in rights {
            let revoke = format!("REVOKE {right} ON {table} FROM {}", account.grantee);
            database.execute(&revoke).await;
            let (said, sound) = check(&install);
            let named = said.contains(&format!("grants on {table}: {right} is not granted"));
            assert!(!sound && named, "{right} on {table}\n{said}");
            assert_eq!(said.matches("is not granted").count(), 1, "{said}");
            assert_eq!(grant_what_is_asked(&install).await.len(), 1);
        }
    }
    // A DBA may grant columns one by one.
    database.execute(&format!("REVOKE UPDATE ON users FROM {}", account.grantee)).await;
    let columns = "email, first_name, last_name, title, phone_number, department_id, license_type, \
                   status, password_hash, updated_at, modified_by";
    database.execute(&format!("GRANT UPDATE ({columns}) ON users TO {}", account.grantee)).await;
    let (said, sound) = check(&install);
    assert!(sound, "{said}");
    // And leave one out.
    let revoke = format!("REVOKE UPDATE (title) ON users FROM {}", account.grantee);
    database.execute(&revoke).await;
    let (said, sound) = check(&install);
    assert!(!sound && said.contains("grants on users: UPDATE ("), "{said}");
    let granted = grant_what_is_asked(&install).await;
    assert!(granted.len() == 1 && granted[0].contains("title"), "{granted:#?}");
    // What may be read, too.
    for (table, key) in [("users", "user_id"), ("departments", "department_id")] {
        let (revoked, all) = (format!("REVOKE SELECT ON {table}"), &account.grantee);
        database.execute(&format!("{revoked} FROM {all}")).await;
        database.execute(&format!("GRANT SELECT ({key}) ON {table} TO {all}")).await;
        let granted = grant_what_is_asked(&install).await;
        let [narrow] = granted.as_slice() else { panic!("{granted:#?}") };
        assert!(narrow.starts_with("SELECT ("), "{narrow}");
    }
    let agent = works(install, token).await;
    account.leave(agent.database()).await;
}

/// Reserved words, mixed case, blanks; on PostgreSQL a key that a sequence fills.
async fn names_that_need_quotes(engine: Engine) {
    let tables = installs::tables(engine, "reserved");
    let (install, account, token) = bare(installs::lay(engine, "reserved", &tables).await).await;
    // Somewhere to begin: MariaDB shows an account no table that it may do nothing with.
    account.grant(&install.database, "SELECT").await;
    let granted = grant_what_is_asked(&install).await;
    assert!(granted.iter().any(|it| it.contains("User")), "{granted:#?}");
    let agent = works(install, token).await;
    account.leave(agent.database()).await;
}

/// A column that takes its default from a sequence needs a right on that; an identity doesn't.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sequences_on_postgres() {
    let engine = Engine::Postgres;
    let identity = "INTEGER GENERATED BY DEFAULT AS IDENTITY";
    let database = Database::reference_but(engine, identity, "SERIAL").await;
    database.execute("ALTER TABLE team_members ADD COLUMN id BIGSERIAL").await;
    let (install, account, token) = bare(Install::new(database)).await;
    account.grant(&install.database, "SELECT, INSERT, UPDATE, DELETE").await;
    let (said, sound) = check(&install);
    assert!(!sound, "{said}");
    let mut sequences: Vec<_> = said
        .lines()
        .filter_map(|line| line.split_once("GRANT USAGE ON SEQUENCE "))
        .map(|(_, rest)| rest.split(" TO ").next().unwrap())
        .collect();
    sequences.sort_unstable();
    let expected =
        ["departments_department_id", "team_members_id", "teams_team_id", "users_user_id"];
    assert_eq!(sequences, expected.map(|name| format!("\"public\".\"{name}_seq\"")), "{said}");
    assert_eq!(grant_what_is_asked(&install).await.len(), 4);
    let agent = works(install, token).await;
    account.leave(agent.database()).await;
}

/// Without its schema no grant on a table is worth anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_on_postgres() {
    let engine = Engine::Postgres;
    let tables = installs::tables(engine, "uuid");
    let (install, account, _) = bare(installs::lay(engine, "uuid", &tables).await).await;
    account.grant(&install.database, "SELECT, INSERT, UPDATE, DELETE").await;
    let granted = grant_what_is_asked(&install).await;
    let usage = format!("USAGE ON SCHEMA \"hr\" TO {};", account.grantee);
    assert!(granted.iter().all(|it| *it == usage) && !granted.is_empty(), "{granted:#?}");
    account.leave(&install.database).await;
}
