//! The SQL that filters compile to, as each database reads it: reviewed snapshots.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use diesel::debug_query;

use super::predicate::Compiler;
use super::sql::Sql;
use super::{Error, ErrorKind, Store, Tx, Work};
use crate::config::DatabaseUrl;
use crate::mapper::{self, Layout};
use crate::profile;
use crate::profile::catalogue::Database;
use crate::profile::tests::catalogues::reference;
use crate::scim::{self, FilterLimits, ListQuery, ResourceType, parse_filter};

const FILTERS: &[(ResourceType, &str)] = &[
    (ResourceType::User, r#"userName eq "Ana@plant.example""#),
    (ResourceType::User, r#"externalId eq "x""#),
    (ResourceType::User, r#"id eq "7""#),
    (ResourceType::User, r#"id eq "07""#),
    (ResourceType::User, r#"title co "50%_!\\'" and not (active eq true)"#),
    (
        ResourceType::User,
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne "Ops""#,
    ),
    (ResourceType::User, r#"userType sw "Team" or phoneNumbers[type eq "work"]"#),
    (ResourceType::User, r#"meta.lastModified gt "2026-01-01T00:00:00Z""#),
    (ResourceType::User, r#"groups.value eq "1""#),
    (ResourceType::User, r#"externalId ew "9""#),
    (ResourceType::Group, r#"displayName eq "Ops" and members eq "7""#),
];

fn layout(database: Database) -> Layout {
    let profile = profile::load("kpifire").unwrap();
    Layout::new(Arc::new(profile), &reference(database)).unwrap()
}

fn text(database: Database, sql: &Sql) -> String {
    match database {
        Database::Sqlite => debug_query::<diesel::sqlite::Sqlite, _>(sql).to_string(),
        Database::Postgres => debug_query::<diesel::pg::Pg, _>(sql).to_string(),
        Database::Mysql => debug_query::<diesel::mysql::Mysql, _>(sql).to_string(),
    }
}

fn compiled(database: Database) -> String {
    let layout = layout(database);
    let mut out = String::new();
    for (kind, filter) in FILTERS {
        let parsed = parse_filter(filter, FilterLimits::default()).unwrap();
        let predicate = mapper::predicate(&layout, *kind, &parsed).unwrap();
        let sql = Compiler { layout: &layout, kind: *kind }.condition(&predicate);
        writeln!(out, "{filter}\n  {}\n", text(database, &sql)).unwrap();
    }
    let pairs = [("sortBy", "title"), ("sortOrder", "descending")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let query = ListQuery::from_pairs(ResourceType::User, pairs, FilterLimits::default()).unwrap();
    let field = mapper::sort_field(&layout, ResourceType::User, &query.sort_by.unwrap()).unwrap();
    let compiler = Compiler { layout: &layout, kind: ResourceType::User };
    let order = compiler.order(Some(&(field, query.sort_order)));
    writeln!(out, "sortBy=title&sortOrder=descending\n  {}", text(database, &order)).unwrap();
    out
}

#[test]
fn filters_on_sqlite() {
    insta::assert_snapshot!(compiled(Database::Sqlite));
}

#[test]
fn filters_on_postgres() {
    insta::assert_snapshot!(compiled(Database::Postgres));
}

#[test]
fn filters_on_mysql() {
    insta::assert_snapshot!(compiled(Database::Mysql));
}

#[test]
fn values_never_become_text_of_the_statement() {
    let hostile = "'; DROP TABLE users; --";
    for database in [Database::Sqlite, Database::Postgres, Database::Mysql] {
        let layout = layout(database);
        let filter = format!("userName eq \"{hostile}\" or title co \"{hostile}\"");
        let parsed = parse_filter(&filter, FilterLimits::default()).unwrap();
        let predicate = mapper::predicate(&layout, ResourceType::User, &parsed).unwrap();
        let compiler = Compiler { layout: &layout, kind: ResourceType::User };
        let shown = text(database, &compiler.condition(&predicate));
        let statement = shown.split("-- binds:").next().unwrap();
        assert!(!statement.contains("DROP"), "{statement}");
    }
}

#[test]
fn a_quote_in_a_name_stays_in_its_identifier() {
    let sql = Sql::new("SELECT ").ident("a\"b`c");
    assert!(text(Database::Sqlite, &sql).starts_with("SELECT `a\"b``c`"));
    assert!(text(Database::Postgres, &sql).starts_with("SELECT \"a\"\"b`c\""));
    assert!(text(Database::Mysql, &sql).starts_with("SELECT `a\"b``c`"));
}

#[test]
fn failures_are_sorted_by_what_can_be_done() {
    use diesel::result::{DatabaseErrorKind, Error as Diesel};
    let said = |text: &str| {
        let information = Box::new(text.to_owned());
        Error::from(Diesel::DatabaseError(DatabaseErrorKind::Unknown, information)).kind()
    };
    for (text, kind) in [
        ("Deadlock found when trying to get lock; try restarting transaction", ErrorKind::Conflict),
        ("deadlock detected", ErrorKind::Conflict),
        ("database is locked", ErrorKind::Conflict),
        ("terminating connection due to administrator command", ErrorKind::Lost),
        ("Input/output error: Broken pipe (os error 32)", ErrorKind::Lost),
        ("the database system is shutting down", ErrorKind::Lost),
        ("value too long for type character varying(100)", ErrorKind::Invalid),
        ("CONSTRAINT `users.status` failed for `kpifire`.`users`", ErrorKind::Invalid),
        ("relation \"users\" does not exist", ErrorKind::Other),
    ] {
        assert_eq!(said(text), kind, "{text}");
    }
}

/// A database of the test's own, with one table of the reference's names.
async fn users(folder: &tempfile::TempDir) -> Store {
    let url = format!("sqlite:{}", folder.path().join("kpifire.db").display());
    let store =
        Store::new(&DatabaseUrl::parse(&url).unwrap(), 2, Duration::from_secs(5), None).unwrap();
    for sql in [
        "CREATE TABLE users (user_id INTEGER PRIMARY KEY, email VARCHAR(191) NOT NULL)".to_owned(),
        format!("CREATE INDEX folded ON users ({})", store.fold_expression("\"email\"").unwrap()),
    ] {
        store.write(move |tx| run(tx, Sql::new(&sql))).await.unwrap();
    }
    store
}

fn run(tx: &mut Tx, sql: Sql) -> Work<'_, Vec<String>, Error> {
    Box::pin(async move {
        let rows = tx.query(sql).await?;
        Ok(rows.iter().filter_map(|row| row.text(3).or_else(|| row.text(0))).collect())
    })
}

fn same_email(text: &str) -> Sql {
    let found = super::dialect::same(Database::Sqlite, Sql::default().column("r", "email"), text);
    Sql::new("SELECT r.email FROM users r WHERE ").append(found)
}

#[tokio::test]
async fn a_lookup_by_name_goes_by_the_index_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = users(&folder).await;
    let sql = Sql::new("EXPLAIN QUERY PLAN ").append(same_email("Ana@plant.example"));
    let plan = store.read(move |tx| run(tx, sql.clone())).await.unwrap();
    let by_index = plan.iter().filter(|it| it.contains("SEARCH r USING INDEX folded"));
    assert_eq!(by_index.count(), 2, "{plan:?}");
    assert!(!plan.iter().any(|it| it.contains("SCAN")), "{plan:?}");
}

#[tokio::test]
async fn sqlite_finds_by_the_index_what_folds_alike() {
    let folder = tempfile::tempdir().unwrap();
    let store = users(&folder).await;
    let names = [
        "Ana@plant.example",
        " ana@PLANT.example  ",
        "\tana@plant.example",
        "ANA@plant.example\n",
        "ana",
        "a*",
        "~",
        "",
        "Kelvin",
        "\u{212a}elvin",
        "RÄCE",
        "räce",
        "ra\u{308}ce",
        "ＡＮＡ",
        "straße",
        "STRASSE",
        "ﬁn",
        "fin",
        "ana\u{7f}",
        "\u{1f600}",
        "İstanbul",
        "istanbul",
    ];
    for name in names {
        let sql = Sql::new("INSERT INTO users (email) VALUES (").bind(name).raw(")");
        store.write(move |tx| run(tx, sql.clone())).await.unwrap();
    }
    for wanted in names {
        let sql = same_email(wanted);
        let mut found = store.read(move |tx| run(tx, sql.clone())).await.unwrap();
        let alike = |name: &&&str| scim::fold(name) == scim::fold(wanted);
        let mut meant: Vec<&str> = names.iter().filter(alike).copied().collect();
        found.sort();
        meant.sort_unstable();
        assert_eq!(found, meant, "{wanted:?}");
    }
}
