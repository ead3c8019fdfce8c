//! Reading very many rows a page at a time, in one snapshot's transaction, so that memory doesn't
//! grow with their number.

use super::error::Error;
use super::relation::value;
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Layout};
use crate::profile::catalogue::Database;
use crate::scim::ResourceType;

/// Rows read at a time.
const PAGE: usize = 4000;

/// The rows of a big SELECT over a resource type (alias `r`), a page at a time.
pub(super) struct Pages {
    cursor: String,
    sql: Sql,
    after: Option<Cell>,
    opened: Opened,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    No,
    Yes,
}

impl Pages {
    /// Begins before the first row of a SELECT that ends in its WHERE clause. `cursor` names it
    /// within the transaction.
    pub fn new(cursor: &str, sql: Sql) -> Self {
        Self { cursor: cursor.to_owned(), sql, after: None, opened: Opened::No }
    }

    /// The next rows; none at the end. The key comes first in each.
    pub async fn next(
        &mut self,
        tx: &mut Tx,
        layout: &Layout,
        kind: ResourceType,
    ) -> Result<Vec<Row>, Error> {
        let rows = match tx.database() {
            // One join over everything, by hash, is far cheaper than one lookup per row.
            Database::Postgres => {
                if self.opened == Opened::No {
                    let declare = format!("DECLARE {} NO SCROLL CURSOR FOR ", self.cursor);
                    tx.execute(Sql::new(&declare).append(self.sql.clone())).await?;
                    self.opened = Opened::Yes;
                }
                tx.query(Sql::new(&format!("FETCH FORWARD {PAGE} FROM {}", self.cursor))).await?
            }
            // Rows lie in the key's order, and so do the pages.
            Database::Sqlite | Database::Mysql => {
                let key = &layout.resource(kind).key;
                let mut sql = self.sql.clone();
                if let Some(after) = &self.after {
                    let after = value(key, after.clone());
                    sql = sql.raw(" AND ").column("r", key).raw(" > ").append(after);
                }
                let sql = sql.raw(" ORDER BY ").column("r", key);
                tx.query(sql.raw(&format!(" LIMIT {PAGE}"))).await?
            }
        };
        if let Some(last) = rows.last() {
            self.after = Some(last.cell(0).clone());
        }
        Ok(rows)
    }
}
