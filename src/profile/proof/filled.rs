//! What every new row gets: the columns that an INSERT of the agent fills.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::model::{Scalar, Touch};

/// The columns that an INSERT of the agent fills.
pub(super) struct Filled<'a>(pub(super) BTreeSet<&'a str>);

impl<'a> Filled<'a> {
    pub fn new(insert: &'a BTreeMap<String, Scalar>, touch: &'a Touch) -> Self {
        let stamps = touch.created.iter().chain(&touch.modified).chain(&touch.actor);
        Self(insert.keys().chain(stamps).map(String::as_str).collect())
    }

    pub fn and(mut self, columns: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.extend(columns);
        self
    }
}
