//! The SQL that filters compile to, as each database reads it: reviewed snapshots.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use diesel::debug_query;

use super::predicate::Compiler;
use super::sql::Sql;
use super::{Error, Limits, Store, Tx};
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
    (ResourceType::User, r#"phoneNumbers[type eq "work" and not (value co "5")]"#),
    (ResourceType::User, r#"groups.value eq "g-1""#),
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
        let parsed = parse_filter(*kind, filter, FilterLimits::default()).unwrap();
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
        let parsed = parse_filter(ResourceType::User, &filter, FilterLimits::default()).unwrap();
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

/// An empty database of the test's own.
fn store(folder: &tempfile::TempDir) -> Store {
    let path = folder.path().join("kpifire.db");
    std::fs::File::create(&path).unwrap();
    let limits = Limits::all(Duration::from_secs(30));
    Store::new(&DatabaseUrl::Sqlite(path), 2, Duration::from_secs(5), limits, None).unwrap()
}

/// The same with one table of the reference's names.
async fn users(folder: &tempfile::TempDir) -> Store {
    let store = store(folder);
    for sql in [
        "CREATE TABLE users (user_id INTEGER PRIMARY KEY, email VARCHAR(191) NOT NULL)".to_owned(),
        format!("CREATE INDEX folded ON users ({})", store.fold_expression("\"email\"").unwrap()),
    ] {
        store.write(Sql::new(&sql), run).await.unwrap();
    }
    store
}

async fn run(tx: &mut Tx, sql: &Sql) -> Result<Vec<String>, Error> {
    let rows = tx.query(sql.clone()).await?;
    Ok(rows.iter().filter_map(|row| row.text(3).or_else(|| row.text(0))).collect())
}

fn same_email(text: &str) -> Sql {
    let layout = layout(Database::Sqlite);
    let column = &layout.users.name().unwrap().column;
    let found = super::dialect::same(column, Sql::new("r.email"), text);
    Sql::new("SELECT r.email FROM users r WHERE ").append(found)
}

#[tokio::test]
async fn a_lookup_by_name_goes_by_the_index_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = users(&folder).await;
    let sql = Sql::new("EXPLAIN QUERY PLAN ").append(same_email("Ana@plant.example"));
    let plan = store.read(sql, run).await.unwrap();
    let by_index = plan.iter().filter(|it| it.contains("SEARCH r USING") && it.contains("folded"));
    assert_eq!(by_index.count(), 1, "{plan:?}");
    assert!(!plan.iter().any(|it| it.contains("SCAN")), "{plan:?}");
}

#[tokio::test]
async fn the_audit_trail_is_read_by_its_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let store = users(&folder).await;
    let now = chrono::Utc::now().naive_utc();
    store.write(now, async |tx, now| super::migrate::up(tx, *now).await).await.unwrap();
    for (user, index) in
        [(None, "sqlite_autoindex_scim_audit_1 (id>?)"), (Some("7"), "scim_audit_resource")]
    {
        let rows = super::audit::wanted(user, Some("019aae2b"), 1000);
        let sql = Sql::new("EXPLAIN QUERY PLAN SELECT id, detail FROM scim_audit").append(rows);
        let plan = store.read(sql, run).await.unwrap();
        assert!(plan.iter().all(|it| it.contains("SEARCH") && it.contains(index)), "{plan:?}");
    }
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
        store.write(sql, run).await.unwrap();
    }
    for wanted in names {
        let sql = same_email(wanted);
        let mut found = store.read(sql, run).await.unwrap();
        let lower = super::dialect::sqlite_lower;
        let alike = |name: &&&str| lower(name) == lower(wanted);
        let mut meant: Vec<&str> = names.iter().filter(alike).copied().collect();
        found.sort();
        meant.sort_unstable();
        assert_eq!(found, meant, "{wanted:?}");
    }
}

#[tokio::test]
async fn sqlite_hands_every_row_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = users(&folder).await;
    for rows in [0, 1, 999, 1000, 1001, 2000, 4500] {
        let sql = Sql::new(&format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows}) \
             SELECT n FROM n WHERE {rows} > 0"
        ));
        let found: Result<Vec<i64>, Error> = store
            .snapshot(sql, async |tx, sql| {
                let mut found = Vec::new();
                tx.each_row(sql.clone(), &mut |row| found.push(row.int(0))).await?;
                Ok(found)
            })
            .await;
        assert_eq!(found.unwrap(), (1..=rows).collect::<Vec<i64>>());
    }
    // It stops at what goes wrong.
    let sql = Sql::new("SELECT abs(n) FROM (SELECT 1 AS n UNION ALL SELECT -9223372036854775808)");
    let broken: Result<(), Error> =
        store.snapshot(sql, async |tx, sql| tx.each_row(sql.clone(), &mut drop).await).await;
    assert!(broken.unwrap_err().to_string().contains("integer overflow"));
}

const TWO_PHONES: &str = r#"
[users]
table = "users"
key = "user_id"
[users.attributes]
userName = "email"
active = "active"
'phoneNumbers[type eq "work"].value' = "work"
'phoneNumbers[type eq "work"].display' = "label"
'phoneNumbers[type eq "mobile"].value' = "mobile"
[users.delete]
mode = "deactivate"
[groups]
table = "teams"
key = "team_id"
attributes = { displayName = "name" }
delete = { mode = "delete", cascade = ["edges"] }
[members]
table = "edges"
group = "team_id"
user = "user_id"
"#;

/// Every filter of up to three terms, of every shape, over every row: the database finds those rows
/// of which an element at hand satisfies it.
#[tokio::test]
async fn a_value_filter_means_in_sql_what_it_means_of_an_element() {
    let texts = [None, Some(""), Some("5"), Some("x5"), Some("X")];
    let mut rows = Vec::new();
    for work in texts {
        for label in [None, Some("X")] {
            rows.extend(texts.map(|mobile| (work, label, mobile)));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    for sql in [
        "CREATE TABLE users (user_id INTEGER PRIMARY KEY, email TEXT NOT NULL DEFAULT '', \
         active SMALLINT NOT NULL DEFAULT 1, work TEXT, label TEXT, mobile TEXT)",
        "CREATE TABLE teams (team_id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
        "CREATE TABLE edges (team_id INTEGER NOT NULL, user_id INTEGER NOT NULL)",
        // Nothing is kept beside the columns.
        "CREATE TABLE scim_kept_values (resource_type TEXT, legacy_key TEXT, token TEXT)",
    ] {
        store.write(Sql::new(sql), run).await.unwrap();
    }
    for (id, (work, label, mobile)) in (0_i64..).zip(rows.clone()) {
        let sql = Sql::new("INSERT INTO users (user_id, work, label, mobile) VALUES (")
            .bind(id)
            .raw(", ")
            .list(", ", [work, label, mobile].map(|text| Sql::default().bind(text)))
            .raw(")");
        store.write(sql, run).await.unwrap();
    }
    let profile = Arc::new(profile::parse("two phones", TWO_PHONES).unwrap());
    let layout = Layout::new(profile, &store.catalogue().await.unwrap()).unwrap();

    for filter in value_filters() {
        let text = format!("phoneNumbers[{filter}]");
        let parsed = parse_filter(ResourceType::User, &text, FilterLimits::default()).unwrap();
        let scim::Filter::Is(scim::filter::Condition::ValuePath(path)) = &parsed else {
            panic!("{text}")
        };
        let satisfied =
            |element: &serde_json::Value| scim::elements::matches(&path.filter, element);
        let meant: Vec<String> = (0..)
            .zip(&rows)
            .filter(|(_, row)| elements(row).iter().any(satisfied))
            .map(|(id, _): (i64, _)| id.to_string())
            .collect();
        let predicate = mapper::predicate(&layout, ResourceType::User, &parsed).unwrap();
        let sql = Sql::new("SELECT CAST(r.user_id AS TEXT) FROM users r WHERE ")
            .append(Compiler { layout: &layout, kind: ResourceType::User }.condition(&predicate))
            .raw(" ORDER BY r.user_id")
            .once();
        let found = store.read(sql, run).await.unwrap();
        assert_eq!(found, meant, "{text}");
    }
}

fn value_filters() -> Vec<String> {
    const TERMS: [&str; 13] = [
        r#"type eq "work""#,
        r#"type ne "Work""#,
        r#"type sw "m""#,
        "type pr",
        r#"value eq "X5""#,
        r#"value ne "5""#,
        r#"value co """#,
        r#"value lt "x""#,
        r#"value ge "x""#,
        "value pr",
        "value eq null",
        r#"display eq "x""#,
        "display eq null",
    ];
    let mut filters = Vec::new();
    for one in TERMS {
        filters.extend([one.to_owned(), format!("not ({one})")]);
        for two in TERMS {
            filters.push(format!("{one} and {two}"));
            filters.push(format!("{one} or not ({two})"));
            for three in TERMS {
                filters.push(format!("{one} and not ({two} or {three})"));
            }
        }
    }
    filters
}

/// The elements that such a row is rendered to.
fn elements(row: &(Option<&str>, Option<&str>, Option<&str>)) -> Vec<serde_json::Value> {
    let (work, label, mobile) = *row;
    let mut elements = Vec::new();
    for (of_type, parts) in
        [("work", vec![("value", work), ("display", label)]), ("mobile", vec![("value", mobile)])]
    {
        let mut element = serde_json::Map::new();
        for (name, text) in parts {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                element.insert(name.to_owned(), text.into());
            }
        }
        if !element.is_empty() {
            element.insert("type".to_owned(), of_type.into());
            elements.push(element.into());
        }
    }
    elements
}
