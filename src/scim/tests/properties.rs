//! Properties: what must hold for any input.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::path;
use crate::scim::filter::{
    AttrExp, AttrPath, CompValue, CompareOp, Condition, Filter, ValFilter, ValuePath,
};
use crate::scim::{
    AttributePath, FilterLimits, Ignored, ListQuery, Projection, Resource, ResourceType,
    asserted_by, fold, parse_filter, parse_patch, parse_resource, prune,
};

const LIMITS: FilterLimits = FilterLimits { length: 1 << 20, depth: 64, terms: 1024 };

fn any_kind() -> impl Strategy<Value = ResourceType> {
    prop_oneof![Just(ResourceType::User), Just(ResourceType::Group)]
}

/// Text that is likely to mean something here.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[ -~]{0,20}",
        ".{0,8}",
        prop::sample::select(vec![
            "",
            "True",
            "false",
            "7",
            "userName",
            "active",
            "members",
            "name",
            "name.givenName",
            "emails",
            "emails[type eq \"work\"].value",
            "phoneNumbers[type eq work]",
            "roles[primary eq \"True\"].value",
            "members[value eq \"7\"]",
            "manager",
            "meta.created",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "urn:ietf:params:scim:schemas:core:2.0:User:title",
            "add",
            "Replace",
            "remove",
            "type",
            "value",
            "primary",
            "op",
            "path",
            "Operations",
            "schemas",
            "work",
        ])
        .prop_map(str::to_owned),
        "(emails|name|a)\\[?(type|value) (eq|co|pr|x) (\"a\"|b|1)\\]?(.value)?( (and|or) title pr)?",
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any_text(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_operations() -> impl Strategy<Value = Value> {
    let operation = (
        prop::sample::select(vec!["add", "Replace", "remove", "x"]),
        prop::option::of(any_text()),
        prop::option::of(any_json()),
    )
        .prop_map(|(op, path, value)| {
            let mut operation = json!({ "op": op });
            if let Some(path) = path {
                operation["path"] = path.into();
            }
            if let Some(value) = value {
                operation["value"] = value;
            }
            operation
        });
    prop::collection::vec(operation, 0..4)
        .prop_map(|operations| json!({ "schemas": [], "Operations": operations }))
}

fn any_name() -> impl Strategy<Value = AttrPath> {
    prop::sample::select(vec![
        "userName",
        "name.givenName",
        "emails.value",
        "urn:ietf:params:scim:schemas:core:2.0:User:title",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        "noSuch",
    ])
    .prop_map(|name| AttrPath::new(ResourceType::User, name))
}

/// `emails`, whose elements have the parts that [`any_filter`] asks for.
fn emails() -> AttrPath {
    AttrPath::new(ResourceType::User, "emails")
}

fn any_term(name: impl Strategy<Value = AttrPath>) -> impl Strategy<Value = AttrExp> {
    let op = prop::sample::select(vec![
        CompareOp::Eq,
        CompareOp::Ne,
        CompareOp::Co,
        CompareOp::Sw,
        CompareOp::Ew,
        CompareOp::Gt,
        CompareOp::Ge,
        CompareOp::Lt,
        CompareOp::Le,
    ]);
    let value = prop_oneof![
        any::<bool>().prop_map(CompValue::Bool),
        Just(CompValue::Null),
        any::<i64>().prop_map(|number| CompValue::Number(number.into())),
        "[^\u{0}]{0,12}".prop_map(CompValue::Str),
    ];
    (name, prop::option::of((op, value))).prop_map(|(name, comparison)| match comparison {
        None => AttrExp::Present(name),
        Some((op, value)) => AttrExp::Comparison(name, op, value),
    })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let part = prop::sample::select(vec!["type", "value", "primary", "noSuch"])
        .prop_map(|part| AttrPath::part(Some(emails().resolved().unwrap().with_sub(None)), part));
    let inner = (any_term(part.clone()), prop::option::of((any::<bool>(), any_term(part))))
        .prop_map(|(one, other)| match other {
            None => ValFilter::Not(Box::new(ValFilter::Is(one))),
            Some((true, other)) => ValFilter::all(vec![ValFilter::Is(one), ValFilter::Is(other)]),
            Some((false, other)) => ValFilter::any(vec![ValFilter::Is(one), ValFilter::Is(other)]),
        });
    let leaf = prop_oneof![
        3 => any_term(any_name()).prop_map(Condition::Attr),
        1 => inner.prop_map(|filter| Condition::ValuePath(ValuePath { attr: emails(), filter })),
    ]
    .prop_map(Filter::Is);
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|filter| Filter::Not(Box::new(filter))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Filter::all(vec![a, b])),
            (inner.clone(), inner).prop_map(|(a, b)| Filter::any(vec![a, b])),
        ]
    })
}

fn any_path() -> impl Strategy<Value = AttributePath> {
    prop::sample::select(vec![
        "title",
        "externalId",
        "displayName",
        "name.givenName",
        "phoneNumbers[type eq \"work\"].value",
        "emails[type eq \"Desk\"].display",
        "addresses[type eq \"home\"].locality",
        "department",
        "manager.value",
        "userName",
    ])
    .prop_map(path)
}

fn any_document() -> impl Strategy<Value = Resource> {
    any_json().prop_map(|value| {
        let body = json!({
            "userName": "a", "name": value, "emails": [{"type": "desk", "value": "x"}, value],
            "phoneNumbers": [{"type": "home", "value": "1"}],
        });
        parse_resource(ResourceType::User, &body, &mut Ignored::default()).unwrap_or_default()
    })
}

proptest! {
    #[test]
    fn fold_is_idempotent(text in ".{0,40}") {
        let once = fold(&text);
        prop_assert_eq!(fold(&once), once);
    }

    #[test]
    fn filters_survive_being_written(filter in any_filter()) {
        let written = filter.to_string();
        prop_assert_eq!(parse_filter(ResourceType::User, &written, LIMITS).unwrap(), filter);
    }

    /// `scim_v2` is another reader of the RFC's grammar, without this one's leniency.
    #[test]
    fn another_reader_reads_the_same(filter in any_filter(), text in any_text()) {
        let written = filter.to_string();
        let theirs: scim_v2::filter::Filter = written.parse().unwrap();
        prop_assert_eq!(theirs.to_string(), written);
        if let Ok(theirs) = text.parse::<scim_v2::filter::Filter>() {
            let ours = parse_filter(ResourceType::User, &text, LIMITS).unwrap();
            prop_assert_eq!(ours.to_string(), theirs.to_string());
        }
    }

    #[test]
    fn parsing_filters_never_panics(text in any_text(), more in any_text()) {
        let _ = parse_filter(ResourceType::User, &text, LIMITS);
        let _ = parse_filter(ResourceType::User, &format!("{text} {more}"), LIMITS);
    }

    #[test]
    fn what_a_filter_is_read_as_is_read_the_same(text in any_text()) {
        if let Ok(filter) = parse_filter(ResourceType::User, &text, LIMITS) {
            prop_assert_eq!(parse_filter(ResourceType::User, &filter.to_string(), LIMITS).unwrap(), filter);
        }
    }

    #[test]
    fn parsing_paths_never_panics(kind in any_kind(), text in any_text()) {
        if let Ok(path) = AttributePath::locate(kind, &text) {
            prop_assert_eq!(AttributePath::locate(kind, &path.to_string()).unwrap(), path);
        }
    }

    #[test]
    fn reading_resources_never_panics(kind in any_kind(), body in any_json()) {
        if let Ok(resource) = parse_resource(kind, &body, &mut Ignored::default()) {
            let _ = asserted_by(&resource);
            // What was read is in canonical form: reading it again changes nothing.
            let again = parse_resource(kind, &Value::Object(resource.clone()), &mut Ignored::default()).unwrap();
            prop_assert_eq!(&again, &resource);
            let mut pruned = resource;
            prune(&mut pruned);
            let once = pruned.clone();
            prune(&mut pruned);
            prop_assert_eq!(pruned, once);
        }
    }

    #[test]
    fn patching_never_panics(kind in any_kind(), body in any_operations(), document in any_document()) {
        if let Ok(patch) = parse_patch(kind, &body) {
            let mut resource = document.clone();
            if patch.apply(&mut resource).is_err() {
                prop_assert_eq!(resource, document);
            } else {
                let elements = resource.values().filter_map(Value::as_array);
                for items in elements {
                    let primary = items.iter().filter(|item| item["primary"] == true).count();
                    prop_assert!(primary <= 1);
                }
            }
        }
    }

    #[test]
    fn parsing_patches_never_panics(kind in any_kind(), body in any_json()) {
        let _ = parse_patch(kind, &body);
    }

    #[test]
    fn queries_never_panic(kind in any_kind(), pairs in prop::collection::vec((any_text(), any_text()), 0..4), body in any_json()) {
        let _ = ListQuery::from_pairs(kind, pairs.clone(), LIMITS);
        let _ = ListQuery::from_search(kind, &body, LIMITS);
        if let Ok(projection) = Projection::from_pairs(kind, pairs) {
            let mut resource = body.as_object().cloned().unwrap_or_default();
            projection.apply(kind, &mut resource);
        }
    }

    #[test]
    fn what_is_replaced_is_read(path in any_path(), document in any_document(), value in "[!-~é][^\u{0}]{0,11}") {
        let mut resource = document;
        let body = json!({"Operations": [{"op": "Replace", "path": path.to_string(), "value": value}]});
        let asserted = parse_patch(ResourceType::User, &body).unwrap().apply(&mut resource).unwrap();
        prop_assert_eq!(path.get(&resource), Some(&Value::String(value)));
        prop_assert!(asserted.covers(&path));
    }

    #[test]
    fn what_is_set_is_read_and_what_is_removed_is_gone(
        path in any_path(), document in any_document(), value in "[^\u{0}]{1,12}",
    ) {
        let mut resource = document;
        path.set(&mut resource, Some(value.clone().into()));
        prop_assert_eq!(path.get(&resource), Some(&Value::String(value)));
        path.set(&mut resource, None);
        prop_assert_eq!(path.get(&resource), None);
    }
}
