//! RFC 7644 §3.5.2: the semantics of add, replace and remove.

use serde_json::{Value, json};

use super::{E, after, patched, path, refusal};

fn two_mails() -> Value {
    json!({"userName": "a", "emails": [
        {"type": "work", "value": "w@x", "primary": true},
        {"type": "home", "value": "h@x"},
    ]})
}

fn mails(document: &Value) -> Value {
    document.get("emails").cloned().unwrap_or_default()
}

#[test]
fn single_values_are_set_and_cleared() {
    for op in ["add", "replace", "Add", "REPLACE"] {
        let changed =
            after(json!({"title": "old"}), json!({"op": op, "path": "title", "value": "new"}));
        assert_eq!(changed, json!({"title": "new"}));
    }
    for clearing in [
        json!({"op": "remove", "path": "title"}),
        json!({"op": "Remove", "path": "title", "value": "old"}),
        json!({"op": "Replace", "path": "title", "value": ""}),
        json!({"op": "Replace", "path": "title", "value": null}),
        json!({"op": "replace", "value": {"title": null}}),
        json!({"op": "replace", "value": {"title": ""}}),
    ] {
        let (changed, asserted) =
            patched(json!({"title": "old", "nickName": "n"}), &json!([clearing])).unwrap();
        assert_eq!(changed, json!({"nickName": "n"}), "{clearing}");
        assert!(asserted.covers(&path("title")));
        assert!(!asserted.covers(&path("nickName")));
    }
}

#[test]
fn complex_values_are_merged() {
    let before = json!({"name": {"givenName": "A", "familyName": "B"}});
    for op in ["add", "replace"] {
        let (changed, asserted) = patched(
            before.clone(),
            &json!([{"op": op, "path": "name", "value": {"givenName": "Z", "middleName": ""}}]),
        )
        .unwrap();
        assert_eq!(changed, json!({"name": {"givenName": "Z", "familyName": "B"}}));
        assert!(asserted.covers(&path("name.givenName")));
        assert!(asserted.covers(&path("name.middleName")));
        assert!(!asserted.covers(&path("name.familyName")));
    }
    assert_eq!(after(before.clone(), json!({"op": "remove", "path": "name"})), json!({}));
    let (changed, asserted) =
        patched(before, &json!([{"op": "replace", "path": "name", "value": null}])).unwrap();
    assert_eq!(changed, json!({}));
    assert!(asserted.covers(&path("name.middleName")));
}

#[test]
fn add_appends_and_never_doubles() {
    let other =
        json!({"op": "add", "path": "emails", "value": [{"type": "other", "value": "o@x"}]});
    assert_eq!(mails(&after(two_mails(), other.clone())).as_array().unwrap().len(), 3);
    let twice = after(after(two_mails(), other.clone()), other);
    assert_eq!(mails(&twice).as_array().unwrap().len(), 3);
    let object = json!({"op": "add", "path": "emails", "value": {"type": "home", "value": "h@x", "display": "d"}});
    assert_eq!(
        mails(&after(two_mails(), object)),
        json!([{"type": "work", "value": "w@x", "primary": true}, {"type": "home", "value": "h@x", "display": "d"}])
    );
    assert_eq!(
        after(two_mails(), json!({"op": "add", "path": "emails", "value": []})),
        two_mails()
    );
    assert_eq!(
        after(two_mails(), json!({"op": "add", "path": "emails", "value": null})),
        two_mails()
    );
}

#[test]
fn replace_of_a_list_replaces_all() {
    let (changed, asserted) = patched(
        two_mails(),
        &json!([{"op": "replace", "path": "emails", "value": [{"type": "other", "value": "o@x"}]}]),
    )
    .unwrap();
    assert_eq!(mails(&changed), json!([{"type": "other", "value": "o@x"}]));
    assert!(asserted.covers(&path(r#"emails[type eq "work"].value"#)));
    for nothing in [json!([]), json!(null), json!("")] {
        let changed =
            after(two_mails(), json!({"op": "replace", "path": "emails", "value": nothing}));
        assert_eq!(changed, json!({"userName": "a"}));
    }
}

#[test]
fn a_new_primary_clears_the_other() {
    for operation in [
        json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True"}),
        json!({"op": "add", "path": "emails[type eq \"home\"]", "value": {"primary": true}}),
        json!({"op": "add", "path": "emails", "value": [{"type": "home", "value": "h@x", "primary": true}]}),
    ] {
        assert_eq!(
            mails(&after(two_mails(), operation.clone())),
            json!([{"type": "work", "value": "w@x", "primary": false},
                {"type": "home", "value": "h@x", "primary": true}]),
            "{operation}"
        );
    }
    let (keyword, _) = refusal(
        two_mails(),
        json!({"op": "add", "path": "emails", "value": [{"value": "1", "primary": true}, {"value": "2", "primary": true}]}),
    );
    assert_eq!(keyword, "invalidValue");
}

#[test]
fn filters_pick_by_any_part() {
    for (filter, picked) in [
        ("type eq \"home\"", vec![1]),
        ("type ne \"home\"", vec![0]),
        ("TYPE EQ \"HOME\"", vec![1]),
        ("type eq home", vec![1]),
        ("value eq \"w@x\" and type eq \"work\"", vec![0]),
        ("type eq \"home\" or primary eq true", vec![0, 1]),
        ("primary eq \"True\"", vec![0]),
        ("primary eq false", vec![1]),
        ("not (type eq \"home\")", vec![0]),
        ("value sw \"W\"", vec![0]),
        ("value co \"@\" and primary pr", vec![0]),
        ("display eq null", vec![0, 1]),
        ("(type eq \"home\" or type eq \"work\") and value ew \"h@x\"", vec![1]),
    ] {
        let operation =
            json!({"op": "replace", "path": format!("emails[{filter}].display"), "value": "D"});
        let changed = mails(&after(two_mails(), operation));
        let hit: Vec<usize> = changed
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .filter(|(_, mail)| mail.get("display").is_some())
            .map(|(at, _)| at)
            .collect();
        assert_eq!(hit, picked, "{filter}");
    }
}

#[test]
fn replace_through_a_filter_replaces_the_record() {
    let changed = after(
        two_mails(),
        json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "n@x"}}),
    );
    assert_eq!(
        mails(&changed),
        json!([{"type": "work", "value": "n@x"}, {"type": "home", "value": "h@x"}])
    );
    let merged = after(
        two_mails(),
        json!({"op": "add", "path": "emails[type eq \"work\"]", "value": [{"value": "n@x"}]}),
    );
    assert_eq!(mails(&merged)[0], json!({"type": "work", "value": "n@x", "primary": true}));
    for nothing in [json!(null), json!("")] {
        let gone = after(
            two_mails(),
            json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": nothing}),
        );
        assert_eq!(mails(&gone), json!([{"type": "home", "value": "h@x"}]));
    }
}

#[test]
fn a_filter_that_matches_nothing() {
    let create = |op: &str, filter: &str| {
        patched(
            json!({}),
            &json!([{"op": op, "path": format!("emails[{filter}].value"), "value": "n@x"}]),
        )
    };
    for op in ["add", "replace"] {
        let (changed, asserted) = create(op, "type eq \"work\"").unwrap();
        assert_eq!(mails(&changed), json!([{"type": "work", "value": "n@x"}]));
        assert!(asserted.covers(&path(r#"emails[type eq "work"].value"#)));
        assert!(!asserted.covers(&path(r#"emails[type eq "home"].value"#)));
    }
    for op in ["add", "replace"] {
        let (changed, _) = create(op, "primary eq \"True\" and type eq \"work\"").unwrap();
        assert_eq!(mails(&changed), json!([{"primary": true, "type": "work", "value": "n@x"}]));
        let (changed, _) = create(op, "primary eq \"True\"").unwrap();
        assert_eq!(mails(&changed), json!([{"primary": true, "value": "n@x"}]));
    }
    for (op, filter) in [
        ("replace", "value eq \"x\""),
        ("replace", "type ne \"work\" and primary eq true"),
        ("add", "type eq \"work\" or type eq \"home\""),
        ("add", "value co \"x\""),
        ("add", "type eq \"a\" and type eq \"b\""),
    ] {
        let error = create(op, filter).unwrap_err();
        assert_eq!(error.scim_type.unwrap().as_str(), "noTarget", "{op} {filter}");
        assert!(error.detail.contains("`emails`"), "{}", error.detail);
    }
    // Removing what isn't there is done already.
    let nothing = json!({"op": "remove", "path": "emails[primary eq true].value"});
    assert_eq!(after(json!({"title": "t"}), nothing), json!({"title": "t"}));
}

#[test]
fn a_refused_patch_changes_nothing() {
    let mut resource = json!({"title": "t"}).as_object().unwrap().clone();
    let patch = crate::scim::parse_patch(
        crate::scim::ResourceType::User,
        &json!({"Operations": [
            {"op": "replace", "path": "title", "value": "new"},
            {"op": "replace", "path": "emails[value eq \"y\"].value", "value": "x"},
        ]}),
    )
    .unwrap();
    assert!(patch.apply(&mut resource).is_err());
    assert_eq!(Value::Object(resource), json!({"title": "t"}));
}

#[test]
fn removing_elements() {
    for (operation, left) in [
        (
            json!({"op": "remove", "path": "emails[type eq \"work\"]"}),
            json!([{"type": "home", "value": "h@x"}]),
        ),
        (
            json!({"op": "remove", "path": "emails[type eq \"home\"].value"}),
            json!([{"type": "work", "value": "w@x", "primary": true}]),
        ),
        (
            json!({"op": "remove", "path": "emails", "value": [{"value": "W@X"}]}),
            json!([{"type": "home", "value": "h@x"}]),
        ),
        (
            json!({"op": "remove", "path": "emails", "value": {"type": "home"}}),
            json!([{"type": "work", "value": "w@x", "primary": true}]),
        ),
        (
            json!({"op": "remove", "path": "emails", "value": [{"value": "w@x", "type": "home"}]}),
            mails(&two_mails()),
        ),
        (json!({"op": "remove", "path": "emails", "value": []}), mails(&two_mails())),
        (json!({"op": "remove", "path": "emails"}), json!(null)),
        (json!({"op": "remove", "path": "emails.value"}), json!(null)),
    ] {
        assert_eq!(mails(&after(two_mails(), operation.clone())), left, "{operation}");
    }
}

#[test]
fn a_part_of_every_element() {
    let changed =
        after(two_mails(), json!({"op": "replace", "path": "emails.display", "value": "D"}));
    assert!(mails(&changed).as_array().unwrap().iter().all(|mail| mail["display"] == "D"));
    let created = after(json!({}), json!({"op": "add", "path": "emails.value", "value": "n@x"}));
    assert_eq!(mails(&created), json!([{"value": "n@x"}]));
}

#[test]
fn operations_are_applied_in_order() {
    let (changed, _) = patched(
        json!({}),
        &json!([
            {"op": "add", "path": "title", "value": "1"},
            {"op": "remove", "path": "title"},
            {"op": "add", "path": "title", "value": "2"},
            {"op": "add", "path": "emails[type eq \"work\"].value", "value": "a"},
            {"op": "replace", "path": "emails[value eq \"a\"].type", "value": "home"},
        ]),
    )
    .unwrap();
    assert_eq!(changed, json!({"title": "2", "emails": [{"type": "home", "value": "a"}]}));
}

#[test]
fn a_schema_as_path_is_all_of_it() {
    let before = json!({"title": "t", E: {"department": "d", "costCenter": "c"}});
    assert_eq!(after(before.clone(), json!({"op": "remove", "path": E})), json!({"title": "t"}));
    assert_eq!(
        after(
            before.clone(),
            json!({"op": "replace", "path": E, "value": {"department": "x", "manager": "9"}})
        ),
        json!({"title": "t", E: {"department": "x", "costCenter": "c", "manager": {"value": "9"}}})
    );
    let (changed, asserted) =
        patched(before, &json!([{"op": "replace", "value": {E: null}}])).unwrap();
    assert_eq!(changed, json!({"title": "t"}));
    assert!(asserted.covers(&path("division")));
}
