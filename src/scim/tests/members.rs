//! Member changes in a PATCH of a group.

use serde_json::{Value, json};

use crate::scim::{Error, MemberOp, Patch, Resource, ResourceType, parse_patch};

fn group(operations: &Value) -> Result<Patch, Error> {
    parse_patch(ResourceType::Group, &json!({"Operations": operations}))
}

fn ops(operation: &Value) -> Vec<MemberOp> {
    group(&json!([operation])).unwrap().members().to_vec()
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn every_shape_becomes_one_change() {
    for (operation, wanted) in [
        (
            json!({"op": "Add", "path": "members", "value": [{"value": "7"}, {"value": "8"}]}),
            MemberOp::Add(ids(&["7", "8"])),
        ),
        (
            json!({"op": "add", "path": "members", "value": {"value": "7"}}),
            MemberOp::Add(ids(&["7"])),
        ),
        (json!({"op": "add", "path": "MEMBERS", "value": "7"}), MemberOp::Add(ids(&["7"]))),
        (
            json!({"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members", "value": ["7", "7"]}),
            MemberOp::Add(ids(&["7"])),
        ),
        (json!({"op": "add", "value": {"members": [{"value": "7"}]}}), MemberOp::Add(ids(&["7"]))),
        (
            json!({"op": "replace", "value": {"members": [{"value": "7"}]}}),
            MemberOp::Replace(ids(&["7"])),
        ),
        (json!({"op": "Replace", "path": "members", "value": []}), MemberOp::Replace(vec![])),
        (json!({"op": "Replace", "path": "members", "value": null}), MemberOp::Replace(vec![])),
        (
            json!({"op": "Remove", "path": "members", "value": [{"value": "7", "$ref": null}]}),
            MemberOp::Remove(ids(&["7"])),
        ),
        (json!({"op": "remove", "path": "members"}), MemberOp::RemoveAll),
        (json!({"op": "remove", "path": "members[value eq \"7\"]"}), MemberOp::Remove(ids(&["7"]))),
        (
            json!({"op": "remove", "path": "members[value eq \"7\" or value eq 8 OR VALUE eq x]"}),
            MemberOp::Remove(ids(&["7", "8", "x"])),
        ),
    ] {
        assert_eq!(ops(&operation), [wanted], "{operation}");
    }
    for nothing in [
        json!({"op": "add", "path": "members", "value": []}),
        json!({"op": "add", "path": "members", "value": null}),
        json!({"op": "remove", "path": "members", "value": []}),
    ] {
        assert!(ops(&nothing).is_empty(), "{nothing}");
    }
}

#[test]
fn order_is_kept_and_the_document_is_left_alone() {
    let patch = group(&json!([
        {"op": "Remove", "path": "members"},
        {"op": "Replace", "path": "displayName", "value": "New"},
        {"op": "Add", "path": "members", "value": [{"value": "7"}]},
        {"op": "Remove", "path": "members[value eq \"7\"]"},
    ]))
    .unwrap();
    assert_eq!(
        patch.members(),
        [MemberOp::RemoveAll, MemberOp::Add(ids(&["7"])), MemberOp::Remove(ids(&["7"]))]
    );
    let mut resource: Resource =
        json!({"displayName": "Old", "externalId": "e"}).as_object().unwrap().clone();
    patch.apply(&mut resource).unwrap();
    assert_eq!(Value::Object(resource), json!({"displayName": "New", "externalId": "e"}));
}

#[test]
fn what_members_cannot_be_is_refused() {
    for (operation, keyword) in [
        (json!({"op": "add", "path": "members", "value": [{"display": "Ana"}]}), "invalidValue"),
        (json!({"op": "add", "path": "members", "value": [{"value": 7}]}), "invalidValue"),
        (json!({"op": "add", "path": "members", "value": 7}), "invalidValue"),
        (json!({"op": "add", "path": "members"}), "invalidValue"),
        (
            json!({"op": "add", "path": "members", "value": [{"value": "3", "type": "Group"}]}),
            "invalidValue",
        ),
        (
            json!({"op": "add", "path": "members[value eq \"7\"]", "value": [{"value": "7"}]}),
            "invalidPath",
        ),
        (json!({"op": "replace", "path": "members.value", "value": "7"}), "invalidPath"),
        (json!({"op": "remove", "path": "members[display eq \"Ana\"]"}), "invalidPath"),
        (json!({"op": "remove", "path": "members[value ne \"7\"]"}), "invalidPath"),
        (json!({"op": "remove", "path": "members[valu eq \"7\"]"}), "invalidPath"),
        (json!({"op": "remove", "path": "displayName"}), "invalidValue"),
        (json!({"op": "replace", "path": "displayName", "value": " "}), "invalidValue"),
        (json!({"op": "replace", "value": {"displayName": null}}), "invalidValue"),
    ] {
        let error = group(&json!([operation])).unwrap_err();
        assert_eq!(error.scim_type.unwrap().as_str(), keyword, "{operation}: {}", error.detail);
        assert_eq!(error.status, 400);
    }
}
