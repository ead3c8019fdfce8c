//! Folding: case and compatibility forms go, accents stay.

use crate::scim::{fold, is_plain};

#[test]
fn case_goes_and_accents_stay() {
    assert_eq!(fold("  Ana@Corp.TEST "), "ana@corp.test");
    assert_eq!(fold("ZOË"), fold("zoë"));
    assert_ne!(fold("zoe"), fold("zoë"));
    assert_eq!(fold("Zoe\u{308}"), fold("ZOË"));
    assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
    assert_eq!(fold("ΟΔΟΣ"), fold("οδοσ"));
    assert_eq!(fold("ＡＮＡ\u{a0}"), "ana");
    assert_eq!(fold("ﬁn"), "fin");
}

#[test]
fn folding_is_simple_not_full() {
    // Full folding would make these one name.
    assert_ne!(fold("straße"), fold("STRASSE"));
    assert_eq!(fold("STRAẞE"), fold("straße"));
}

#[test]
fn folding_any_character_again_changes_nothing() {
    // The blocks that hold letters with case and compatibility forms.
    let letters = ('\0'..='\u{33ff}').chain('\u{a640}'..='\u{abff}').chain('\u{f900}'..='\u{ffff}');
    for c in letters {
        let text = format!("x{c}\u{301}");
        let once = fold(&text);
        assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
    }
}

#[test]
fn plain_names_differ_from_what_they_fold_to_by_case_alone() {
    for plain in ["ana@plant.example", "ANA", "Zoë", "ΟΔΟΣ", "straße", "a b", ""] {
        assert!(is_plain(plain), "{plain:?}");
    }
    for other in ["ana ", "\tana", "ana\u{a0}", "ﬁn", "ｆｉｎ", "\u{212a}elvin", "e\u{301}"] {
        assert!(!is_plain(other), "{other:?}");
    }
}
