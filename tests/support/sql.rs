//! Raw SQL against a test's database, past the agent: what kpifire itself, or a DBA, would do.
//!
//! Every value comes back as text, so that one assertion reads the same on all three databases.
//! Identifiers are quoted `"like this"` and text `'like this'` everywhere (MariaDB is told to).

use diesel::Connection as _;
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{FromSql, QueryableByName};
use diesel::row::{Field as _, NamedRow};
use diesel::sql_types::{Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use mysql_async::prelude::Queryable as _;
use tokio_postgres::SimpleQueryMessage;

use super::Engine;

/// A row, every value as the database writes it; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// Runs statements on a SQLite file.
pub async fn sqlite(path: String, sql: String, want: Want) -> Result<Vec<Row>, String> {
    tokio::task::spawn_blocking(move || {
        let mut connection = SqliteConnection::establish(&path).map_err(|e| e.to_string())?;
        connection
            .batch_execute("PRAGMA busy_timeout = 20000; PRAGMA foreign_keys = ON;")
            .map_err(|e| e.to_string())?;
        match want {
            Want::Nothing => {
                connection.batch_execute(&sql).map_err(|e| e.to_string()).map(|()| Vec::new())
            }
            Want::Rows => diesel::sql_query(sql)
                .load::<TextRow>(&mut connection)
                .map(|rows| rows.into_iter().map(|row| row.0).collect())
                .map_err(|e| e.to_string()),
        }
    })
    .await
    .unwrap()
}

/// Runs statements on a server.
pub async fn on_server(engine: Engine, url: &str, sql: &str) -> Result<Vec<Row>, String> {
    match engine {
        Engine::Sqlite => unreachable!("SQLite has no server"),
        Engine::Postgres => postgres(url, sql).await,
        Engine::Mariadb | Engine::Mysql => mysql(url, sql).await,
    }
}

/// Runs statements on PostgreSQL.
pub async fn postgres(url: &str, sql: &str) -> Result<Vec<Row>, String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .map_err(|error| format!("{url}: {error}"))?;
    let driver = tokio::spawn(connection);
    let answer = client.simple_query(sql).await.map_err(|error| match error.as_db_error() {
        Some(refused) => refused.message().to_owned(),
        None => error.to_string(),
    });
    drop(client);
    let _ = driver.await;
    Ok(answer?
        .into_iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect())
            }
            _ => None,
        })
        .collect())
}

/// Runs statements on MariaDB.
pub async fn mysql(url: &str, sql: &str) -> Result<Vec<Row>, String> {
    let options = mysql_async::Opts::from_url(url).map_err(|error| format!("{url}: {error}"))?;
    let options = mysql_async::OptsBuilder::from_opts(options).init(vec![
        "SET NAMES utf8mb4",
        "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES'",
    ]);
    let mut connection =
        mysql_async::Conn::new(options).await.map_err(|error| format!("{url}: {error}"))?;
    let mut rows = Vec::new();
    let mut answer = connection.query_iter(sql).await.map_err(|error| error.to_string())?;
    while !answer.is_empty() {
        let set: Vec<mysql_async::Row> = answer.collect().await.map_err(|e| e.to_string())?;
        rows.extend(set.into_iter().map(|row| row.unwrap().into_iter().map(text).collect::<Row>()));
    }
    drop(answer);
    connection.disconnect().await.map_err(|error| error.to_string())?;
    Ok(rows)
}

/// Whether statements are expected to answer with rows; SQLite runs the two differently.
#[derive(Debug, Clone, Copy)]
pub enum Want {
    /// DDL and changes.
    Nothing,
    /// One SELECT.
    Rows,
}

fn text(value: mysql_async::Value) -> Option<String> {
    match value {
        mysql_async::Value::NULL => None,
        mysql_async::Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}

struct TextRow(Row);

impl QueryableByName<Sqlite> for TextRow {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> diesel::deserialize::Result<Self> {
        (0..row.field_count())
            .map(|index| {
                let field = diesel::row::Row::get(row, index).ok_or("no such column")?;
                <Option<String> as FromSql<Nullable<Text>, Sqlite>>::from_nullable_sql(
                    field.value(),
                )
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Every table of the database, by name.
pub fn tables(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        }
        Engine::Postgres => "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        Engine::Mariadb | Engine::Mysql => {
            "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"
        }
    }
}

/// Queries that together show every object of the database: tables, columns, constraints, indexes,
/// triggers, functions, types, sequences.
pub fn schema(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Sqlite => {
            &["SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"]
        }
        Engine::Postgres => &[
            "SELECT relname, relkind, relpersistence, relhastriggers, relrowsecurity, relacl \
             FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
            "SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, \
             attidentity, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a \
             LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
             WHERE attnum > 0 AND attrelid IN (SELECT oid FROM pg_class \
             WHERE relnamespace = 'public'::regnamespace) ORDER BY 1, attnum",
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint \
             WHERE connamespace = 'public'::regnamespace ORDER BY conname, conrelid::text",
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
            "SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace ORDER BY 1",
            "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1",
            "SELECT extname FROM pg_extension ORDER BY 1",
        ],
        Engine::Mariadb | Engine::Mysql => &[
            "SELECT table_name, table_type, engine, table_collation FROM information_schema.tables \
             WHERE table_schema = database() ORDER BY table_name",
            "SELECT trigger_name, event_object_table, action_statement \
             FROM information_schema.triggers WHERE trigger_schema = database() ORDER BY 1",
            "SELECT routine_name FROM information_schema.routines \
             WHERE routine_schema = database() ORDER BY 1",
            "SELECT event_name FROM information_schema.events WHERE event_schema = database()",
        ],
    }
}
