//! `check`: proves an install, and says of each fault what it is, where, and what to do.

use crate::support::{Database, Engine, Install};

on_every_database!(
    a_sound_install_passes,
    the_indexes_it_asks_for_content_it,
    a_missing_column_is_named,
    an_unfilled_column_is_named,
);

async fn a_sound_install_passes(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    install.migrate();
    let said = install.stdout(&["check"]);
    // Whoever owns the tables has every right to them, and is told so of each.
    let grants: Vec<&str> = said.lines().filter(|it| it.contains("grants on ")).collect();
    assert_eq!(grants.is_empty(), engine == Engine::Sqlite, "{said}");
    assert!(grants.iter().all(|it| it.starts_with("ok ")), "{said}");
}

async fn the_indexes_it_asks_for_content_it(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    install.migrate();
    let mut made = 0;
    // A unique index may serve what another finding asks for as well.
    for beginning in ["CREATE UNIQUE INDEX", "CREATE INDEX"] {
        for line in install.stdout(&["check"]).lines() {
            let fix = line.trim_start().strip_prefix("fix: ").unwrap_or_default();
            if fix.starts_with(beginning) {
                install.database.execute(fix).await;
                made += 1;
            }
        }
    }
    assert_eq!(made > 0, !engine.speaks_mysql(), "{made}");
    let content = install.stdout(&["check"]);
    assert!(!content.contains("INDEX"), "{content}");
}

async fn a_missing_column_is_named(engine: Engine) {
    let install = Install::new(Database::reference(engine).await);
    install.migrate();
    install.database.execute("ALTER TABLE users RENAME COLUMN phone_number TO telephone").await;
    let output = install.run(&["check"]);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("phone_number") && said.contains("users"), "{said}");
}

async fn an_unfilled_column_is_named(engine: Engine) {
    let install = Install::new(Database::empty(engine).await);
    let tables = match engine {
        Engine::Sqlite => include_str!("../fixtures/legacy/sqlite.sql"),
        Engine::Postgres => include_str!("../fixtures/legacy/postgres.sql"),
        Engine::Mariadb | Engine::Mysql => include_str!("../fixtures/legacy/mysql.sql"),
    };
    let tables = tables.replacen("  locale ", "  badge_no INTEGER NOT NULL,\n  locale ", 1);
    install.database.execute(&tables).await;
    install.migrate();
    let output = install.run(&["check"]);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("badge_no"), "{said}");
}

/// What is declared of `backup_email` says nothing of `email`, whose name it ends with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_whose_name_ends_with_anothers_is_another() {
    let declared = "email         VARCHAR(191) NOT NULL COLLATE NOCASE UNIQUE";
    let plain = "email VARCHAR(191) NOT NULL UNIQUE";
    let mut said = Vec::new();
    for columns in [plain.to_owned(), format!("backup_email TEXT NULL COLLATE NOCASE, {plain}")] {
        let install =
            Install::new(Database::reference_but(Engine::Sqlite, declared, &columns).await);
        install.migrate();
        let output = install.stdout(&["check"]);
        let name = |line: &&str| line.contains("users.email") || line.contains("(\"email\")");
        said.push(output.lines().filter(name).map(str::to_owned).collect::<Vec<_>>());
    }
    assert!(!said[0].is_empty());
    assert_eq!(said[0], said[1]);
}
