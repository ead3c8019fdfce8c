//! The SQL that filters compile to, as each database reads it: reviewed snapshots.

use std::fmt::Write as _;
use std::sync::Arc;

use diesel::debug_query;

use super::predicate::Compiler;
use super::sql::Sql;
use super::{Error, ErrorKind};
use crate::mapper::{self, Layout};
use crate::profile;
use crate::profile::catalogue::Database;
use crate::profile::tests::catalogues::reference;
use crate::scim::{FilterLimits, ListQuery, ResourceType, parse_filter};

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
