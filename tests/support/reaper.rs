//! Drops tests' databases while other tests run, and what is left of them when the run is over,
//! whichever way it ended: a process of its own that reads which ones were made and done with until
//! the suite is gone.

use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use super::{Database, Engine, sql};

/// Tells the suite's binary that it is the reaper.
const VARIABLE: &str = "KPIFIRE_TEST_REAPER";
/// The test that becomes the reaper.
const ENTRANCE: &str = "support::reaper::databases_go_with_their_tests";

static REAPER: LazyLock<Mutex<Child>> = LazyLock::new(|| {
    let reaper = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", ENTRANCE, "--nocapture"])
        .env(VARIABLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // Ctrl-C is for the suite.
        .process_group(0)
        .spawn()
        .unwrap();
    Mutex::new(reaper)
});

/// A database is about to be made.
pub fn expect(engine: Engine, name: &str) {
    tell('+', engine, name);
}

/// Nobody needs a database any more.
pub fn reap(engine: Engine, name: &str) {
    tell('-', engine, name);
}

fn tell(what: char, engine: Engine, name: &str) {
    let mut reaper = REAPER.lock().unwrap();
    writeln!(reaper.stdin.as_mut().unwrap(), "{what} {engine:?} {name}").unwrap();
}

#[tokio::test]
async fn databases_go_with_their_tests() {
    if std::env::var_os(VARIABLE).is_some() {
        return until_the_suite_is_gone().await;
    }
    for engine in [Engine::Postgres, Engine::Mariadb, Engine::Mysql] {
        let name = Database::empty(engine).await.name.clone();
        let started = Instant::now();
        while exists(engine, &name).await {
            assert!(started.elapsed() < Duration::from_secs(120), "{name} is still there");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn exists(engine: Engine, name: &str) -> bool {
    let catalogue = match engine {
        Engine::Postgres => "pg_database WHERE datname",
        _ => "information_schema.schemata WHERE schema_name",
    };
    let sql = format!("SELECT 1 FROM {catalogue} = '{name}'");
    !sql::on_server(engine, &engine.server().unwrap(), &sql).await.unwrap().is_empty()
}

async fn until_the_suite_is_gone() {
    let mut left = BTreeSet::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (what, database) = line.split_once(' ').unwrap();
        if what == "+" {
            left.insert(database.to_owned());
        } else if left.remove(database) {
            remove(database).await;
        }
    }
    for database in left {
        remove(&database).await;
    }
}

async fn remove(database: &str) {
    let (engine, name) = database.split_once(' ').unwrap();
    let (engine, how) = match engine {
        "Postgres" => (Engine::Postgres, " WITH (FORCE)"),
        "Mysql" => (Engine::Mysql, ""),
        _ => (Engine::Mariadb, ""),
    };
    let server = engine.server().unwrap();
    let dropped =
        sql::on_server(engine, &server, &format!("DROP DATABASE IF EXISTS {name}{how}")).await;
    // A throwaway server may be gone by now, and the database with it.
    if let Err(error) = dropped
        && sql::on_server(engine, &server, "SELECT 1").await.is_ok()
    {
        eprintln!("{name} is left behind on the server: {error}");
    }
}
