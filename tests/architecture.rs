//! The invariants of `src/lib.rs` that can be read off the sources.

mod circles;

use std::path::{Path, PathBuf};

/// One source file, comments and unit tests taken out.
struct Source {
    /// Relative to `src/`, with forward slashes.
    name: String,
    /// As it is in the file.
    text: String,
    /// Without comments and `#[cfg(test)]` modules.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    assert!(found.len() > 10, "no sources under {}", root.display());
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            let code = code(&text);
            Source { name, text, code }
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The text without line comments and without anything behind a `#[cfg(test)]`, which stands last.
fn code(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    shipped.lines().filter(|line| !line.trim_start().starts_with("//")).fold(
        String::new(),
        |mut code, line| {
            code.push_str(line);
            code.push('\n');
            code
        },
    )
}

impl Source {
    fn is_in(&self, rooms: &[&str]) -> bool {
        rooms.iter().any(|room| {
            self.name.strip_prefix(room).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    }

    fn is_test(&self) -> bool {
        self.name.split('/').any(|part| part == "tests" || part == "tests.rs")
    }
}

/// What stands in a file and shouldn't: `file: needle in line`.
fn naming<'a>(sources: impl IntoIterator<Item = &'a Source>, needles: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for line in source.code.lines() {
            for needle in needles {
                if line.contains(needle) {
                    found.push(format!("{}: {needle:?} in {}", source.name, line.trim()));
                }
            }
        }
    }
    found
}

#[test]
fn the_pure_rooms_do_no_io_know_no_sql_and_read_no_clock() {
    let sources = sources();
    let pure = [
        "scim",
        "mapper",
        "drift",
        "profile/model",
        "profile/catalogue",
        "notify/event",
        "notify/message",
        "notify/payload",
        "reconcile/compare",
        "reconcile/diff",
        "reconcile/identity",
        "reconcile/members",
        "reconcile/names",
        "reconcile/source",
        "report",
    ];
    let pure: Vec<_> = sources.iter().filter(|s| s.is_in(&pure) && !s.is_test()).collect();
    assert!(!pure.is_empty());
    let found = naming(
        pure,
        &[
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "tokio",
            "hyper",
            "diesel",
            "tracing",
            "Utc::now",
            "Local::now",
            "SystemTime",
            "Instant::now",
            "thread::sleep",
            "SELECT ",
            "INSERT ",
            "UPDATE ",
            "DELETE FROM",
            "CREATE TABLE",
        ],
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_the_store_names_a_database_driver() {
    let sources = sources();
    let others = sources.iter().filter(|source| !source.is_in(&["store"]));
    let found = naming(
        others,
        &[
            "diesel::",
            "diesel_async",
            "diesel_migrations",
            "tokio_postgres",
            "mysql_async",
            "libsqlite3_sys",
        ],
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_the_outer_rooms_name_hyper() {
    let sources = sources();
    // The demo's own Entra is a client.
    let others =
        sources.iter().filter(|s| !s.is_in(&["http", "admin", "daemon", "cli/demo", "demo"]));
    let found = naming(others, &["hyper::", "hyper_util", "http_body"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn http_calls_the_service_and_never_the_store() {
    let sources = sources();
    let found = naming(
        sources.iter().filter(|source| source.is_in(&["http", "admin"])),
        &["store::", "crate::mapper"],
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
    let console = sources.iter().filter(|source| source.is_in(&["console"]));
    let found = naming(console, &["crate::http", "crate::admin"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Identifiers in SQL come from the profile: no code knows a table or column of kpifire's.
#[test]
fn nothing_but_the_demo_names_a_legacy_table() {
    let sources = sources();
    // The profile's messages quote lines of the built-in one as examples.
    // Teams is also the name of a chat.
    let apart = ["cli/demo", "demo", "profile", "config/notify"];
    let others = sources.iter().filter(|s| !s.is_in(&apart) && !s.is_test());
    let found = naming(
        others,
        &[
            "team_members",
            "department_id",
            "license_type",
            "password_hash",
            "user_sessions",
            "\"teams\"",
            "modified_by",
        ],
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A profile's table or column comes into a statement by a relation alone: whatever holds of a relation
/// holds of every statement.
#[test]
fn only_relations_put_a_profiles_names_into_sql() {
    let sources = sources();
    let store: Vec<_> = sources.iter().filter(|s| s.is_in(&["store"]) && !s.is_test()).collect();
    let relations = ["store/relation", "mapper/relation"];
    let others = sources.iter().filter(|s| !s.is_in(&relations) && !s.is_test());
    let found = naming(others, &[".spelled"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
    // Beside relations, names are the sidecar's own, or the catalogue's where there is no profile yet.
    let own = ["store/sql", "store/dialect", "store/export", "store/evidence"];
    let found = naming(store.iter().copied().filter(|s| !s.is_in(&own)), &[".ident("]);
    assert!(found.is_empty(), "{}", found.join("\n"));
    let found = naming(store, &["layout.profile"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Values are bound: no statement is put together from a formatted value in quotes.
#[test]
fn no_statement_formats_a_value_into_quotes() {
    let sources = sources();
    // What `migrate --print` hands a DBA is text: nothing there can be bound, and all of it is ours.
    let bound = sources.iter().filter(|s| s.is_in(&["store"]) && !s.is_in(&["store/migrate"]));
    let found = naming(bound, &["= '{", "('{", "LIKE '{", "LIKE '%{"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What `store/schema.rs` declares: `name: Type`, in braces or in the key's parentheses.
fn sidecar_columns(sources: &[Source]) -> Vec<String> {
    let schema = sources.iter().find(|source| source.name == "store/schema.rs").unwrap();
    let (_, tables) = schema.code.split_once("\ntables! {").unwrap();
    let declared =
        tables.split([',', '(', '{', '}', '\n']).filter_map(|part| part.split_once(": "));
    let mut columns: Vec<_> = declared.map(|(name, _)| name.trim().to_owned()).collect();
    columns.sort();
    columns.dedup();
    assert!(columns.len() > 40, "{columns:?}");
    columns
}

/// Which of these words stand behind a text in a file, with or without a table's alias.
fn behind(source: &Source, text: &str, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    // A literal that goes on in the next line is one.
    let code = source.code.replace("\\\n", " ");
    for rest in code.split(text).skip(1) {
        let rest: String = rest.trim_start().chars().take(80).collect();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let first = rest.split(|c| !is_name(c)).next().unwrap_or_default();
        let word = match rest.get(first.len()..).and_then(|rest| rest.strip_prefix('.')) {
            Some(after) if first.len() == 1 => {
                after.split(|c| !is_name(c)).next().unwrap_or_default()
            }
            _ => first,
        };
        if words.iter().any(|it| it == word) {
            found.push(format!("{}: {text}{rest}", source.name));
        }
    }
    found
}

/// Only `store/schema.rs` says which columns a sidecar table has: what is read of one and what is
/// written into it is made from there, and so is what a row means.
#[test]
fn only_the_schema_lists_the_columns_of_a_sidecar_table() {
    let sources = sources();
    let columns = sidecar_columns(&sources);
    let store: Vec<_> = sources.iter().filter(|it| it.is_in(&["store"]) && !it.is_test()).collect();
    let made = ["store/schema", "store/sidecar"];
    let mut found = Vec::new();
    // The system catalogues have columns of the same names.
    let apart = [&made[..], &["store/catalogue", "store/prove"]].concat();
    for source in store.iter().filter(|source| !source.is_in(&apart)) {
        found.extend(behind(source, "SELECT ", &columns));
        found.extend(behind(source, "raw(\", ", &columns));
    }
    // What `migrate --print` hands a DBA is text.
    let others = store.iter().filter(|it| !it.is_in(&made) && !it.is_in(&["store/migrate"]));
    found.extend(naming(others.copied(), &["INSERT INTO scim_", "UPDATE scim_"]));
    // By position are read the rows of the legacy tables, whose columns are the profile's, and those of
    // the database's own catalogue.
    let by_position = [
        "store/row",
        "store/blockers",
        "store/catalogue",
        "store/prove",
        "store/demo",
        "store/evidence",
        "store/resources",
        "store/changes",
        "store/joining",
        "store/made",
        "store/memberships",
        "store/new_row",
        "store/snapshot",
        "store/transaction",
    ];
    let others = store.iter().filter(|source| !source.is_in(&by_position));
    found.extend(naming(others.copied(), &["row.text(", "row.int(", "row.time(", "row.cell("]));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Those that read a text by its words, since who wrote it gives nothing else.
const READERS_OF_WORDS: [(&str, &str); 3] = [
    ("drift/finding", "a membership's field, written two functions above"),
    ("reconcile/source/graph", "serde_json puts the place into its message"),
    ("store/tls", "the drivers hand a failed handshake on as text"),
];

/// What the agent said once is never read back: a cause is a type until it is shown. A word alone may
/// be a name of a format or of a stored column; words with a blank between them are prose.
#[test]
fn nothing_reads_prose() {
    const READING: [&str; 12] = [
        ".contains(\"",
        ".starts_with(\"",
        ".ends_with(\"",
        ".strip_prefix(\"",
        ".strip_suffix(\"",
        ".split(\"",
        ".split_once(\"",
        ".rsplit_once(\"",
        ".find(\"",
        ".matches(\"",
        "== \"",
        "!= \"",
    ];
    let readers = READERS_OF_WORDS.map(|(room, _)| room);
    let sources = sources();
    let mut found = Vec::new();
    for source in sources.iter().filter(|it| !it.is_in(&readers) && !it.is_test()) {
        for line in source.code.lines() {
            let literals = READING.iter().flat_map(|reading| line.split(reading).skip(1));
            let prose = |literal: &str| {
                let text = literal.split('"').next().unwrap_or_default();
                text.contains(' ') && text.contains(char::is_alphabetic)
            };
            if literals.into_iter().any(prose) {
                found.push(format!("{}: {}", source.name, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_owns_and_stays_readable() {
    let mut found = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//!") {
            found.push(format!("{} doesn't open with //!", source.name));
        }
        let lines = source.text.lines().count();
        if lines > 600 {
            found.push(format!("{} has {lines} lines: two concepts", source.name));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn nothing_is_left_unfinished() {
    let unfinished = ["todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME"];
    let found = naming(&sources(), &unfinished);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
