//! What `check` proves on the live connection: grants, the clock, the sidecar's version.
//!
//! Grants are proved by asking the database to plan each kind of statement the agent runs: it
//! refuses to plan what the account may not do, roles and wildcards included.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::error::Error;
use super::sql::Sql;
use super::transaction::Tx;
use super::{Store, migrate};
use crate::profile::catalogue::{Catalogue, Database};
use crate::profile::model::{Delete, Encoding, Missing, Profile, RevokeAction, TableName};
use crate::profile::proof::{Finding, Severity};

/// A clock that differs by more than this makes expiries and stamps wrong enough to say so.
const SKEW: i64 = 60;

/// Every sidecar table; one that refers to another stands behind it.
pub(super) const SIDECAR: [&str; 16] = [
    "scim_links",
    "scim_desired_members",
    "scim_tokens",
    "scim_clients",
    "scim_access_tokens",
    "scim_audit",
    "scim_name_locks",
    "scim_runs",
    "scim_findings",
    "scim_cleanup_journal",
    "scim_lease",
    "scim_holds",
    "scim_guard",
    "scim_agents",
    "scim_notices",
    "scim_migrations",
];

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
    ) -> Result<Vec<Finding>, Error> {
        let needs: Vec<(TableName, Vec<Right>)> = needs(profile)
            .into_iter()
            .filter(|(table, _)| catalogue.table(table).is_some())
            .collect();
        self.read(move |tx| {
            let needs = needs.clone();
            Box::pin(async move {
                let mut findings = vec![sidecar(tx).await?];
                findings.extend(clock(tx, now).await?);
                for (table, rights) in &needs {
                    findings.extend(grants(tx, table, rights).await);
                }
                if findings.first().is_some_and(|it| it.severity == Severity::Ok) {
                    for table in SIDECAR {
                        let table = TableName { schema: None, name: table.to_owned() };
                        findings.extend(grants(tx, &table, &Right::ALL).await);
                    }
                }
                Ok(findings)
            })
        })
        .await
    }
}

/// A kind of statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    Select,
    Insert,
    Update,
    Delete,
}

impl Right {
    const ALL: [Self; 4] = [Self::Select, Self::Insert, Self::Update, Self::Delete];

    fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// What the agent does to each table of the profile.
fn needs(profile: &Profile) -> BTreeMap<TableName, Vec<Right>> {
    use Right::{Insert, Select, Update};
    let mut needs: BTreeMap<TableName, Vec<Right>> = BTreeMap::new();
    let mut need = |table: &TableName, rights: &[Right]| {
        let known = needs.entry(table.clone()).or_default();
        known.extend(rights);
        known.sort_unstable();
        known.dedup();
    };
    for resource in [&profile.users, &profile.groups] {
        need(&resource.table, &[Select, Insert, Update]);
        if let Delete::Delete { cascade } = &resource.delete {
            need(&resource.table, &[Right::Delete]);
            for table in cascade {
                need(table, &[Select, Right::Delete]);
            }
        }
        for mapping in resource.attributes.values() {
            if let Encoding::Lookup(lookup) = &mapping.encoding {
                need(&lookup.table, &[Select]);
                if lookup.missing == Missing::Create {
                    need(&lookup.table, &[Insert]);
                }
            }
        }
    }
    need(&profile.members.table, &[Select, Insert, Right::Delete]);
    for revoke in &profile.revoke {
        need(
            &revoke.table,
            match revoke.action {
                RevokeAction::Delete => &[Select, Right::Delete],
                RevokeAction::Set { .. } => &[Select, Update],
            },
        );
    }
    for ownership in &profile.ownership {
        need(&ownership.table, &[Select, Update]);
    }
    needs
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

async fn grants(tx: &mut Tx, table: &TableName, rights: &[Right]) -> Vec<Finding> {
    if tx.database() == Database::Sqlite {
        return Vec::new();
    }
    let mut missing = Vec::new();
    let mut findings = Vec::new();
    for right in rights {
        match tx.query(plan(table, *right)).await {
            Ok(_) => {}
            Err(error) if error.message().contains("denied") => missing.push(right.name()),
            Err(error) => findings.push(Finding {
                severity: Severity::Warning,
                subject: format!("grants on {table}"),
                what: format!("whether {} is granted could not be told", right.name()),
                why: error.message().to_owned(),
                fix: "see what the database says, and grant what is missing".to_owned(),
            }),
        }
    }
    if missing.is_empty() {
        if findings.is_empty() {
            let names: Vec<&str> = rights.iter().map(|right| right.name()).collect();
            findings.push(ok(&format!("grants on {table}"), &names.join(", ")));
        }
        return findings;
    }
    let account = account(tx).await;
    findings.push(Finding {
        severity: Severity::Error,
        subject: format!("grants on {table}"),
        what: format!("{} is not granted", missing.join(", ")),
        why: "the agent runs such statements on this table".to_owned(),
        fix: format!("GRANT {} ON {table} TO {account};", missing.join(", ")),
    });
    findings
}

fn plan(table: &TableName, right: Right) -> Sql {
    let sql = Sql::new("EXPLAIN ");
    match right {
        Right::Select => sql.raw("SELECT * FROM ").table(table).raw(" WHERE 1 = 0"),
        Right::Insert => sql
            .raw("INSERT INTO ")
            .table(table)
            .raw(" SELECT * FROM ")
            .table(table)
            .raw(" WHERE 1 = 0"),
        Right::Update => sql.raw("SELECT * FROM ").table(table).raw(" WHERE 1 = 0 FOR UPDATE"),
        Right::Delete => sql.raw("DELETE FROM ").table(table).raw(" WHERE 1 = 0"),
    }
}

async fn account(tx: &mut Tx) -> String {
    let rows = tx.query(Sql::new("SELECT CURRENT_USER")).await.unwrap_or_default();
    let name = rows.first().and_then(|row| row.text(0)).unwrap_or_else(|| "kpifire_scim".into());
    match (tx.database(), name.split_once('@')) {
        (Database::Mysql, Some((user, host))) => format!("'{user}'@'{host}'"),
        _ => format!("\"{name}\""),
    }
}

fn ok(subject: &str, what: &str) -> Finding {
    Finding {
        severity: Severity::Ok,
        subject: subject.to_owned(),
        what: what.to_owned(),
        why: String::new(),
        fix: String::new(),
    }
}
