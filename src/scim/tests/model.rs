//! PATCH beside a plain model of RFC 7644 §3.5.2, in both of Entra's dialects, and a document parted and put
//! together again: what was sent is what is read.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{E, patched, path};
use crate::scim::{kept, prune};

const SINGLES: [&str; 5] =
    ["title", "nickName", "displayName", "name.givenName", "name.familyName"];
const LISTS: [&str; 2] = ["emails", "phoneNumbers"];
const TYPES: [&str; 3] = ["work", "home", "other"];
const PARTS: [&str; 2] = ["value", "display"];

/// A user, as a person would draw one: a value for a name, and elements in their order.
#[derive(Debug, Clone, Default)]
struct Model {
    singles: BTreeMap<&'static str, String>,
    department: Option<String>,
    lists: BTreeMap<&'static str, Vec<Element>>,
}

/// `type`, and the parts of one element.
type Element = (&'static str, BTreeMap<&'static str, String>);

/// What a client may ask for; a number makes values that nothing else has.
#[derive(Debug, Clone)]
enum Change {
    Set(&'static str),
    Clear(&'static str),
    Department,
    Part(&'static str, &'static str, &'static str),
    DropPart(&'static str, &'static str, &'static str),
    Drop(&'static str, &'static str),
    Append(&'static str, &'static str),
    Replace(&'static str, Vec<&'static str>),
    Empty(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum Dialect {
    Classic,
    Rfc,
}

impl Model {
    fn list(&mut self, list: &'static str) -> &mut Vec<Element> {
        self.lists.entry(list).or_default()
    }

    fn has(&self, list: &str, of_type: &str, part: Option<&str>) -> bool {
        let elements = self.lists.get(list).into_iter().flatten();
        elements
            .filter(|(it, _)| *it == of_type)
            .any(|(_, parts)| part.is_none_or(|part| parts.contains_key(part)))
    }

    /// The change as it means something here: what isn't there can't be dropped, and a second element of a
    /// type is another question.
    fn meant(&self, change: Change) -> Change {
        match change {
            Change::DropPart(list, of_type, part) if !self.has(list, of_type, Some(part)) => {
                Change::Part(list, of_type, part)
            }
            Change::Drop(list, of_type) if !self.has(list, of_type, None) => {
                Change::Append(list, of_type)
            }
            Change::Append(list, of_type) if self.has(list, of_type, None) => {
                Change::Part(list, of_type, "value")
            }
            other => other,
        }
    }

    fn apply(&mut self, change: &Change, value: &str) {
        let value = || value.to_owned();
        match change {
            Change::Set(name) => drop(self.singles.insert(name, value())),
            Change::Clear(name) => drop(self.singles.remove(name)),
            Change::Department => self.department = Some(value()),
            Change::Part(list, of_type, part) => {
                let elements = self.list(list);
                match elements.iter_mut().find(|(it, _)| it == of_type) {
                    Some((_, parts)) => drop(parts.insert(part, value())),
                    None => elements.push((of_type, BTreeMap::from([(*part, value())]))),
                }
            }
            Change::DropPart(list, of_type, part) => {
                for (_, parts) in self.list(list).iter_mut().filter(|(it, _)| it == of_type) {
                    parts.remove(part);
                }
                // A type alone says nothing.
                self.list(list).retain(|(_, parts)| !parts.is_empty());
            }
            Change::Drop(list, of_type) => self.list(list).retain(|(it, _)| it != of_type),
            Change::Append(list, of_type) => {
                self.list(list).push((of_type, BTreeMap::from([("value", value())])));
            }
            Change::Replace(list, types) => {
                let element = |it: &&'static str| {
                    (*it, BTreeMap::from([("value", format!("{}{it}", value()))]))
                };
                *self.list(list) = types.iter().map(element).collect();
            }
            Change::Empty(list) => self.list(list).clear(),
        }
    }

    fn document(&self) -> Value {
        let mut document = Map::from_iter([("userName".to_owned(), json!("ana@plant.example"))]);
        for (name, value) in &self.singles {
            path(name).set(&mut document, Some(json!(value)));
        }
        if let Some(department) = &self.department {
            document.insert(E.to_owned(), json!({ "department": department }));
        }
        for (list, elements) in self.lists.iter().filter(|(_, elements)| !elements.is_empty()) {
            let items = elements.iter().map(|(of_type, parts)| {
                let mut item = json!({ "type": of_type });
                for (part, value) in parts {
                    item[*part] = json!(value);
                }
                item
            });
            document.insert((*list).to_owned(), items.collect());
        }
        Value::Object(document)
    }
}

/// The operation that asks for a change.
fn operation(change: &Change, value: &str, dialect: Dialect) -> Value {
    let element = |list: &str, of_type: &str| format!("{list}[type eq \"{of_type}\"]");
    let set = |path: String, value: Value| match dialect {
        Dialect::Classic => json!({ "op": "Replace", "path": path, "value": value }),
        Dialect::Rfc => json!({ "op": "add", "value": { path: value } }),
    };
    let remove = |path: String| match dialect {
        Dialect::Classic => json!({ "op": "Remove", "path": path }),
        Dialect::Rfc => json!({ "op": "remove", "path": path }),
    };
    let item = |of_type: &str, value: String| json!({ "type": of_type, "value": value });
    match change {
        Change::Set(name) => set((*name).to_owned(), json!(value)),
        Change::Clear(name) => match dialect {
            Dialect::Classic => json!({ "op": "Replace", "path": name, "value": "" }),
            Dialect::Rfc => remove((*name).to_owned()),
        },
        Change::Department => set(format!("{E}:department"), json!(value)),
        Change::Part(list, of_type, part) => {
            set(format!("{}.{part}", element(list, of_type)), json!(value))
        }
        Change::DropPart(list, of_type, part) => {
            remove(format!("{}.{part}", element(list, of_type)))
        }
        Change::Drop(list, of_type) => remove(element(list, of_type)),
        Change::Append(list, of_type) => {
            let items = json!([item(of_type, value.to_owned())]);
            match dialect {
                Dialect::Classic => json!({ "op": "Add", "path": list, "value": items }),
                Dialect::Rfc => json!({ "op": "add", "value": { *list: items } }),
            }
        }
        Change::Replace(list, types) => {
            let items: Vec<Value> =
                types.iter().map(|it| item(it, format!("{value}{it}"))).collect();
            match dialect {
                Dialect::Classic => json!({ "op": "Replace", "path": list, "value": items }),
                Dialect::Rfc => json!({ "op": "replace", "value": { *list: items } }),
            }
        }
        Change::Empty(list) => remove((*list).to_owned()),
    }
}

fn any_change() -> impl Strategy<Value = Change> {
    let single = || prop::sample::select(SINGLES.to_vec());
    let list = || prop::sample::select(LISTS.to_vec());
    let of_type = || prop::sample::select(TYPES.to_vec());
    let part = || prop::sample::select(PARTS.to_vec());
    prop_oneof![
        single().prop_map(Change::Set),
        single().prop_map(Change::Clear),
        Just(Change::Department),
        (list(), of_type(), part()).prop_map(|(list, it, part)| Change::Part(list, it, part)),
        (list(), of_type(), part()).prop_map(|(list, it, part)| Change::DropPart(list, it, part)),
        (list(), of_type()).prop_map(|(list, it)| Change::Drop(list, it)),
        (list(), of_type()).prop_map(|(list, it)| Change::Append(list, it)),
        (list(), prop::sample::subsequence(TYPES.to_vec(), 1..3))
            .prop_map(|(list, types)| Change::Replace(list, types)),
        list().prop_map(Change::Empty),
    ]
}

/// A user after these changes, each with what it put there.
fn grown(changes: Vec<Change>) -> (Model, Vec<(Change, String)>) {
    let mut model = Model::default();
    let mut told = Vec::new();
    for (number, change) in changes.into_iter().enumerate() {
        let (change, value) = (model.meant(change), format!("v{number}"));
        model.apply(&change, &value);
        told.push((change, value));
    }
    (model, told)
}

proptest! {
    #[test]
    fn a_patch_does_what_the_model_does(
        before in prop::collection::vec(any_change(), 0..6),
        after in prop::collection::vec(any_change(), 1..6),
    ) {
        let at = before.len();
        let (model, told) = grown(before.into_iter().chain(after).collect());
        let (start, _) = grown(told.iter().take(at).map(|(change, _)| change.clone()).collect());
        for dialect in [Dialect::Classic, Dialect::Rfc] {
            let operations: Vec<Value> =
                told.iter().skip(at).map(|(change, value)| operation(change, value, dialect)).collect();
            // In one request, and in one each.
            let at_once = patched(start.document(), &json!(operations)).unwrap().0;
            let mut one_by_one = start.document();
            for operation in &operations {
                one_by_one = patched(one_by_one, &json!([operation])).unwrap().0;
            }
            for mut found in [at_once, one_by_one] {
                prune(found.as_object_mut().unwrap());
                prop_assert_eq!(in_order(found), in_order(model.document()), "{:?} {:?}", dialect, operations);
            }
        }
    }

    /// Columns carry some values, the link the rest.
    #[test]
    fn what_is_parted_is_put_together_again(
        changes in prop::collection::vec(any_change(), 0..10),
        primary in prop::option::of(prop::sample::select(TYPES.to_vec())),
        mapped in prop::sample::subsequence(vec![
            "title",
            "name.givenName",
            "displayName",
            "emails[type eq \"work\"].value",
            "emails[type eq \"home\"].value",
            "phoneNumbers[type eq \"work\"].value",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        ], 0..7),
    ) {
        let mut document = grown(changes).0.document();
        let sent = document.as_object_mut().unwrap();
        for list in LISTS {
            let items = sent.get_mut(list).and_then(Value::as_array_mut);
            for item in items.into_iter().flatten() {
                if item["type"].as_str() == primary {
                    item["primary"] = json!(true);
                }
            }
        }
        let paths: Vec<_> = mapped.into_iter().map(path).collect();
        let mut whole = kept::without(sent, paths.iter());
        for path in &paths {
            let value = path.get(sent).filter(|value| !value.is_null()).cloned();
            kept::fill(&mut whole, path, value);
        }
        prop_assert_eq!(in_order(Value::Object(whole)), in_order(document));
    }
}

/// The elements of lists in the order of their types: which comes first isn't said.
fn in_order(mut document: Value) -> Value {
    for list in LISTS {
        if let Some(Value::Array(items)) = document.get_mut(list) {
            items.sort_by_key(|item| item["type"].to_string());
        }
    }
    document
}
