//! Folding: case and compatibility forms go, accents stay.

use crate::scim::fold;

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
