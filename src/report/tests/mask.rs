//! What mail and webhook must not carry.

use serde_json::{Value, json};

use super::fixture;
use crate::drift::{Item, Kind};
use crate::report::masked;

fn mask(change: impl FnOnce(&mut Item)) -> Item {
    let mut item = fixture::item(Kind::Attribute, 1);
    change(&mut item);
    let report = fixture::drift(vec![item]);
    masked(&report).findings.remove(0)
}

#[test]
fn names_keep_their_first_character() {
    for path in [
        "userName",
        "displayname",
        "name.familyName",
        "emails[type eq \"work\"].value",
        "phoneNumbers[type eq \"work\"].value",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
        "members[value eq \"7\"]",
    ] {
        let item = mask(|item| {
            item.finding.attribute = Some(path.to_owned());
            item.finding.name = Some("Ana Kovač".to_owned());
            item.finding.expected = json!("Ana Kovač");
            item.finding.actual = json!([{ "value": "Zoë", "primary": true, "number": 12 }]);
            item.finding.why = "It was Ana Kovač and is Zoë; ana kovač said so.".to_owned();
        });
        let finding = item.finding;
        assert_eq!(finding.name.as_deref(), Some("A***"));
        assert_eq!(finding.expected, json!("A***"), "{path}");
        let actual = json!([{ "value": "Z***", "primary": true, "number": "1***" }]);
        assert_eq!(finding.actual, actual, "{path}");
        assert_eq!(finding.why, "It was A*** and is Z***; a*** said so.");
    }
}

#[test]
fn other_values_ids_and_commands_stay() {
    let plain = fixture::item(Kind::Attribute, 1);
    let item = mask(|_| {});
    assert_eq!(item.finding.expected, plain.finding.expected);
    assert_eq!(item.finding.actual, plain.finding.actual);
    assert_eq!(item.finding.why, plain.finding.why);
    assert_eq!((item.id, item.command), (plain.id, plain.command));
}

#[test]
fn a_value_without_attribute_is_a_name() {
    let item = mask(|item| {
        item.finding.attribute = None;
        item.finding.expected = json!({ "userName": "ana@plant.example", "keys": [7, 12] });
        item.finding.actual = Value::Null;
    });
    assert_eq!(item.finding.expected, json!({ "userName": "a***", "keys": [7, 12] }));
}

#[test]
fn a_reason_names_nobody() {
    let why = |text: &str| mask(|item| item.finding.why = text.to_owned()).finding.why;
    assert_eq!(why("Write to bo@plant.example."), "Write to b***.");
    assert_eq!(why("Call +49 (30) 123 456-7, or 0301234567."), "Call +***, or 0***.");
    let plain = "Row 12 since 2026-11-20 16:02 UTC, 31 of 25; run 019aae2b-6a3a.";
    assert_eq!(why(plain), plain);
    assert_eq!(why("user2@plant.example, USER2@PLANT.EXAMPLE"), "u***, U***");
}

#[test]
fn names_that_a_reason_quotes_are_masked() {
    let item = mask(|item| {
        item.finding.kind = Kind::Duplicate;
        item.finding.attribute = Some("userName".to_owned());
        item.finding.actual = json!(["7", "12"]);
        item.finding.why = "rows: 7 `Ａna` (managed), 12 `ana` (unmanaged)".to_owned();
    });
    assert_eq!(item.finding.actual, json!(["7", "12"]));
    assert_eq!(item.finding.why, "rows: 7 `Ａ***` (managed), 12 `a***` (unmanaged)");
}

#[test]
fn a_short_name_is_not_found_inside_words() {
    let item = mask(|item| {
        item.finding.name = Some("Al".to_owned());
        item.finding.why = "Al also said: all is well, (al).".to_owned();
    });
    assert_eq!(item.finding.why, "A*** also said: all is well, (a***).");
}

#[test]
fn no_hostile_name_survives() {
    let report = masked(&fixture::every_kind());
    let json = crate::report::render(&report, crate::report::Format::Json);
    for name in fixture::hostile() {
        let quoted = Value::from(name).to_string();
        assert!(!json.contains(quoted.trim_matches('"')), "{quoted}");
    }
    assert!(!json.contains("plant.example"));
}
