//! Names that more than one row may have, told while the rows stream by, in memory of a fixed size.
//! Pure.
//!
//! A set of bits stands for the names seen so far (a Bloom filter): no name that two rows have is
//! missed, and the few that it suspects wrongly are sorted out by asking the database for the rows
//! of just these names. Folding and grouping every name there took a fifth of a run on PostgreSQL.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::scim::fold;

/// 16 MiB: of a million different names a handful are suspected, of five million some thousand.
const BITS: u64 = 1 << 27;
/// Bits that stand for one name.
const MARKS: u64 = 3;

/// The names seen so far.
#[derive(Debug)]
pub struct Names {
    bits: Vec<u64>,
    /// By folded name, as a row has it.
    suspects: BTreeMap<String, String>,
}

impl Default for Names {
    fn default() -> Self {
        let words = usize::try_from(BITS / u64::from(u64::BITS)).unwrap_or_default();
        Self { bits: vec![0; words], suspects: BTreeMap::new() }
    }
}

impl Names {
    /// Takes in a row's name.
    pub fn see(&mut self, name: &str) {
        if name.is_empty() {
            return;
        }
        let folded = fold(name);
        let mut hasher = DefaultHasher::new();
        folded.hash(&mut hasher);
        let hash = hasher.finish();
        // Two halves of one hash make as many places as are wanted.
        let (first, step) = (hash & u64::from(u32::MAX), (hash >> 32) | 1);
        let mut known = true;
        for mark in 0..MARKS {
            let place = (first + mark * step) % BITS;
            let word = usize::try_from(place / u64::from(u64::BITS)).unwrap_or_default();
            let bit = 1 << (place % u64::from(u64::BITS));
            if let Some(word) = self.bits.get_mut(word) {
                known &= *word & bit != 0;
                *word |= bit;
            }
        }
        if known {
            self.suspects.insert(folded, name.to_owned());
        }
    }

    /// Names that more than one row may have, and all that more than one row has.
    #[must_use]
    pub fn suspects(self) -> Vec<String> {
        self.suspects.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_two_rows_are_suspected() {
        let mut names = Names::default();
        for name in ["ana@plant.example", "ben@plant.example", " ANA@plant.example", "", ""] {
            names.see(name);
        }
        assert_eq!(names.suspects(), [" ANA@plant.example"]);
    }

    #[test]
    fn few_others_are() {
        let mut names = Names::default();
        for number in 0..200_000 {
            names.see(&format!("user{number}@plant.example"));
        }
        assert!(names.suspects().len() < 20);
    }
}
