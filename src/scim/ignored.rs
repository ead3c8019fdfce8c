//! What a request says that no schema knows: left out, and remembered by name for the trace it leaves.

use std::collections::BTreeSet;

/// The names, each once. What a client makes up costs little: few are kept, and none is long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored(BTreeSet<String>);

/// How many names of one request are kept.
const MOST: usize = 16;
/// How many characters of a name.
const LONGEST: usize = 160;

impl Ignored {
    /// Whether everything that the request says is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, sorted: `favouriteColour`, `urn:example:2.0:User:badge`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn note(&mut self, name: &str) {
        if self.0.len() < MOST {
            let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
            self.0.insert(name.chars().take(LONGEST).map(shown).collect());
        }
    }
}
