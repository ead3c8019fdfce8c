//! What the parser or the proof refuses of a proposal is taken back, and asked instead: nobody is
//! handed a profile that `check` then calls wrong.

use super::draft::Draft;
use crate::profile::catalogue::Catalogue;
use crate::profile::parse;
use crate::profile::proof::{Severity, prove};

/// So often at most: each round takes at least one line back.
const ROUNDS: usize = 40;

/// Takes back what is refused, until nothing more is.
pub(super) fn take_back(draft: &mut Draft, catalogue: &Catalogue) {
    for _ in 0..ROUNDS {
        if !round(draft, catalogue) {
            break;
        }
    }
}

/// Whether anything was taken back.
fn round(draft: &mut Draft, catalogue: &Catalogue) -> bool {
    let text = draft.text();
    let refused: Vec<(String, String)> = match parse("proposal", &text) {
        Err(error) => error
            .problems()
            .iter()
            .map(|it| {
                (it.key.clone(), format!("the profile's language refuses it: {}", it.message))
            })
            .collect(),
        Ok(profile) => prove(&profile, catalogue, str::to_owned)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|it| (it.subject, format!("`check` refuses it: {}", it.what)))
            .collect(),
    };
    let mut changed = false;
    for (path, why) in refused {
        let why = why.replace('\n', " ");
        if let Some(place) = draft.place(&path) {
            changed |= draft.refuse(place, &why, stays);
        }
    }
    changed
}

/// What a profile isn't one without stays, to be decided; all else becomes a comment.
fn stays(section: &str, key: &str) -> bool {
    match section {
        "users.attributes" => key == "userName",
        "groups.attributes" => key == "displayName",
        "users" | "groups" | "members" | "users.delete" | "groups.delete" => true,
        _ => false,
    }
}
