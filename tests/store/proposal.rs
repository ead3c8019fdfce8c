//! `profile init` on live databases: what it proposes for the reference tables is a profile that works,
//! and where it can't decide it says so.

use crate::support::{Agent, Database, Dialect, Engine, Install};

on_every_database!(the_reference_as_proposed_works);
// Not MariaDB's, where the tests' account sees the databases of all other tests.
on_these_databases!([sqlite Sqlite, postgres Postgres] an_empty_database_is_left_to_decide);

async fn the_reference_as_proposed_works(engine: Engine) {
    let mut install = Install::new(Database::reference(engine).await);
    let proposed = install.stdout(&["profile", "init"]);
    assert!(proposed.contains("Nothing was left open"), "{proposed}");
    assert!(!proposed.contains("# DECIDE"), "{proposed}");
    let path = install.database.folder().join("proposed.toml");
    std::fs::write(&path, &proposed).unwrap();
    install.configure(&format!("profile = {:?}\n", path.display().to_string()));
    install.stdout(&["check", "--offline"]);
    install.migrate();
    install.stdout(&["check"]);
    let agent = Agent::on(install).await;
    let entra = agent.entra(Dialect::Classic);
    let found = entra.match_user("LINE.one@plant.example").await.expect("a user of the seed");
    assert_eq!(found["name"]["familyName"], "One");
    assert_eq!(found["phoneNumbers"], serde_json::Value::Null);
    entra.disable("4").await;
    assert_eq!(agent.database().count("user_sessions").await, 0, "[revoke] is proposed too");
    let inactive = "users WHERE user_id = 4 AND status = 'Inactive'";
    assert_eq!(agent.database().count(inactive).await, 1);
    let team = entra.create_group("Proposed").await;
    entra.add_members(&team, &["3"]).await.expect(204);
    assert!(entra.is_member(&team, "3").await);
}

async fn an_empty_database_is_left_to_decide(engine: Engine) {
    let install = Install::new(Database::empty(engine).await);
    let proposed = install.stdout(&["profile", "init"]);
    assert!(proposed.contains("# DECIDE: no table looks like users"), "{proposed}");
    assert!(proposed.contains("answer and remove them"), "{proposed}");
}
