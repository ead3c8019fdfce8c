//! How names are compared without case: the one definition that memory, index columns and lookups
//! share, whatever a database's collation says.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

/// Folding and normalising can each undo the other once; more rounds than this change nothing.
const ROUNDS: usize = 4;

/// The form in which two texts are equal when they differ in case alone: NFKC, trimmed, Unicode
/// simple case folding. An accent is not case: `zoe` and `Zoë` stay apart. Idempotent.
pub fn fold(text: &str) -> String {
    #[cfg(test)]
    FOLDED.with(|folded| folded.set(folded.get() + 1));
    let mut folded = fold_once(text);
    for _ in 0..ROUNDS {
        let again = fold_once(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// Whether a text is as [`fold`] has it but for case: in NFKC, no blank at an end.
pub fn is_plain(text: &str) -> bool {
    let trimmed = text.trim() == text;
    trimmed && (text.is_ascii() || ComposingNormalizer::new_nfkc().normalize(text) == text)
}

fn fold_once(text: &str) -> String {
    // Plain ASCII is what nearly every userName is, and is already in NFKC.
    if text.is_ascii() {
        return text.trim().to_ascii_lowercase();
    }
    let normalizer = ComposingNormalizer::new_nfkc();
    let mapper = CaseMapper::new();
    let normal = normalizer.normalize(text);
    let folded: String = normal.trim().chars().map(|c| mapper.simple_fold(c)).collect();
    normalizer.normalize(&folded).trim().to_owned()
}

#[cfg(test)]
thread_local! {
    static FOLDED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How often `work` folds a text: what tests of its cost count.
#[cfg(test)]
pub(super) fn counted(work: impl FnOnce()) -> usize {
    let before = FOLDED.get();
    work();
    FOLDED.get() - before
}
