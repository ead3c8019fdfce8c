//! List queries and searches.

use serde_json::{Value, json};

use crate::scim::{Error, FilterLimits, ListQuery, ResourceType, SortOrder};

fn query(pairs: &[(&str, &str)]) -> Result<ListQuery, Error> {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    ListQuery::from_pairs(ResourceType::User, pairs, FilterLimits::default())
}

fn search(body: &Value) -> Result<ListQuery, Error> {
    ListQuery::from_search(ResourceType::User, body, FilterLimits::default())
}

#[test]
fn both_forms_say_the_same() {
    let from_pairs = query(&[
        ("filter", "userName eq \"ana\""),
        ("sortBy", "name.familyname"),
        ("sortOrder", "Descending"),
        ("startIndex", "3"),
        ("count", "10"),
        ("attributes", "userName, emails.value"),
        ("aadOptscim062020", ""),
    ])
    .unwrap();
    let from_search = search(&json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "userName eq \"ana\"",
        "sortBy": "name.familyName",
        "sortOrder": "descending",
        "startIndex": 3,
        "count": 10,
        "attributes": ["userName", "emails.value"],
        "excludedAttributes": null,
    }))
    .unwrap();
    assert_eq!(from_pairs, from_search);
    assert_eq!(from_pairs.sort_order, SortOrder::Descending);
    assert_eq!(from_pairs.sort_by.unwrap().to_string(), "name.familyName");
    assert_eq!((from_pairs.start_index, from_pairs.count), (3, Some(10)));
    assert_eq!(query(&[]).unwrap(), ListQuery::default());
    assert_eq!(search(&json!({})).unwrap(), ListQuery::default());
}

#[test]
fn numbers_are_bounded() {
    for (text, start, count) in [
        ("0", 1, 0),
        ("-5", 1, 0),
        ("+2", 2, 2),
        ("99999999999999999999999999999999999999999999", u64::MAX, u64::MAX),
        ("-99999999999999999999999999999999999999999999", 1, 0),
    ] {
        let query = query(&[("startIndex", text), ("COUNT", text)]).unwrap();
        assert_eq!((query.start_index, query.count), (start, Some(count)), "{text}");
    }
    for text in ["", "x", "1.5", "1e3", "０"] {
        for key in ["startIndex", "count"] {
            let error = query(&[(key, text)]).unwrap_err();
            assert_eq!(error.scim_type.unwrap().as_str(), "invalidValue");
            assert!(error.detail.contains(key));
        }
    }
    assert!(search(&json!({"count": "5"})).is_ok());
    assert!(search(&json!({"count": 1.5})).is_err());
    assert!(search(&json!({"count": []})).is_err());
}

#[test]
fn refusals_carry_the_keyword() {
    for (pairs, keyword) in [
        (vec![("filter", "x")], "invalidFilter"),
        (vec![("sortBy", "nothing")], "invalidPath"),
        (vec![("sortBy", "emails")], "invalidPath"),
        (vec![("sortOrder", "sideways")], "invalidValue"),
        (vec![("attributes", "a"), ("excludedAttributes", "b")], "invalidValue"),
    ] {
        assert_eq!(query(&pairs).unwrap_err().scim_type.unwrap().as_str(), keyword);
    }
    assert_eq!(search(&json!([])).unwrap_err().scim_type.unwrap().as_str(), "invalidSyntax");
    assert!(search(&json!({"filter": 5})).is_err());
    assert!(search(&json!({"attributes": [5]})).is_err());
    assert!(query(&[("sortBy", "meta.created")]).is_ok());
    assert!(query(&[("sortBy", "id")]).is_ok());
}
