//! What a body costs grows with its size, and not with its square: counted in foldings, of which every
//! look at an element takes one or more.

use serde_json::{Value, json};

use super::{patched, refusal};
use crate::scim::fold::counted;

fn element(number: usize) -> Value {
    json!({"value": format!("a{number}@plant.example"), "type": format!("t{number}")})
}

fn elements(number: usize) -> Vec<Value> {
    (0..number).map(element).collect()
}

fn each(number: usize, operation: impl Fn(usize) -> Value) -> Value {
    (0..number).map(operation).collect()
}

fn foldings(emails: usize, operations: &Value) -> usize {
    let before = json!({"userName": "a", "emails": elements(emails)});
    counted(|| drop(patched(before, operations).unwrap()))
}

#[test]
fn four_times_the_body_is_no_more_than_five_times_the_work() {
    type Body = fn(usize) -> (usize, Value);
    let bodies: [(&str, Body); 9] = [
        ("one add", |n| (0, json!([{"op": "add", "path": "emails", "value": elements(n)}]))),
        ("an add to what is there", |n| {
            (n, json!([{"op": "add", "path": "emails", "value": elements(n)}]))
        }),
        ("an add each", |n| {
            (0, each(n, |i| json!({"op": "add", "path": "emails", "value": [element(i)]})))
        }),
        ("a primary each", |n| {
            let primary = |i| {
                let mut element = element(i);
                element["primary"] = json!(true);
                json!({"op": "add", "path": "emails", "value": [element]})
            };
            (0, each(n, primary))
        }),
        ("a value by its type each", |n| {
            let by_type = |i| {
                let path = format!("emails[type eq \"t{i}\"].value");
                json!({"op": "replace", "path": path, "value": format!("b{i}@plant.example")})
            };
            (n, each(n, by_type))
        }),
        ("an element by its type each, made", |n| {
            let by_type = |i| {
                let path = format!("emails[type eq \"t{i}\" and primary eq false].value");
                json!({"op": "add", "path": path, "value": format!("b{i}@plant.example")})
            };
            (0, each(n, by_type))
        }),
        ("a removal of these", |n| {
            (n, json!([{"op": "remove", "path": "emails", "value": elements(n)}]))
        }),
        ("a removal each", |n| {
            (n, each(n, |i| json!({"op": "remove", "path": "emails", "value": [element(i)]})))
        }),
        ("a removal of all by a filter", |n| {
            (n, json!([{"op": "remove", "path": "emails[value co \"plant\"]"}]))
        }),
    ];
    for (what, body) in bodies {
        let work = |size| {
            let (emails, operations) = body(size);
            foldings(emails, &operations)
        };
        let (small, large) = (work(200), work(800));
        assert!(small > 0, "{what}");
        assert!(large <= 5 * small, "{what}: {small} foldings, then {large}");
    }
}

#[test]
fn an_attribute_has_a_thousand_values_at_most() {
    let add = |number| json!({"op": "add", "path": "emails", "value": elements(number)});
    let nobody = json!({"userName": "a"});
    assert!(patched(nobody.clone(), &json!([add(1000)])).is_ok());
    let (keyword, detail) = refusal(nobody.clone(), add(1001));
    assert_eq!(keyword, "invalidValue");
    assert!(detail.contains("`emails` would have 1001 values; 1000 is the limit"), "{detail}");
    let one_more = json!({"op": "add", "path": "emails[type eq \"more\"].value", "value": "m@x"});
    let refused = patched(nobody.clone(), &json!([add(1000), one_more])).unwrap_err();
    assert!(refused.detail.contains("1001 values"), "{}", refused.detail);
    let again = patched(nobody, &json!([add(1000), add(1000)]));
    assert!(again.is_ok(), "the same thousand");
}
