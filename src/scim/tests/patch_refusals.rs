//! What a PATCH is refused for, and whether the refusal says what and where.

use serde_json::{Value, json};

use super::refusal;
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
fn paths_that_name_nothing() {
    refused(
        "invalidPath",
        vec![
            (json!({"op": "replace", "path": "usrName", "value": "x"}), "`userName`"),
            (json!({"op": "replace", "path": "name.first", "value": "x"}), "givenName"),
            (json!({"op": "replace", "value": {"telephone": "x"}}), "`telephone`"),
            (
                json!({"op": "replace", "path": "urn:example:2.0:User:x", "value": "x"}),
                "urn:example",
            ),
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
            (json!({"op": "replace", "path": 5, "value": "x"}), "string"),
            (
                json!({"op": "add", "path": "emails[value eq \"\\u0000\"].display", "value": "x"}),
                "NUL",
            ),
        ],
    );
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
            (json!({"op": "replace", "value": {"id": "x"}}), "`id`"),
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
