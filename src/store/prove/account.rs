//! Who the agent is to the database, as a GRANT names it.

use super::super::sql::Sql;
use super::super::transaction::Tx;
use crate::profile::catalogue::Database;
use crate::profile::proof::quoted;

/// The database that names without one are of; empty where there is none.
pub(in crate::store) async fn home(tx: &mut Tx) -> String {
    let rows = tx.query(Sql::new("SELECT DATABASE()")).await.unwrap_or_default();
    rows.first().and_then(|row| row.text(0)).unwrap_or_default()
}

/// The account, as a GRANT names it.
pub(in crate::store) async fn account(tx: &mut Tx) -> String {
    let rows = tx.query(Sql::new("SELECT CURRENT_USER")).await.unwrap_or_default();
    let name = rows.first().and_then(|row| row.text(0)).unwrap_or_else(|| "kpifire_scim".into());
    match (tx.database(), name.rsplit_once('@')) {
        (Database::Mysql, Some((user, host))) => {
            format!("'{}'@'{}'", user.replace('\'', "''"), host.replace('\'', "''"))
        }
        (database, _) => quoted(database, &name),
    }
}
