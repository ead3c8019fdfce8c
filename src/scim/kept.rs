//! A resource parted in two: values that columns carry, and the rest, which is kept as a document; and
//! the two put together again. Knows no columns: what is taken out is named by its path.
//!
//! An element of which a column carries the value keeps its place in the document, with everything else
//! that was said of it (`primary`, `display`, a `type` spelled in the client's way). The place of the
//! value is marked by a null, which no document holds otherwise.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::elements;
use super::path::AttributePath;
use super::resource::{Resource, in_holder, prune};

/// What is left of a resource without the values at these paths.
pub fn without<'p>(
    resource: &Resource,
    paths: impl Iterator<Item = &'p AttributePath> + Clone,
) -> Resource {
    let mut rest = resource.clone();
    prune(&mut rest);
    for path in paths.clone() {
        if path.element().is_none() {
            path.set(&mut rest, None);
            continue;
        }
        in_list(&mut rest, path, |items, type_is, sub| {
            let item = items.iter_mut().find(|item| type_is(item) && has(item, sub));
            if let Some(parts) = item.and_then(Value::as_object_mut) {
                parts.insert(sub.to_owned(), Value::Null);
            }
        });
    }
    let spelled: BTreeSet<&str> = paths.clone().filter_map(AttributePath::element).collect();
    for path in paths {
        // Places alone say nothing that the columns don't.
        in_list(&mut rest, path, |items, _, _| {
            if items.iter().all(|item| is_place(item, &spelled)) {
                items.clear();
            }
        });
    }
    rest
}

/// Puts the value of a path back into what [`without`] left; `None` where the column has none.
pub fn fill(rest: &mut Resource, path: &AttributePath, value: Option<Value>) {
    let mut value = value;
    in_list(rest, path, |items, type_is, sub| {
        let place = |item: &Value| type_is(item) && item.get(sub).is_some_and(Value::is_null);
        let Some(at) = items.iter().position(place) else { return };
        let Some(parts) = items.get_mut(at).and_then(Value::as_object_mut) else { return };
        let Some(value) = value.take() else {
            parts.remove(sub);
            items.retain(|item| !type_is(item) || !elements::is_empty(item));
            return;
        };
        if sub == "value" {
            parts.insert(sub.to_owned(), value.clone());
            // kpifire may have written what another element says already: they are one.
            let mut index = 0;
            items.retain(|item| {
                index += 1;
                index - 1 == at || !type_is(item) || item.get(sub) != Some(&value)
            });
        } else {
            parts.insert(sub.to_owned(), value);
        }
    });
    if let Some(value) = value {
        path.set(rest, Some(value));
    }
}

/// Changes the elements of the attribute that a path points into; nothing where there are none.
fn in_list(
    resource: &mut Resource,
    path: &AttributePath,
    change: impl FnOnce(&mut Vec<Value>, &dyn Fn(&Value) -> bool, &str),
) {
    let of = path.resolved();
    let (Some(folded), Some(sub)) = (path.folded_element(), of.sub) else { return };
    let name = of.attribute.name;
    let holder = match of.schema {
        None => Some(&*resource),
        Some(urn) => resource.get(urn).and_then(Value::as_object),
    };
    if holder.is_none_or(|holder| !holder.contains_key(name)) {
        return;
    }
    in_holder(resource, of.schema, |holder: &mut Map<String, Value>| {
        let Some(Value::Array(items)) = holder.get_mut(name) else { return };
        change(items, &|item| elements::has_type(item, folded), sub.name);
        if items.is_empty() {
            holder.remove(name);
        }
    });
}

fn has(item: &Value, sub: &str) -> bool {
    item.get(sub).is_some_and(|value| !value.is_null())
}

/// Whether an element is but the place of values that lie elsewhere, its type spelled as the paths do.
fn is_place(item: &Value, spelled: &BTreeSet<&str>) -> bool {
    item.as_object().is_some_and(|parts| {
        parts.iter().all(|(name, value)| match value {
            Value::Null => true,
            Value::String(text) => name == "type" && spelled.contains(text.as_str()),
            _ => false,
        })
    })
}
