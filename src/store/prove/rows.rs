//! Whether a statement of the agent's reaches the rows that it means, all of them and no others: row
//! security hides some, inheritance adds some.

use super::super::error::Error;
use super::super::sql::Sql;
use super::super::transaction::Tx;
use super::account::account;
use super::proven::{ok, wrong};
use crate::profile::catalogue::{Catalogue, Database};
use crate::profile::model::Profile;
use crate::profile::proof::{Finding, Severity, quoted, quoted_table};

/// A table whose rows aren't simply its rows.
#[derive(Debug, Clone)]
pub(super) struct Peculiar {
    /// The profile's key of it.
    key: String,
    /// As a statement names it.
    table: String,
    /// The column that its rows are found by.
    column: Option<String>,
    secured: bool,
    extended: bool,
}

/// The tables of the profile on which row security binds the account, or from which others inherit.
pub(super) fn wanted(profile: &Profile, catalogue: &Catalogue) -> Vec<Peculiar> {
    let mut found: Vec<Peculiar> = Vec::new();
    for named in profile.relations() {
        let Some(table) = catalogue.table(named.table) else { continue };
        let quoted_name = quoted_table(catalogue, &table.name);
        let (secured, extended) = (table.traits.row_security, table.traits.has_children);
        if (secured || extended) && !found.iter().any(|it| it.table == quoted_name) {
            found.push(Peculiar {
                key: named.key.clone(),
                table: quoted_name,
                column: named.columns.first().map(|column| (*column).to_owned()),
                secured,
                extended,
            });
        }
    }
    found
}

/// What is wrong with it.
///
/// # Errors
/// The database's.
pub(super) async fn prove(tx: &mut Tx, it: &Peculiar) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    if tx.database() != Database::Postgres {
        return Ok(found);
    }
    if it.secured {
        found.push(policies(tx, it).await?);
    }
    if it.extended {
        found.push(children(tx, it).await);
    }
    Ok(found)
}

/// Whether the policies that bind the account show it every row.
async fn policies(tx: &mut Tx, it: &Peculiar) -> Result<Finding, Error> {
    let sql = Sql::new(
        "SELECT polpermissive, COALESCE(pg_get_expr(polqual, polrelid), 'true') FROM pg_policy \
         WHERE polcmd IN ('*', 'r') AND (0 = ANY (polroles) OR EXISTS (SELECT 1 \
         FROM unnest(polroles) AS r(role) WHERE r.role <> 0 \
         AND pg_has_role(current_user, r.role, 'USAGE'))) AND polrelid = to_regclass(",
    )
    .bind(it.table.as_str())
    .raw(")");
    let rows = tx.query(sql).await?;
    let all = |row: &&super::super::row::Row| row.text(1).as_deref() == Some("true");
    let shows_all = rows.iter().filter(|row| row.int(0) == 1).any(|row| all(&row));
    let hides = rows.iter().any(|row| row.int(0) == 0 && !all(&row));
    if shows_all && !hides {
        return Ok(ok(&it.key, "row security shows the account every row"));
    }
    let account = account(tx).await;
    let fix = if hides {
        format!("ALTER ROLE {account} BYPASSRLS;")
    } else {
        format!(
            "CREATE POLICY kpifire_scim ON {} TO {account} USING (true) WITH CHECK (true);",
            it.table
        )
    };
    Ok(wrong(
        Severity::Error,
        &it.key,
        format!("row security on {} hides rows from the account", it.table),
        "a hidden user is taken for one that is gone: a membership of theirs is an orphan, which \
         `drift restore` removes, and a POST of their name fails",
        fix,
    ))
}

/// Whether a key stands in a table and in one that inherits from it.
async fn children(tx: &mut Tx, it: &Peculiar) -> Finding {
    let fix = format!(
        "name a table from which none inherits, or a view: CREATE VIEW … AS SELECT * FROM ONLY {};",
        it.table
    );
    let twice = match &it.column {
        Some(column) => {
            let column = quoted(Database::Postgres, column);
            let sql = format!(
                "SELECT {column} FROM {} GROUP BY {column} HAVING count(*) > 1 LIMIT 1",
                it.table
            );
            let rows = tx.query(Sql::new(&sql)).await.unwrap_or_default();
            rows.first().and_then(|row| row.cell(0).to_text())
        }
        None => None,
    };
    match twice {
        Some(key) => wrong(
            Severity::Error,
            &it.key,
            format!("other tables inherit from {}, and {key} stands in more than one", it.table),
            "one PATCH writes both rows",
            fix,
        ),
        None => wrong(
            Severity::Warning,
            &it.key,
            format!(
                "other tables inherit from {}: their rows are read and written as well",
                it.table
            ),
            "no key of PostgreSQL's keeps one from standing in both, and then one PATCH writes both",
            fix,
        ),
    }
}
