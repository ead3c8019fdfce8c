//! `attributes` and `excludedAttributes`.

use serde_json::{Value, json};

use super::E;
use crate::scim::{Projection, ResourceType};

fn whole() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", E],
        "id": "7",
        "userName": "ana",
        "name": {"givenName": "A", "familyName": "B"},
        "emails": [{"type": "work", "value": "w"}, {"type": "home"}],
        "meta": {"resourceType": "User", "version": "W/\"1\""},
        "groups": [{"value": "3"}],
        E: {"department": "Ops", "costCenter": "c"},
    })
}

fn projected(key: &str, value: &str) -> Value {
    let projection = Projection::from_pairs(ResourceType::User, [(key, value)]).unwrap();
    let mut resource = whole().as_object().unwrap().clone();
    projection.apply(ResourceType::User, &mut resource);
    Value::Object(resource)
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn attributes_leave_what_is_named_and_what_is_always_returned() {
    assert_eq!(keys(&projected("attributes", "USERNAME")), ["id", "schemas", "userName"]);
    let parts = projected("attributes", "name.givenName,emails.value,department");
    assert_eq!(parts["name"], json!({"givenName": "A"}));
    assert_eq!(parts["emails"], json!([{"value": "w"}]));
    assert_eq!(parts[E], json!({"department": "Ops"}));
    assert_eq!(keys(&projected("attributes", E)), ["id", "schemas", E]);
    assert_eq!(keys(&projected("attributes", "unheardOf")), ["id", "schemas"]);
    assert_eq!(projected("attributes", ""), whole());
    let core = projected("attributes", "urn:ietf:params:scim:schemas:core:2.0:User:userName");
    assert_eq!(keys(&core), ["id", "schemas", "userName"]);
}

#[test]
fn excluded_attributes_go_unless_always_returned() {
    let without = projected("excludedAttributes", "groups,id,schemas,name,meta");
    assert_eq!(keys(&without), ["emails", "id", "schemas", E, "userName"]);
    let parts = projected("excludedattributes", "name.givenName, costCenter,emails.type");
    assert_eq!(parts["name"], json!({"familyName": "B"}));
    assert_eq!(parts[E], json!({"department": "Ops"}));
    assert_eq!(parts["emails"], json!([{"value": "w"}]));
    assert_eq!(projected("excludedAttributes", E).get(E), None);
}

#[test]
fn what_is_not_wanted_is_known_before() {
    let members = |key: &str, value: &str| {
        Projection::from_pairs(ResourceType::Group, [(key, value)]).unwrap().wants("members")
    };
    assert!(Projection::default().wants("members"));
    assert!(!members("excludedAttributes", "members"));
    assert!(!members("excludedAttributes", "urn:ietf:params:scim:schemas:core:2.0:Group:Members"));
    assert!(members("excludedAttributes", "members.display"));
    assert!(members("excludedAttributes", "displayName"));
    assert!(members("attributes", "members.value"));
    assert!(!members("attributes", "displayName"));
    assert!(!members("attributes", "unheardOf"));
}
