//! Attribute paths: spelling, reading, writing.

use serde_json::{Value, json};

use super::{E, path};
use crate::scim::{AttributeKind, AttributePath, Resource, ResourceType};

fn document(value: &Value) -> Resource {
    value.as_object().unwrap().clone()
}

fn problem(text: &str) -> String {
    AttributePath::parse(ResourceType::User, text).unwrap_err()
}

#[test]
fn spelling_is_canonical() {
    for (written, canonical) in [
        ("USERNAME", "userName".to_owned()),
        ("urn:ietf:params:scim:schemas:core:2.0:user:Name.GivenName", "name.givenName".to_owned()),
        (
            r#"phonenumbers[TYPE EQ "Work"].Value"#,
            r#"phoneNumbers[type eq "work"].value"#.to_owned(),
        ),
        ("department", format!("{E}:department")),
        (&format!("{}:MANAGER.value", E.to_uppercase()), format!("{E}:manager.value")),
        (r#"roles[type eq "Ho\"me"].value"#, r#"roles[type eq "Ho\"me"].value"#.to_owned()),
        ("externalId", "externalId".to_owned()),
    ] {
        let parsed = path(written);
        assert_eq!(parsed.to_string(), canonical);
        assert_eq!(path(&canonical), parsed);
    }
    assert_eq!(path("active").definition().kind, AttributeKind::Boolean);
    let group = AttributePath::parse(ResourceType::Group, "DisplayName").unwrap();
    assert_eq!(group.to_string(), "displayName");
}

#[test]
fn problems_say_what_to_write() {
    assert!(problem("usrName").contains("`userName`"), "{}", problem("usrName"));
    assert!(problem("name.first").contains("givenName"));
    assert!(problem("name").contains("`name.givenName`"));
    assert!(problem("emails").contains(r#"`emails[type eq "work"].value`"#));
    assert!(problem("emails.value").contains(r#"`emails[type eq "work"].value`"#));
    assert!(problem(r#"emails[type eq "work"]"#).contains("value"));
    assert!(problem("emails[primary eq true].value").contains("type"));
    assert!(problem("id").contains("readOnly"));
    assert!(problem("meta.created").contains("readOnly"));
    assert!(problem("password").contains("never stored"));
    assert!(problem("").contains("empty"));
    assert!(problem("title.x").contains("no sub-attributes"));
    assert!(problem("urn:example:Thing:colour").contains("is not an attribute of User"));
    assert!(AttributePath::locate(ResourceType::User, "meta.Created").is_ok());
    assert!(AttributePath::locate(ResourceType::Group, "ID").is_ok());
}

#[test]
fn absent_null_and_empty_are_told_apart() {
    let title = path("title");
    assert_eq!(title.get(&document(&json!({}))), None);
    assert_eq!(title.get(&document(&json!({"title": null}))), Some(&Value::Null));
    assert_eq!(title.get(&document(&json!({"title": ""}))), Some(&json!("")));
    let given = path("name.givenName");
    assert_eq!(given.get(&document(&json!({"name": {"familyName": "x"}}))), None);
    assert_eq!(given.get(&document(&json!({"name": null}))), Some(&Value::Null));
    let work = path(r#"phoneNumbers[type eq "work"].value"#);
    assert_eq!(work.get(&document(&json!({"phoneNumbers": [{"type": "home"}]}))), None);
    assert_eq!(work.get(&document(&json!({"phoneNumbers": []}))), Some(&Value::Null));
    let found = document(&json!({"phoneNumbers": [{"type": "WORK", "value": "5"}]}));
    assert_eq!(work.get(&found), Some(&json!("5")));
    let department = path("department");
    assert_eq!(department.get(&document(&json!({E: null}))), Some(&Value::Null));
    assert_eq!(department.get(&document(&json!({E: {"department": "Ops"}}))), Some(&json!("Ops")));
}

#[test]
fn setting_creates_and_removes_what_it_is_part_of() {
    for text in [
        "userName",
        "name.givenName",
        r#"phoneNumbers[type eq "work"].value"#,
        "department",
        "manager.value",
    ] {
        let path = path(text);
        let mut resource = Resource::new();
        path.set(&mut resource, Some(json!("x")));
        assert_eq!(path.get(&resource), Some(&json!("x")), "{text}");
        path.set(&mut resource, Some(json!("y")));
        assert_eq!(path.get(&resource), Some(&json!("y")), "{text}");
        path.set(&mut resource, None);
        assert!(resource.is_empty(), "{text}: {resource:?}");
    }
}

#[test]
fn setting_leaves_the_neighbours() {
    let mut resource = document(&json!({
        "phoneNumbers": [{"type": "home", "value": "1"}, {"type": "work", "value": "2", "display": "d"}],
        "name": {"familyName": "x", "givenName": "y"},
    }));
    path(r#"phoneNumbers[type eq "work"].value"#).set(&mut resource, None);
    path("name.givenName").set(&mut resource, None);
    assert_eq!(
        Value::Object(resource),
        json!({
            "phoneNumbers": [{"type": "home", "value": "1"}, {"type": "work", "display": "d"}],
            "name": {"familyName": "x"},
        })
    );
}
