//! What a PATCH is refused for, and whether the refusal says what and where.

use serde_json::{Value, json};

use super::{E, refusal, user};
use crate::scim::{ResourceType, parse_patch};

/// Each operation with a text that its refusal must hold.
fn refused(keyword: &str, operations: Vec<(Value, &str)>) {
    for (operation, says) in operations {
        let (found, detail) = refusal(json!({"userName": "a"}), operation.clone());
        assert_eq!(found, keyword, "{operation}: {detail}");
        assert!(detail.contains(says), "{operation}: {detail}");
        assert!(detail.starts_with("Operations[0]: "), "{detail}");
    }
}

#[test]
fn paths_that_cannot_be_read() {
    refused(
        "invalidPath",
        vec![
            (json!({"op": "replace", "path": "usrName[", "value": "x"}), "`usrName[`"),
            (json!({"op": "replace", "path": "name.first.second", "value": "x"}), "`name.first"),
            (json!({"op": "replace", "path": "usrName eq", "value": "x"}), "`usrName eq`"),
            (
                json!({"op": "replace", "path": "emails[type eq \"work\"", "value": "x"}),
                "never closed",
            ),
            (
                json!({"op": "replace", "path": "emails[kind eq \"work\"].value", "value": "x"}),
                "`kind`",
            ),
            (
                json!({"op": "replace", "path": "name[givenName eq \"x\"]", "value": {}}),
                "one value",
            ),
            (json!({"op": "replace", "path": "a b", "value": "x"}), "a b"),
            (
                json!({"op": "add", "path": "emails[value eq \"\\u0000\"].display", "value": "x"}),
                "NUL",
            ),
        ],
    );
}

#[test]
fn what_no_schema_knows_is_left_out_and_noted() {
    for (operation, name) in [
        (json!({"op": "replace", "path": "usrName", "value": "x"}), "usrName"),
        (json!({"op": "remove", "path": "usrName"}), "usrName"),
        (json!({"op": "replace", "path": "name.first", "value": "x"}), "name.first"),
        (json!({"op": "replace", "value": {"telephone": "x"}}), "telephone"),
        (json!({"op": "add", "path": "urn:x:2.0:User:y", "value": "x"}), "urn:x:2.0:User:y"),
        (json!({"op": "add", "value": {"urn:x:2.0:User": {"y": 1}}}), "urn:x:2.0:User"),
        (
            json!({"op": "add", "path": "badges[type eq \"x\"].value", "value": "x"}),
            "badges[type eq \"x\"].value",
        ),
        (json!({"op": "add", "value": {"name": {"first": "x"}}}), "name.first"),
        (json!({"op": "add", "value": {format!("{E}:badge"): "x"}}), &format!("{E}:badge")),
        (json!({"op": "add", "value": {E: {"badge": "x"}}}), &format!("{E}:badge")),
    ] {
        let body =
            json!({ "Operations": [operation, {"op": "replace", "value": {"active": false}}] });
        let patch = parse_patch(ResourceType::User, &body).unwrap();
        assert_eq!(patch.ignored().names().collect::<Vec<_>>(), [name], "{operation}");
        let mut resource = user(&json!({ "userName": "a" }));
        patch.apply(&mut resource).unwrap();
        assert_eq!(Value::Object(resource), json!({ "userName": "a", "active": false }));
    }
}

#[test]
fn read_only_attributes_in_a_value_change_nothing() {
    for value in [
        json!({"id": "7", "title": "Lead"}),
        json!({"meta": {"resourceType": "User"}, "groups": [], "schemas": ["x"], "title": "Lead"}),
        json!({"meta.created": "x", "groups.value": "3", "title": "Lead"}),
        json!({format!("{E}:manager.displayName"): "Ana", "title": "Lead"}),
    ] {
        let body = json!({ "Operations": [{"op": "replace", "value": value}] });
        let patch = parse_patch(ResourceType::User, &body).unwrap();
        assert!(patch.ignored().is_empty(), "{value}");
        let mut resource = user(&json!({ "userName": "a" }));
        patch.apply(&mut resource).unwrap();
        assert_eq!(Value::Object(resource), json!({ "userName": "a", "title": "Lead" }));
    }
}

#[test]
fn read_only_attributes() {
    refused(
        "mutability",
        vec![
            (json!({"op": "replace", "path": "id", "value": "x"}), "`id`"),
            (json!({"op": "replace", "path": "meta.created", "value": "x"}), "`meta.created`"),
            (json!({"op": "add", "path": "groups", "value": [{"value": "1"}]}), "`groups`"),
            (
                json!({"op": "replace", "path": "manager.displayName", "value": "x"}),
                "manager.displayName",
            ),
        ],
    );
}

#[test]
fn wrong_and_missing_values() {
    refused(
        "invalidValue",
        vec![
            (json!({"op": "replace", "path": "active", "value": "maybe"}), "`active`"),
            (json!({"op": "replace", "path": "title", "value": 5}), "`title`"),
            (json!({"op": "replace", "path": "title", "value": "a\u{0}"}), "NUL"),
            (json!({"op": "add", "path": "emails", "value": "x"}), "`emails`"),
            (
                json!({"op": "add", "path": "emails[type eq \"work\"]", "value": [{"value": "1"}, {"value": "2"}]}),
                "`emails`",
            ),
            (json!({"op": "add", "path": "title"}), "`title`"),
            (json!({"op": "add"}), "path"),
            (json!({"op": "add", "value": "x"}), "object"),
            (json!({"op": "replace", "path": "userName", "value": ""}), "`userName`"),
            (json!({"op": "replace", "path": "userName", "value": null}), "`userName`"),
            (json!({"op": "remove", "path": "userName"}), "`userName`"),
        ],
    );
}

#[test]
fn a_removal_of_nothing_in_particular() {
    refused("noTarget", vec![(json!({"op": "remove"}), "path")]);
}

#[test]
fn malformed_operations() {
    refused(
        "invalidSyntax",
        vec![
            (json!({"op": "move", "path": "title"}), "`move`"),
            (json!({"path": "title", "value": "x"}), "op"),
            (json!("x"), "object"),
        ],
    );
}

#[test]
fn the_body_must_be_a_patch() {
    for body in
        [json!({}), json!([]), json!({"Operations": {}}), json!({"Operations": "x"}), json!(null)]
    {
        let error = parse_patch(ResourceType::User, &body).unwrap_err();
        assert_eq!(error.scim_type.unwrap().as_str(), "invalidSyntax");
    }
    let lower = json!({"operations": [{"OP": "Add", "Path": "title", "Value": "x"}]});
    assert!(parse_patch(ResourceType::User, &lower).is_ok());
}
