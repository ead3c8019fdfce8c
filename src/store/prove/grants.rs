//! The grants that the agent needs, proved by asking the database to plan each kind of statement: it
//! refuses to plan what the account may not do, roles and wildcards included.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{Error, ErrorKind, Subject};
use super::super::schema::TABLES;
use super::super::sql::Sql;
use super::super::transaction::Tx;
use super::account::account;
use super::proven::ok;
use crate::profile::catalogue::{Catalogue, Database};
use crate::profile::model::{Profile, TableName};
use crate::profile::proof::{Finding, Severity, quoted, quoted_table};
use crate::profile::relations::Right;

/// What the agent does to one table.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// As the profile names it.
    table: TableName,
    /// As a DBA's statement names it.
    quoted: String,
    /// As the catalogue names it.
    schema: Option<String>,
    rights: BTreeSet<Right>,
    /// The columns that the agent reads, quoted; empty where it reads all.
    read: BTreeSet<String>,
    /// Columns that every INSERT of the agent's fills; `None` where it inserts no row.
    filled: Option<BTreeSet<String>>,
    /// The columns that an INSERT of the agent's may name; quoted.
    inserted: BTreeSet<String>,
    /// The columns that an UPDATE of the agent's may set; quoted.
    updated: BTreeSet<String>,
}

impl Wanted {
    /// Whether it is one of the agent's own tables.
    pub(super) fn is_sidecar(&self) -> bool {
        self.table.schema.is_none() && TABLES.iter().any(|it| it.name == self.table.name)
    }
}

/// Whether the database refused for want of a grant.
pub(super) fn denied(error: &Error) -> bool {
    error.kind() == ErrorKind::Denied
}

/// What the agent does to the tables of the profile that are there, and to its own.
pub(super) fn wanted(profile: &Profile, catalogue: &Catalogue) -> Vec<Wanted> {
    let mut theirs: BTreeMap<&TableName, Wanted> = BTreeMap::new();
    for named in profile.relations() {
        let Some(found) = catalogue.table(named.table) else { continue };
        let wanted = theirs.entry(named.table).or_insert_with(|| Wanted {
            table: named.table.clone(),
            quoted: quoted_table(catalogue, &found.name),
            schema: found.name.schema.clone(),
            rights: BTreeSet::new(),
            read: BTreeSet::new(),
            filled: None,
            inserted: BTreeSet::new(),
            updated: BTreeSet::new(),
        });
        wanted.rights.extend(&named.rights);
        // What is taken from a membership table is kept whole, to be put back.
        let whole = named.key.starts_with("members") || named.columns.is_empty();
        let read = found.columns.iter().map(|column| &column.name).filter(|name| {
            whole || named.columns.contains(&name.as_str()) || found.primary_key.contains(name)
        });
        wanted.read.extend(read.map(|name| quoted(catalogue.database, name)));
        if named.rights.contains(&Right::Insert) {
            let filled = wanted.filled.get_or_insert_default();
            filled.extend(named.filled.iter().map(|name| (*name).to_owned()));
        }
        // A DBA may have granted just the columns that are written.
        let writable = |name: &&&str| found.column(name).is_some_and(|column| !column.computed);
        let spelled = |name: &&str| quoted(catalogue.database, name);
        let updated: Vec<String> = named.updated.iter().filter(writable).map(spelled).collect();
        if named.rights.contains(&Right::Insert) {
            let filled = named.filled.iter().filter(writable).map(spelled);
            wanted.inserted.extend(filled.chain(updated.iter().cloned()));
        }
        wanted.updated.extend(updated);
    }
    for wanted in theirs.values_mut().filter(|it| it.updated.is_empty()) {
        let first = catalogue.table(&wanted.table).and_then(|found| found.columns.first());
        wanted.updated.extend(first.map(|column| quoted(catalogue.database, &column.name)));
    }
    let own = TABLES.iter().filter_map(|it| {
        let table = TableName { schema: None, name: it.name.to_owned() };
        let column = quoted(catalogue.database, it.columns.first()?.name);
        let (quoted, rights) = (quoted(catalogue.database, it.name), Right::ALL.into());
        let columns = BTreeSet::from([column]);
        let (inserted, updated) = (columns.clone(), columns);
        let (read, schema, filled) = (BTreeSet::new(), None, None);
        Some(Wanted { table, quoted, schema, rights, read, filled, inserted, updated })
    });
    theirs.into_values().chain(own).collect()
}

/// What is granted and what isn't, on one table.
pub(super) async fn prove(tx: &mut Tx, wanted: &Wanted) -> Vec<Finding> {
    if tx.database() == Database::Sqlite {
        return Vec::new();
    }
    let table = &wanted.table;
    let mut missing = Vec::new();
    let mut findings = Vec::new();
    for right in &wanted.rights {
        match refusal(tx, wanted, *right).await {
            Ok(Refusal::None) => {}
            Ok(Refusal::Right) => missing.push(narrowed(tx, wanted, *right).await),
            Ok(Refusal::Schema(fix)) => return vec![no_schema(table, fix)],
            Err(error) if error.kind() == ErrorKind::Timeout => {
                return vec![Finding {
                    severity: Severity::Error,
                    subject: table.to_string(),
                    what: "the table is locked".to_owned(),
                    why: error.message().to_owned(),
                    fix: "end the session that holds it, and check again".to_owned(),
                }];
            }
            Err(error) => findings.push(Finding {
                severity: Severity::Warning,
                subject: format!("grants on {table}"),
                what: format!("whether {} is granted could not be told", right.name()),
                why: error.message().to_owned(),
                fix: "see what the database says, and grant what is missing".to_owned(),
            }),
        }
    }
    if !missing.is_empty() {
        let (names, account) = (missing.join(", "), account(tx).await);
        findings.push(Finding {
            severity: Severity::Error,
            subject: format!("grants on {table}"),
            what: format!("{names} is not granted"),
            why: "the agent runs such statements on this table".to_owned(),
            fix: format!("GRANT {names} ON {} TO {account};", wanted.quoted),
        });
    }
    findings.extend(sequences(tx, wanted).await);
    if findings.is_empty() {
        let names: Vec<&str> = wanted.rights.iter().map(|right| right.name()).collect();
        findings.push(ok(&format!("grants on {table}"), &names.join(", ")));
    }
    findings
}

/// What the account may not do.
enum Refusal {
    None,
    /// That to the table.
    Right,
    /// Anything in the table's schema; what grants it.
    Schema(String),
}

async fn refusal(tx: &mut Tx, wanted: &Wanted, right: Right) -> Result<Refusal, Error> {
    refusal_of(tx, wanted, right, &columns(wanted, right)).await
}

/// The columns that statements of this kind name.
fn columns(wanted: &Wanted, right: Right) -> Vec<&str> {
    let columns = match right {
        Right::Insert => &wanted.inserted,
        Right::Update => &wanted.updated,
        Right::Select => &wanted.read,
        Right::Delete => return Vec::new(),
    };
    columns.iter().map(String::as_str).collect()
}

/// What is missing: the right to the table, or to the columns of it that were left out where others were
/// granted.
async fn narrowed(tx: &mut Tx, wanted: &Wanted, right: Right) -> String {
    let columns = columns(wanted, right);
    let mut missing = Vec::new();
    for column in &columns {
        let refused = refusal_of(tx, wanted, right, std::slice::from_ref(column)).await;
        if matches!(refused, Ok(Refusal::Right)) {
            missing.push(*column);
        }
    }
    if missing.is_empty() || missing.len() == columns.len() {
        return right.name().to_owned();
    }
    format!("{} ({})", right.name(), missing.join(", "))
}

async fn refusal_of(
    tx: &mut Tx,
    wanted: &Wanted,
    right: Right,
    columns: &[&str],
) -> Result<Refusal, Error> {
    let Err(error) = tx.query(plan(tx.database(), wanted, right, columns)).await else {
        return Ok(Refusal::None);
    };
    match error.subject() {
        // An UPDATE reads its column as well: it says which of the two it isn't let.
        Some(Subject::Right(refused)) => {
            let of_right = refused.rsplit(", ").next() == Some(right.name());
            Ok(if of_right { Refusal::Right } else { Refusal::None })
        }
        Some(Subject::Schema(_)) => {
            let schema = wanted.schema.as_deref().unwrap_or("public");
            let (schema, account) = (quoted(Database::Postgres, schema), account(tx).await);
            Ok(Refusal::Schema(format!("GRANT USAGE ON SCHEMA {schema} TO {account};")))
        }
        _ if denied(&error) => Ok(Refusal::Right),
        // MariaDB misses a value for a column that isn't named: it looks for rights before that.
        _ if error.kind() == ErrorKind::Invalid => Ok(Refusal::None),
        _ => Err(error),
    }
}

fn no_schema(table: &TableName, fix: String) -> Finding {
    Finding {
        severity: Severity::Error,
        subject: format!("grants on {table}"),
        what: "USAGE of its schema is not granted".to_owned(),
        why: "the agent can't use any table of the schema".to_owned(),
        fix,
    }
}

/// A statement that needs this right and, as far as the database allows, no other.
fn plan(database: Database, wanted: &Wanted, right: Right, columns: &[&str]) -> Sql {
    let table = &wanted.quoted;
    let each = |what: &str| vec![what; columns.len()].join(", ");
    let names = columns.join(", ");
    Sql::new(&match (right, database) {
        (Right::Select, _) => {
            let read = if columns.is_empty() { "*" } else { &names };
            format!("EXPLAIN SELECT {read} FROM {table} WHERE 1 = 0")
        }
        (Right::Insert, Database::Mysql) if columns.is_empty() => {
            format!("EXPLAIN INSERT INTO {table} () VALUES ()")
        }
        (Right::Insert, Database::Mysql) => {
            let nothing = each("NULL");
            format!("EXPLAIN INSERT INTO {table} ({names}) SELECT {nothing} FROM DUAL WHERE 1 = 0")
        }
        (Right::Insert, _) if columns.is_empty() => {
            format!("EXPLAIN INSERT INTO {table} DEFAULT VALUES")
        }
        (Right::Insert, _) => {
            format!("EXPLAIN INSERT INTO {table} ({names}) VALUES ({})", each("DEFAULT"))
        }
        // MariaDB plans a SELECT … FOR UPDATE for whoever may read.
        (Right::Update, Database::Mysql) => {
            let same: Vec<String> = columns.iter().map(|it| format!("{it} = {it}")).collect();
            format!("EXPLAIN UPDATE {table} SET {} WHERE 1 = 0", same.join(", "))
        }
        (Right::Update, _) => {
            let unset: Vec<String> = columns.iter().map(|it| format!("{it} = DEFAULT")).collect();
            format!("EXPLAIN UPDATE {table} SET {} WHERE 1 = 0", unset.join(", "))
        }
        (Right::Delete, _) => format!("EXPLAIN DELETE FROM {table} WHERE 1 = 0"),
    })
}

/// PostgreSQL: the sequences that columns take their defaults from, which have grants of their own.
/// Those of identity columns need none.
async fn sequences(tx: &mut Tx, wanted: &Wanted) -> Vec<Finding> {
    let (Database::Postgres, Some(filled)) = (tx.database(), &wanted.filled) else {
        return Vec::new();
    };
    let sql = Sql::new(
        "SELECT DISTINCT a.attname::text, n.nspname::text, s.relname::text FROM pg_attrdef f \
         JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum \
         JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid \
         AND d.refclassid = 'pg_class'::regclass \
         JOIN pg_class s ON s.oid = d.refobjid \
         JOIN pg_namespace n ON n.oid = s.relnamespace \
         JOIN pg_class t ON t.oid = f.adrelid JOIN pg_namespace m ON m.oid = t.relnamespace \
         WHERE CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') \
         ELSE FALSE END AND t.relname = ",
    )
    .bind(wanted.table.name.as_str())
    .raw(" AND m.nspname = ")
    .bind(wanted.schema.as_deref().unwrap_or("public"))
    .raw(" ORDER BY 1, 2, 3");
    let subject = |sequence: &str| format!("grants on {sequence}");
    let rows = match tx.query(sql).await {
        Ok(rows) => rows,
        Err(error) => {
            return vec![Finding {
                severity: Severity::Warning,
                subject: subject("sequences"),
                what: format!("which sequences {} needs could not be told", wanted.table),
                why: error.message().to_owned(),
                fix: "see what the database says".to_owned(),
            }];
        }
    };
    let account = account(tx).await;
    let name = |text: Option<String>| quoted(Database::Postgres, &text.unwrap_or_default());
    rows.iter()
        .filter(|row| row.text(0).is_none_or(|column| !filled.contains(&column)))
        .map(|row| Finding {
            severity: Severity::Error,
            subject: subject(&row.text(2).unwrap_or_default()),
            what: "USAGE is not granted".to_owned(),
            why: format!(
                "`{}` of {} takes its value from this sequence: the first INSERT would be a 500",
                row.text(0).unwrap_or_default(),
                wanted.table
            ),
            fix: format!(
                "GRANT USAGE ON SEQUENCE {}.{} TO {account};",
                name(row.text(1)),
                name(row.text(2))
            ),
        })
        .collect()
}
