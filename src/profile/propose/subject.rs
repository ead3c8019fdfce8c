//! `[users]` while it is written: what is known of its table, and what its columns are used for already.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::view::Looked;
use crate::profile::catalogue::Column;

/// `[users]` as it grows.
pub(super) struct Users<'c, 'd> {
    pub looked: Looked<'c>,
    pub draft: &'d mut Draft,
    /// The columns that something fills.
    pub filled: BTreeSet<String>,
    /// Attributes and their columns.
    pub mapped: Vec<(String, &'c Column)>,
    /// Columns whose attribute is to be decided.
    pub marked: BTreeSet<String>,
}
