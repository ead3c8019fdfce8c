//! What `check` proves on the live connection: the sidecar's version, the clock, the language of
//! messages, grants.

pub(super) mod account;
mod counters;
pub mod dangling;
mod grants;
mod names;
mod numbers;
mod proven;
mod rows;
mod session;

use std::time::Duration;

use chrono::{DateTime, Utc};

use account::account;
use proven::{ok, wrong};

use super::error::{Error, ErrorKind, POOLED};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;
use super::{Store, migrate, schema};
use crate::profile::catalogue::{Catalogue, Database};
use crate::profile::model::{Profile, TableName};
use crate::profile::proof::{Finding, Severity, quoted};

/// A clock that differs by more than this makes expiries and stamps wrong enough to say so.
const SKEW: i64 = 60;

/// What the live connection told.
#[derive(Debug)]
pub struct Proved {
    /// Thing by thing.
    pub findings: Vec<Finding>,
    /// Whether the sidecar tables are up to date and may be read and written.
    pub sidecar: bool,
}

/// For so long the question whether sessions are shared is waited for.
const PROBE_TIME: Duration = Duration::from_secs(5);

impl Store {
    /// Proves what only the live connection tells. `now` is this machine's time.
    ///
    /// # Errors
    /// The database's, but for a missing grant, which is a finding.
    pub async fn prove(
        &self,
        profile: &Profile,
        catalogue: &Catalogue,
        now: DateTime<Utc>,
    ) -> Result<Proved, Error> {
        let asked = Asked {
            wanted: grants::wanted(profile, catalogue),
            numbered: numbers::wanted(profile, catalogue),
            counted: counters::wanted(profile, catalogue),
            named: names::wanted(profile, catalogue),
            peculiar: rows::wanted(profile, catalogue),
            stored: stored(catalogue),
            icu: self.fold_expression("x").is_some_and(|it| it.contains("icu")),
            now,
        };
        let mut proved = self.proved(asked).await?;
        if self.is_pooled().await {
            proved.findings.push(session::shared());
        }
        Ok(proved)
    }

    /// That the sessions are the agent's own. What can't be told is no failure.
    ///
    /// # Errors
    /// That a pooler hands them around.
    pub async fn has_sessions(&self) -> Result<(), Error> {
        if self.is_pooled().await {
            return Err(Error::new(ErrorKind::Other, "connecting to the database", POOLED));
        }
        Ok(())
    }

    /// Whether the agent's sessions are the server's. One that can't be told isn't told.
    async fn is_pooled(&self) -> bool {
        // It takes two connections, which a small pool or a bounded account may not have.
        let two_at_once = self.pools().iter().all(|pool| pool.max > 1);
        if self.database() != Database::Postgres || !two_at_once {
            return false;
        }
        let two = self.read(self.clone(), async |tx, store| {
            tx.batch(session::PROBE).await?;
            let shared = store.read((), async |tx, ()| session::is_shared(tx).await).await;
            tx.batch(session::UNPROBE).await?;
            shared
        });
        matches!(tokio::time::timeout(PROBE_TIME, two).await, Ok(Ok(true)))
    }

    async fn proved(&self, asked: Asked) -> Result<Proved, Error> {
        self.read(
            asked,
            async |tx, Asked { wanted, numbered, counted, named, peculiar, stored, icu, now }| {
                let sidecar = match sidecar(tx).await {
                    Ok(finding) => Some(finding),
                    // Which grant is missing is told below.
                    Err(error) if grants::denied(&error) => None,
                    Err(error) => return Err(error),
                };
                let migrated = sidecar.as_ref().map(|it| it.severity == Severity::Ok);
                let mut usable = migrated == Some(true);
                let mut findings: Vec<Finding> = sidecar.into_iter().collect();
                findings.extend(clock(tx, *now).await?);
                findings.extend(language(tx).await?);
                for it in wanted.iter().filter(|it| migrated != Some(false) || !it.is_sidecar()) {
                    let proved = grants::prove(tx, it).await;
                    let barred = proved.iter().any(|it| it.severity == Severity::Error);
                    usable &= !(it.is_sidecar() && barred);
                    findings.extend(proved);
                }
                findings.extend(session::prove(tx, *icu).await?);
                for it in numbered {
                    findings.extend(numbers::prove(tx, it).await);
                }
                for it in counted {
                    findings.extend(counters::prove(tx, it).await);
                }
                for it in named {
                    findings.extend(names::prove(tx, it).await?);
                }
                for it in peculiar {
                    findings.extend(rows::prove(tx, it).await?);
                }
                findings.extend(stored.iter().cloned());
                Ok(Proved { findings, sidecar: usable })
            },
        )
        .await
    }
}

impl Store {
    /// The triggers of these tables, as far as the account sees them: name and body. MariaDB alone
    /// hands their bodies out in one piece; elsewhere there are none.
    ///
    /// # Errors
    /// The database's.
    pub async fn triggers_of(
        &self,
        tables: Vec<(Option<String>, String)>,
    ) -> Result<Vec<(String, String)>, Error> {
        if self.database() != Database::Mysql {
            return Ok(Vec::new());
        }
        let sql = "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_STATEMENT \
                   FROM information_schema.TRIGGERS";
        let rows = self.read((), async |tx, ()| tx.query(Sql::new(sql)).await).await?;
        let of = |row: &Row| {
            let table = (row.text(0), row.text(1).unwrap_or_default());
            let body = (row.text(2).unwrap_or_default(), row.text(3).unwrap_or_default());
            tables.contains(&table).then_some(body)
        };
        Ok(rows.iter().filter_map(of).collect())
    }
}

/// What is asked of the live connection.
struct Asked {
    wanted: Vec<grants::Wanted>,
    numbered: Vec<numbers::Numbered>,
    counted: Vec<counters::Counted>,
    named: Vec<names::Named>,
    peculiar: Vec<rows::Peculiar>,
    stored: Vec<Finding>,
    icu: bool,
    now: DateTime<Utc>,
}

/// How the agent's own tables are stored.
fn stored(catalogue: &Catalogue) -> Vec<Finding> {
    let own = schema::TABLES.iter().filter_map(|table| {
        catalogue.table(&TableName { schema: None, name: table.name.to_owned() })
    });
    let mut found = Vec::new();
    for table in own {
        let name = quoted(catalogue.database, &table.name.name);
        if table.traits.no_transactions {
            let engine = table.traits.engine.as_deref().unwrap_or("an engine without transactions");
            found.push(wrong(
                Severity::Error,
                "sidecar",
                format!("{name} is stored by {engine}"),
                "a request that is refused would leave half of itself behind",
                format!("ALTER TABLE {name} ENGINE=InnoDB;"),
            ));
        }
        if table.traits.no_autovacuum {
            found.push(wrong(
                Severity::Warning,
                "sidecar",
                format!("autovacuum is switched off on {name}"),
                "the table grows with each write, and its statements become slow",
                format!("ALTER TABLE {name} RESET (autovacuum_enabled);"),
            ));
        }
    }
    found
}

async fn sidecar(tx: &mut Tx) -> Result<Finding, Error> {
    let pending = migrate::pending(tx).await?;
    if pending.is_empty() {
        return Ok(ok("sidecar", "the sidecar tables are up to date"));
    }
    let versions: Vec<&str> = pending.iter().map(|it| it.version).collect();
    Ok(Finding {
        severity: Severity::Error,
        subject: "sidecar".to_owned(),
        what: format!("migrations are missing: {}", versions.join(", ")),
        why: "the agent keeps its state in tables of its own and can't serve without them".into(),
        fix: "kpifire-scim migrate   # or hand a DBA what `kpifire-scim migrate --print` prints"
            .into(),
    })
}

async fn clock(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<Finding>, Error> {
    let asked = std::time::Instant::now();
    let sql = match tx.database() {
        // The same machine's clock.
        Database::Sqlite => return Ok(None),
        Database::Postgres => "SELECT CAST(clock_timestamp() AS timestamp)",
        Database::Mysql => "SELECT UTC_TIMESTAMP(6)",
    };
    let rows = tx.query(Sql::new(sql)).await?;
    let Some(theirs) = rows.first().and_then(|row| row.time(0)) else { return Ok(None) };
    let waited = i64::try_from(asked.elapsed().as_secs()).unwrap_or(i64::MAX);
    let skew = (theirs - now.naive_utc()).num_seconds().abs() - waited;
    if skew <= SKEW {
        return Ok(Some(ok("clock", "the database's clock agrees with this machine's")));
    }
    Ok(Some(Finding {
        severity: Severity::Warning,
        subject: "clock".to_owned(),
        what: format!("the database's clock differs from this machine's by {skew} seconds"),
        why: "times of the agent and of kpifire can't be compared; graces and expiries shift"
            .into(),
        fix: "synchronise both machines with NTP (`timedatectl set-ntp true`)".into(),
    }))
}

/// PostgreSQL tells some failures apart by their texts alone, as the driver hands them on.
async fn language(tx: &mut Tx) -> Result<Option<Finding>, Error> {
    if tx.database() != Database::Postgres {
        return Ok(None);
    }
    let rows = tx.query(Sql::new("SHOW lc_messages")).await?;
    let language = rows.first().and_then(|row| row.text(0)).unwrap_or_default();
    if is_english(&language) {
        return Ok(Some(ok("lc_messages", "the database's messages are in English")));
    }
    Ok(Some(Finding {
        severity: Severity::Warning,
        subject: "lc_messages".to_owned(),
        what: format!("the database's messages are in the language of `{language}`"),
        why: "a deadlock, a connection that ends and a value that doesn't fit are told by their \
              English texts: in another language they are answered 500, and nothing is tried again"
            .to_owned(),
        fix: format!("ALTER ROLE {} SET lc_messages = 'C';", account(tx).await),
    }))
}

/// A locale whose messages are those of the sources.
fn is_english(locale: &str) -> bool {
    let language = locale.split(['.', '_', '@', '-']).next().unwrap_or_default();
    matches!(language.to_ascii_lowercase().as_str(), "" | "c" | "posix" | "en" | "english")
}

#[cfg(test)]
mod tests {
    use super::is_english;

    #[test]
    fn english_by_any_name() {
        for english in
            ["C", "C.UTF-8", "POSIX", "en_US.UTF-8", "en_GB", "English_United States.1252", ""]
        {
            assert!(is_english(english), "{english}");
        }
        for other in ["de_DE.UTF-8", "pt_BR", "German_Germany.1252", "ca_ES", "eo"] {
            assert!(!is_english(other), "{other}");
        }
    }
}
