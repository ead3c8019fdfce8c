//! Installs that look nothing like the reference: `tests/fixtures/installs`. Only the profile
//! differs, never the code.

use super::{Database, Engine, Install};

/// The tables of an install, with the rows that are in them.
pub fn tables(engine: Engine, name: &str) -> String {
    fixture(name, &format!("{}.sql", engine.name()))
}

/// An install of these tables, with the profile of that name.
pub async fn lay(engine: Engine, name: &str, tables: &str) -> Install {
    let database = Database::empty(engine).await;
    database.execute(tables).await;
    let schema = match engine {
        Engine::Sqlite => "main".to_owned(),
        Engine::Postgres => "hr".to_owned(),
        Engine::Mysql => database.value("SELECT database()").await.unwrap(),
    };
    let profile = fixture(name, "profile.toml").replace("{schema}", &schema);
    let mut install = Install::with_profile(database, &profile);
    // Of a handful of memberships one is many percent.
    install.configure("[reconcile]\nfloor = 0\n");
    install
}

fn fixture(name: &str, file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/installs");
    let path = format!("{folder}/{name}/{file}");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
