//! Bodies of POST and PUT: the wire's spellings, types, nulls.

use serde_json::{Value, json};

use super::{E, path, user};
use crate::scim::{Ignored, ResourceType, asserted_by, parse_resource, prune};

fn refused(body: &Value) -> String {
    let error = parse_resource(ResourceType::User, body, &mut Ignored::default()).unwrap_err();
    assert_eq!(error.scim_type.unwrap().as_str(), "invalidValue");
    assert_eq!(error.status, 400);
    error.detail
}

#[test]
fn rfc_7643_full_user_is_kept() {
    // RFC 7643 §8.2 and §8.3, shortened in the values only.
    let parsed = user(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", E],
        "id": "2819c223-7f76-453a-919d-413861904646",
        "externalId": "701984",
        "userName": "bjensen@example.com",
        "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen",
            "givenName": "Barbara", "middleName": "Jane", "honorificPrefix": "Ms.",
            "honorificSuffix": "III"},
        "displayName": "Babs Jensen",
        "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"}],
        "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza",
            "postalCode": "91608", "country": "USA", "primary": true}],
        "photos": [{"value": "https://photos.example.com/F", "type": "photo"}],
        "active": true,
        "password": "t1meMa$heen",
        "groups": [{"value": "e9e30dba", "$ref": "https://example.com/v2/Groups/e9e30dba"}],
        "x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjEL"}],
        E: {"employeeNumber": "701984", "department": "Tour Operations",
            "manager": {"value": "26118915", "$ref": "../Users/26118915", "displayName": "John"}},
        "meta": {"resourceType": "User", "version": "W/\"3694e05e9dff591\""},
    }));
    assert_eq!(
        Value::Object(parsed),
        json!({
            "externalId": "701984",
            "userName": "bjensen@example.com",
            "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen",
                "givenName": "Barbara", "middleName": "Jane", "honorificPrefix": "Ms.",
                "honorificSuffix": "III"},
            "displayName": "Babs Jensen",
            "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true},
                {"value": "babs@jensen.org", "type": "home"}],
            "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza",
                "postalCode": "91608", "country": "USA", "primary": true}],
            "photos": [{"value": "https://photos.example.com/F", "type": "photo"}],
            "active": true,
            "x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjEL"}],
            E: {"employeeNumber": "701984", "department": "Tour Operations",
                "manager": {"value": "26118915"}},
        })
    );
}

#[test]
fn names_are_read_in_every_spelling() {
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    let parsed = user(&json!({
        "USERNAME": "a",
        format!("{core}:title"): "t",
        core: {"nickname": "n"},
        format!("{E}:Department"): "Ops",
        E.to_lowercase(): {"costcenter": "c"},
        "name": {"GIVENNAME": "g"},
        "unheardOf": {"x": 1},
        "urn:example:2.0:Thing": {"x": 1},
    }));
    assert_eq!(
        Value::Object(parsed),
        json!({"userName": "a", "title": "t", "nickName": "n", "name": {"givenName": "g"},
            E: {"department": "Ops", "costCenter": "c"}})
    );
}

#[test]
fn what_stands_under_its_urn_has_the_last_word() {
    let parsed = user(&json!({"manager": "1", "zdepartment": 0, E: {"manager": "2"}}));
    assert_eq!(Value::Object(parsed), json!({E: {"manager": {"value": "2"}}}));
}

#[test]
fn managers_have_one_form() {
    for manager in [
        json!("9"),
        json!({"value": "9"}),
        json!({"$ref": "x", "value": "9", "displayName": "d"}),
        json!([{"$ref": "x", "value": "9"}]),
        json!(["9"]),
    ] {
        let wanted = json!({E: {"manager": {"value": "9"}}});
        assert_eq!(Value::Object(user(&json!({E: {"manager": manager}}))), wanted);
        assert_eq!(Value::Object(user(&json!({"manager": manager}))), wanted);
    }
    for nobody in [json!(""), json!([]), json!(null)] {
        assert_eq!(
            Value::Object(user(&json!({E: {"manager": nobody}}))),
            json!({E: {"manager": null}})
        );
    }
    assert!(refused(&json!({E: {"manager": ["1", "2"]}})).contains("manager"));
    assert!(refused(&json!({E: {"manager": 9}})).contains("manager"));
    assert!(refused(&json!({E: {"manager": {"value": 9}}})).contains("manager.value"));
}

#[test]
fn booleans_may_be_quoted_and_nothing_else() {
    for (written, read) in [
        (json!("True"), true),
        (json!("false"), false),
        (json!(true), true),
        (json!(" FALSE "), false),
    ] {
        assert_eq!(user(&json!({"active": written}))["active"], json!(read));
    }
    for wrong in [json!("maybe"), json!(1), json!(""), json!([true]), json!({})] {
        assert!(refused(&json!({"active": wrong})).contains("`active`"));
    }
}

#[test]
fn wrong_types_name_the_attribute() {
    for (body, name) in [
        (json!({"userName": 5}), "`userName`"),
        (json!({"userName": ["a"]}), "`userName`"),
        (json!({"name": "Ana"}), "`name`"),
        (json!({"name": {"givenName": {}}}), "`name.givenName`"),
        (json!({"emails": "a@b"}), "`emails`"),
        (json!({"emails": ["a@b"]}), "`emails`"),
        (json!({"emails": [{"value": 1}]}), "`emails.value`"),
        (
            json!({"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": "True"}]}),
            "primary",
        ),
        (json!({E: "x"}), E),
        (json!({E: {"department": false}}), "department"),
        (json!({"title": "a\u{0}b"}), "`title`"),
        (json!({"unheardOf": ["a\u{0}b"]}), "`unheardOf`"),
    ] {
        assert!(refused(&body).contains(name), "{body}");
    }
    for body in [json!([]), json!("x"), json!(null)] {
        let error = parse_resource(ResourceType::User, &body, &mut Ignored::default()).unwrap_err();
        assert_eq!(error.scim_type.unwrap().as_str(), "invalidSyntax");
    }
}

#[test]
fn nulls_are_kept_and_asserted() {
    let parsed = user(&json!({
        "title": null, "name": {"givenName": null}, "roles": [], "emails": null,
        "phoneNumbers": [{"type": "work", "value": null}, null], E: {"department": null},
    }));
    let asserted = asserted_by(&parsed);
    for text in [
        "title",
        "name.givenName",
        r#"phoneNumbers[type eq "work"].value"#,
        r#"emails[type eq "home"].value"#,
        r#"roles[type eq "x"].value"#,
        "department",
    ] {
        assert_eq!(path(text).get(&parsed), Some(&Value::Null), "{text}");
        assert!(asserted.covers(&path(text)), "{text}");
    }
    for text in
        ["userName", "name.familyName", r#"phoneNumbers[type eq "home"].value"#, "manager.value"]
    {
        assert_eq!(path(text).get(&parsed), None, "{text}");
        assert!(!asserted.covers(&path(text)), "{text}");
    }
    let mut pruned = parsed;
    prune(&mut pruned);
    assert!(pruned.is_empty(), "{pruned:?}");
}

#[test]
fn a_null_extension_clears_all_of_it() {
    let asserted = asserted_by(&user(&json!({E: null})));
    assert!(asserted.covers(&path("department")));
    assert!(asserted.covers(&path("manager.value")));
    assert!(!asserted.covers(&path("title")));
}

#[test]
fn group_members_have_one_form() {
    let group = |body: Value| parse_resource(ResourceType::Group, &body, &mut Ignored::default());
    let parsed = group(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "displayName": "Ops",
        "members": [{"value": "7", "$ref": "https://x/Users/7", "display": "Ana", "type": "User"},
            "8", {"VALUE": "7"}],
    }));
    assert_eq!(
        Value::Object(parsed.unwrap()),
        json!({"displayName": "Ops", "members": [{"value": "7"}, {"value": "8"}]})
    );
    for (wrong, says) in [
        (json!([{"display": "Ana"}]), "user's id"),
        (json!([7]), "user's id"),
        (json!([{"value": ""}]), "user's id"),
        (json!([{"value": "3", "type": "Group"}]), "groups in groups"),
        (json!([{"value": "3", "$ref": "https://x/scim/v2/Groups/3"}]), "groups in groups"),
    ] {
        let error = group(json!({"members": wrong})).unwrap_err();
        assert_eq!(error.scim_type.unwrap().as_str(), "invalidValue");
        assert!(error.detail.contains(says), "{}", error.detail);
    }
}
