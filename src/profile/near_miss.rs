//! "Did you mean …?": which of the allowed words a person most likely wanted.
//!
//! Pure text; knows neither profiles nor configuration, and serves both.

/// The candidates close to `word`, best first, at most three.
pub fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let folded = word.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| (score(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    // Beside a close one, the merely similar are noise.
    if let Some((best, _)) = scored.first().copied() {
        scored.retain(|(score, _)| best - score < 0.1);
    }
    scored.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// `; did you mean "a" or "b"?`, or nothing when no candidate is close.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let near = near(word, candidates);
    if near.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = near.iter().map(|candidate| format!("`{candidate}`")).collect();
    format!("; did you mean {}?", quoted.join(" or "))
}

/// Similarity from 0 to 1. Jaro-Winkler alone rates unrelated words with one beginning too high,
/// edit distance alone rates `users` and `user_accounts` too low: the mean of both is used, and a
/// word that contains the other whole counts as near.
fn score(a: &str, b: &str) -> f64 {
    let mean =
        f64::midpoint(strsim::jaro_winkler(a, b), strsim::normalized_damerau_levenshtein(a, b));
    let contained = a.len() >= 4 && b.len() >= 4 && (a.contains(b) || b.contains(a));
    if contained { mean.max(0.8) } else { mean }
}
