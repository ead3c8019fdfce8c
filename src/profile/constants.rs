//! Columns and the constants that a profile puts into them.

use std::collections::BTreeMap;

use super::model::Scalar;
use super::read::{Item, Reader, Words};

/// A table of columns and constants.
pub(super) fn constants(
    reader: &mut Reader,
    item: Option<Item>,
    words: Words,
) -> BTreeMap<String, Scalar> {
    let Some(section) = item.and_then(|item| reader.table(item)) else {
        return BTreeMap::new();
    };
    let mut columns = BTreeMap::new();
    for (column, item) in section.entries {
        if column.trim().is_empty() {
            reader.problem(&item.path, item.line, "a column has a name; this key is empty");
        } else if let Some(value) = reader.scalar(&item, words) {
            columns.insert(column, value);
        }
    }
    columns
}
