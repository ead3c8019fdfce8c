//! What every new row gets: the columns that an INSERT of the agent fills.

use std::collections::BTreeSet;

use crate::profile::model::{Insert, Where};

/// The columns that an INSERT of the agent fills.
pub(super) struct Filled<'a>(pub(super) BTreeSet<&'a str>);

impl<'a> Filled<'a> {
    pub fn new(insert: &'a Insert, rows: &'a Where) -> Self {
        let counting = rows.keys().map(String::as_str);
        Self(insert.columns().chain(counting).collect())
    }

    pub fn and(mut self, columns: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.extend(columns);
        self
    }
}
