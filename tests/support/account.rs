//! An account of a database server that may do what a test grants it, as a DBA makes one for the agent.

use super::{Database, Engine};

/// The account; gone once [`Account::leave`] was called.
#[derive(Debug)]
pub struct Account {
    engine: Engine,
    /// As a GRANT names it.
    pub grantee: String,
    /// The database as this account reaches it.
    pub url: String,
}

impl Account {
    /// An account that may connect, and nothing else.
    pub async fn new(database: &Database) -> Self {
        // MySQL takes 32 characters.
        let name = format!("kpifire_{}", &uuid::Uuid::new_v4().simple().to_string()[..24]);
        let engine = database.engine;
        let grantee = match engine {
            Engine::Sqlite => unreachable!("SQLite has no accounts"),
            Engine::Postgres => format!("\"{name}\""),
            Engine::Mariadb | Engine::Mysql => format!("'{name}'@'%'"),
        };
        let create = match engine {
            Engine::Mariadb | Engine::Mysql => format!("CREATE USER {grantee} IDENTIFIED BY 'x'"),
            _ => format!("CREATE ROLE {grantee} LOGIN PASSWORD 'x'"),
        };
        database.execute(&create).await;
        let (scheme, rest) = database.url.split_once("://").unwrap();
        let host_and_path = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
        let url = format!("{scheme}://{name}:x@{host_and_path}");
        Self { engine, grantee, url }
    }

    /// Grants rights on every table.
    pub async fn grant(&self, database: &Database, rights: &str) {
        for table in tables(database).await {
            database.execute(&format!("GRANT {rights} ON {table} TO {}", self.grantee)).await;
        }
    }

    /// Takes the account back.
    pub async fn leave(self, database: &Database) {
        let grantee = &self.grantee;
        if self.engine == Engine::Postgres {
            database.execute(&format!("DROP OWNED BY {grantee}; DROP ROLE {grantee}")).await;
        } else {
            database.execute(&format!("DROP USER {grantee}")).await;
        }
    }
}

/// Every table of the database, quoted.
async fn tables(database: &Database) -> Vec<String> {
    let sql = match database.engine {
        Engine::Postgres => {
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        }
        _ => {
            "SELECT concat('\"', table_name, '\"') FROM information_schema.tables \
             WHERE table_schema = database()"
        }
    };
    database.rows(sql).await.into_iter().filter_map(|mut row| row.swap_remove(0)).collect()
}
