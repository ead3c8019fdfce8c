//! Whose server answers, and whether the agent can work on it: told by what it says of itself.

use std::fmt;

use crate::profile::catalogue::Database;

/// Whose server it is: MySQL and MariaDB speak one dialect, with differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// SQLite
    Sqlite,
    /// PostgreSQL
    Postgres,
    /// MariaDB
    Mariadb,
    /// MySQL
    Mysql,
}

impl Product {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mariadb => "MariaDB",
            Self::Mysql => "MySQL",
        }
    }

    /// The oldest version that has all that the agent's statements use, and what it was that came with it.
    fn oldest(self) -> (Version, &'static str) {
        match self {
            Self::Sqlite => (Version(3, 35, 0), "RETURNING"),
            Self::Postgres => (Version(13, 0, 0), "all that is proved of it"),
            Self::Mariadb => (Version(10, 6, 0), "JSON_TABLE"),
            Self::Mysql => (Version(8, 0, 21), "JSON_VALUE"),
        }
    }
}

/// Three numbers of a version; those that a server doesn't say are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, second, third) = self;
        write!(f, "{first}.{second}")?;
        if *third > 0 { write!(f, ".{third}") } else { Ok(()) }
    }
}

/// A server, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Whose it is.
    pub product: Product,
    /// Its version, in its own words.
    pub said: String,
    version: Version,
    /// Another maker's database that speaks the protocol, by its name.
    other: Option<&'static str>,
}

/// What a database is asked for its version.
pub(super) fn question(database: Database) -> &'static str {
    match database {
        Database::Sqlite => "SELECT sqlite_version()",
        Database::Postgres | Database::Mysql => "SELECT VERSION()",
    }
}

/// What other makers' servers say of themselves, in small letters, and what they are called.
const OTHERS: &[(&str, &str)] = &[
    ("cockroach", "CockroachDB"),
    ("-yb-", "YugabyteDB"),
    ("redshift", "Amazon Redshift"),
    ("greenplum", "Greenplum"),
    ("cratedb", "CrateDB"),
    ("materialize", "Materialize"),
    ("risingwave", "RisingWave"),
    ("questdb", "QuestDB"),
    ("tidb", "TiDB"),
    ("vitess", "Vitess"),
    ("planetscale", "PlanetScale"),
    ("oceanbase", "OceanBase"),
    ("singlestore", "SingleStore"),
    ("memsql", "SingleStore"),
    ("dolt", "Dolt"),
    ("doris", "Apache Doris"),
    ("starrocks", "StarRocks"),
    ("clickhouse", "ClickHouse"),
    ("xpand", "MariaDB Xpand"),
    ("columnstore", "MariaDB ColumnStore"),
];

impl Server {
    /// What a database's answer to the question for its version says.
    pub(super) fn read(database: Database, said: &str) -> Self {
        let lower = said.to_ascii_lowercase();
        let product = match database {
            Database::Sqlite => Product::Sqlite,
            Database::Postgres => Product::Postgres,
            Database::Mysql if lower.contains("mariadb") => Product::Mariadb,
            Database::Mysql => Product::Mysql,
        };
        let other = OTHERS.iter().find(|(word, _)| lower.contains(word)).map(|(_, name)| *name);
        // A proxy for old clients writes 5.5.5- before a version of MariaDB's.
        let numbers = said.strip_prefix("5.5.5-").filter(|_| product == Product::Mariadb);
        Self { product, said: said.to_owned(), version: version(numbers.unwrap_or(said)), other }
    }

    /// Why the agent can't work on it, and on what it can.
    pub fn unfit(&self) -> Option<String> {
        let (oldest, with) = self.product.oldest();
        let name = self.product.name();
        let needs = format!("{name} {oldest} or later");
        if let Some(other) = self.other {
            return Some(format!(
                "it is {other} ({}), which speaks the protocol of {name} but is another database: \
                 nothing proves that the agent's transactions and locks hold there. The agent needs {needs}",
                self.said
            ));
        }
        let old = self.version < oldest;
        old.then(|| {
            format!("{self} is too old: the agent needs {needs}, the first that has {with}")
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.product.name(), self.version)
    }
}

/// The first three numbers of a text, from its first digit on.
fn version(said: &str) -> Version {
    let from = said.find(|it: char| it.is_ascii_digit()).unwrap_or(said.len());
    let numbers = said.get(from..).unwrap_or_default();
    let end = numbers.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(numbers.len());
    let mut numbers = numbers.get(..end).unwrap_or_default().split('.').map(|it| it.parse().ok());
    let mut next = || numbers.next().flatten().unwrap_or_default();
    Version(next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_name_themselves() {
        use Database::{Mysql, Postgres, Sqlite};
        for (database, said, is, fit) in [
            (Mysql, "10.11.19-MariaDB-0+deb12u1", "MariaDB 10.11.19", true),
            (Mysql, "5.5.5-10.6.18-MariaDB-log", "MariaDB 10.6.18", true),
            (Mysql, "10.5.29-MariaDB", "MariaDB 10.5.29", false),
            (Mysql, "11.8.3-MariaDB-ubu2404", "MariaDB 11.8.3", true),
            (Mysql, "9.7.4-2", "MySQL 9.7.4", true),
            (Mysql, "8.0.36-0ubuntu0.22.04.1", "MySQL 8.0.36", true),
            (Mysql, "8.0.35-27.1", "MySQL 8.0.35", true),
            (Mysql, "8.0.20", "MySQL 8.0.20", false),
            (Mysql, "5.7.44-log", "MySQL 5.7.44", false),
            (Mysql, "8.0.11-TiDB-v7.5.0", "MySQL 8.0.11", false),
            (Mysql, "8.0.34-Vitess", "MySQL 8.0.34", false),
            (
                Postgres,
                "PostgreSQL 15.14 (Debian 15.14-0+deb12u1) on x86_64",
                "PostgreSQL 15.14",
                true,
            ),
            (Postgres, "PostgreSQL 18beta1 on x86_64-pc-linux-gnu", "PostgreSQL 18.0", true),
            (Postgres, "PostgreSQL 11.22 on x86_64", "PostgreSQL 11.22", false),
            (Postgres, "PostgreSQL 11.2-YB-2.18.0.0-b0 on x86_64", "PostgreSQL 11.2", false),
            (
                Postgres,
                "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)",
                "PostgreSQL 23.1.11",
                false,
            ),
            (Postgres, "PostgreSQL 14.9 (Greenplum Database 7.1.0)", "PostgreSQL 14.9", false),
            (Sqlite, "3.50.4", "SQLite 3.50.4", true),
        ] {
            let server = Server::read(database, said);
            assert_eq!(server.to_string(), is, "{said}");
            assert_eq!(server.unfit().is_none(), fit, "{said}: {:?}", server.unfit());
        }
    }
}
