//! SHA-256, as names and comparisons have it: in hexadecimal digits.

use sha2::{Digest, Sha256};

/// So many bytes of a digest, two digits each.
pub fn hex(digest: &[u8], bytes: usize) -> String {
    digest.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// The whole digest of a text: 64 digits.
pub fn of(text: &str) -> String {
    hex(&Sha256::digest(text), 32)
}

/// So many bytes of the digest of texts, one after the other. The length before each keeps `a` + `bc` apart
/// from `ab` + `c`.
pub fn of_parts<'t>(parts: impl IntoIterator<Item = &'t str>, bytes: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(format!("{}:{part}\n", part.len()));
    }
    hex(&hash.finalize(), bytes)
}
