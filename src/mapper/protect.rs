//! `[protect]`: accounts that neither cleanup nor a SCIM client may disable.

use crate::profile::model::Protect;
use crate::scim::fold;

/// Whether the user with this id and userName is protected.
pub fn protected(protect: &Protect, id: &str, user_name: Option<&str>) -> bool {
    protect.keys.iter().any(|key| key == id)
        || user_name.is_some_and(|name| {
            let name = fold(name);
            protect.user_names.iter().any(|pattern| glob(&fold(pattern), &name))
        })
}

/// `*` stands for any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("svc-*", "svc-reports@plant.example", true),
            ("svc-*", "ana@plant.example", false),
            ("*@plant.example", "ana@plant.example", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c", false),
            ("ab*ba", "aba", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn names_compare_folded() {
        let protect = Protect { keys: vec!["1".into()], user_names: vec!["SVC-*".into()] };
        assert!(protected(&protect, "7", Some("svc-a")));
        assert!(protected(&protect, "1", None));
        assert!(!protected(&protect, "11", Some("other")));
    }
}
