//! Whether what hands out numbers is ahead of the rows that have them. A sequence that is behind, as
//! after rows were copied with their keys, makes each INSERT fail until it has caught up.

use super::super::error::Error;
use super::super::sql::Sql;
use super::super::transaction::Tx;
use super::proven::wrong;
use crate::profile::catalogue::{Catalogue, Database, Kind};
use crate::profile::model::Profile;
use crate::profile::proof::{Finding, Severity, quoted, quoted_table};
use crate::profile::relations::Right;

/// A column that takes its number from a sequence.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    /// The profile's key of its table.
    key: String,
    /// The table, as a statement names it.
    table: String,
    column: String,
    /// The default, as the database prints it.
    default: String,
}

/// The columns that a new row of the agent's takes a number of a sequence for.
pub(super) fn wanted(profile: &Profile, catalogue: &Catalogue) -> Vec<Numbered> {
    let mut found: Vec<Numbered> = Vec::new();
    for named in profile.relations() {
        let inserts = named.rights.contains(&Right::Insert);
        let Some(table) = catalogue.table(named.table).filter(|_| inserts) else { continue };
        for column in table.columns.iter().filter(|it| it.kind == Kind::Int) {
            let default = column.default.clone().unwrap_or_default();
            let numbered = column.generated || default.contains("nextval(");
            let quoted_name = quoted_table(catalogue, &table.name);
            let known = |it: &Numbered| it.table == quoted_name && it.column == column.name;
            let filled = named.filled.contains(&column.name.as_str());
            if numbered && !filled && !found.iter().any(known) {
                found.push(Numbered {
                    key: named.key.clone(),
                    table: quoted_name,
                    column: column.name.clone(),
                    default,
                });
            }
        }
    }
    found
}

/// What is behind. A sequence that the account may not see is told of by its grants.
pub(super) async fn prove(tx: &mut Tx, it: &Numbered) -> Option<Finding> {
    let behind = match tx.database() {
        Database::Sqlite => Ok(None),
        Database::Postgres => postgres(tx, it).await,
        Database::Mysql => mysql(tx, it).await,
    };
    let (last, most, fix) = behind.ok().flatten()?;
    let Numbered { key, table, column, .. } = it;
    Some(wrong(
        Severity::Error,
        key,
        format!(
            "the sequence of {table}.{column} is behind: it stands at {last}, a row has {most}"
        ),
        "each INSERT fails with a key that is taken, until the sequence has caught up",
        fix,
    ))
}

/// Where the sequence stands, the greatest number that a row has, and what puts it right.
type Behind = Option<(i64, i64, String)>;

async fn postgres(tx: &mut Tx, it: &Numbered) -> Result<Behind, Error> {
    let sql = Sql::new(
        "SELECT n.nspname::text, s.relname::text, \
         COALESCE(pg_sequence_last_value(s.oid), q.seqstart - 1) FROM pg_class s \
         JOIN pg_sequence q ON q.seqrelid = s.oid JOIN pg_namespace n ON n.oid = s.relnamespace \
         JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid \
         AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') \
         JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
         WHERE q.seqincrement > 0 AND d.refobjid = to_regclass(",
    )
    .bind(it.table.as_str())
    .raw(") AND a.attname = ")
    .bind(it.column.as_str())
    .raw(
        " UNION SELECT n.nspname::text, s.relname::text, \
         COALESCE(pg_sequence_last_value(s.oid), q.seqstart - 1) FROM pg_attrdef f \
         JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum \
         JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid \
         AND d.refclassid = 'pg_class'::regclass JOIN pg_class s ON s.oid = d.refobjid \
         JOIN pg_sequence q ON q.seqrelid = s.oid JOIN pg_namespace n ON n.oid = s.relnamespace \
         WHERE q.seqincrement > 0 AND f.adrelid = to_regclass(",
    )
    .bind(it.table.as_str())
    .raw(") AND a.attname = ")
    .bind(it.column.as_str());
    let rows = tx.query(sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (schema, name, last) = (row.text(0), row.text(1).unwrap_or_default(), row.int(2));
    let database = Database::Postgres;
    let Some(most) = most(tx, it).await?.filter(|most| *most > last) else { return Ok(None) };
    let sequence =
        format!("{}.{}", quoted(database, &schema.unwrap_or_default()), quoted(database, &name));
    let fix = format!(
        "SELECT setval({}, (SELECT max({}) FROM {}));",
        ["'", &sequence.replace('\'', "''"), "'"].concat(),
        quoted(database, &it.column),
        it.table
    );
    Ok(Some((last, most, fix)))
}

/// A sequence that a default names: an `AUTO_INCREMENT` is never behind.
async fn mysql(tx: &mut Tx, it: &Numbered) -> Result<Behind, Error> {
    let named = it.default.split_once("nextval(").and_then(|(_, rest)| rest.split_once(')'));
    let Some((sequence, _)) = named else { return Ok(None) };
    let sql = format!("SELECT next_not_cached_value - 1 FROM {sequence}");
    let rows = tx.query(Sql::new(&sql)).await?;
    let Some(last) = rows.first().map(|row| row.int(0)) else { return Ok(None) };
    let most = most(tx, it).await?.filter(|most| *most > last);
    Ok(most.map(|most| (last, most, format!("SELECT SETVAL({sequence}, {most});"))))
}

async fn most(tx: &mut Tx, it: &Numbered) -> Result<Option<i64>, Error> {
    let column = quoted(tx.database(), &it.column);
    let sql = format!("SELECT max({column}) FROM {}", it.table);
    Ok(tx.query(Sql::new(&sql)).await?.first().and_then(|row| row.cell(0).to_int()))
}
