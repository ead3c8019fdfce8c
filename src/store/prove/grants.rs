//! The grants that the agent needs, proved by asking the database to plan each kind of statement: it
//! refuses to plan what the account may not do, roles and wildcards included.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::Error;
use super::super::schema::TABLES;
use super::super::sql::Sql;
use super::super::transaction::Tx;
use super::ok;
use crate::profile::catalogue::{Catalogue, Database};
use crate::profile::model::{Delete, Encoding, Missing, Profile, RevokeAction, TableName, Touch};
use crate::profile::proof::{Finding, Severity, quoted, quoted_table};

/// What the agent does to one table.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// As the profile names it.
    table: TableName,
    /// As a DBA's statement names it.
    quoted: String,
    /// As the catalogue names it.
    schema: Option<String>,
    rights: Vec<Right>,
    /// Columns that every INSERT of the agent's fills; `None` where it inserts no row.
    filled: Option<BTreeSet<String>>,
    /// A column of it that the agent writes, where it updates rows.
    column: String,
}

impl Wanted {
    /// Whether it is one of the agent's own tables.
    pub(super) fn is_sidecar(&self) -> bool {
        self.table.schema.is_none() && TABLES.iter().any(|it| it.name == self.table.name)
    }
}

/// Whether the database refused for want of a grant.
pub(super) fn denied(error: &Error) -> bool {
    error.message().contains("denied")
}

/// What the agent does to the tables of the profile that are there, and to its own.
pub(super) fn wanted(profile: &Profile, catalogue: &Catalogue) -> Vec<Wanted> {
    let filled = filled(profile);
    let theirs = needs(profile).into_iter().filter_map(|(table, rights)| {
        let found = catalogue.table(&table)?;
        let column = updated(profile, &table).or_else(|| found.columns.first().map(|it| &it.name));
        let column = column?.clone();
        let filled = filled.get(&table).cloned();
        let (quoted, schema) = (quoted_table(catalogue, &found.name), found.name.schema.clone());
        Some(Wanted { table, quoted, schema, rights, filled, column })
    });
    let own = TABLES.iter().filter_map(|it| {
        let table = TableName { schema: None, name: it.name.to_owned() };
        let column = it.columns.first()?.name.to_owned();
        let (quoted, rights) = (quoted(catalogue.database, it.name), Right::ALL.to_vec());
        Some(Wanted { table, quoted, schema: None, rights, filled: None, column })
    });
    theirs.chain(own).collect()
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

/// A column that the agent updates: a DBA may have granted just those.
fn updated<'p>(profile: &'p Profile, table: &TableName) -> Option<&'p String> {
    let resources = [&profile.users, &profile.groups].into_iter().filter(|it| it.table == *table);
    let mut mapped = resources.flat_map(|it| it.attributes.values().map(|it| &it.column));
    let revoked = || {
        let of_table = profile.revoke.iter().filter(|it| it.table == *table);
        of_table.filter_map(|it| match &it.action {
            RevokeAction::Set { set, .. } => set.keys().next(),
            RevokeAction::Delete => None,
        })
    };
    let owned = || profile.ownership.iter().find(|it| it.table == *table).map(|it| &it.owner);
    mapped.next().or_else(|| revoked().next()).or_else(owned)
}

/// The columns that every new row of the agent's gets a value for.
fn filled(profile: &Profile) -> BTreeMap<TableName, BTreeSet<String>> {
    let stamped = |touch: &Touch| -> Vec<String> {
        [&touch.created, &touch.modified, &touch.actor].into_iter().flatten().cloned().collect()
    };
    let mut filled: BTreeMap<TableName, BTreeSet<String>> = BTreeMap::new();
    for resource in [&profile.users, &profile.groups] {
        let columns = filled.entry(resource.table.clone()).or_default();
        columns.extend(resource.insert.keys().cloned());
        columns.extend(stamped(&resource.touch));
        for mapping in resource.attributes.values() {
            if let Encoding::Lookup(lookup) = &mapping.encoding
                && lookup.missing == Missing::Create
            {
                let columns = filled.entry(lookup.table.clone()).or_default();
                columns.extend(lookup.insert.keys().cloned());
                columns.insert(lookup.label.clone());
            }
        }
    }
    let members = &profile.members;
    let columns = filled.entry(members.table.clone()).or_default();
    columns.extend(members.insert.keys().cloned());
    columns.extend(stamped(&members.touch));
    columns.extend([members.group.clone(), members.user.clone()]);
    filled
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
            Ok(Refusal::Right) => missing.push(right.name()),
            Ok(Refusal::Schema(fix)) => return vec![no_schema(table, fix)],
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
    let Err(error) = tx.query(plan(tx.database(), wanted, right)).await else {
        return Ok(Refusal::None);
    };
    let message = error.message();
    match tx.database() {
        // An UPDATE reads its column as well: it says which of the two it isn't let.
        Database::Mysql if message.contains("command denied") => {
            let of_right = message.contains(&format!("{} command denied", right.name()));
            Ok(if of_right { Refusal::Right } else { Refusal::None })
        }
        Database::Postgres if message.contains("denied for schema") => {
            let schema = wanted.schema.as_deref().unwrap_or("public");
            let (schema, account) = (quoted(Database::Postgres, schema), account(tx).await);
            Ok(Refusal::Schema(format!("GRANT USAGE ON SCHEMA {schema} TO {account};")))
        }
        _ if denied(&error) => Ok(Refusal::Right),
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
fn plan(database: Database, wanted: &Wanted, right: Right) -> Sql {
    let (table, column) = (&wanted.table, &wanted.column);
    let sql = Sql::new("EXPLAIN ");
    match (right, database) {
        (Right::Select, _) => sql.raw("SELECT * FROM ").table(table).raw(" WHERE 1 = 0"),
        (Right::Insert, Database::Mysql) => {
            sql.raw("INSERT INTO ").table(table).raw(" () VALUES ()")
        }
        (Right::Insert, _) => sql.raw("INSERT INTO ").table(table).raw(" DEFAULT VALUES"),
        // MariaDB plans a SELECT … FOR UPDATE for whoever may read.
        (Right::Update, Database::Mysql) => sql
            .raw("UPDATE ")
            .table(table)
            .raw(" SET ")
            .ident(column)
            .raw(" = ")
            .ident(column)
            .raw(" WHERE 1 = 0"),
        (Right::Update, _) => {
            sql.raw("UPDATE ").table(table).raw(" SET ").ident(column).raw(" = DEFAULT WHERE 1 = 0")
        }
        (Right::Delete, _) => sql.raw("DELETE FROM ").table(table).raw(" WHERE 1 = 0"),
    }
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

/// The account, as a GRANT names it.
pub(super) async fn account(tx: &mut Tx) -> String {
    let rows = tx.query(Sql::new("SELECT CURRENT_USER")).await.unwrap_or_default();
    let name = rows.first().and_then(|row| row.text(0)).unwrap_or_else(|| "kpifire_scim".into());
    match (tx.database(), name.rsplit_once('@')) {
        (Database::Mysql, Some((user, host))) => {
            format!("'{}'@'{}'", user.replace('\'', "''"), host.replace('\'', "''"))
        }
        (database, _) => quoted(database, &name),
    }
}
