//! By which column the rows of a table point at a resource's row: a foreign key of several columns
//! points by the one that holds the resource's key. Pure.

use super::catalogue::{ForeignKey, Table};
use super::model::{ResourceTable, TableName, Test, Where};

/// A column that holds a resource's key, and what else holds of the rows that mean a resource that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointing {
    /// The column.
    pub column: String,
    /// The other columns of the foreign key, where the profile says what they hold of the resource.
    pub rows: Where,
}

/// How a foreign key points at a resource's rows; `None` where it points by other columns than the key.
pub fn by_key(key: &ForeignKey, resource: &ResourceTable) -> Option<Pointing> {
    // A key that names no columns means the primary key.
    if let ([column], []) = (key.columns.as_slice(), key.target_columns.as_slice()) {
        return Some(Pointing { column: column.clone(), rows: Where::new() });
    }
    let mut rows = Where::new();
    let mut column = None;
    for (from, to) in key.columns.iter().zip(&key.target_columns) {
        if *to == resource.key.column {
            column = Some(from.clone());
        } else if let Some(test @ Test::OneOf(_)) = resource.rows.get(to) {
            rows.insert(from.clone(), test.clone());
        }
    }
    column.map(|column| Pointing { column, rows })
}

/// How the rows of a `cascade` table point at a resource's: by its foreign keys, else by a column of the
/// key's own name.
pub fn cascaded(table: &Table, target: &TableName, resource: &ResourceTable) -> Vec<Pointing> {
    let keys = table.foreign_keys.iter().filter(|key| key.target == *target);
    let found: Vec<Pointing> = keys.filter_map(|key| by_key(key, resource)).collect();
    let own = &resource.key.column;
    if found.is_empty() && table.column(own).is_some() {
        return vec![Pointing { column: own.clone(), rows: Where::new() }];
    }
    found
}
