//! The shapes that Entra ID has been seen to send, both dialects.

use serde_json::{Value, json};

use super::{E, after, patched, path, user};
use crate::scim::asserted_by;

fn before() -> Value {
    json!({"userName": "ana@corp.test", "active": true})
}

#[test]
fn classic_dialect() {
    let phone = "phoneNumbers[type eq \"work\"].value";
    let (changed, asserted) = patched(
        before(),
        &json!([
            {"op": "Replace", "path": "active", "value": "False"},
            {"op": "Add", "path": phone, "value": "555"},
            {"op": "Replace", "path": format!("{E}:department"), "value": "Ops"},
            {"op": "Add", "path": "name.givenName", "value": "Ana"},
            {"op": "Replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:title", "value": "Boss"},
            {"op": "Add", "path": format!("{E}:manager"), "value": "9"},
        ]),
    )
    .unwrap();
    assert_eq!(
        changed,
        json!({
            "userName": "ana@corp.test", "active": false, "title": "Boss",
            "name": {"givenName": "Ana"},
            "phoneNumbers": [{"type": "work", "value": "555"}],
            E: {"department": "Ops", "manager": {"value": "9"}},
        })
    );
    for text in ["active", phone, "department", "name.givenName", "title", "manager.value"] {
        assert!(asserted.covers(&path(text)), "{text}");
    }
    for text in
        ["userName", "name.familyName", "phoneNumbers[type eq \"home\"].value", "costCenter"]
    {
        assert!(!asserted.covers(&path(text)), "{text}");
    }
    let cleared = after(changed, json!({"op": "Remove", "path": phone, "value": "555"}));
    assert_eq!(cleared.get("phoneNumbers"), None);
}

#[test]
fn rfc_dialect() {
    let value = json!({
        "displayName": "Ana", "name.givenName": "Ana", format!("{E}:department"): "Ops",
        "phoneNumbers[type eq \"work\"].value": "555", "active": "True",
        E: {"costCenter": "c", "manager": [{"$ref": "x", "value": "9"}]},
        "name": {"familyName": "B"},
        "schemas": ["ignored"],
    });
    for op in ["replace", "add", "Add"] {
        let changed = after(before(), json!({"op": op, "value": value}));
        assert_eq!(
            changed,
            json!({
                "userName": "ana@corp.test", "active": true, "displayName": "Ana",
                "name": {"givenName": "Ana", "familyName": "B"},
                "phoneNumbers": [{"type": "work", "value": "555"}],
                E: {"department": "Ops", "costCenter": "c", "manager": {"value": "9"}},
            }),
            "{op}"
        );
    }
    let urn_as_key = after(
        before(),
        json!({"op": "replace", "value": {
        "urn:ietf:params:scim:schemas:core:2.0:User": {"title": "t"}}}),
    );
    assert_eq!(urn_as_key["title"], "t");
}

#[test]
fn managers_in_every_form() {
    for path in ["manager", &format!("{E}:manager"), &format!("{E}:manager.value")] {
        for value in [json!("9"), json!([{"$ref": "https://x/Users/9", "value": "9"}])] {
            let changed = after(before(), json!({"op": "Add", "path": path, "value": value}));
            assert_eq!(changed[E], json!({"manager": {"value": "9"}}), "{path} {value}");
            for gone in [
                json!({"op": "Remove", "path": path}),
                json!({"op": "Replace", "path": path, "value": ""}),
                json!({"op": "Replace", "path": path, "value": null}),
            ] {
                assert_eq!(after(changed.clone(), gone), before());
            }
        }
    }
    let object =
        json!({"op": "Replace", "path": "manager", "value": {"value": "9", "displayName": "Bo"}});
    assert_eq!(after(before(), object)[E], json!({"manager": {"value": "9"}}));
}

#[test]
fn quoted_booleans_in_filters() {
    let role = "roles[primary eq \"True\"].value";
    let added = after(before(), json!({"op": "Add", "path": role, "value": "Admin"}));
    assert_eq!(added["roles"], json!([{"primary": true, "value": "Admin"}]));
    let replaced = after(added, json!({"op": "Replace", "path": role, "value": "User"}));
    assert_eq!(replaced["roles"], json!([{"primary": true, "value": "User"}]));
    assert_eq!(after(replaced, json!({"op": "Remove", "path": role})), before());
}

#[test]
fn repeats_and_nothing_are_harmless() {
    assert_eq!(patched(before(), &json!([])).unwrap().0, before());
    let operations = json!([
        {"op": "Add", "path": "active", "value": "True"},
        {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "a@x"},
        {"op": "Add", "path": "roles", "value": [{"value": "r", "primary": "True"}]},
    ]);
    let once = patched(before(), &operations.clone()).unwrap().0;
    assert_eq!(patched(once.clone(), &operations).unwrap().0, once);
}

#[test]
fn oldest_dialect_wraps_values() {
    let changed = after(
        before(),
        json!({"op": "Replace", "path": "title", "value": [{"$ref": null, "value": "Boss"}]}),
    );
    assert_eq!(changed["title"], "Boss");
}

#[test]
fn creation_with_what_entra_adds() {
    let parsed = user(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": "ana",
        "userName": "Ana@Corp.test",
        "active": true,
        "title": null,
        "emails": [{"primary": true, "type": "work", "value": "ana@corp.test"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Ana B", "familyName": "B", "givenName": "Ana"},
        "roles": [],
        E: {"department": "Ops", "manager": "9"},
    }));
    let asserted = asserted_by(&parsed);
    assert_eq!(parsed["userName"], "Ana@Corp.test");
    assert_eq!(parsed[E], json!({"department": "Ops", "manager": {"value": "9"}}));
    assert!(asserted.covers(&path("title")));
    assert!(!asserted.covers(&path("nickName")));
    assert!(!asserted.covers(&path("emails[type eq \"home\"].value")));
}

#[test]
fn a_label_may_come_before_its_value() {
    let (changed, _) = patched(
        before(),
        &json!([
            {"op": "Add", "path": "emails[type eq \"work\"].primary", "value": "True"},
            {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "a@x"},
        ]),
    )
    .unwrap();
    assert_eq!(changed["emails"], json!([{"type": "work", "primary": true, "value": "a@x"}]));
}
