//! What a bounded look at the rows of a few tables told, as plain data: the store reads it, the
//! proposal weighs it. Knows no SQL and no driver, and holds no secret: what looks like a password's
//! column is never asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Kind;
use super::model::TableName;

/// What is wanted of a database before a profile can be proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Some rows of a table: the first and the last ones by `order`, or any.
    Rows {
        /// The table.
        table: TableName,
        /// Its columns to read.
        columns: Vec<Wanted>,
        /// The column that tells the oldest rows from the newest, where an index leads by it.
        order: Option<String>,
        /// So many rows at most.
        limit: u32,
    },
    /// Whether values are keys of a table: the ones that were seen in a column.
    Held {
        /// The column's table.
        table: TableName,
        /// The column.
        column: String,
        /// The table whose keys they could be.
        target: TableName,
        /// The key, which an index leads by.
        key: Wanted,
        /// The values, as text.
        values: Vec<String>,
    },
}

/// A column to read as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its type family.
    pub kind: Kind,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Table by table.
    tables: BTreeMap<TableName, Sample>,
    /// Table, column, target: how many of the values asked for are keys there.
    held: BTreeMap<(TableName, String, TableName), Held>,
}

/// The answer to [`Look::Held`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How many values were asked for.
    pub asked: usize,
    /// How many of them are keys.
    pub found: usize,
}

/// Some rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// How many rows were read.
    pub rows: usize,
    /// Whether these are all.
    pub whole: bool,
    /// What each column held, row by row; long texts are cut.
    columns: BTreeMap<String, Seen>,
}

/// What was seen in one column; `None` is NULL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(Vec<Option<String>>);

impl Evidence {
    /// Takes up the rows of a table.
    pub fn add(&mut self, table: TableName, sample: Sample) {
        self.tables.insert(table, sample);
    }

    /// Takes up the answer to [`Look::Held`].
    pub fn add_held(&mut self, table: TableName, column: String, target: TableName, held: Held) {
        self.held.insert((table, column, target), held);
    }

    /// What was seen of a table.
    pub fn table(&self, table: &TableName) -> Option<&Sample> {
        self.tables.get(table)
    }

    /// What was seen of a column.
    pub fn column(&self, table: &TableName, column: &str) -> Option<&Seen> {
        self.table(table)?.column(column)
    }

    /// How many of a column's values are keys of another table: by the answer to the question, or by
    /// the rows themselves where all of the target's are there.
    pub fn held(
        &self,
        table: &TableName,
        column: &str,
        target: &TableName,
        key: &str,
    ) -> Option<Held> {
        let asked = (table.clone(), column.to_owned(), target.clone());
        if let Some(held) = self.held.get(&asked) {
            return Some(*held);
        }
        let values: BTreeSet<&str> = self.column(table, column)?.filled().collect();
        let target = self.table(target).filter(|target| target.whole)?;
        let keys: BTreeSet<&str> = target.column(key)?.filled().collect();
        let found = values.iter().filter(|value| keys.contains(*value)).count();
        Some(Held { asked: values.len(), found })
    }
}

impl Held {
    /// Whether all of at least `least` values are keys.
    pub fn all(self, least: usize) -> bool {
        self.asked >= least && self.found == self.asked
    }
}

impl Sample {
    /// Rows of these columns. `whole` says that the table has no more.
    pub fn new(columns: &[&str], rows: &[Vec<Option<String>>], whole: bool) -> Self {
        let column =
            |at: usize| Seen(rows.iter().map(|row| row.get(at).cloned().flatten()).collect());
        let columns = columns.iter().enumerate().map(|(at, name)| ((*name).to_owned(), column(at)));
        Self { rows: rows.len(), whole, columns: columns.collect() }
    }

    /// What was seen of a column.
    pub fn column(&self, name: &str) -> Option<&Seen> {
        self.columns.get(name)
    }

    /// What two columns hold in the rows where both hold something.
    pub fn pairs(&self, one: &str, other: &str) -> Vec<(String, String)> {
        let (Some(one), Some(other)) = (self.column(one), self.column(other)) else {
            return Vec::new();
        };
        let both = one.0.iter().zip(&other.0);
        both.filter_map(|(one, other)| Some((one.clone()?, other.clone()?)))
            .filter(|(one, other)| !one.is_empty() && !other.is_empty())
            .collect()
    }

    /// How many rows there are, for a person.
    pub fn count(&self) -> String {
        match (self.rows, self.whole) {
            (0, _) => "no rows".to_owned(),
            (1, true) => "one row".to_owned(),
            (rows, true) => format!("{rows} rows"),
            (rows, false) => format!("{rows} of its rows seen"),
        }
    }
}

impl Seen {
    /// The values that are neither NULL nor blank.
    pub fn filled(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// How many rows were seen.
    pub fn rows(&self) -> usize {
        self.0.len()
    }

    /// Each value with how often it occurs, the most frequent first; blank ones and NULL left out.
    pub fn counts(&self) -> Vec<(&str, usize)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for value in self.filled() {
            *counts.entry(value).or_default() += 1;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), *value));
        counts
    }

    /// How many different values there are.
    pub fn distinct(&self) -> usize {
        self.filled().collect::<BTreeSet<_>>().len()
    }

    /// Whether every row has a value, and no two the same; at least two rows.
    pub fn all_different(&self) -> bool {
        self.rows() >= 2 && self.distinct() == self.rows()
    }

    /// In how many of a hundred rows there is a value.
    pub fn percent_filled(&self) -> usize {
        percent(self.filled().count(), self.rows())
    }

    /// Of how many in a hundred values something holds; none where there is no value.
    pub fn percent(&self, holds: impl Fn(&str) -> bool) -> Option<usize> {
        let all = self.filled().count();
        (all > 0).then(|| percent(self.filled().filter(|value| holds(value)).count(), all))
    }

    /// Whether something holds of at least nine in ten values, of which there is one.
    pub fn mostly(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.percent(holds).is_some_and(|percent| percent >= 90)
    }

    /// The least and the greatest, where all values are whole numbers.
    pub fn range(&self) -> Option<(i64, i64)> {
        let numbers: Option<Vec<i64>> = self.filled().map(|value| value.parse().ok()).collect();
        let numbers = numbers?;
        Some((*numbers.iter().min()?, *numbers.iter().max()?))
    }
}

fn percent(part: usize, whole: usize) -> usize {
    (part * 100).checked_div(whole).unwrap_or_default()
}
