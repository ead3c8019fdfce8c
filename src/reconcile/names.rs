//! Names that more than one row may have, told while the rows stream by, in memory of a fixed size.
//! Pure.
//!
//! A set of bits stands for the names seen so far (a Bloom filter): no name that two rows have is
//! missed, and the few that it suspects wrongly are sorted out by asking the database for the rows
//! of just these names. Folding and grouping every name there took a fifth of a run on PostgreSQL.
//!
//! A database folds less than [`fold`] does: it knows neither blanks at the ends nor compatibility forms,
//! and case perhaps of ASCII alone. A name that it may not find by the folded one is kept as it is
//! spelled, to be asked for by that. Next to none is such a name.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::scim::fold;

/// 16 MiB: of a million different names a handful are suspected, of five million some thousand.
const BITS: u64 = 1 << 27;
/// Bits that stand for one name.
const MARKS: u64 = 3;
/// Names that are kept as they are spelled, at most: memory doesn't grow with the table.
const SPELLINGS: usize = 100_000;

/// The names seen so far.
#[derive(Debug)]
pub struct Names {
    bits: Vec<u64>,
    /// Folded.
    suspects: BTreeSet<String>,
    /// Names that a database may not find by the folded one: that, and the name.
    spellings: BTreeSet<(String, String)>,
}

impl Default for Names {
    fn default() -> Self {
        let words = usize::try_from(BITS / u64::from(u64::BITS)).unwrap_or_default();
        Self { bits: vec![0; words], suspects: BTreeSet::new(), spellings: BTreeSet::new() }
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
        // Case of ASCII is case to every database.
        let plain = name.is_ascii() && name.trim() == name;
        if !plain && name != folded && self.spellings.len() < SPELLINGS {
            self.spellings.insert((folded.clone(), name.to_owned()));
        }
        if known {
            self.suspects.insert(folded);
        }
    }

    /// By which names to ask for the rows of names that more than one row may have, all that more than
    /// one row has among them, and for the rows of `others`.
    pub fn wanted<'a>(self, others: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut wanted = self.suspects;
        wanted.extend(others.into_iter().map(fold));
        let spellings = self.spellings.into_iter();
        let spellings = spellings.filter(|(folded, _)| wanted.contains(folded));
        let spellings: Vec<String> = spellings.map(|(_, name)| name).collect();
        wanted.into_iter().chain(spellings).collect()
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
        assert_eq!(names.wanted([]), ["ana@plant.example", " ANA@plant.example"]);
    }

    #[test]
    fn spellings_that_only_unicode_holds_alike_are_asked_for() {
        let mut names = Names::default();
        for name in ["ﬁn", "FIN", "\tben", "ben", "ｃｙ", "dan", "ÉVE"] {
            names.see(name);
        }
        let wanted = names.wanted([" Cy", "eve"]);
        assert_eq!(wanted, ["ben", "cy", "eve", "fin", "\tben", "ｃｙ", "ﬁn"]);
    }

    #[test]
    fn spellings_take_so_much_memory_and_no_more() {
        let mut names = Names::default();
        for number in 0..=SPELLINGS {
            names.see(&format!("ｕ{number}"));
        }
        assert_eq!(names.spellings.len(), SPELLINGS);
    }

    #[test]
    fn few_others_are() {
        let mut names = Names::default();
        for number in 0..200_000 {
            names.see(&format!("user{number}@plant.example"));
        }
        assert!(names.wanted([]).len() < 20);
    }
}
